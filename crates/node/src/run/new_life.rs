//! Why a new life of a ledger begins, and what that leaves to people. docs/links.md tells more of it.

/// Why a new life of a ledger begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its files were put there from elsewhere.
    Copied,
    /// It lost files, or the end of one, that were durable.
    EndLost,
    /// A peer showed a later message, or checkpoint, of this node than the ledger holds.
    ShownByPeer,
    /// A record was given up for good.
    LeafGivenUp,
    /// Its operator asks for it.
    Asked,
}

impl Cause {
    /// What it is, for people.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Copied => "the ledger was put there from elsewhere, as a backup that is restored",
            Self::EndLost => {
                "a file of the ledger is missing, was exchanged or is shorter than the node left it"
            }
            Self::ShownByPeer => {
                "the ledger is an older copy of itself: a peer showed what this node signed later (ledger.rolled_back)"
            }
            Self::LeafGivenUp => "a record of the ledger was given up for good (ledger repair --accept-loss)",
            Self::Asked => "its operator asks for it (ledger anew)",
        }
    }

    /// What is left to people: the node does the rest.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Copied => {
                "Publish again what became WITHDRAWN, compare with the recipients what was sent since the backup, and give again \
                 the orders to hold or erase that were given since (docs/links.md, docs/erasure.md)"
            }
            Self::EndLost => {
                "Look after the disk and who can write there; publish again what became WITHDRAWN (docs/links.md). Where the \
                 files turn up, keep them as evidence and do not put them back"
            }
            Self::ShownByPeer => {
                "Find out how the older copy came there; publish again what became WITHDRAWN, and give again the orders to hold \
                 or erase that it does not hold (docs/links.md, docs/erasure.md)"
            }
            Self::LeafGivenUp => {
                "What was received there comes again by itself; `sealpost-node ledger verify` names the record (docs/ledger.md)"
            }
            Self::Asked => "Publish again what became WITHDRAWN (docs/links.md)",
        }
    }
}
