//! The closed lists of `envelope.proto` and the domain's names for them.

use sealpost_domain::handling::{Handling, HandlingCode, Tlp};
use sealpost_domain::link::Disposition;
use sealpost_domain::message::{Category, Kind, Priority, SharingMode};
use sealpost_domain::statement::{ControlType, VoidReason};
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::field::{In, enumeration};

enumeration!(kind, kind_number, pb::Kind, Kind {
    SuspectShipment = SuspectShipment,
    SuspectTraveller = SuspectTraveller,
    TransitCase = TransitCase,
    Amendment = Amendment,
    Recall = Recall,
    Request = Request,
    Reply = Reply,
    Permission = Permission,
    Compliance = Compliance,
    Forward = Forward,
    Sighting = Sighting,
    Outcome = Outcome,
});

enumeration!(priority, priority_number, pb::Priority, Priority {
    Flash = Flash,
    Urgent = Urgent,
    Routine = Routine,
});

enumeration!(category, category_number, pb::Category, Category {
    Narcotics = Narcotics,
    Precursors = Precursors,
    Tobacco = Tobacco,
    Smuggling = Smuggling,
    IntellectualProperty = IntellectualProperty,
    MoneyLaundering = MoneyLaundering,
    Weapons = Weapons,
    Wildlife = Wildlife,
    Currency = Currency,
    Revenue = Revenue,
    Other = Other,
});

enumeration!(mode, mode_number, pb::SharingMode, SharingMode {
    Spontaneous = Spontaneous,
    Automatic = Automatic,
    OnRequest = OnRequest,
});

enumeration!(tlp, tlp_number, pb::Tlp, Tlp {
    Red = Red,
    AmberStrict = AmberStrict,
    Amber = Amber,
    Green = Green,
    Clear = Clear,
});

enumeration!(handling_code, handling_code_number, pb::HandlingCode, HandlingCode {
    H0 = H0,
    H1 = H1,
    H2 = H2,
    H3 = H3,
});

enumeration!(disposition, disposition_number, pb::Disposition, Disposition {
    Refused = Refused,
    Quarantined = Quarantined,
});

enumeration!(void_reason, void_reason_number, pb::VoidReason, VoidReason {
    Refused = Refused,
    Withdrawn = Withdrawn,
    Erased = Erased,
    Ended = Ended,
});

enumeration!(control_type, control_type_number, pb::ControlType, ControlType {
    Receipt = Receipt,
    Heads = Heads,
    Void = Void,
    Resend = Resend,
    NeedWrap = NeedWrap,
    Resume = Resume,
    ProofRequest = ProofRequest,
    Proof = Proof,
});

/// Reads a label and its codes; the codes must be ascending and each once, as they were signed.
pub(crate) fn handling(at: In, label: i32, codes: &[i32]) -> Result<Handling, Error> {
    let label = tlp(at, "tlp", label)?;
    let codes =
        codes.iter().map(|code| handling_code(at, "handling_codes", *code)).collect::<Result<Vec<_>, _>>()?;
    if codes.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(at.fault("handling_codes", "are out of ascending order or repeated"));
    }
    Ok(Handling::new(label, codes))
}

pub(crate) fn handling_numbers(handling: &Handling) -> (i32, Vec<i32>) {
    let codes = handling.codes().iter().map(|code| handling_code_number(*code)).collect();
    (tlp_number(handling.tlp()), codes)
}
