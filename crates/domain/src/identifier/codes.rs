//! Closed lists of the field: drug groups, concealment, modes of transport.

use crate::names::named;

named! {
    /// A group of drugs, as the United Nations Office on Drugs and Crime and the World Customs Organization count.
    pub enum DrugGroup: "drug group" {
        /// Herbal cannabis.
        CannabisHerb = "cannabis_herb",
        /// Cannabis resin.
        CannabisResin = "cannabis_resin",
        /// Cocaine in any form.
        Cocaine = "cocaine",
        /// Heroin.
        Heroin = "heroin",
        /// Opium.
        Opium = "opium",
        /// Methamphetamine.
        Methamphetamine = "methamphetamine",
        /// Amphetamine.
        Amphetamine = "amphetamine",
        /// MDMA.
        Mdma = "mdma",
        /// Ketamine.
        Ketamine = "ketamine",
        /// Khat.
        Khat = "khat",
        /// New psychoactive substances.
        Nps = "nps",
        /// Chemicals from which drugs are made.
        Precursors = "precursors",
        /// Any other.
        Other = "other",
    }
}

named! {
    /// How goods are hidden.
    pub enum Concealment: "concealment" {
        /// Swallowed or inserted.
        BodyPacked = "body_packed",
        /// Worn or strapped on.
        OnPerson = "on_person",
        /// In baggage.
        Baggage = "baggage",
        /// Among or inside declared goods.
        InGoods = "in_goods",
        /// In the structure of a container.
        ContainerStructure = "container_structure",
        /// Put into a lawful load without its owner's knowledge.
        RipOnRipOff = "rip_on_rip_off",
        /// In a vehicle.
        Vehicle = "vehicle",
        /// In or on a vessel's hull.
        VesselHull = "vessel_hull",
        /// In a postal item.
        Postal = "postal",
        /// Any other way.
        Other = "other",
    }
}

named! {
    /// A mode of transport of UN/ECE Recommendation 19.
    pub enum TransportMode: "mode of transport" {
        /// By sea.
        Sea = "sea",
        /// By rail.
        Rail = "rail",
        /// By road.
        Road = "road",
        /// By air.
        Air = "air",
        /// By mail.
        Mail = "mail",
        /// By more than one mode.
        Multimodal = "multimodal",
        /// On inland water.
        InlandWater = "inland_water",
    }
}

impl TransportMode {
    /// The code of Recommendation 19: 1 sea, 2 rail, 3 road, 4 air, 5 mail, 6 multimodal, 8 inland water.
    pub const fn code(self) -> u8 {
        match self {
            Self::Sea => 1,
            Self::Rail => 2,
            Self::Road => 3,
            Self::Air => 4,
            Self::Mail => 5,
            Self::Multimodal => 6,
            Self::InlandWater => 8,
        }
    }

    /// The mode with a code; 7 (fixed installations) and 9 carry no consignments here.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_recommendation_19_are_read_back() {
        for mode in TransportMode::ALL {
            assert_eq!(TransportMode::from_code(mode.code()), Some(*mode));
        }
        assert_eq!(TransportMode::from_code(7), None);
    }
}
