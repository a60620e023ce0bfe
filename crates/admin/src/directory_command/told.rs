//! What is told of a step: for people, and for machines.

use std::fmt::Write as _;
use std::path::Path;

use data_encoding::HEXLOWER;
use sealpost_admin::ceremony::diff::{self, Change};
use sealpost_admin::ceremony::draft::{Changed, Judged, SignedDraft, Standing};
use sealpost_admin::ceremony::publish::Publication;
use sealpost_admin::ceremony::statement::Statement;
use sealpost_admin::ceremony::vouched::VouchedFor;
use sealpost_admin::listing::Shown;
use sealpost_crypto::directory::Quorum;
use sealpost_crypto::dsse::VerifyingKey;
use sealpost_wire::directory::Listing;
use serde_json::{Value, json};

use crate::Output;

type Told = anyhow::Result<String>;

fn either(output: Output, text: impl FnOnce() -> String, value: &Value) -> Told {
    output.tell(text, value)
}

/// A directory or a draft, and who signed it.
pub(super) fn standing(standing: &Standing, output: Output) -> Told {
    let shown = Shown::of(&standing.directory);
    let mut value = serde_json::to_value(&shown)?;
    value["signatures"] = quorums(&standing.quorums);
    value["complete"] = standing.is_complete().into();
    value["judged"] = judged(standing.judged);
    let text = || format!("{}\n{}{}", shown.to_text(), by_whom(standing.judged), signatures(standing));
    either(output, text, &value)
}

/// So that nobody takes what somebody signed with keys of their own for a version that is proven.
fn by_whom(judged: Judged) -> String {
    const ITSELF: &str = "by the authority and the roots that it lists itself, which whoever made it chose";
    match judged {
        Judged::ByItself => format!(
            "Judged by itself: {ITSELF}.\n  It is proven by the version before, your own copy, as --base; or by its digest, over another channel.\n"
        ),
        Judged::Beside(base) => format!(
            "Judged by itself, since it does not follow version {base} directly: {ITSELF}.\n  \
             It is proven by the versions between them: `directory show FILE --base BEFORE`, one after the other.\n"
        ),
        Judged::AsSuccessorOf(base) => {
            format!("Judged as the successor of version {base}, by the authority and the roots of that\n")
        }
    }
}

fn judged(judged: Judged) -> Value {
    let (by, base) = match judged {
        Judged::ByItself => ("itself", None),
        Judged::Beside(base) => ("itself", Some(base)),
        Judged::AsSuccessorOf(base) => ("base", Some(base)),
    };
    json!({ "by": by, "base_version": base })
}

fn quorums(quorums: &[Quorum]) -> Value {
    let quorum = |quorum: &Quorum| {
        let keys = |wanted: bool| {
            let keys = quorum.keys.iter().filter(|(_, signed)| *signed == wanted);
            keys.map(|(key, _)| key.to_string()).collect::<Vec<_>>()
        };
        json!({
            "authority_of_version": quorum.version,
            "threshold": quorum.threshold,
            "signed": keys(true),
            "missing": keys(false),
        })
    };
    quorums.iter().map(quorum).collect()
}

/// How many of how many are there, and who is missing.
fn signatures(standing: &Standing) -> String {
    let mut text = String::new();
    let mut quorums = standing.quorums.as_slice();
    // Where a version leaves its authority as it is, one list says it all.
    if let [before, own] = quorums
        && (before.threshold, &before.keys) == (own.threshold, &own.keys)
    {
        quorums = &quorums[..1];
    }
    for quorum in quorums {
        let (signed, threshold) = (quorum.signed(), quorum.threshold);
        let state = if quorum.is_reached() { "enough" } else { "too few" };
        let _ = writeln!(
            text,
            "Signed by {signed} of the authority of version {}, which asks for {threshold}: {state}",
            quorum.version
        );
        let unsigned = if quorum.is_reached() { "not needed" } else { "missing" };
        for (key, signed) in &quorum.keys {
            let state = if *signed { "signed" } else { unsigned };
            let _ = writeln!(text, "  {state:10}  key {key}");
        }
    }
    text
}

/// What is other in one version than in another.
pub(super) fn changes(changes: &[Change], standing: &Standing, output: Output) -> Told {
    let text = || {
        let changed =
            if changes.is_empty() { "Nothing changes.\n".to_owned() } else { diff::to_text(changes) };
        format!("{}{}{changed}", by_whom(standing.judged), signatures(standing))
    };
    let value = json!({
        "judged": judged(standing.judged),
        "signatures": quorums(&standing.quorums),
        "changes": changes,
    });
    either(output, text, &value)
}

/// A draft after a change.
pub(super) fn changed(changed: &Changed, draft: &Path, output: Output) -> Told {
    let Changed { base, directory, dropped, doubtful } = changed;
    let changes = diff::changes(base, directory);
    let version = directory.version;
    let text = || {
        let mut text = format!(
            "{} is a draft of version {}, with the digest {}\n",
            draft.display(),
            version.version,
            version.digest
        );
        text.push_str(&diff::to_text(&changes));
        if *dropped > 0 {
            let _ = writeln!(text, "Signatures that were dropped, since it changed: {dropped}");
        }
        if !doubtful.is_empty() {
            let _ = writeln!(
                text,
                "A compromised key signed these, and they stand: whoever stole it may have made them. To revoke them too, \
                 in this draft:"
            );
        }
        for VouchedFor { what, revoke } in doubtful {
            let _ = writeln!(text, "  {what}: `directory revoke {revoke}`");
        }
        let _ = writeln!(text, "Next: `sealpost-admin directory sign` on the machines of the authority");
        text
    };
    let value = json!({
        "version": version.version,
        "digest": version.digest.to_string(),
        "dropped_signatures": dropped,
        "signed_by_compromised_keys": doubtful,
        "changes": changes,
    });
    either(output, text, &value)
}

/// A draft after a signature.
pub(super) fn signed(draft: &SignedDraft, output: Output) -> Told {
    let SignedDraft { key, base, standing } = draft;
    let changes = diff::changes(base, &standing.directory);
    let version = standing.directory.version;
    let text = || {
        let next = if standing.is_complete() {
            "Next: `sealpost-admin directory publish`"
        } else {
            "Next: `sealpost-admin directory sign` on another machine"
        };
        format!(
            "Key {key} signed version {}, with the digest {}\n{}{}{next}\n",
            version.version,
            version.digest,
            diff::to_text(&changes),
            signatures(standing),
        )
    };
    let value = json!({
        "key": key.to_string(),
        "version": version.version,
        "digest": version.digest.to_string(),
        "changes": changes,
        "signatures": quorums(&standing.quorums),
        "complete": standing.is_complete(),
    });
    either(output, text, &value)
}

/// What the hub took; `version` is in force there then.
pub(super) fn published(version: u64, publication: &Publication, hub: &str, output: Output) -> Told {
    let digest = publication.version.as_ref().map(|(_, directory)| directory.version.digest.to_string());
    let lists = publication.lists();
    let text = || {
        let mut text = match &digest {
            Some(digest) => format!("Version {version} is in force at {hub}, with the digest {digest}\n"),
            None => format!("Version {version} stays in force at {hub}\n"),
        };
        if lists > 0 {
            let _ = writeln!(text, "Revocation lists that {hub} took: {lists}");
        }
        text
    };
    either(output, text, &json!({ "version": version, "digest": digest, "lists": lists }))
}

/// A statement, what it says and who signed it.
pub(super) fn statement(statement: &Statement, output: Output) -> Told {
    let (content, digest) = (&statement.content, statement.digest());
    let signers: Vec<_> =
        statement.signed.signatures.iter().map(|signature| signature.key_id.to_string()).collect();
    let text = || {
        let mut text = format!("{}\n{}", capitalised(&content.describe()), says(statement));
        for signer in &signers {
            let _ = writeln!(text, "  signed by key {signer}");
        }
        let _ = writeln!(text, "Wanted are signatures of {}", content.signers());
        text
    };
    let value = json!({
        "statement": content.describe(),
        "terms": content.terms(),
        "digest": digest.to_string(),
        "signed_by": signers,
        "wanted": content.signers(),
    });
    either(output, text, &value)
}

/// What is signed, for who is to sign it or signed it.
fn says(statement: &Statement) -> String {
    format!("Digest {}\nSays   {}\n", statement.digest(), statement.content.terms())
}

/// A statement that was written. Its signatures are counted where a directory tells whose they are.
pub(super) fn statement_file(statement: &Statement, path: &Path, listing: Option<&Listing>) -> String {
    let content = &statement.content;
    let signatures = match listing {
        Some(listing) => format!("with {} of its signatures", statement.asked_for(listing)),
        // Whose they are is not known.
        None => format!("with {} signatures", statement.signed.signatures.len()),
    };
    format!(
        "{}: {}, {signatures}; it asks for those of {}\n{}",
        path.display(),
        content.describe(),
        content.signers(),
        says(statement)
    )
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A key, for its holder to tell others.
pub(super) fn key(key: &VerifyingKey, holder: Option<&str>, output: Output) -> Told {
    let (id, public) = (key.key_id(), HEXLOWER.encode(key.as_bytes()));
    let text = || {
        let mut text = format!("id      {id}\npublic  {public}\n");
        if let Some(holder) = holder {
            let _ = writeln!(text, "whose   {holder}");
        }
        text
    };
    either(output, text, &json!({ "id": id.to_string(), "public": public, "whose": holder }))
}
