//! What a ledger and its peers vouch for of each other, told.

use sealpost_domain::agency::AgencyId;
use sealpost_node::check::{Books, Vouch, Vouched};
use sealpost_server::program::say;
use serde::Serialize;

use super::{Failure, Output, Progress, json, tell};

/// What `checkpoint --cosigned --output json` says.
#[derive(Serialize)]
struct LargestCosigned<'a> {
    /// The signed note, with the cosignatures.
    checkpoint: String,
    size: u64,
    root: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    verifier_key: Option<String>,
    /// What each peer cosigned last.
    cosigned: &'a [Vouch],
}

/// Prints the largest checkpoint that a peer has cosigned, and tells who cosigned up to where.
pub(super) fn cosigned(books: &Books, output: Output) -> Result<(), Failure> {
    let vouched = vouched(books)?;
    let signed = books.cosigned(&vouched)?;
    let note = signed.note.to_string();
    match output {
        Output::Text => {
            say(note.trim_end_matches('\n'))?;
            vouched.cosigned.iter().for_each(|vouch| tell(&has_cosigned(vouch)));
        }
        Output::Json => say(&json(&LargestCosigned {
            size: signed.checkpoint.size(),
            root: signed.checkpoint.root().to_string(),
            verifier_key: books.verifier_key(&signed).map(|(key, _)| key.to_string()),
            checkpoint: note,
            cosigned: &vouched.cosigned,
        }))?,
    }
    Ok(())
}

/// Prints the note that is kept of an agency's ledger.
pub(super) fn note(books: &Books, agency: &AgencyId) -> Result<(), Failure> {
    let vouched = vouched(books)?;
    let of_agency = vouched.kept.iter().filter(|vouch| vouch.agency == *agency);
    let latest = of_agency.max_by_key(|vouch| vouch.index);
    let latest = latest.ok_or_else(|| Failure::NothingKept { agency: agency.clone() })?;
    Ok(say(latest.note.trim_end_matches('\n'))?)
}

/// Tells everything.
pub(super) fn tell_all(books: &Books, output: Output) -> Result<(), Failure> {
    let vouched = vouched(books)?;
    say(&match output {
        Output::Json => json(&vouched),
        Output::Text => {
            let kept = vouched.kept.iter().map(|vouch| {
                let Vouch { agency, size, origin, recorded_at, index, .. } = vouch;
                format!("{agency}: kept at {size} records since {recorded_at} (record {index}), {origin}")
            });
            let lines: Vec<_> = kept.chain(vouched.cosigned.iter().map(has_cosigned)).collect();
            if lines.is_empty() {
                "no peer's checkpoint was heard of yet".to_owned()
            } else {
                lines.join("\n")
            }
        }
    })?;
    Ok(())
}

fn has_cosigned(vouch: &Vouch) -> String {
    let Vouch { agency, size, recorded_at, index, .. } = vouch;
    format!("{agency}: has cosigned this ledger up to {size} records, told at {recorded_at} (record {index})")
}

fn vouched(books: &Books) -> Result<Vouched, Failure> {
    let mut progress = Progress::of(books.records());
    let vouched = books.vouched(|done| progress.tell(done))?;
    progress.end();
    Ok(vouched)
}
