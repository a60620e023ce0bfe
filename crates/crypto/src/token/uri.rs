//! A key of a token as a PKCS#11 URI (RFC 7512), for command lines.
//!
//! | attribute | meaning |
//! |---|---|
//! | `token` | the token's label |
//! | `object` | `CKA_LABEL` of the private key |
//! | `id` | its `CKA_ID`; beside `object` or in its place |
//! | `type` | `private`, or left out |
//! | `module-path` | the library of the token's maker |
//! | `pin-source` | the file with the PIN, as a path or as `file:` and a path; else `SEALPOST_PIN`, else a prompt |
//!
//! An attribute that is not known is refused, since it would narrow down which key is meant; so is `pin-value`, since
//! arguments are shown to every user of the machine. No error repeats a value.

use std::path::PathBuf;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::{Place, Wanted};
use crate::secret::{Purpose, Source};

/// How such a text begins.
pub(crate) const SCHEME: &str = "pkcs11:";

/// Why a text names no key of a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{fault}; expected pkcs11:token=LABEL;object=LABEL?module-path=FILE&pin-source=FILE, with id=%A1%B2 beside object or \
     in its place (docs/keys.md)"
)]
pub struct Error {
    fault: String,
}

fn fault(fault: impl Into<String>) -> Error {
    Error { fault: fault.into() }
}

/// Where the key of a URI is. Nothing is opened.
pub(crate) fn parse(text: &str) -> Result<Place, Error> {
    let text = text.get(SCHEME.len()..).unwrap_or_default();
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let (mut token, mut label, mut id, mut kind, mut module, mut pin) = (None, None, None, None, None, None);
    for (attributes, separator) in [(path, ';'), (query, '&')] {
        for attribute in attributes.split(separator).filter(|attribute| !attribute.is_empty()) {
            let (name, value) =
                attribute.split_once('=').ok_or_else(|| fault("an attribute has no value"))?;
            let place = match (separator, name) {
                (';', "token") => &mut token,
                (';', "object") => &mut label,
                (';', "id") => &mut id,
                (';', "type") => &mut kind,
                ('&', "module-path") => &mut module,
                ('&', "pin-source") => &mut pin,
                ('&', "pin-value") => {
                    return Err(fault("a PIN is not taken from the command line, which every user may read"));
                }
                _ => return Err(fault(format!("the attribute {name:?} is not known at that place"))),
            };
            let value = decoded(value).filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| fault(format!("{name} is empty, or % stands before no byte")))?;
            if place.replace(value).is_some() {
                return Err(fault(format!("{name} is given twice")));
            }
        }
    }
    if kind.is_some_and(|kind| kind != b"private") {
        return Err(fault("type is not private"));
    }
    if label.is_none() && id.is_none() {
        return Err(fault("neither object nor id says which key it is"));
    }
    let token = utf8("token", token)?.ok_or_else(|| fault("token is missing"))?;
    let module = utf8("module-path", module)?.ok_or_else(|| fault("module-path is missing"))?;
    let key = Wanted { label: utf8("object", label)?, id };
    let pin = Source::new(Purpose::Pin, utf8("pin-source", pin)?.as_deref().map(file).transpose()?);
    Ok(Place { module: module.into(), token, key, pin })
}

/// A path, or a `file:` URI without a host (RFC 8089).
fn file(source: &str) -> Result<PathBuf, Error> {
    let path = source.strip_prefix("file:").unwrap_or(source);
    let path = path.strip_prefix("//").map_or(path, |path| path.strip_prefix("localhost").unwrap_or(path));
    // RFC 7512 lets a program print the PIN: nothing is run here.
    if path.is_empty() || path.starts_with('|') {
        return Err(fault("pin-source names no file"));
    }
    Ok(path.into())
}

fn utf8(name: &str, value: Option<Vec<u8>>) -> Result<Option<String>, Error> {
    let text = value.map(String::from_utf8).transpose();
    text.map_err(|_| fault(format!("{name} is not UTF-8")))
}

/// `%` and two hexadecimal digits are a byte.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = if *first == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            bytes.extend(HEXLOWER_PERMISSIVE.decode(digits).ok()?);
            after
        } else {
            bytes.push(*first);
            after
        };
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::signing::Signing;

    fn read(text: &str) -> Result<Place, Error> {
        match text.parse()? {
            Signing::Token(place) => Ok(place),
            Signing::File(path) => panic!("{} is a file", path.display()),
        }
    }

    #[test]
    fn a_uri_names_a_key_of_a_token_and_every_other_text_a_file() {
        let place = read(
            "pkcs11:token=HK%20root;object=a%3bb;id=%a1%B2;type=private?module-path=/lib/p11.so&pin-source=file:/run/pin",
        );
        let place = place.unwrap();
        assert_eq!((place.module.as_path(), place.token.as_str()), (Path::new("/lib/p11.so"), "HK root"));
        assert_eq!(place.key, Wanted { label: Some("a;b".to_owned()), id: Some(vec![0xa1, 0xb2]) });
        assert!(format!("{:?}", place.pin).contains("\"/run/pin\""), "{:?}", place.pin);
        let place = read("PKCS11:id=%05;token=HK?module-path=p11.so").unwrap();
        assert_eq!(place.key, Wanted { label: None, id: Some(vec![5]) });
        assert!(format!("{:?}", place.pin).contains("None"), "{:?}", place.pin);
        for (source, file) in [("pin", "\"pin\""), ("file:///run/pin", "\"/run/pin\""), ("/pin", "\"/pin\"")]
        {
            let place = read(&format!("pkcs11:token=HK;object=k?module-path=p&pin-source={source}")).unwrap();
            assert!(format!("{:?}", place.pin).contains(file), "{:?}", place.pin);
        }
        for path in ["net/key.pem", "pkcs11", "./pkcs11:token=HK", "schlüssel.pem"] {
            assert!(matches!(path.parse(), Ok(Signing::File(file)) if file == Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_uri_that_does_not_say_which_key_is_refused_and_shows_no_value() {
        for (text, fault) in [
            ("pkcs11:", "neither object nor id"),
            ("pkcs11:token=marker?module-path=p", "neither object nor id"),
            ("pkcs11:object=marker?module-path=p", "token is missing"),
            ("pkcs11:token=HK;object=marker", "module-path is missing"),
            ("pkcs11:token=HK;object=marker;token=DE?module-path=p", "token is given twice"),
            ("pkcs11:token=HK;object=marker;type=public?module-path=p", "type is not private"),
            ("pkcs11:token=HK;object=marker;serial=1?module-path=p", "\"serial\" is not known"),
            ("pkcs11:token=HK;object=marker;pin-source=p?module-path=p", "\"pin-source\" is not known"),
            ("pkcs11:token=HK;object=marker?module-path=p&pin-value=marker", "a PIN is not taken"),
            ("pkcs11:token=HK;object=marker?module-path=p&pin-source=|marker", "names no file"),
            ("pkcs11:token=HK;object=marker%4?module-path=p", "object is empty, or %"),
            ("pkcs11:token=HK;object=?module-path=p", "object is empty, or %"),
            ("pkcs11:token=HK;object=marker%ff?module-path=p", "object is not UTF-8"),
            ("pkcs11:token=HK;object?module-path=p", "has no value"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(fault) || error.contains(fault), "{text}: {error}");
            assert!(error.contains("pkcs11:token=LABEL") && !error.contains("marker"), "{text}: {error}");
        }
    }
}
