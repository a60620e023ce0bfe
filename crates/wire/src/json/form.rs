//! How a value of the domain is written in JSON, and read back with the path of every fault.

use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use sealpost_domain::alert::List;
use sealpost_domain::alert::fault::{Explain, Place};
use serde::{Deserialize, Serialize};

/// A JSON form and the domain's type that it stands for.
pub(crate) trait Form: Sized {
    /// What it stands for.
    type Domain;

    /// Reads it, reporting every fault at its place.
    fn read(self, at: &Place<'_>) -> Option<Self::Domain>;

    /// Writes it.
    fn write(value: &Self::Domain) -> Self;
}

impl<F: Form> Form for Option<F> {
    type Domain = Option<F::Domain>;

    fn read(self, at: &Place<'_>) -> Option<Self::Domain> {
        self.map_or(Some(None), |form| form.read(at).map(Some))
    }

    fn write(value: &Self::Domain) -> Self {
        value.as_ref().map(F::write)
    }
}

impl<F: Form> Form for Vec<F> {
    type Domain = List<F::Domain>;

    fn read(self, at: &Place<'_>) -> Option<Self::Domain> {
        List::read(at, self, F::read)
    }

    fn write(value: &Self::Domain) -> Self {
        value.iter().map(F::write).collect()
    }
}

impl<F: Form> Form for Box<F> {
    type Domain = Box<F::Domain>;

    fn read(self, at: &Place<'_>) -> Option<Self::Domain> {
        (*self).read(at).map(Box::new)
    }

    fn write(value: &Self::Domain) -> Self {
        Self::new(F::write(value))
    }
}

impl Form for u32 {
    type Domain = Self;

    fn read(self, _: &Place<'_>) -> Option<Self> {
        Some(self)
    }

    fn write(value: &Self) -> Self {
        *value
    }
}

/// Whether a field is left out when it is written.
pub(crate) trait Absent {
    /// Nothing to write.
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

/// A value that is written as a text. The text is read only when its place is known.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Value<T> {
    text: String,
    #[serde(skip)]
    read_as: PhantomData<fn() -> T>,
}

impl<T> Value<T> {
    /// The text of a value.
    pub(crate) fn shown(value: &impl ToString) -> Self {
        Self { text: value.to_string(), read_as: PhantomData }
    }
}

impl<T> Form for Value<T>
where
    T: FromStr + ToString,
    T::Err: Explain,
{
    type Domain = T;

    fn read(self, at: &Place<'_>) -> Option<T> {
        at.parse(&self.text)
    }

    fn write(value: &T) -> Self {
        Self::shown(value)
    }
}

/// The schema of a value that is written as a text.
pub(crate) trait TextSchema {
    /// Its name among the definitions of the schema.
    const NAME: &'static str;

    /// Its schema, of type `string`.
    fn text_schema() -> Schema;
}

impl<T: TextSchema> JsonSchema for Value<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::text_schema()
    }
}

/// Declares the JSON form of a structure of the domain with the same fields: the serde type, its schema, and both
/// conversions, all of which name every field. Optional fields are options and lists; they are left out when empty.
macro_rules! form {
    (
        $(#[$doc:meta])*
        $form:ident for $domain:ty {
            $($(#[$required_doc:meta])* $required:ident: $required_type:ty,)*
            $(; $($(#[$optional_doc:meta])* $optional:ident: $optional_type:ty,)+)?
        }
    ) => {
        $(#[$doc])*
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $form {
            $($(#[$required_doc])* $required: $required_type,)*
            $($(
                $(#[$optional_doc])*
                #[serde(default, skip_serializing_if = "crate::json::form::Absent::is_absent")]
                $optional: $optional_type,
            )+)?
        }

        impl $crate::json::form::Form for $form {
            type Domain = $domain;

            fn read(self, at: &sealpost_domain::alert::fault::Place<'_>) -> Option<$domain> {
                let Self { $($required,)* $($($optional,)+)? } = self;
                // Every field is read before the first missing one ends it, so that all faults are told.
                $(let $required = $required.read(&at.field(stringify!($required)));)*
                $($(let $optional = $optional.read(&at.field(stringify!($optional)));)+)?
                Some(Self::Domain { $($required: $required?,)* $($($optional: $optional?,)+)? })
            }

            fn write(value: &$domain) -> Self {
                let Self::Domain { $($required,)* $($($optional,)+)? } = value;
                Self {
                    $($required: $crate::json::form::Form::write($required),)*
                    $($($optional: $crate::json::form::Form::write($optional),)+)?
                }
            }
        }
    };
}

/// Declares the JSON form of an enum of the domain whose variants hold one value each: an object with the variant's
/// name as its only key.
macro_rules! choice {
    (
        $(#[$doc:meta])*
        $form:ident for alert::$domain:ident {
            $($(#[$variant_doc:meta])* $variant:ident($name:literal): $type:ty,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "read and written one at a time, never held")]
        pub(crate) enum $form {
            $($(#[$variant_doc])* $variant($type),)+
        }

        impl $crate::json::form::Form for $form {
            type Domain = sealpost_domain::alert::$domain;

            fn read(self, at: &sealpost_domain::alert::fault::Place<'_>) -> Option<Self::Domain> {
                match self {
                    $(Self::$variant(form) => form.read(&at.field($name)).map(sealpost_domain::alert::$domain::$variant),)+
                }
            }

            fn write(value: &Self::Domain) -> Self {
                match value {
                    $(sealpost_domain::alert::$domain::$variant(value) => {
                        Self::$variant($crate::json::form::Form::write(value))
                    })+
                }
            }
        }
    };
}
pub(crate) use {choice, form};
