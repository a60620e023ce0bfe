//! What is handed to the hub by one of its operators: a version that enough of the authority signed, revocation lists, or
//! both.
//!
//! The hub is believed by the roots of the version in force, never by those that a draft brings. It answers after all of
//! it is synced; nodes hear of it from the hub.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::time_provider::TimeProvider;
use sealpost_client::connect;
use sealpost_crypto::directory;
use sealpost_crypto::peer::{Admission, Admitted};
use sealpost_crypto::tls::{Credentials, Endpoint};
use sealpost_crypto::trust::{RootHolder, Trust};
use sealpost_domain::directory::Directory;
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::hub_client::HubClient;
use sealpost_wire::envelope::signed_message;

use super::{Error, draft};
use crate::file;

/// The largest request: a directory with the revocation lists beside it.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Who publishes, and where.
#[derive(Clone, Debug)]
pub struct Place {
    /// `host:port` of the hub.
    pub hub: String,
    /// The operator's certificate, with its key.
    pub credentials: Credentials,
    /// The folder of the revocation lists; that of the hub's operator is needed.
    pub crls: PathBuf,
}

/// What is to be published: the next version, revocation lists, or both.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The version in force: by its roots the hub is believed.
    pub base: Directory,
    /// The next version, which enough signed; absent where lists go alone.
    pub version: Option<(Signed, Directory)>,
    /// Revocation lists, DER, each of a root that is listed then.
    lists: Vec<Bytes>,
}

impl Publication {
    /// Checks that it is what hub and nodes take, before anybody is called.
    pub fn read(base: &Path, draft: Option<&Path>, lists: &[PathBuf]) -> Result<Self, Error> {
        let (_, base) = draft::base(base)?;
        let version = draft.map(|draft| version(draft, &base)).transpose()?;
        let trusted = directory::trust_set(version.as_ref().map_or(&base, |(_, directory)| directory))?;
        let read = |path: &PathBuf| {
            let der = file::read_list(path)?;
            let unusable = |source| Error::List { path: path.clone(), source };
            trusted.read_crl(&der).map_err(unusable)?;
            Ok(Bytes::from(der))
        };
        let lists = lists.iter().map(read).collect::<Result<_, Error>>()?;
        Ok(Self { base, version, lists })
    }

    /// How many lists there are.
    pub fn lists(&self) -> usize {
        self.lists.len()
    }
}

fn version(draft: &Path, base: &Directory) -> Result<(Signed, Directory), Error> {
    let signed = draft::read(draft)?;
    draft::standing(&signed, Some(base))?;
    let directory = directory::verify(&signed, Some(base))?;
    Ok((signed, directory))
}

/// Publishes it; the version that is in force then.
pub async fn publish(
    place: &Place,
    publication: &Publication,
    clock: Arc<dyn TimeProvider>,
) -> Result<u64, Error> {
    let Publication { base, version, lists } = publication;
    let identity = place.credentials.identity();
    if !Admission::new([Admitted::Operator]).admits(identity) {
        return Err(Error::NotOperator { identity: identity.clone() });
    }
    let mut trusted = directory::trust_set(base)?;
    let path = place.crls.join(RootHolder::HubOperator.crl_file_name());
    let list = file::read_list(&path)?;
    trusted.install_crl(RootHolder::HubOperator, &list).map_err(|source| Error::List { path, source })?;
    let credentials = place.credentials.clone();
    let endpoint = Endpoint::new(credentials, Trust::new(trusted), Admission::new([Admitted::Hub]), clock);
    let connection = connect(&place.hub, &endpoint, TIMEOUT).await?;
    let directory = version.as_ref().map(|(signed, _)| signed_message(signed));
    let request = pb::PublishDirectoryRequest { directory, crls: lists.clone() };
    let mut request = tonic::Request::new(request);
    request.set_timeout(TIMEOUT);
    let answer = HubClient::new(connection.channel())
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
        .publish_directory(request)
        .await;
    match answer {
        Ok(answer) => Ok(answer.into_inner().version),
        Err(status) => Err(connection.explain(status).into()),
    }
}
