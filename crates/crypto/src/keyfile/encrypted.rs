//! Encrypted key files: PBES2 (RFC 8018) round PKCS#8 version 1, `ENCRYPTED PRIVATE KEY` in PEM, as OpenSSL 3 and
//! `cryptography` of Python read them.
//!
//! What is written: scrypt with N = 2¹⁴, r = 8, p = 5 (OWASP's choice for 16 MiB; `openssl pkey` takes no more than
//! 32 MiB) and AES-256-CBC. What is read also: PBKDF2 with SHA-2 and the other AES ciphers of the library, so that files
//! that `openssl pkcs8 -topk8` wrote open. What a file may cost is bounded before anything is derived.
//!
//! CBC does not authenticate: a flipped byte may open as another key. So a line before the PEM names the key, and what
//! was opened must be it. Other readers of PEM skip that line (RFC 7468, section 2).

use pem_rfc7468::LineEnding;
use pkcs8::der::{Decode as _, Encode as _};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{Kdf, Parameters, Pbkdf2Prf};
use pkcs8::pkcs5::scrypt;
use pkcs8::{EncryptedPrivateKeyInfoOwned, EncryptedPrivateKeyInfoRef};
use rand::CryptoRng;
use sealpost_domain::digest::KeyId;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The PEM label.
pub(super) const LABEL: &str = "ENCRYPTED PRIVATE KEY";
const NOTE: &str = "Sealpost key id: ";

/// Memory that scrypt may take: four times what is written here.
const SCRYPT_BYTES_MAX: u128 = 64 << 20;
/// Mixed blocks (N · r · p): some ten times what is written here, a few seconds.
const SCRYPT_WORK_MAX: u128 = (1 << 14) * 8 * 5 * 10;
/// OWASP recommends 600 000 for SHA-256; this is a few seconds.
const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;

/// What deriving the key of a file costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    log_n: u8,
    r: u32,
    p: u32,
}

impl Cost {
    /// What files are written with.
    pub(super) const USUAL: Self = Self { log_n: 14, r: 8, p: 5 };
    #[cfg(test)]
    pub(super) const LEAST: Self = Self { log_n: 1, r: 1, p: 1 };
}

/// Why an encrypted file does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is none, or is encrypted otherwise.
    Scheme,
    /// It would cost too much.
    Cost { found: String },
    /// Another passphrase, or changed bytes.
    Closed,
}

/// The text of an encrypted key file. `None` when the library does not take what is asked for.
pub(super) fn seal(
    der: &[u8],
    id: KeyId,
    passphrase: &Secret,
    cost: Cost,
    rng: &mut dyn CryptoRng,
) -> Option<String> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut iv);
    let cost = scrypt::Params::new(cost.log_n, cost.r, cost.p).ok()?;
    let parameters = Parameters::generate_scrypt_aes256cbc(cost, &salt, iv).ok()?;
    let sealed = parameters.encrypt(passphrase.as_bytes(), der).ok()?;
    let info = EncryptedPrivateKeyInfoOwned {
        encryption_algorithm: EncryptionScheme::from(parameters),
        encrypted_data: pkcs8::der::asn1::OctetString::new(sealed).ok()?,
    };
    let pem = pem_rfc7468::encode_string(LABEL, LineEnding::LF, &info.to_der().ok()?).ok()?;
    Some(format!("{NOTE}{id}\n{pem}"))
}

/// The PKCS#8 that an encrypted file holds.
pub(super) fn open(der: &[u8], passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|_| Refusal::Scheme)?;
    let parameters = info.encryption_algorithm.pbes2().ok_or(Refusal::Scheme)?;
    affordable(&parameters.kdf)?;
    let mut buffer = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let length = match parameters.decrypt_in_place(passphrase.as_bytes(), &mut buffer) {
        Ok(opened) => opened.len(),
        Err(pkcs8::pkcs5::Error::DecryptFailed) => return Err(Refusal::Closed),
        Err(_) => return Err(Refusal::Scheme),
    };
    buffer.truncate(length);
    Ok(buffer)
}

/// How a file is encrypted, for people. `None` when that is not read here.
pub(super) fn describe(der: &[u8]) -> Option<String> {
    let info = EncryptedPrivateKeyInfoRef::from_der(der).ok()?;
    let parameters = info.encryption_algorithm.pbes2()?;
    Some(match &parameters.kdf {
        Kdf::Scrypt(kdf) => {
            format!("scrypt N={} r={} p={}", kdf.cost_parameter, kdf.block_size, kdf.parallelization)
        }
        Kdf::Pbkdf2(kdf) => format!("PBKDF2 {} iterations", kdf.iteration_count),
        _ => return None,
    })
}

fn affordable(kdf: &Kdf) -> Result<(), Refusal> {
    let too_costly = |found| Err(Refusal::Cost { found });
    match kdf {
        Kdf::Scrypt(kdf) => {
            let (n, r, p) = (kdf.cost_parameter, kdf.block_size, kdf.parallelization);
            // The library panics at 0.
            if !n.is_power_of_two() || n < 2 || r == 0 || p == 0 {
                return Err(Refusal::Scheme);
            }
            let (blocks, r, lanes) = (u128::from(n) * u128::from(r), u128::from(r), u128::from(p));
            // RFC 7914: the table of N blocks of 128 r bytes, and a block for each of the p lanes.
            if 128 * (blocks + r * lanes) > SCRYPT_BYTES_MAX || blocks * lanes > SCRYPT_WORK_MAX {
                return too_costly(format!("scrypt with N = {n}, r = {r}, p = {p}"));
            }
            Ok(())
        }
        Kdf::Pbkdf2(kdf) if kdf.iteration_count == 0 || kdf.prf == Pbkdf2Prf::HmacWithSha1 => {
            Err(Refusal::Scheme)
        }
        Kdf::Pbkdf2(kdf) if kdf.iteration_count > PBKDF2_ITERATIONS_MAX => {
            too_costly(format!("PBKDF2 with {} iterations", kdf.iteration_count))
        }
        Kdf::Pbkdf2(_) => Ok(()),
        _ => Err(Refusal::Scheme),
    }
}

/// The key that the line before the PEM names: `Ok(None)` where there is no such line, `Err` where it is unreadable.
pub(super) fn noted(text: &[u8]) -> Result<Option<KeyId>, Refusal> {
    let lines = text.split(|byte| *byte == b'\n').take_while(|line| !line.starts_with(b"-----BEGIN"));
    for line in lines {
        if let Some(id) = line.strip_prefix(NOTE.as_bytes()) {
            let id = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
            return id.map(Some).ok_or(Refusal::Closed);
        }
    }
    Ok(None)
}
