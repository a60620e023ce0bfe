//! The closed lists of `gateway.proto` and the domain's names for them.

use sealpost_domain::view::{DeliveryState, Direction};
use sealpost_proto::v1 as pb;

use crate::field::enumeration;

enumeration!(direction, direction_number, pb::Direction, Direction {
    Received = Received,
    Sent = Sent,
});

enumeration!(delivery_state, delivery_state_number, pb::DeliveryState, DeliveryState {
    Published = Published,
    Accepted = Accepted,
    Delivered = Delivered,
    Read = Read,
    Refused = Refused,
    Quarantined = Quarantined,
    Withdrawn = Withdrawn,
});
