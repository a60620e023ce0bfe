//! The sessions with a token.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::RawAuthPin;

use super::{Cause, Error, Place, Wanted};
use crate::dsse::{SignError, Signer, VerifyingKey, pae};
use crate::secret::Secret;

/// What is signed first, to prove that the private key belongs to the public one. It is no statement of ours.
const PROBE: &str = "application/vnd.sealpost.probe.v1";
/// How long a token that failed is left alone: asking one that is away may take seconds.
const PAUSE: Duration = Duration::from_secs(1);

/// A module is initialised once in a process, whoever uses it, and never unloaded.
static MODULES: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// A key of a token.
pub(super) struct TokenKey {
    place: Place,
    module: Pkcs11,
    pin: RawAuthPin,
    public: VerifyingKey,
    /// One signature at a time.
    link: Mutex<Link>,
}

enum Link {
    Open(Open),
    /// It failed then.
    Lost(Instant),
    /// It refused the PIN.
    Barred,
}

struct Open {
    session: Session,
    key: ObjectHandle,
}

impl TokenKey {
    /// Opens the key and lets it sign once.
    pub(super) fn open(place: Place, pin: &Secret) -> Result<Self, Error> {
        let module = load(&place.module)?;
        let pin = RawAuthPin::new(Box::new(pin.as_bytes().to_vec()));
        let (open, public) = connect(&module, &place, &pin)?;
        let link = Mutex::new(Link::Open(open));
        let key = Self { place, module, pin, public, link };
        key.signature(&pae(PROBE, b""))?;
        Ok(key)
    }

    fn signature(&self, message: &[u8]) -> Result<[u8; 64], Error> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let signature = match &*link {
            Link::Open(open) => match self.ask(open, message) {
                Ok(signature) => Ok(signature),
                // A session ends with the token, its driver or a log-out elsewhere; a new one may do.
                Err(_) => self.again(&mut link, message),
            },
            Link::Lost(at) if at.elapsed() < PAUSE => {
                return Err(Error::Away { token: self.place.token.clone() });
            }
            Link::Lost(_) => self.again(&mut link, message),
            Link::Barred => {
                let source = Cause("it did so before".to_owned());
                return Err(Error::RefusedPin { token: self.place.token.clone(), source });
            }
        }?;
        if self.public.verify(message, &signature).is_err() {
            let (token, key) = (self.place.token.clone(), self.place.key.clone());
            return Err(Error::Mismatch { token, key, id: self.public.key_id() });
        }
        Ok(signature)
    }

    /// Signs in a new session, which is kept if that succeeds.
    fn again(&self, link: &mut MutexGuard<'_, Link>, message: &[u8]) -> Result<[u8; 64], Error> {
        // The old session first: the last one of a process takes the log-in with it.
        **link = Link::Lost(Instant::now());
        let signed = self.reconnect().and_then(|open| Ok((self.ask(&open, message)?, open)));
        match signed {
            Ok((signature, open)) => {
                **link = Link::Open(open);
                Ok(signature)
            }
            Err(error) => {
                let barred = matches!(error, Error::RefusedPin { .. });
                **link = if barred { Link::Barred } else { Link::Lost(Instant::now()) };
                Err(error)
            }
        }
    }

    fn reconnect(&self) -> Result<Open, Error> {
        let (open, public) = connect(&self.module, &self.place, &self.pin)?;
        if public == self.public {
            return Ok(open);
        }
        let (found, expected) = (public.key_id(), self.public.key_id());
        Err(Error::OtherKey { token: self.place.token.clone(), found, expected })
    }

    fn ask(&self, open: &Open, message: &[u8]) -> Result<[u8; 64], Error> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let signed = open.session.sign(&mechanism, open.key, message);
        let signature = signed.map_err(|error| failed(&self.place, "sign", &error))?;
        signature.as_slice().try_into().map_err(|_| {
            let source = Cause(format!("a signature has {} bytes, expected 64", signature.len()));
            Error::Token { token: self.place.token.clone(), action: "sign", source }
        })
    }
}

impl Signer for TokenKey {
    fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.signature(message)
            .map_err(|error| SignError { key: self.key_id(), source: Some(Box::new(error)) })
    }
}

fn load(path: &Path) -> Result<Pkcs11, Error> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = modules.get(path) {
        return Ok(module.clone());
    }
    let module = Pkcs11::new(path)
        .map_err(|error| Error::Module { module: path.to_owned(), source: Cause(error.to_string()) })?;
    modules.insert(path.to_owned(), module.clone());
    Ok(module)
}

/// A session that is logged in, the key in it, and its public half.
fn connect(module: &Pkcs11, place: &Place, pin: &RawAuthPin) -> Result<(Open, VerifyingKey), Error> {
    initialise(module, place)?;
    let slots = module.get_slots_with_token().map_err(|error| failed(place, "show itself", &error))?;
    let (mut wanted, mut found) = (Vec::new(), Vec::new());
    for slot in slots {
        // One that cannot be asked is not the one.
        let Ok(token) = module.get_token_info(slot) else { continue };
        let label = token.label().trim_end();
        if label == place.token {
            wanted.push(slot);
        }
        found.push(format!("{label:?}"));
    }
    let token = || place.token.clone();
    let slot = match wanted[..] {
        [slot] => slot,
        [] => return Err(Error::NoToken { token: token(), found }),
        _ => return Err(Error::SeveralTokens { token: token(), found: wanted.len() }),
    };
    let session = module.open_ro_session(slot).map_err(|error| failed(place, "open a session", &error))?;
    match session.login_with_raw(UserType::User, pin) {
        // Another session of this process has done so.
        Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
        Err(error) if is_of_the_pin(&error) => {
            return Err(Error::RefusedPin { token: token(), source: Cause(error.to_string()) });
        }
        Err(error) => return Err(failed(place, "let this program log in", &error)),
    }
    let key = find(&session, place, ObjectClass::PRIVATE_KEY, &place.key)?;
    let public = public_key(&session, place, key)?;
    Ok((Open { session, key }, public))
}

fn initialise(module: &Pkcs11, place: &Place) -> Result<(), Error> {
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(Error::Module { module: place.module.clone(), source: Cause(error.to_string()) }),
    }
}

fn find(
    session: &Session,
    place: &Place,
    class: ObjectClass,
    wanted: &Wanted,
) -> Result<ObjectHandle, Error> {
    let mut template = vec![Attribute::Class(class), Attribute::KeyType(KeyType::EC_EDWARDS)];
    template.extend(wanted.label.iter().map(|label| Attribute::Label(label.as_bytes().to_vec())));
    template.extend(wanted.id.iter().map(|id| Attribute::Id(id.clone())));
    let objects = session.find_objects(&template).map_err(|error| failed(place, "list its keys", &error))?;
    match objects[..] {
        [object] => Ok(object),
        _ => Err(Error::Keys {
            token: place.token.clone(),
            what: if class == ObjectClass::PRIVATE_KEY { "private keys" } else { "public keys" },
            key: wanted.clone(),
            found: objects.len(),
        }),
    }
}

/// The public key with the private one's id; with its label where it has no id.
fn public_key(session: &Session, place: &Place, key: ObjectHandle) -> Result<VerifyingKey, Error> {
    let attributes = session
        .get_attributes(key, &[AttributeType::Id])
        .map_err(|error| failed(place, "tell the id of its key", &error))?;
    let id = attributes.into_iter().find_map(|attribute| match attribute {
        Attribute::Id(id) if !id.is_empty() => Some(id),
        _ => None,
    });
    let wanted = match id {
        Some(id) => Wanted { label: None, id: Some(id) },
        None => place.key.clone(),
    };
    let object = find(session, place, ObjectClass::PUBLIC_KEY, &wanted)?;
    let point = session
        .get_attributes(object, &[AttributeType::EcPoint])
        .map_err(|error| failed(place, "show its public key", &error))?
        .into_iter()
        .find_map(|attribute| match attribute {
            Attribute::EcPoint(point) => Some(point),
            _ => None,
        });
    let raw = point.as_deref().map(raw_point);
    let key = raw.and_then(|raw| VerifyingKey::from_bytes(raw).ok());
    key.ok_or_else(|| Error::PublicKey { token: place.token.clone(), key: wanted })
}

/// PKCS#11 2.40 and 3.0 differ in how a point is written: as it is, in an OCTET STRING, or in a BIT STRING.
fn raw_point(point: &[u8]) -> &[u8] {
    point.strip_prefix(b"\x04\x20").or_else(|| point.strip_prefix(b"\x03\x21\x00")).unwrap_or(point)
}

fn is_of_the_pin(error: &Pkcs11Error) -> bool {
    use RvError::{PinExpired, PinIncorrect, PinInvalid, PinLenRange, PinLocked};
    matches!(error, Pkcs11Error::Pkcs11(PinIncorrect | PinInvalid | PinLenRange | PinExpired | PinLocked, _))
}

fn failed(place: &Place, action: &'static str, error: &Pkcs11Error) -> Error {
    Error::Token { token: place.token.clone(), action, source: Cause(error.to_string()) }
}
