//! What a key can hold. Each kind has one way of being written, and is shown in that way.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::digest::KeyId;
use sealpost_domain::identity::NetworkName;
use toml::de::DeValue;

/// A kind of value.
pub trait Value: Sized {
    /// What belongs there, as it follows the word 'expected': `a duration such as "5s"`.
    fn expected() -> String;

    /// Reads it; `None` when it is something else.
    fn read(raw: Raw<'_>) -> Option<Self>;

    /// As TOML, for defaults and bounds.
    fn show(&self) -> String;
}

/// A value of the file.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    value: &'a DeValue<'a>,
    folder: &'a Path,
}

impl<'a> Raw<'a> {
    pub(super) fn new(value: &'a DeValue<'_>, folder: &'a Path) -> Self {
        Self { value, folder }
    }

    /// The text, if it is one.
    pub fn text(self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// The integer, if it is one and within 64 bits.
    pub fn integer(self) -> Option<i64> {
        let integer = self.value.as_integer()?;
        i64::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    /// The entries, if it is an inline table.
    pub fn entries(self) -> Option<Vec<(&'a str, Self)>> {
        let table = self.value.as_table()?;
        Some(
            table
                .iter()
                .map(|(name, value)| (name.get_ref().as_ref(), Raw::new(value.get_ref(), self.folder)))
                .collect(),
        )
    }

    pub(super) fn show(self) -> String {
        match self.value {
            DeValue::String(text) => text.as_ref().to_owned().show(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(moment) => moment.to_string(),
            DeValue::Array(items) => {
                let items = items.iter().map(|item| Raw::new(item.get_ref(), self.folder).show());
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            }
            // Names alone: somebody may have written a secret in place of the file that holds it.
            DeValue::Table(table) => {
                let names = table.keys().map(|name| name.get_ref().as_ref());
                format!("{{ {} }}", names.collect::<Vec<&str>>().join(", "))
            }
        }
    }
}

impl Value for String {
    fn expected() -> String {
        "a text".to_owned()
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        raw.text().map(str::to_owned)
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

/// Relative paths start at the folder of the configuration file.
impl Value for PathBuf {
    fn expected() -> String {
        "a path".to_owned()
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        let path = raw.text().filter(|text| !text.is_empty())?;
        Some(raw.folder.join(path))
    }

    fn show(&self) -> String {
        self.display().to_string().show()
    }
}

macro_rules! count {
    ($($type:ty),+) => {
        $(impl Value for $type {
            fn expected() -> String {
                "a number".to_owned()
            }

            fn read(raw: Raw<'_>) -> Option<Self> {
                raw.integer()?.try_into().ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        })+
    };
}
count!(u16, u32, u64, usize);

impl Value for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        raw.value.as_bool()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Written as a whole number of one unit.
impl Value for Duration {
    fn expected() -> String {
        "a duration such as \"250ms\", \"5s\", \"2m\", \"1h\" or \"30d\"".to_owned()
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        let (number, unit) = with_unit(raw.text()?)?;
        let (_, millis) = MILLIS.into_iter().find(|(name, _)| *name == unit)?;
        number.checked_mul(millis).map(Self::from_millis)
    }

    fn show(&self) -> String {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let (unit, size) = largest(millis, MILLIS);
        format!("{}{unit}", millis / size).show()
    }
}

const MILLIS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A number of bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl Value for ByteSize {
    fn expected() -> String {
        "a size such as \"512B\", \"64KiB\", \"1MiB\" or \"2GiB\"".to_owned()
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        let (number, unit) = with_unit(raw.text()?)?;
        let (_, bytes) = BYTES.into_iter().find(|(name, _)| *name == unit)?;
        number.checked_mul(bytes).map(Self)
    }

    fn show(&self) -> String {
        let (unit, size) = largest(self.0, BYTES);
        format!("{}{unit}", self.0 / size).show()
    }
}

const BYTES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

fn with_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit))
}

/// The largest unit of which the number is a multiple.
fn largest<const N: usize>(number: u64, units: [(&'static str, u64); N]) -> (&'static str, u64) {
    let fitting = units.into_iter().find(|(_, size)| number != 0 && number.is_multiple_of(*size));
    fitting.unwrap_or(units[N - 1])
}

/// Types of the domain that read themselves from text.
macro_rules! text {
    ($($type:ty: $expected:literal,)+) => {
        $(impl Value for $type {
            fn expected() -> String {
                $expected.to_owned()
            }

            fn read(raw: Raw<'_>) -> Option<Self> {
                raw.text()?.parse().ok()
            }

            fn show(&self) -> String {
                self.to_string().show()
            }
        })+
    };
}
text! {
    AgencyId: "an agency such as \"HK-CED\"",
    JurisdictionCode: "a jurisdiction such as \"HK\"",
    KeyId: "a key id, 64 hexadecimal digits",
    SocketAddr: "an address and port such as \"127.0.0.1:7443\" or \"[::]:7443\"",
    HostPort: "a host and port such as \"hub.example:7443\"",
}

impl Value for NetworkName {
    fn expected() -> String {
        "a network name: 1 to 63 of a-z, 0-9, hyphen and dot".to_owned()
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        raw.text().and_then(Self::parse)
    }

    fn show(&self) -> String {
        self.as_str().to_owned().show()
    }
}

impl<T: Value> Value for Vec<T> {
    fn expected() -> String {
        format!("a list of which each is {}", T::expected())
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        raw.value.as_array()?.iter().map(|item| T::read(Raw::new(item.get_ref(), raw.folder))).collect()
    }

    fn show(&self) -> String {
        format!("[{}]", self.iter().map(T::show).collect::<Vec<_>>().join(", "))
    }
}

/// 1 to 16 of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<T>(pub Vec<T>);

impl<T: Value> Value for Few<T> {
    fn expected() -> String {
        format!("a list of 1 to 16, each {}", T::expected())
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        Vec::read(raw).filter(|list| (1..=16).contains(&list.len())).map(Self)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

/// Where to connect to: a host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort(Box<str>);

impl HostPort {
    /// As `host:port`, IPv6 addresses in brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostPort {
    type Err = InvalidHostPort;

    fn from_str(text: &str) -> Result<Self, InvalidHostPort> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidHostPort)?;
        let name = |host: &str| {
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        };
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_is_valid = bracketed.map_or_else(|| name(host), |host| host.parse::<Ipv6Addr>().is_ok());
        let port_is_valid = port.parse::<u16>().is_ok_and(|port| port != 0) && !port.starts_with('+');
        if host_is_valid && port_is_valid { Ok(Self(text.into())) } else { Err(InvalidHostPort) }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not a host and port.
#[derive(Debug, thiserror::Error)]
#[error("expected a host and port such as hub.example:7443")]
pub struct InvalidHostPort;
