//! `sealpost-admin directory`: arguments in, one step of the ceremony, text or JSON out.

mod arguments;
mod told;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rustls::time_provider::DefaultTimeProvider;
use sealpost_admin::ceremony::edit::{self, AuthorityChange, NewAgency, NewJurisdiction, NewKey};
use sealpost_admin::ceremony::holder::Holder;
use sealpost_admin::ceremony::publish::{self, Place, Publication};
use sealpost_admin::ceremony::statement::{self, Kind, Statement};
use sealpost_admin::ceremony::{Error, details, diff, draft, lists, propose, signer, terms};
use sealpost_admin::key;
use sealpost_crypto::dsse::SigningKey;
use sealpost_crypto::keyfile::{self, Key, Unlock};
use sealpost_crypto::signing::Signing;
use sealpost_crypto::tls::Credentials;
use sealpost_crypto::wrap::SealingPrivateKey;
use sealpost_crypto::x509;
use sealpost_domain::directory::KeyUse;
use sealpost_domain::instant::{Instant, Period};
use sealpost_wire::directory::Listing;

use crate::Output;
use crate::key_command::Protection;
pub(crate) use arguments::DirectoryCommand;
use arguments::{
    AddAgency, Details, Diff, Editing, Endorse, Listed, Making, Propose, Publish, Renew, Revoke, RotateKey,
    Show, Sign, Terms, Use, Valid, Whose,
};

const DAY: Duration = Duration::from_hours(24);

/// Does one step, and gives what is to be told of it.
pub(crate) fn run(command: DirectoryCommand) -> anyhow::Result<String> {
    match command {
        DirectoryCommand::Show(arguments) => show(&arguments),
        DirectoryCommand::Diff(arguments) => compare(&arguments),
        DirectoryCommand::Whose(arguments) => whose(arguments),
        DirectoryCommand::NewKey { file, protection } => new_key(&file, protection),
        DirectoryCommand::Propose(proposal) => propose(proposal),
        DirectoryCommand::Endorse(arguments) => endorse(arguments),
        DirectoryCommand::AddAgency(arguments) => add_agency(arguments),
        DirectoryCommand::AddAgreement(Listed { statement, editing }) => {
            let statement = Statement::read(&statement)?;
            change(&editing, |listing| edit::add_agreement(listing, statement))
        }
        DirectoryCommand::AddOperation(Listed { statement, editing }) => {
            let statement = Statement::read(&statement)?;
            change(&editing, |listing| edit::add_operation(listing, statement))
        }
        DirectoryCommand::RotateKey(rotation) => rotate(rotation),
        DirectoryCommand::Revoke(arguments) => revoke(arguments),
        DirectoryCommand::Renew(Renew { valid_for, editing }) => change(&editing, |listing| {
            edit::renew(listing, DAY * valid_for);
            Ok(())
        }),
        DirectoryCommand::Sign(arguments) => sign(arguments),
        DirectoryCommand::Publish(arguments) => publish(arguments),
        DirectoryCommand::Details(arguments) => {
            let listing = draft::listing(&arguments.directory)?;
            let Details { operation, agency, key, passphrase, .. } = arguments;
            let key = SealingPrivateKey::read_with(&key, &passphrase.known()).map_err(Error::from)?;
            let text = details::open(&listing, &operation, &agency, &key)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
    }
}

fn show(arguments: &Show) -> anyhow::Result<String> {
    let Show { file, base, output } = arguments;
    if statement::is_statement(file)? {
        return told::statement(&Statement::read(file)?, *output);
    }
    let signed = draft::read(file)?;
    let base = base.as_deref().map(draft::base).transpose()?.map(|(_, base)| base);
    let standing = draft::standing(&signed, base.as_ref())?;
    told::standing(&standing, *output)
}

fn compare(arguments: &Diff) -> anyhow::Result<String> {
    let Diff { draft, base, lists: later, crls, output } = arguments;
    let (_, base) = draft::base(base)?;
    let standing = draft::beside(&draft::read(draft)?, &base)?;
    let mut changes = diff::changes(&base, &standing.directory);
    if let Some(folder) = crls {
        changes.extend(lists::changes(folder, later, &standing.directory)?);
    }
    told::changes(&changes, &standing, *output)
}

fn whose(arguments: Whose) -> anyhow::Result<String> {
    let Whose { key, passphrase, directory, output } = arguments;
    let key = signer::open(&key, &passphrase.known())?;
    let listing = directory.as_deref().map(draft::listing).transpose()?;
    let holder = listing.map(|listing| Holder::of(key.verifying_key(), &listing).to_string());
    told::key(key.verifying_key(), holder.as_deref(), output)
}

fn new_key(file: &Path, protection: Protection) -> anyhow::Result<String> {
    let rng = &mut UnwrapErr(SysRng);
    let passphrase = protection.choose(file)?;
    let key = SigningKey::generate(rng);
    let public = key.verifying_key().clone();
    let kept = passphrase.as_ref().map_or(keyfile::Protection::Plain, keyfile::Protection::Passphrase);
    Key::Signing(Box::new(key)).create(file, kept, rng).map_err(Error::from)?;
    told::key(&public, None, Output::Table)
}

/// Makes a key where its file does not exist. Gives what opens the file, so that nobody types a new passphrase again.
fn made(file: &Path, purpose: key::Use, making: &Making) -> Result<Unlock, key::Error> {
    let passphrase = making.passphrase.clone();
    if file.exists() {
        return Ok(passphrase.known());
    }
    let passphrase = if making.plain { None } else { Some(passphrase.choose(file)?) };
    key::new(file, purpose, passphrase.as_ref(), &mut UnwrapErr(SysRng))?;
    Ok(passphrase.map_or_else(Unlock::nothing, Unlock::with))
}

fn propose(proposal: Propose) -> anyhow::Result<String> {
    let rng = &mut UnwrapErr(SysRng);
    let mut listing = None;
    let (statement, out) = match proposal {
        Propose::SigningKey { agency, new, making, usage, valid, out } => {
            let unlock = match &new {
                Signing::File(file) => made(file, key::Use::Signing, &making)?,
                Signing::Token(_) => Unlock::nothing(),
            };
            let key = signer::open(&new, &unlock)?;
            let usage = match usage {
                Use::Node => KeyUse::Node,
                Use::Officer => KeyUse::Officer,
            };
            (propose::signing_key(agency, usage, period(&valid), &key)?, out)
        }
        Propose::SealingKey { agency, new, making, epoch, key, directory, valid, out } => {
            let key = signer::open(&key, &making.passphrase.clone().known())?;
            let unlock = made(&new, key::Use::Sealing, &making)?;
            let new = SealingPrivateKey::read_with(&new, &unlock).map_err(Error::from)?;
            let statement = propose::sealing_key(agency, epoch, period(&valid), new.public_key(), &key)?;
            let judge = |base| propose::judge_sealing_key(&statement, base, crate::now());
            listing = directory.as_deref().map(judge).transpose()?;
            (statement, out)
        }
        Propose::Agreement(Terms { file, directory, out }) => (propose::agreement(&file, &directory)?, out),
        Propose::Operation { terms: Terms { file, directory, out }, details } => {
            (propose::operation(&file, details.as_deref(), &directory, crate::now(), rng)?, out)
        }
    };
    statement.create(&out)?;
    Ok(told::statement_file(&statement, &out, listing.as_ref()))
}

fn period(valid: &Valid) -> Period {
    // Certificates and keys count whole seconds.
    let now = Instant::from_millis(crate::now().as_millis().div_euclid(1000) * 1000);
    let from = valid.from.unwrap_or(now);
    Period { from, until: Some(from.plus(DAY * valid.days)) }
}

fn endorse(arguments: Endorse) -> anyhow::Result<String> {
    let Endorse { statement: path, key, passphrase, directory, digest } = arguments;
    let listing = draft::listing(&directory)?;
    let mut statement = Statement::read(&path)?;
    if let Some(digest) = digest {
        statement.expect(digest)?;
    }
    let key = signer::open(&key, &passphrase.known())?;
    statement.endorse(&key, &listing)?;
    statement.replace(&path)?;
    Ok(told::statement_file(&statement, &path, Some(&listing)))
}

fn change(
    editing: &Editing,
    edit: impl FnOnce(&mut Listing) -> Result<(), edit::Error>,
) -> anyhow::Result<String> {
    let changed = draft::change(&editing.base, &editing.draft, crate::now(), edit)?;
    told::changed(&changed, &editing.draft, editing.output)
}

fn add_agency(arguments: AddAgency) -> anyhow::Result<String> {
    let AddAgency { id, name, keys, approvals, root, jurisdiction, editing } = arguments;
    let keys = keys.iter().map(|path| Statement::read(path)).collect::<Result<_, _>>()?;
    let approvals = approvals.as_deref().map(terms::approvals).transpose()?.unwrap_or_default();
    let jurisdiction = match (root, jurisdiction) {
        (Some(root), Some(name)) => {
            let root = x509::read_certificates(&root).map_err(Error::from)?.swap_remove(0).to_vec();
            Some(NewJurisdiction { name, root })
        }
        _ => None,
    };
    let agency = NewAgency { id, name, keys, approvals, jurisdiction };
    change(&editing, |listing| edit::add_agency(listing, agency))
}

fn rotate(rotation: RotateKey) -> anyhow::Result<String> {
    match rotation {
        RotateKey::Signing(Listed { statement, editing }) => {
            let statement = statement::of_kind(&statement, Kind::SigningKey)?;
            change(&editing, |listing| edit::add_agency_key(listing, statement))
        }
        RotateKey::Sealing(Listed { statement, editing }) => {
            let statement = statement::of_kind(&statement, Kind::SealingKey)?;
            change(&editing, |listing| edit::add_agency_key(listing, statement))
        }
        RotateKey::Authority { keys, threshold, editing } => {
            let pairs = NewKey::pair(&keys.add, &keys.id).map_err(Error::from)?;
            let wanted = AuthorityChange { add: pairs, remove: keys.remove, threshold };
            change(&editing, |listing| edit::change_authority(listing, &wanted))
        }
        RotateKey::Hub { keys, editing } => {
            let add = NewKey::pair(&keys.add, &keys.id).map_err(Error::from)?;
            change(&editing, |listing| edit::change_hub_keys(listing, &add, &keys.remove))
        }
    }
}

fn revoke(arguments: Revoke) -> anyhow::Result<String> {
    let Revoke { key, agency, agreement, operation, reason, editing } = arguments;
    let now = crate::now();
    change(&editing, |listing| {
        let reason = reason.map(Into::into);
        match (key, agency, agreement, operation, reason) {
            (Some(key), _, _, _, Some(reason)) => edit::revoke_key(listing, key, reason, now),
            (_, Some(agency), _, _, Some(reason)) => edit::revoke_agency(listing, &agency, reason, now),
            (_, _, Some(agreement), _, _) => edit::remove_agreement(listing, &agreement),
            (_, _, _, Some(operation), _) => edit::remove_operation(listing, &operation),
            // The arguments do not allow it.
            _ => Err(edit::Error::NothingNamed),
        }
    })
}

fn sign(arguments: Sign) -> anyhow::Result<String> {
    let Sign { draft, base, key, passphrase, digest, output } = arguments;
    let key = signer::open(&key, &passphrase.known())?;
    let signed = draft::sign(&base, &draft, &key, digest)?;
    told::signed(&signed, output)
}

fn publish(arguments: Publish) -> anyhow::Result<String> {
    let Publish { draft, base, hub, certificate, key, passphrase, crls, lists, output } = arguments;
    let publication = Publication::read(&base, draft.as_deref(), &lists)?;
    let credentials = Credentials::open(&certificate, &key, &passphrase.known()).map_err(Error::from)?;
    let place = Place { hub, credentials, crls };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let clock = Arc::new(DefaultTimeProvider);
    let version = runtime.block_on(publish::publish(&place, &publication, clock))?;
    told::published(version, &publication, &place.hub, output)
}
