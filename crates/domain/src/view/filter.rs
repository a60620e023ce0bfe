//! Which messages a caller wants to see.

use super::Direction;
use crate::agency::AgencyId;
use crate::envelope::Header;
use crate::message::{Category, Kind, OperationId, Priority};

/// The most agencies that a filter may name.
pub const AGENCIES_MAX: usize = 256;

/// Which messages: each list that is not empty, and each value that is given, has to match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// About these subjects.
    pub categories: Vec<Category>,
    /// On these lanes.
    pub priorities: Vec<Priority>,
    /// With one of these agencies on the other side.
    pub agencies: Vec<AgencyId>,
    /// Of this joint operation.
    pub operation: Option<OperationId>,
    /// That went this way.
    pub direction: Option<Direction>,
    /// Only those that were not read; messages of one's own never count as unread.
    pub unread: bool,
}

impl Filter {
    /// Whether a message is wanted, by what can be seen without opening it.
    pub fn admits(&self, header: &Header, direction: Direction, read: bool) -> bool {
        let other_side = |agency: &AgencyId| match direction {
            Direction::Received => header.sender == *agency,
            Direction::Sent => header.recipients.get(agency).is_some(),
        };
        any_or_all(&self.kinds, |kind| header.kind == *kind)
            && any_or_all(&self.categories, |category| header.category == *category)
            && any_or_all(&self.priorities, |priority| header.priority == *priority)
            && any_or_all(&self.agencies, other_side)
            && (self.operation.is_none() || header.operation == self.operation)
            && self.direction.is_none_or(|wanted| wanted == direction)
            && !(self.unread && (read || direction == Direction::Sent))
    }
}

/// Whether one of the wanted values matches; an empty list wants everything.
fn any_or_all<T>(wanted: &[T], matches: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::envelope::{DirectoryVersion, Recipient, Recipients};
    use crate::handling::{Handling, Tlp};
    use crate::instant::Instant;
    use crate::message::{MessageId, SharingMode};

    fn agency(text: &str) -> AgencyId {
        text.parse().unwrap()
    }

    fn header() -> Header {
        let recipient =
            Recipient { agency: agency("DE-ZKA"), agreement: Digest::ZERO, link_commitment: Digest::ZERO };
        Header {
            id: MessageId::new(1, [0; 10]),
            sender: agency("HK-CED"),
            sent_at: Instant::from_millis(1),
            kind: Kind::Sighting,
            priority: Priority::Flash,
            act_before: None,
            category: Category::Narcotics,
            mode: SharingMode::Spontaneous,
            handling: Handling::new(Tlp::Amber, []),
            operation: None,
            in_reply_to: None,
            directory: DirectoryVersion { version: 1, digest: Digest::ZERO },
            recipients: Recipients::new(vec![recipient]).unwrap(),
            sealed_digest: Digest::ZERO,
            key_commitment: Digest::ZERO,
            plaintext_digest: Digest::ZERO,
            approval_digest: None,
        }
    }

    #[test]
    fn an_empty_filter_admits_everything() {
        for direction in Direction::ALL {
            assert!(Filter::default().admits(&header(), *direction, true));
        }
    }

    #[test]
    fn the_other_side_depends_on_the_direction() {
        let filter = Filter { agencies: vec![agency("HK-CED")], ..Filter::default() };
        assert!(filter.admits(&header(), Direction::Received, false));
        assert!(!filter.admits(&header(), Direction::Sent, false));
        let filter = Filter { agencies: vec![agency("DE-ZKA")], ..Filter::default() };
        assert!(!filter.admits(&header(), Direction::Received, false));
        assert!(filter.admits(&header(), Direction::Sent, false));
    }

    #[test]
    fn every_given_value_has_to_match() {
        let matching = Filter {
            kinds: vec![Kind::Outcome, Kind::Sighting],
            priorities: vec![Priority::Flash],
            categories: vec![Category::Narcotics],
            ..Filter::default()
        };
        assert!(matching.admits(&header(), Direction::Received, false));
        let other_kind = Filter { kinds: vec![Kind::Outcome], ..matching.clone() };
        assert!(!other_kind.admits(&header(), Direction::Received, false));
        let operation = Filter { operation: Some("OP-MARKER-2023".parse().unwrap()), ..matching };
        assert!(!operation.admits(&header(), Direction::Received, false));
    }

    #[test]
    fn only_received_messages_can_be_unread() {
        let filter = Filter { unread: true, ..Filter::default() };
        assert!(filter.admits(&header(), Direction::Received, false));
        assert!(!filter.admits(&header(), Direction::Received, true));
        assert!(!filter.admits(&header(), Direction::Sent, false));
    }
}
