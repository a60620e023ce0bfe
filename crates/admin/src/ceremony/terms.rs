//! The terms of an agreement or an operation, from a TOML file that people write: the same keys as in a roster, without
//! the brackets. What is left out means the same as there.

use std::path::Path;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::{Agreement, Operation, Parties};
use sealpost_domain::directory::ApprovalRule;
use sealpost_wire::directory::Listing;

use super::Error;
use crate::roster::{self, Arrangement, Campaign};

/// Reads an agreement among the agencies that a directory or a draft of one lists.
pub fn agreement(path: &Path, listing: &Listing) -> Result<Agreement, Error> {
    let arrangement = Arrangement::read(path, &known(listing))?;
    let parties = Parties::new(arrangement.parties.among(&known(listing)))?;
    Ok(arrangement.between(parties))
}

/// Reads an operation among the agencies that a directory or a draft of one lists.
pub fn operation(path: &Path, listing: &Listing) -> Result<Operation, Error> {
    let campaign = Campaign::read(path, &known(listing))?;
    let members = Parties::new(campaign.members.among(&known(listing)))?;
    Ok(campaign.with(members))
}

/// Reads which messages of an agency need officers' approvals.
pub fn approvals(path: &Path) -> Result<Vec<ApprovalRule>, Error> {
    Ok(roster::read_approvals(path)?)
}

fn known(listing: &Listing) -> std::collections::BTreeSet<AgencyId> {
    listing.agencies.iter().map(|agency| agency.id.clone()).collect()
}
