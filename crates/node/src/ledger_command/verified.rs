//! What verification found, for people.

use std::path::Path;

use sealpost_ledger::verify::{Counts, Excused};
use sealpost_node::check::{Bodies, Fault, Subject, Verified};

pub(super) fn text(verified: &Verified, since: Option<&Path>) -> String {
    let Verified { verified: is_sound, counts, anchored, checkpoint_stored, fault, .. } = verified;
    let Verified { wrong_tile, unread_tile, .. } = verified;
    let Counts { records, sent, received, accepted, receipts, voids, directories, .. } = counts;
    let Counts { witnessed, cosigned, .. } = counts;
    let Bodies { messages, erased, held } = verified.tally.bodies;
    let kinds = verified.tally.kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
    let Counts { signed, chains, checkpoints, tiles, tiles_missing, tiles_wrong, tiles_unread, .. } = counts;
    let mut lines = vec![
        format!(
            "{records} records: {sent} sent, {received} received, {accepted} accepted batches, {receipts} receipts, \
             {voids} voids, {directories} directories"
        ),
        format!("by kind: {}", kinds.collect::<Vec<_>>().join(", ")),
        format!("{messages} bodies of messages: {erased} erased, {held} held"),
        format!("{signed} signatures, {chains} chains, {checkpoints} checkpoints, {tiles} full tiles"),
        format!("{witnessed} checkpoints of peers kept, {cosigned} of this ledger cosigned by peers"),
    ];
    if fault.is_none() && !verified.is_covered() {
        let unknown = "there is no checkpoint, neither stored nor given with --since: the tree was compared with nothing, and \
                       nothing shows whether records were changed or are missing";
        lines.push(unknown.to_owned());
    } else if fault.is_none() && !checkpoint_stored {
        let unseen = "there is no stored checkpoint: records that are missing at the end would not be seen";
        lines.push(unseen.to_owned());
    }
    if let (Some(path), None) = (since, fault) {
        lines.push(format!("it continues {}", path.display()));
    }
    if *tiles_missing > 0 {
        lines.push(format!(
            "{tiles_missing} full tiles are not stored: restart the node, which makes them anew"
        ));
    }
    lines.extend(losses(verified));
    if let Some(unread) = unread_tile {
        lines.push(format!(
            "{tiles_unread} stored tiles were not compared, since the disk did not give them; the first: {unread}. Look after \
             the disk, and verify again"
        ));
    }
    if let Some(tile) = wrong_tile {
        // Where no checkpoint says which of both is wrong, the tiles may be all that tells of a change.
        let remedy = if verified.is_covered() {
            "delete the folder tree/tile and restart the node, which makes them anew"
        } else {
            "keep both as evidence"
        };
        lines.push(format!(
            "{tiles_wrong} stored tiles, the first {tile}, are not those of the records: {remedy}"
        ));
    }
    if !anchored && fault.is_none() {
        let unknown =
            "the provisioned directory is none of those in the ledger: its first one was believed as it is";
        lines.push(unknown.to_owned());
    }
    lines.push(match fault {
        None if *is_sound && verified.is_covered() => "the ledger holds".to_owned(),
        None if *is_sound => "the ledger is new: nothing contradicts itself".to_owned(),
        None if wrong_tile.is_some() && !verified.is_covered() => {
            "the records and the stored tree contradict each other".to_owned()
        }
        None if wrong_tile.is_some() => "the records hold, the stored tree does not".to_owned(),
        None if unread_tile.is_some() => "a part of the stored tree could not be read".to_owned(),
        None if !anchored => "nothing contradicts itself, but nobody vouches for the keys".to_owned(),
        None => "nothing contradicts itself, but no checkpoint vouches for the records".to_owned(),
        Some(Fault { index, subject: Subject::Record, reason }) => {
            format!("record {index} is wrong: {reason}")
        }
        Some(Fault { subject: Subject::Checkpoint, reason, .. }) => {
            format!("a checkpoint does not hold: {reason}")
        }
    });
    lines.join("\n")
}

/// What was damaged and is listed, so that it is no fault.
fn losses(verified: &Verified) -> Vec<String> {
    let Counts { bodies_lost, bodies_differing, bodies_restored, .. } = verified.counts;
    let named = |records: &[u64]| records.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    if bodies_lost > 0 {
        lines.push(format!("{bodies_lost} bodies were damaged and are listed; {bodies_restored} came again"));
    }
    if bodies_differing > 0 {
        lines.push(format!(
            "in the place of {bodies_differing} of them lie other bytes than their leaves name: a disk changed them, or \
             somebody did and had them listed; nothing here tells which"
        ));
    }
    if !verified.lost_bodies.is_empty() {
        lines.push(format!("without body, all else holds: records {}", named(&verified.lost_bodies)));
    }
    if !verified.lost_leaves.is_empty() {
        let records = named(&verified.lost_leaves);
        lines.push(format!("lost but for their hashes in the tree: records {records}"));
    }
    for Excused { index, peer, kept, size } in &verified.excused_checkpoints {
        lines.push(format!(
            "record {index}: nothing proves that the checkpoint of {peer} over {size} records continues the one over {kept}; \
             put down to a lost leaf"
        ));
    }
    lines
}
