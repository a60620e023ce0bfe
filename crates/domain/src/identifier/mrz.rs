//! Machine-readable zones of travel documents: ICAO Doc 9303, parts 4 to 6.
//!
//! TD3 (passports) has two lines of 44, TD2 two of 36, TD1 three of 30. Every check digit is verified. Dates keep
//! their two-digit years: the century cannot be known from the zone.

use std::fmt;
use std::str::FromStr;

use super::compact::{Class, Compact, LETTER, digit};
use super::document::TravelDocument;
use super::error::{Error, Fault};

const SUBJECT: &str = "machine-readable zone";
const FILLER: char = '<';

const ZONE: Class = Class::new(
    |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'<',
    "a letter A to Z, a digit or `<`",
);
const NAME: Class = Class::new(|byte| byte.is_ascii_uppercase() || byte == b'<', "a letter A to Z or `<`");
const DATE: Class = Class::new(|byte| byte.is_ascii_digit() || byte == b'<', "a digit or `<`");
const SEX: Class = Class::new(|byte| matches!(byte, b'M' | b'F' | b'<'), "M, F or `<`");

/// The size of a document, which decides where its fields stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MrzFormat {
    /// Cards: three lines of 30.
    Td1,
    /// Larger cards and visa-sized documents: two lines of 36.
    Td2,
    /// Passports: two lines of 44.
    Td3,
}

/// A machine-readable zone whose check digits all agree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mrz {
    format: MrzFormat,
    lines: Vec<Box<str>>,
    document: TravelDocument,
    nationality: Box<str>,
    birth_date: Box<str>,
    expiry_date: Box<str>,
    sex: char,
    names: Box<str>,
}

impl Mrz {
    /// The format.
    pub fn format(&self) -> MrzFormat {
        self.format
    }

    /// The lines as printed, without blanks.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(AsRef::as_ref)
    }

    /// The document's number and issuer, for comparison with other messages.
    pub fn document(&self) -> &TravelDocument {
        &self.document
    }

    /// The holder's nationality: one to three letters of ICAO 9303-3.
    pub fn nationality(&self) -> &str {
        &self.nationality
    }

    /// The birth date as `YYMMDD`, with `<` where it is not known.
    pub fn birth_date_yymmdd(&self) -> &str {
        &self.birth_date
    }

    /// The date of expiry as `YYMMDD`.
    pub fn expiry_date_yymmdd(&self) -> &str {
        &self.expiry_date
    }

    /// `M`, `F` or `<`.
    pub fn sex(&self) -> char {
        self.sex
    }

    /// The surname, as transliterated in the zone.
    pub fn surname(&self) -> String {
        self.name_part(0)
    }

    /// The given names, as transliterated in the zone; may be empty or cut off.
    pub fn given_names(&self) -> String {
        self.name_part(1)
    }

    fn name_part(&self, part: usize) -> String {
        self.names.split("<<").nth(part).unwrap_or_default().replace(FILLER, " ").trim().to_owned()
    }
}

/// Where the fields of a format stand: lines and characters from 0.
struct Layout {
    format: MrzFormat,
    line_len: usize,
    number: Field,
    number_rest: Field,
    birth: Field,
    sex: (usize, usize),
    expiry: Field,
    nationality: Field,
    names: Field,
    optional_check: Option<(Field, usize)>,
    composite: &'static [Field],
}

type Field = (usize, usize, usize);

const TD1: Layout = Layout {
    format: MrzFormat::Td1,
    line_len: 30,
    number: (0, 5, 14),
    number_rest: (0, 15, 30),
    birth: (1, 0, 6),
    sex: (1, 7),
    expiry: (1, 8, 14),
    nationality: (1, 15, 18),
    names: (2, 0, 30),
    optional_check: None,
    composite: &[(0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 29)],
};
const TD2: Layout = Layout {
    format: MrzFormat::Td2,
    line_len: 36,
    number: (1, 0, 9),
    number_rest: (1, 28, 35),
    birth: (1, 13, 19),
    sex: (1, 20),
    expiry: (1, 21, 27),
    nationality: (1, 10, 13),
    names: (0, 5, 36),
    optional_check: None,
    composite: &[(1, 0, 10), (1, 13, 20), (1, 21, 35)],
};
const TD3: Layout = Layout {
    format: MrzFormat::Td3,
    line_len: 44,
    names: (0, 5, 44),
    number_rest: (1, 28, 28),
    optional_check: Some(((1, 28, 42), 42)),
    composite: &[(1, 0, 10), (1, 13, 20), (1, 21, 43)],
    ..TD2
};

impl FromStr for Mrz {
    type Err = Error;

    /// Reads the lines, separated by line breaks, or run together without any.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (layout, lines) = split(text)?;
        let zone = Zone { layout, lines };
        zone.classes()?;
        let number = zone.number()?;
        zone.check(zone.layout.birth, "the birth date")?;
        zone.check(zone.layout.expiry, "the date of expiry")?;
        zone.optional_check()?;
        zone.composite()?;
        let code = |field| zone.field(field).trim_end_matches(FILLER).to_owned();
        let document = TravelDocument::new(&code((0, 2, 5)), &number).map_err(|error| error.on_line(1))?;
        Ok(Self {
            format: zone.layout.format,
            document,
            nationality: code(zone.layout.nationality).into(),
            birth_date: zone.field(zone.layout.birth).into(),
            expiry_date: zone.field(zone.layout.expiry).into(),
            sex: zone.char(zone.layout.sex),
            names: code(zone.layout.names).into(),
            lines: zone.lines.into_iter().map(Compact::into_text).collect(),
        })
    }
}

impl fmt::Display for Mrz {
    /// The lines, with a line break between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl fmt::Debug for Mrz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.format, self.document)
    }
}

/// Finds the lines and the format that their lengths belong to.
fn split(text: &str) -> Result<(&'static Layout, Vec<Compact>), Error> {
    let given: Vec<Compact> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(4)
        .map(|line| Compact::read(SUBJECT, line, &[]))
        .collect::<Result<_, _>>()?;
    let total: usize = given.iter().map(Compact::len).sum();
    let layout = match total {
        90 => &TD1,
        72 => &TD2,
        88 => &TD3,
        found => {
            let expected = "88 (2 lines of 44), 72 (2 lines of 36) or 90 (3 lines of 30)";
            return Err(Error::new(SUBJECT, Fault::Length { found, expected }));
        }
    };
    if let [whole] = given.as_slice() {
        let lines = (0..total / layout.line_len)
            .map(|line| whole.part(line * layout.line_len..(line + 1) * layout.line_len))
            .map(|line| Compact::read(SUBJECT, line, &[]))
            .collect::<Result<_, _>>()?;
        return Ok((layout, lines));
    }
    for (line, number) in given.iter().zip(1..) {
        line.length(&(layout.line_len..=layout.line_len), "as many in each line: 44, 36 or 30")
            .map_err(|error| error.on_line(number))?;
    }
    Ok((layout, given))
}

/// The lines of a zone while they are being checked; `split` has made sure that all fields exist.
struct Zone {
    layout: &'static Layout,
    lines: Vec<Compact>,
}

impl Zone {
    fn field(&self, (line, from, to): Field) -> &str {
        self.lines.get(line).map_or("", |line| line.part(from..to))
    }

    fn char(&self, (line, at): (usize, usize)) -> char {
        self.lines.get(line).and_then(|line| line.byte(at)).map_or(FILLER, char::from)
    }

    fn on<T>(&self, line: usize, act: impl FnOnce(&Compact) -> Result<T, Error>) -> Result<T, Error> {
        let missing = || Error::new(SUBJECT, Fault::Length { found: 0, expected: "another line" });
        act(self.lines.get(line).ok_or_else(missing)?).map_err(|error| error.on_line(line + 1))
    }

    fn all(&self, (line, from, to): Field, class: &Class) -> Result<(), Error> {
        self.on(line, |line| line.all(from..to, class))
    }

    /// Which characters may stand where; the first wrong one is reported.
    fn classes(&self) -> Result<(), Error> {
        const PASSPORT: Class = Class::new(|byte| byte == b'P', "P, the code of a passport");
        const CARD: Class = Class::new(
            |byte| byte.is_ascii_uppercase() && byte != b'V',
            "a document code other than V (a visa)",
        );
        let layout = self.layout;
        let code = if layout.format == MrzFormat::Td3 { &PASSPORT } else { &CARD };
        self.all((0, 0, 1), code)?;
        for line in 0..self.lines.len() {
            self.all((line, 0, layout.line_len), &ZONE)?;
        }
        self.all((0, 2, 3), &LETTER)?;
        self.all((0, 2, 5), &NAME)?;
        self.all(layout.names, &NAME)?;
        self.all(layout.nationality, &NAME)?;
        self.all(layout.birth, &DATE)?;
        self.all(layout.expiry, &DATE)?;
        let (line, at) = layout.sex;
        self.all((line, at, at + 1), &SEX)
    }

    /// Verifies the check digit that follows a field.
    fn check(&self, field: Field, covers: &'static str) -> Result<(), Error> {
        let (line, _, to) = field;
        let computed = check_digit(self.field(field).bytes());
        self.on(line, |line| line.check_digit(to, computed, covers))
    }

    /// The document number. One longer than nine characters has a filler where its check digit would stand, and goes
    /// on in the optional data, followed there by the check digit (ICAO 9303-5, section 4.2.2, note j).
    fn number(&self) -> Result<String, Error> {
        let (line, from, to) = self.layout.number;
        let rest = self.field(self.layout.number_rest).split(FILLER).next().unwrap_or_default();
        if self.char((line, to)) != FILLER || rest.is_empty() {
            self.check(self.layout.number, "the document number")?;
            return Ok(self.field((line, from, to)).trim_end_matches(FILLER).to_owned());
        }
        let (further, written) = rest.split_at_checked(rest.len() - 1).unwrap_or_default();
        let number = format!("{}{further}", self.field((line, from, to)));
        let computed = check_digit(number.bytes());
        if written.starts_with(computed) {
            return Ok(number);
        }
        let (line, from, _) = self.layout.number_rest;
        let at = from + further.len();
        self.on(line, |line| line.check_digit(at, computed, "the long document number"))?;
        Ok(number)
    }

    /// TD3 alone has a check digit over the optional data; it may be a filler when there is none.
    fn optional_check(&self) -> Result<(), Error> {
        let Some((field, at)) = self.layout.optional_check else {
            return Ok(());
        };
        let is_empty = self.field(field).bytes().all(|byte| byte == b'<');
        if is_empty && self.char((field.0, at)) == FILLER {
            return Ok(());
        }
        self.check(field, "the optional data")
    }

    fn composite(&self) -> Result<(), Error> {
        let covered = self.layout.composite.iter().flat_map(|field| self.field(*field).bytes());
        let computed = check_digit(covered);
        self.on(1, |line| {
            line.check_digit(self.layout.line_len - 1, computed, "number, dates and optional data together")
        })
    }
}

/// ICAO 9303-3, section 4.9: values 0–9, A = 10 to Z = 35 and `<` = 0, weights 7 3 1, modulo 10.
fn check_digit(covered: impl Iterator<Item = u8>) -> char {
    let sum: u32 = covered
        .map(|byte| char::from(byte).to_digit(36).unwrap_or(0))
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(value, weight)| value * weight)
        .sum();
    digit(sum % 10)
}
