//! The closed lists of `alert.proto` and the domain's names for them.

use sealpost_domain::alert::fault::Place;
use sealpost_domain::alert::{
    Action, ComplianceAnswer, Decision, GradingScale, Instruction, Movement, OutcomeResult, ReplyResult,
    Residence, Stage, Unit,
};
use sealpost_domain::identifier::{Concealment, DrugGroup, IdentifierType, TransportMode};
use sealpost_domain::message::Category;
use sealpost_proto::v1 as pb;

/// Declares the two directions between an enum of the contract and one of the domain. A value that is not specified, or
/// that this version does not know, is a fault at its place.
macro_rules! closed_list {
    ($read:ident, $write:ident, $type:ident { $($p:ident = $d:ident),+ $(,)? }) => {
        pub(super) fn $read(value: i32, at: &Place<'_>) -> Option<$type> {
            match pb::$type::try_from(value) {
                $(Ok(pb::$type::$p) => Some($type::$d),)+
                Ok(pb::$type::Unspecified) => at.missing(&one_of($type::ALL.iter().map(|name| name.as_str()))),
                Err(_) => {
                    at.fault(value.to_string(), one_of($type::ALL.iter().map(|name| name.as_str())));
                    None
                }
            }
        }

        pub(super) fn $write(value: $type) -> i32 {
            match value {
                $($type::$d => pb::$type::$p as i32,)+
            }
        }
    };
    ($read:ident, $write:ident, $type:ident { $($same:ident),+ $(,)? }) => {
        closed_list!($read, $write, $type { $($same = $same),+ });
    };
}

fn one_of(names: impl Iterator<Item = &'static str>) -> String {
    format!("one of {}", names.collect::<Vec<_>>().join(", "))
}

closed_list!(grading_scale, grading_scale_number, GradingScale { Europol4x4 = Europol, Admiralty = Admiralty, });
closed_list!(
    identifier_type,
    identifier_type_number,
    IdentifierType {
        Container,
        AirWaybill,
        PostalItem,
        Ucr,
        ImoNumber,
        Mmsi,
        Vin,
        VehiclePlate,
        Flight,
        BaggageTag,
        TravelDocument,
        Imei,
    }
);
closed_list!(unit, unit_number, Unit { Kilogram, Litre, Piece });
closed_list!(
    transport_mode,
    transport_mode_number,
    TransportMode { Sea, Rail, Road, Air, Mail, Multimodal, InlandWater }
);
closed_list!(
    drug_group,
    drug_group_number,
    DrugGroup {
        CannabisHerb,
        CannabisResin,
        Cocaine,
        Heroin,
        Opium,
        Methamphetamine,
        Amphetamine,
        Mdma,
        Ketamine,
        Khat,
        Nps,
        Precursors,
        Other,
    }
);
closed_list!(
    concealment,
    concealment_number,
    Concealment {
        BodyPacked,
        OnPerson,
        Baggage,
        InGoods,
        ContainerStructure,
        RipOnRipOff,
        Vehicle,
        VesselHull,
        Postal,
        Other,
    }
);
closed_list!(movement, movement_number, Movement { Arriving, Leaving, Transit });
closed_list!(instruction, instruction_number, Instruction { Intercept, Examine, Observe, LetItRun });
closed_list!(reply_result, reply_result_number, ReplyResult {
    Answered = Answered, PartlyAnswered = Partly, NothingFound = NothingFound, Declined = Declined,
});
closed_list!(decision, decision_number, Decision { Granted, Refused });
closed_list!(compliance_answer, compliance_answer_number, ComplianceAnswer {
    Complied = Complied, AlreadyActedOn = AlreadyActedOn, KeptUnderLegalHold = LegalHold,
});
closed_list!(action, action_number, Action { NoneYet, Observing, Examining, Detained, LetPass });
closed_list!(outcome_result, outcome_result_number, OutcomeResult { Found, FalsePositive });
closed_list!(stage, stage_number, Stage { Import, Export, Transit });
closed_list!(residence, residence_number, Residence { Resident, NonResident, Unknown });
closed_list!(
    category,
    category_number,
    Category {
        Narcotics,
        Precursors,
        Tobacco,
        Smuggling,
        IntellectualProperty,
        MoneyLaundering,
        Weapons,
        Wildlife,
        Currency,
        Revenue,
        Other,
    }
);
