//! Closed lists of names: one declaration gives the enum, its text form both ways, and the list of all values.

use std::fmt;

/// A text that is not in a closed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    pub(crate) what: &'static str,
    pub(crate) found: String,
    pub(crate) expected: Vec<&'static str>,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, found, expected } = self;
        let article =
            if what.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
        write!(f, "`{found}` is not {article} {what}: expected one of {}", expected.join(", "))
    }
}

impl std::error::Error for UnknownName {}

/// Declares an enum whose values have fixed names: `named! { /// doc  pub enum X: "what it is" { /// doc  A = "a" } }`.
macro_rules! named {
    ($(#[$doc:meta])* pub enum $type:ident: $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $type {
            /// All values, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name, as it is written everywhere.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::names::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    $crate::names::UnknownName {
                        what: $what,
                        found: text.to_owned(),
                        expected: Self::ALL.iter().map(|value| value.as_str()).collect(),
                    }
                })
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use named;
