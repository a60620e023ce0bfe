//! A version that enough of the authority signed, handed to the hub by one of its operators.
//!
//! The hub is believed by the roots of the version in force, never by those that the draft brings. It answers after the
//! version is synced; nodes install it as they hear of it.

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

use super::{Error, draft, lists};

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

/// Checks that the version is what nodes will take, before anybody is called.
pub fn ready(base: &Path, draft: &Path) -> Result<(Directory, Signed, Directory), Error> {
    let (_, base) = draft::base(base)?;
    let signed = draft::read(draft)?;
    draft::standing(&signed, Some(&base))?;
    let directory = directory::verify(&signed, Some(&base))?;
    Ok((base, signed, directory))
}

/// Reads revocation lists that are to be published, DER.
pub fn lists(paths: &[PathBuf]) -> Result<Vec<Bytes>, Error> {
    paths.iter().map(|path| lists::read(path).map(Bytes::from)).collect()
}

/// Publishes a version, and revocation lists with it; the version that is in force then.
pub async fn publish(
    place: &Place,
    base: &Directory,
    signed: Option<&Signed>,
    lists: Vec<Bytes>,
    clock: Arc<dyn TimeProvider>,
) -> Result<u64, Error> {
    let mut trusted = directory::trust_set(base)?;
    let list = lists::read(&place.crls.join(RootHolder::HubOperator.crl_file_name()))?;
    trusted.install_crl(RootHolder::HubOperator, &list)?;
    let credentials = place.credentials.clone();
    let endpoint = Endpoint::new(credentials, Trust::new(trusted), Admission::new([Admitted::Hub]), clock);
    let connection = connect(&place.hub, &endpoint, TIMEOUT).await?;
    let request = pb::PublishDirectoryRequest { directory: signed.map(signed_message), crls: lists };
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
