//! A node's keys in the story's own hand: envelopes as a node makes them, and as none would, handed to the hub over the
//! node's own connection. The node itself does not run meanwhile.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use rand::RngExt as _;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sealpost_client::Error;
use sealpost_crypto::digest::{link_commitment, plaintext_digest, sha256};
use sealpost_crypto::dsse::{
    PayloadType, Signer as _, SigningKey, VerifyingKey, sign_statement, verify_statement,
};
use sealpost_crypto::seal::seal_content;
use sealpost_crypto::tls::Credentials;
use sealpost_crypto::wrap::{SealingPublicKey, WrapContext, wrap};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Draft;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::{
    Content, Envelope, Header, OpenedCommitment, Recipient, Recipients, Signature, Wrap,
};
use sealpost_domain::link::{Head, Incarnation, Position};
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::statement::{Accepted, HubRefusal};
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::hub_client::HubClient;
use sealpost_proto::v1::submit_response::Event;
use sealpost_wire::alert::alert_to_bytes;
use sealpost_wire::envelope::{WrapContent, content_to_bytes, envelope_message, header_to_bytes, signed};
use sealpost_wire::statement::Payload as _;
use tonic::Status;
use tonic::transport::Channel;
use zeroize::Zeroizing;

use super::network::{Network, id, now, told};

/// Writes envelopes with the keys of an agency's node.
pub(crate) struct Pen {
    agency: AgencyId,
    key: SigningKey,
    directory: Directory,
    incarnation: Incarnation,
    heads: BTreeMap<(AgencyId, Priority), Head>,
    later_field: Vec<u8>,
}

impl Pen {
    /// Takes the keys of an agency's node.
    pub(crate) fn of(network: &Network, agency: &str) -> Self {
        let key: &Path = &network.node_folder(agency).join("signing.pem");
        Self {
            agency: id(agency),
            key: SigningKey::read(key).unwrap(),
            directory: network.directory(),
            incarnation: Incarnation(rand::rng().random()),
            heads: BTreeMap::new(),
            later_field: Vec::new(),
        }
    }

    /// A pen of a later version, which ends its headers with a field that nobody here knows.
    pub(crate) fn of_later_version(network: &Network, agency: &str, field: &[u8]) -> Self {
        Self { later_field: field.to_vec(), ..Self::of(network, agency) }
    }

    /// An envelope as the node would make it, but that nothing asks whether it may.
    pub(crate) fn write(&mut self, draft: &Draft) -> Envelope {
        let agency = self.agency.clone();
        self.write_as(&agency, draft)
    }

    /// The same in another agency's name.
    pub(crate) fn write_as(&mut self, sender: &AgencyId, draft: &Draft) -> Envelope {
        let mut rng = UnwrapErr(SysRng);
        let parts = draft.parts();
        let body = Bytes::from(alert_to_bytes(&parts.alert).unwrap());
        let content = Content { salt: rng.random(), body, approvals: Vec::new() };
        let sealed = seal_content(&mut rng, &content_to_bytes(&content)).unwrap();

        let mut agencies = parts.recipients.clone();
        agencies.sort();
        let commitments: Vec<_> =
            agencies.iter().map(|recipient| self.commitment(recipient, parts.priority)).collect();
        let recipients = agencies.iter().zip(&commitments).map(|(recipient, hidden)| Recipient {
            agency: recipient.clone(),
            agreement: self.agreement(sender, recipient),
            link_commitment: link_commitment(
                &hidden.salt,
                &hidden.position.incarnation.0,
                hidden.position.number,
                &hidden.previous,
            ),
        });
        let sent_at = now();
        let header = Header {
            id: MessageId::new(u64::try_from(sent_at.as_millis()).unwrap(), rng.random()),
            sender: sender.clone(),
            sent_at,
            kind: draft.kind(),
            priority: parts.priority,
            act_before: None,
            category: parts.category,
            mode: parts.sharing,
            handling: parts.handling.clone(),
            operation: None,
            in_reply_to: None,
            directory: self.directory.version,
            recipients: Recipients::new(recipients.collect()).unwrap(),
            sealed_digest: sealed.digest,
            key_commitment: sealed.key_commitment,
            plaintext_digest: plaintext_digest(&content.salt, &content.body),
            approval_digest: None,
        };
        let bytes = Bytes::from([&header_to_bytes(&header)[..], &self.later_field].concat());
        let digest = sha256(&bytes);
        let wraps = agencies.iter().zip(&commitments).map(|(recipient, hidden)| {
            let record = self.directory.sealing_key(recipient, sent_at).unwrap();
            let public = SealingPublicKey::from_bytes(&record.key.bytes).unwrap();
            let context =
                WrapContext { message_id: header.id.as_bytes(), sender, recipient, header_digest: &digest };
            let content_key = Zeroizing::new(*sealed.key.as_bytes());
            let plain = WrapContent { content_key, commitment: *hidden }.to_bytes();
            let wrapped = wrap(&mut UnwrapErr(SysRng), &public, &context, &plain).unwrap();
            Wrap {
                recipient: recipient.clone(),
                key_id: public.key_id(),
                encapsulated_key: wrapped.encapsulated.into(),
                ciphertext: wrapped.ciphertext.into(),
            }
        });
        let wraps = wraps.collect();
        for recipient in agencies {
            let head = self.heads.entry((recipient, parts.priority)).or_insert(Head::EMPTY);
            *head = head.followed_by(digest);
        }
        let signature = sign_statement(&self.key, PayloadType::Header, &bytes).unwrap();
        let signature =
            Signature { key_id: self.key.key_id(), bytes: Bytes::copy_from_slice(&signature.bytes) };
        Envelope { header: bytes, signatures: vec![signature], sealed: sealed.bytes.into(), wraps }
    }

    fn commitment(&self, recipient: &AgencyId, priority: Priority) -> OpenedCommitment {
        let head = self.heads.get(&(recipient.clone(), priority)).copied().unwrap_or(Head::EMPTY);
        OpenedCommitment {
            position: Position { incarnation: self.incarnation, number: head.number + 1 },
            previous: head.digest,
            salt: rand::rng().random(),
        }
    }

    /// The agreement between the two, or, where there is none, the next best one of the sender.
    fn agreement(&self, sender: &AgencyId, recipient: &AgencyId) -> Digest {
        let agreements = &self.directory.agreements;
        let of_sender = || agreements.iter().filter(|agreement| agreement.parties.contains(sender));
        let between = of_sender().find(|agreement| agreement.parties.contains(recipient));
        between.or_else(|| of_sender().next()).unwrap().digest
    }
}

/// A node's connection to the hub, in the story's own hand.
pub(crate) struct HubLine {
    client: HubClient<Channel>,
    agency: AgencyId,
    directory: Directory,
}

impl HubLine {
    /// Connects with the certificate of an agency's node.
    pub(crate) async fn of(network: &Network, agency: &str) -> Self {
        let credentials = network.node_credentials(agency);
        Self::open(network, agency, credentials).await.unwrap_or_else(|error| panic!("{}", told(&error)))
    }

    /// Connects with other credentials.
    pub(crate) async fn open(
        network: &Network,
        agency: &str,
        credentials: Credentials,
    ) -> Result<Self, Error> {
        let connection = network.dial_hub(credentials).await?;
        let client = HubClient::new(connection.channel());
        Ok(Self { client, agency: id(agency), directory: network.directory() })
    }

    /// Hands in one batch and gives what the hub, in its signed answer, does not deliver.
    pub(crate) async fn submit(&self, envelopes: &[Envelope]) -> Result<Vec<HubRefusal>, Status> {
        let messages = envelopes.iter().map(envelope_message).collect();
        let request = pb::SubmitRequest { batch: 1, envelopes: messages };
        let requests = tokio_stream::once(request);
        let mut answers = self.client.clone().submit(requests).await?.into_inner();
        let answer = answers.message().await?.expect("every batch is answered");
        let Some(Event::Accepted(pb::BatchAccepted { batch: 1, statement: Some(statement) })) = answer.event
        else {
            panic!("expected an acceptance of batch 1, got {answer:?}");
        };
        let statement = signed(statement).unwrap();
        let signature = &statement.signatures[0];
        let key = self.directory.hub_key(signature.key_id).expect("the directory lists the hub's key");
        let key = VerifyingKey::from_bytes(&key.bytes).unwrap();
        verify_statement(&key, PayloadType::Accepted, &statement.payload, &signature.bytes).unwrap();
        let accepted = Accepted::from_payload(&statement.payload).unwrap();
        assert_eq!((accepted.sender, accepted.count as usize), (self.agency.clone(), envelopes.len()));
        Ok(accepted.refusals)
    }
}
