//! What is asked of the ledger before a message is sent or believed.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::answer::{Effect, Named};
use sealpost_domain::envelope::Header;
use sealpost_domain::message::MessageId;

use super::open::Message;
use super::{LedgerViews, index_fault};
use crate::handle::ViewError;
use crate::known::Known;
use crate::projection;

impl Known for LedgerViews {
    fn named(&self, id: MessageId, authors: &[&AgencyId]) -> Result<Vec<Named>, ViewError> {
        let projections = self.shared.projections.as_ref();
        let mut places: Vec<u64> = projection::namesakes(projections, id)
            .map_err(index_fault)?
            .into_iter()
            .map(|(_, index)| index)
            .collect();
        // So many others may have used the id that the authors are not among those.
        for author in authors {
            places.extend(projection::index_of(projections, id, author).map_err(index_fault)?);
        }
        places.sort_unstable();
        places.dedup();
        let mut named = Vec::with_capacity(places.len());
        for index in places {
            let Some(Message { header, .. }) = self.read(index)? else { continue };
            named.push(projection::named(projections, &header).map_err(index_fault)?);
        }
        Ok(named)
    }

    fn is_recalled(&self, header: &Header) -> Result<bool, ViewError> {
        let change = projection::change_of(self.shared.projections.as_ref(), &self.shared.agency(), header);
        let change = change.map_err(index_fault)?;
        Ok(change.is_some_and(|noted| noted.change.effect == Effect::Recalled))
    }
}
