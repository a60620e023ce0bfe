//! The folder of a new network: built beside its place, checked, and moved there in one step.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use rustls_pki_types::CertificateDer;
use sealpost_crypto::dsse::SigningKey;
use sealpost_crypto::tls::Credentials;
use sealpost_domain::identity::Role;
use sealpost_wire::envelope::signed_to_bytes;

use super::directory::Issue;
use super::material::{AgencyMaterial, Crl, Material};
use super::{Agency, Error, Holder, Hub, Network, Place};
use crate::issuer::{Issued, pem};
use crate::roster::Roster;
use crate::template::{self, HubValues, NodeValues, ProfileValues};

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
/// How many agencies are written at a time.
const WRITERS: usize = 16;

/// Refuses a folder that is there, whatever it is.
pub(super) fn absent(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Write { path: path.to_owned(), source }),
        Ok(_) => Err(Error::Exists { path: path.to_owned() }),
    }
}

/// A network that is to be written.
pub(super) struct Draft<'n> {
    pub(super) roster: &'n Roster,
    pub(super) places: &'n [Place<'n>],
    pub(super) hub: SocketAddr,
    pub(super) material: &'n Material,
    pub(super) directory: &'n Issue,
}

impl Draft<'_> {
    /// Writes everything under another name beside `out`, then gives it its name. On a fault nothing stays behind.
    pub(super) fn write(&self, out: &Path, crls: &[Crl]) -> Result<Network, Error> {
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let unwritable = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        let draft = tempfile::Builder::new()
            .prefix(".sealpost-network-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .map_err(unwritable(parent))?;
        let network = self.fill(&Folder(draft.path().to_owned()), crls)?;
        absent(out)?;
        fs::rename(draft.path(), out).map_err(unwritable(out))?;
        let _moved = draft.keep();
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(unwritable(parent))?;
        Ok(network)
    }

    fn fill(&self, root: &Folder, crls: &[Crl]) -> Result<Network, Error> {
        let Self { roster, hub, material, directory, .. } = self;
        root.write("directory.bin", &signed_to_bytes(&directory.signed))?;
        let folder = root.folder("crls")?;
        for crl in crls {
            folder.write(&crl.holder.crl_file_name(), &crl.der)?;
        }
        let folder = root.folder("authority")?;
        let mut authority = Vec::with_capacity(material.authority.len());
        for (index, key) in material.authority.iter().enumerate() {
            let name = format!("key-{}.pem", index + 1);
            key.create(&folder.path(&name))?;
            authority.push(Path::new("authority").join(name));
        }
        let folder = root.folder("roots")?;
        for root in material.all_roots() {
            let name = root.holder().file_stem();
            folder.write(&format!("{name}.pem"), pem(&[root.certificate()]).as_bytes())?;
            root.key().create(&folder.path(&format!("{name}.key.pem")))?;
        }
        self.write_hub(&root.folder("hub")?)?;
        let operators = root.folder("operators")?;
        for (name, issued) in &material.operators {
            operators.folder(name.as_str())?.credentials(issued, material.operator.certificate())?;
        }
        let agencies = self.write_agencies(&root.folder("nodes")?, &root.folder("agencies")?)?;
        let network = Network {
            network: roster.network.to_string(),
            directory: "directory.bin".into(),
            crls: "crls".into(),
            roots: "roots".into(),
            authority,
            hub: Hub {
                name: roster.hub.name.to_string(),
                address: *hub,
                config: "hub/hub.toml".into(),
                data: "hub/data".into(),
            },
            operators: roster.hub.operators.iter().map(|name| holder("operators", name.as_str())).collect(),
            agencies,
            agreements: directory.agreements.clone(),
            operations: directory.operations.clone(),
            left_out: directory.left_out.clone(),
        };
        let mut summary = serde_json::to_string_pretty(&network)?;
        summary.push('\n');
        root.write(Network::FILE, summary.as_bytes())?;
        Ok(network)
    }

    fn write_hub(&self, folder: &Folder) -> Result<(), Error> {
        let name = self.roster.hub.name.as_str();
        let values = HubValues {
            name,
            listen: self.hub,
            data: "data",
            certificate: CERTIFICATE,
            key: KEY,
            signing: "signing.pem",
            genesis: "../directory.bin",
            crls: "../crls",
        };
        folder.write("hub.toml", template::hub(&values).as_bytes())?;
        folder.credentials(&self.material.hub, self.material.operator.certificate())?;
        folder.key("signing.pem", &self.material.hub_signing)
    }

    /// Several agencies at a time: writing waits for the disk, not for the processor.
    fn write_agencies(&self, nodes: &Folder, agencies: &Folder) -> Result<Vec<Agency>, Error> {
        let write = |place: &Place<'_>, agency: &AgencyMaterial| {
            let node = nodes.folder(agency.id.as_str())?;
            self.write_node(&node, place, agency)?;
            write_agency(&agencies.folder(agency.id.as_str())?, place, agency)
        };
        let pairs: Vec<_> = self.places.iter().zip(&self.material.agencies).collect();
        let mut written = Vec::with_capacity(pairs.len());
        for batch in pairs.chunks(WRITERS) {
            thread::scope(|scope| {
                let writers: Vec<_> =
                    batch.iter().map(|(place, agency)| scope.spawn(move || write(place, agency))).collect();
                for writer in writers {
                    written.push(writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
                }
            });
        }
        written.into_iter().collect()
    }

    fn write_node(&self, folder: &Folder, place: &Place<'_>, agency: &AgencyMaterial) -> Result<(), Error> {
        let values = NodeValues {
            agency: agency.id.as_str(),
            data: "data",
            hub: self.hub.to_string(),
            listen: place.gateway,
            certificate: CERTIFICATE,
            key: KEY,
            signing: "signing.pem",
            sealing: "sealing-1.pem",
            genesis: "../../directory.bin",
            crls: "../../crls",
        };
        folder.write("node.toml", template::node(&values).as_bytes())?;
        folder.credentials(&agency.node, &agency.root)?;
        folder.key("signing.pem", &agency.signing)?;
        Ok(agency.sealing.create(&folder.path("sealing-1.pem"))?)
    }
}

/// The people and systems of an agency, and the profile of its first officer.
fn write_agency(folder: &Folder, place: &Place<'_>, agency: &AgencyMaterial) -> Result<Agency, Error> {
    let id = agency.id.as_str();
    for (role, name, issued) in &agency.holders {
        let of_role = folder.folder_if_absent(role_folder(*role))?;
        let own = of_role.folder(name.as_str())?;
        own.credentials(issued, &agency.root)?;
        let approving =
            agency.approving.iter().find(|(officer, _)| *role == Role::Officer && officer == name);
        if let Some((_, key)) = approving {
            own.key("approval.pem", key)?;
        }
    }
    let holders = |role| {
        let names =
            agency.holders.iter().filter(|(held, ..)| *held == role).map(|(_, name, _)| name.as_str());
        names.map(|name| holder(&format!("agencies/{id}/{}", role_folder(role)), name)).collect()
    };
    let officers: Vec<Holder> = holders(Role::Officer);
    let mut profile = None;
    if let Some(officer) = officers.first() {
        let own = format!("{}/{}", role_folder(Role::Officer), officer.name);
        let values = ProfileValues {
            agency: id,
            gateway: place.gateway.to_string(),
            certificate: &format!("{own}/{CERTIFICATE}"),
            key: &format!("{own}/{KEY}"),
            roots: "../../directory.bin",
            crls: "../../crls",
        };
        folder.write("sealpost.toml", template::profile(&values).as_bytes())?;
        profile = Some(PathBuf::from(format!("agencies/{id}/sealpost.toml")));
    }
    Ok(Agency {
        id: id.to_owned(),
        name: agency.name.clone(),
        gateway: place.gateway,
        config: format!("nodes/{id}/node.toml").into(),
        data: format!("nodes/{id}/data").into(),
        profile,
        systems: holders(Role::System),
        officers,
        auditors: holders(Role::Auditor),
    })
}

fn holder(folder: &str, name: &str) -> Holder {
    let own = Path::new(folder).join(name);
    Holder { name: name.to_owned(), certificate: own.join(CERTIFICATE), key: own.join(KEY) }
}

const fn role_folder(role: Role) -> &'static str {
    match role {
        Role::Node => "nodes",
        Role::System => "systems",
        Role::Officer => "officers",
        Role::Auditor => "auditors",
    }
}

/// A folder of the draft, in which nothing is overwritten and all is synced.
struct Folder(PathBuf);

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn folder(&self, name: &str) -> Result<Self, Error> {
        let path = self.path(name);
        fs::create_dir(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
        Ok(Self(path))
    }

    fn folder_if_absent(&self, name: &str) -> Result<Self, Error> {
        let path = self.path(name);
        if path.is_dir() { Ok(Self(path)) } else { self.folder(name) }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path(name);
        let written = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(|source| Error::Write { path, source })
    }

    fn key(&self, name: &str, key: &SigningKey) -> Result<(), Error> {
        Ok(key.create(&self.path(name))?)
    }

    /// A certificate with its root and its key, read back as programs will.
    fn credentials(&self, issued: &Issued, root: &CertificateDer<'_>) -> Result<(), Error> {
        self.write(CERTIFICATE, pem(&[&issued.certificate, root]).as_bytes())?;
        self.key(KEY, &issued.key)?;
        Credentials::read(&self.path(CERTIFICATE), &self.path(KEY))?;
        Ok(())
    }
}
