//! `[keys] signing`: the key under which a program signs, in a file or on a PKCS#11 token.

use std::path::PathBuf;

use data_encoding::HEXLOWER_PERMISSIVE;
use sealpost_crypto::secret::{Purpose, Source};
use sealpost_crypto::signing::Signing;
use sealpost_crypto::token::{Place, Wanted};

use super::{Raw, Value};

impl Value for Signing {
    fn expected() -> String {
        "a path, or { module = PATH, token = LABEL, key = LABEL, pin_file = PATH } for a key on a PKCS#11 token \
         (docs/keys.md)"
            .to_owned()
    }

    fn read(raw: Raw<'_>) -> Option<Self> {
        let Some(entries) = raw.entries() else {
            return PathBuf::read(raw).map(Self::File);
        };
        let (mut module, mut token, mut label, mut id, mut pin_file) = (None, None, None, None, None);
        for (name, value) in entries {
            let text = || String::read(value).filter(|text| !text.is_empty());
            match name {
                "module" => module = Some(PathBuf::read(value)?),
                "token" => token = Some(text()?),
                "key" => label = Some(text()?),
                "id" => id = Some(HEXLOWER_PERMISSIVE.decode(text()?.as_bytes()).ok()?),
                "pin_file" => pin_file = Some(PathBuf::read(value)?),
                _ => return None,
            }
        }
        if label.is_none() && id.is_none() {
            return None;
        }
        let (key, pin) = (Wanted { label, id }, Source::new(Purpose::Pin, pin_file));
        Some(Self::Token(Place { module: module?, token: token?, key, pin }))
    }

    fn show(&self) -> String {
        match self {
            Self::File(path) => path.show(),
            Self::Token(place) => {
                format!("{{ module = {}, token = {} }}", place.module.show(), place.token.show())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{self, Config, Field, Reader};

    struct Keys(Signing);

    impl Config for Keys {
        fn read(reader: &mut Reader<'_>) -> Field<Self> {
            let signing = reader.section("keys", "Private keys.").required("signing", "The key.");
            Field::build(|| Some(Self(signing.take()?)))
        }
    }

    fn read(value: &str) -> Result<Signing, config::Error> {
        let text = format!("[keys]\nsigning = {value}\n");
        config::parse::<Keys>(&text, Path::new("/etc/node.toml")).map(|keys| keys.0)
    }

    #[test]
    fn a_text_is_a_file_and_a_table_a_token() {
        assert!(
            matches!(read("'signing.pem'").unwrap(), Signing::File(path) if path == Path::new("/etc/signing.pem"))
        );
        let token =
            "{ module = '/lib/p11.so', token = 'HK-CED', key = 'signing', id = 'A1b2', pin_file = 'pin' }";
        let Signing::Token(place) = read(token).unwrap() else { panic!("a token") };
        assert_eq!((place.module.as_path(), place.token.as_str()), (Path::new("/lib/p11.so"), "HK-CED"));
        assert_eq!(place.key, Wanted { label: Some("signing".to_owned()), id: Some(vec![0xa1, 0xb2]) });
        assert!(format!("{:?}", place.pin).contains("/etc/pin"), "{:?}", place.pin);
        read("{ module = '/lib/p11.so', token = 'HK-CED', id = '05' }").unwrap();
    }

    #[test]
    fn a_table_that_names_no_key_is_refused_with_what_belongs_there_and_shows_no_value() {
        for token in [
            "{ token = 'HK-CED', key = 'marker' }",
            "{ module = '/lib/p11.so', key = 'marker' }",
            "{ module = '/lib/p11.so', token = 'marker' }",
            "{ module = '/lib/p11.so', token = 'HK-CED', key = 'signing', pin = 'marker' }",
            "{ module = '/lib/p11.so', token = 'HK-CED', id = 'marker' }",
            "{ module = '/lib/p11.so', token = '', key = 'marker' }",
        ] {
            let error = read(token).unwrap_err().to_string();
            assert!(error.contains("line 2: keys.signing = { "), "{error}");
            assert!(
                error.contains("{ module = PATH, token = LABEL, key = LABEL, pin_file = PATH }"),
                "{error}"
            );
            assert!(!error.contains("marker"), "{error}");
        }
    }
}
