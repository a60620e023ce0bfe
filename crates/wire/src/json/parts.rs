//! Parts of a content whose JSON form differs from the domain's structure.

use bytes::Bytes;
use data_encoding::BASE64;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use sealpost_domain::alert::fault::{Place, quote};
use sealpost_domain::alert::{self, Decimal, GradingScale, Unit};
use sealpost_domain::digest::KeyId;
use sealpost_domain::envelope;
use sealpost_domain::identifier::{self, Currency, HsCode, HsEdition, IdentifierType};
use serde::{Deserialize, Serialize};

use super::form::{Absent, Form, Value, form};

/// How far the source and its information can be relied on; the original scale is kept.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grading {
    /// The scale.
    scale: Value<GradingScale>,
    /// The letter of the source: A B C X (Europol) or A to F (Admiralty).
    source: String,
    /// The number of the information: 1 to 4 (Europol) or 1 to 6 (Admiralty).
    information: u32,
}

impl Form for Grading {
    type Domain = alert::Grading;

    fn read(self, at: &Place<'_>) -> Option<Self::Domain> {
        let Self { scale, source, information } = self;
        alert::Grading::read(at, scale.read(&at.field("scale"))?, &source, information)
    }

    fn write(value: &Self::Domain) -> Self {
        Self {
            scale: Value::write(&value.scale()),
            source: value.source().to_string(),
            information: value.information(),
        }
    }
}

/// An identifier and its type.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identifier {
    /// What it identifies; decides how `value` is read.
    r#type: Value<IdentifierType>,
    /// As its standard writes it; blanks, separators and small letters do not matter. Composite forms: flight
    /// `CX123/2026-10-03`, vehicle plate `HK/AB1234`, travel document `UTO/L898902C3`.
    value: String,
}

impl Form for Identifier {
    type Domain = identifier::Identifier;

    fn read(self, at: &Place<'_>) -> Option<Self::Domain> {
        let Self { r#type, value } = self;
        let identifier_type = r#type.read(&at.field("type"))?;
        at.field("value").take(&value, identifier::Identifier::parse(identifier_type, &value))
    }

    fn write(value: &Self::Domain) -> Self {
        Self { r#type: Value::write(&value.identifier_type()), value: value.value() }
    }
}

/// A travel document: `number` with its issuer, or the lines of its machine-readable zone.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// The code of the issuer as the document bears it (ICAO 9303-3), `/`, and the number.
    #[serde(default, skip_serializing_if = "Absent::is_absent")]
    number: Option<String>,
    /// The two or three lines of the zone; every check digit is verified.
    #[serde(default, skip_serializing_if = "Absent::is_absent")]
    mrz: Vec<String>,
}

impl Form for Document {
    type Domain = alert::Document;

    fn read(self, at: &Place<'_>) -> Option<Self::Domain> {
        let Self { number, mrz } = self;
        match (number, mrz.as_slice()) {
            (Some(number), []) => at.field("number").parse(&number).map(alert::Document::Number),
            (None, [_, ..]) => at.field("mrz").parse(&mrz.join("\n")).map(alert::Document::Mrz),
            (None, []) => at.missing("number or mrz"),
            (Some(_), [_, ..]) => {
                at.fault("number and mrz", "one of them: the zone contains the number");
                None
            }
        }
    }

    fn write(value: &Self::Domain) -> Self {
        match value {
            alert::Document::Number(number) => Self { number: Some(number.to_string()), mrz: Vec::new() },
            alert::Document::Mrz(zone) => {
                Self { number: None, mrz: zone.lines().map(str::to_owned).collect() }
            }
        }
    }
}

form! {
    /// An amount and its unit, as reported.
    Quantity for alert::Quantity {
        /// How much; above zero.
        amount: Value<Decimal>,
        /// Of what unit.
        unit: Value<Unit>,
    }
}

/// An amount of money.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Money {
    /// The amount as a text, with no more decimals than the currency has: `1250000.00`.
    amount: String,
    /// The currency.
    currency: Value<Currency>,
}

impl Form for Money {
    type Domain = alert::Money;

    fn read(self, at: &Place<'_>) -> Option<Self::Domain> {
        let Self { amount, currency } = self;
        let currency = currency.read(&at.field("currency"))?;
        at.field("amount").take(&amount, alert::Money::parse(&amount, currency))
    }

    fn write(value: &Self::Domain) -> Self {
        Self { amount: value.amount(), currency: Value::write(&value.currency()) }
    }
}

/// A code of the Harmonized System and the edition that it was taken from.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredCode {
    /// The code.
    code: Value<HsCode>,
    /// The year of the edition: 1988, 1992, 1996, 2002, 2007, 2012, 2017, 2022 or 2028.
    edition: u32,
}

impl Form for DeclaredCode {
    type Domain = alert::DeclaredCode;

    fn read(self, at: &Place<'_>) -> Option<Self::Domain> {
        let Self { code, edition } = self;
        let code = code.read(&at.field("code"));
        let edition = at.field("edition").take(&edition.to_string(), HsEdition::try_from(edition));
        Some(alert::DeclaredCode { code: code?, edition: edition? })
    }

    fn write(value: &Self::Domain) -> Self {
        let alert::DeclaredCode { code, edition } = value;
        Self { code: Value::write(code), edition: u32::from(edition.year()) }
    }
}

/// Bytes in base64 (RFC 4648, with padding).
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Base64(String);

impl JsonSchema for Base64 {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Base64".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes in base64 (RFC 4648, with padding).",
            "type": "string",
            "contentEncoding": "base64",
        })
    }
}

impl Form for Base64 {
    type Domain = Bytes;

    fn read(self, at: &Place<'_>) -> Option<Bytes> {
        let bytes = BASE64.decode(self.0.as_bytes()).ok();
        if bytes.is_none() {
            at.fault(quote(&self.0), "bytes in base64 with padding");
        }
        bytes.map(Bytes::from)
    }

    fn write(value: &Bytes) -> Self {
        Self(BASE64.encode(value))
    }
}

/// 32 bytes in base64.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Salt(Base64);

impl Form for Salt {
    type Domain = [u8; 32];

    fn read(self, at: &Place<'_>) -> Option<[u8; 32]> {
        let bytes = self.0.read(at)?;
        let salt = bytes.as_ref().try_into().ok();
        if salt.is_none() {
            at.fault(format!("{} bytes", bytes.len()), "32 bytes");
        }
        salt
    }

    fn write(value: &[u8; 32]) -> Self {
        Self(Base64(BASE64.encode(value)))
    }
}

/// A signature and the key that made it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signature {
    /// Which key.
    key_id: Value<KeyId>,
    /// The signature.
    signature: Base64,
}

impl Form for Signature {
    type Domain = envelope::Signature;

    fn read(self, at: &Place<'_>) -> Option<Self::Domain> {
        let Self { key_id, signature } = self;
        let key_id = key_id.read(&at.field("key_id"));
        let bytes = signature.read(&at.field("signature"));
        Some(envelope::Signature { key_id: key_id?, bytes: bytes? })
    }

    fn write(value: &Self::Domain) -> Self {
        let envelope::Signature { key_id, bytes } = value;
        Self { key_id: Value::write(key_id), signature: Base64::write(bytes) }
    }
}
