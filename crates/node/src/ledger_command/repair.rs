//! How the result of `ledger repair` is told to people.

use sealpost_ledger::repair::{Action, Case, Finding, Kind};
use sealpost_node::repair::Repaired;

pub(super) fn text(repaired: &Repaired) -> String {
    let Repaired { decided, damaged } = repaired;
    if damaged.is_empty() {
        return "nothing is damaged; nothing was changed".to_owned();
    }
    let mut lines: Vec<String> = damaged.iter().map(line).collect();
    let listed = damaged.iter().filter(|case| case.action == Action::Listed).count();
    let before = damaged.iter().filter(|case| case.action == Action::ListedBefore).count();
    let undecided = damaged.len() - listed - before;
    lines.push(format!(
        "{} damaged records: {listed} are listed now, {before} were before, {undecided} are left to be decided",
        damaged.len()
    ));
    let gives_up =
        damaged.iter().any(|case| case.finding == Finding::LeafLost && case.action != Action::Undecided);
    lines.push(match (decided, gives_up) {
        (false, _) => "the node does not start before all of them are decided".to_owned(),
        (true, true) => {
            "the node can be started; it records the losses that no record tells yet, and begins a new life of the \
             ledger with them"
                .to_owned()
        }
        (true, false) => "the node can be started".to_owned(),
    });
    lines.join("\n")
}

/// What is wrong with a record, and what becomes of it.
fn line(case: &Case) -> String {
    let Case { index, kind, finding, action } = case;
    let told = match (finding, kind) {
        (Finding::Whole, _) => {
            "leaf and body hold, only what frames them is damaged: it is read as ever".to_owned()
        }
        (Finding::Leaf, _) => "its leaf holds, and it has no body: it is read as ever".to_owned(),
        (Finding::BodyLost, Some(Kind::Received)) => {
            "the leaf of a received message holds, its body is lost: the node asks its sender for it".to_owned()
        }
        (Finding::BodyLost, Some(Kind::Sent)) => {
            "the leaf of a sent message holds, its body is lost: it is shown without content, until a backup of the \
             ledger is in place"
                .to_owned()
        }
        (Finding::BodyLost, Some(Kind::Directory)) => {
            "the directory that it installs is lost, and with it whose the keys are: restore the ledger from a backup"
                .to_owned()
        }
        (Finding::BodyLost, _) => "its leaf holds, the body beside it is lost for good".to_owned(),
        (Finding::LeafLost, Some(Kind::Directory | Kind::Beginning)) => {
            "its leaf does not hold, and it cannot be given up: it says whose the ledger or the keys behind it are; restore \
             the ledger from a backup, or give the leaf, from a proof or an export, with --entry FILE"
                .to_owned()
        }
        (Finding::LeafLost, _) if *action == Action::Undecided => format!(
            "its leaf does not hold: restore the ledger from a backup; or give the leaf, from a proof or an export, with \
             --entry FILE; or give it up with --accept-loss {index}"
        ),
        (Finding::LeafLost, _) => "its leaf is given up; its hash stays in the tree".to_owned(),
        (Finding::Uncovered, _) => {
            "no checkpoint covers it, so that nothing tells what it was: restore the ledger from a backup".to_owned()
        }
    };
    format!("record {index}: {told}")
}
