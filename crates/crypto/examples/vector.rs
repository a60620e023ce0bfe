//! Vectors for comparisons with other implementations, made and opened by the code that the programs run.
//!
//! * `vector wrap KEY`: prints a wrap for the holder of a sealing key, with all that it is bound to and what it hides.
//! * `vector unwrap KEY FILE`: opens a wrap, and fails unless it hides what the file says.
//! * `vector pae TYPE FILE`: prints, in base64, what is signed when the content of a file is signed under a type.
//!
//! A vector is a text of lines `name value`: agencies by name, all else in base64. Everything in it is invented. A wrap
//! that is refused ends the program with code 3.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use data_encoding::BASE64;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rand::{CryptoRng, RngExt as _};
use sealpost_crypto::dsse::pae;
use sealpost_crypto::wrap::{SealingPrivateKey, WrapContext, unwrap, wrap};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::OpenedCommitment;
use sealpost_domain::link::{Incarnation, Position};
use sealpost_wire::envelope::WrapContent;
use zeroize::Zeroizing;

type Failure = Box<dyn Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["wrap", key] => print_wrap(Path::new(key)),
        ["unwrap", key, file] => open_wrap(Path::new(key), Path::new(file)),
        ["pae", kind, file] => print_pae(kind, Path::new(file)),
        _ => Err("usage: vector wrap KEY | unwrap KEY FILE | pae TYPE FILE".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast::<sealpost_crypto::wrap::Error>() {
            Ok(refusal) => {
                eprintln!("sealpost_crypto::wrap: {refusal}");
                ExitCode::from(3)
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn print_wrap(key: &Path) -> Result<(), Failure> {
    let key = SealingPrivateKey::read(key)?;
    let mut rng = UnwrapErr(SysRng);
    let (sender, recipient): (AgencyId, AgencyId) = ("HK-CED".parse()?, "DE-ZKA".parse()?);
    let (message_id, header_digest): ([u8; 16], _) = (rng.random(), Digest::new(rng.random()));
    let context = WrapContext {
        message_id: &message_id,
        sender: &sender,
        recipient: &recipient,
        header_digest: &header_digest,
    };
    let hidden = invented(&mut rng).to_bytes();
    let wrapped = wrap(&mut rng, key.public_key(), &context, &hidden)?;
    println!("message_id {}", BASE64.encode(&message_id));
    println!("sender {sender}");
    println!("recipient {recipient}");
    println!("header_digest {}", BASE64.encode(header_digest.as_bytes()));
    println!("encapsulated {}", BASE64.encode(&wrapped.encapsulated));
    println!("ciphertext {}", BASE64.encode(&wrapped.ciphertext));
    println!("hidden {}", BASE64.encode(&hidden));
    Ok(())
}

fn invented(rng: &mut dyn CryptoRng) -> WrapContent {
    WrapContent {
        content_key: Zeroizing::new(rng.random()),
        commitment: OpenedCommitment {
            position: Position {
                incarnation: Incarnation(rng.random()),
                number: rng.random_range(1..1 << 40),
            },
            previous: Digest::new(rng.random()),
            salt: rng.random(),
        },
    }
}

fn open_wrap(key: &Path, file: &Path) -> Result<(), Failure> {
    let key = SealingPrivateKey::read(key)?;
    let text = fs::read_to_string(file)?;
    let lines: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let line = |name: &str| lines.get(name).copied().ok_or(format!("the vector has no line `{name}`"));
    let bytes = |name: &str| -> Result<Vec<u8>, Failure> { Ok(BASE64.decode(line(name)?.as_bytes())?) };
    let message_id: [u8; 16] = bytes("message_id")?.try_into().map_err(|_| "a message id has 16 bytes")?;
    let digest: [u8; 32] = bytes("header_digest")?.try_into().map_err(|_| "a digest has 32 bytes")?;
    let (sender, recipient): (AgencyId, AgencyId) = (line("sender")?.parse()?, line("recipient")?.parse()?);
    let header_digest = Digest::new(digest);
    let context = WrapContext {
        message_id: &message_id,
        sender: &sender,
        recipient: &recipient,
        header_digest: &header_digest,
    };
    let opened = unwrap(&key, &context, &bytes("encapsulated")?, &bytes("ciphertext")?)?;
    if opened.as_slice() != bytes("hidden")? {
        return Err("the wrap opens to something else than the vector says".into());
    }
    let content = WrapContent::from_bytes(&opened)?;
    println!("it opens, to position {} on its link", content.commitment.position.number);
    Ok(())
}

fn print_pae(kind: &str, file: &Path) -> Result<(), Failure> {
    println!("{}", BASE64.encode(&pae(kind, &fs::read(file)?)));
    Ok(())
}
