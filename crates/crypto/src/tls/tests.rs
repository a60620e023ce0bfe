use std::time::Duration;

use rustls::{AlertDescription, ClientConnection, NamedGroup, ProtocolVersion, ServerConnection};
use sealpost_domain::identity::Role;

use super::*;
use crate::chains::{self, Issued, NOW, Root};
use crate::dsse::{SignError, Signer};
use crate::peer::Admitted;
use crate::trust::TrustSet;

const NODE: &str = "spiffe://test.sealpost/HK/CED/node/main";
const HUB: &str = "spiffe://test.sealpost/hub/main";

#[test]
fn both_ends_learn_who_the_other_is_over_a_post_quantum_exchange() {
    let ends = Ends::new();
    let (client, server) = ends.handshake().unwrap();
    assert_eq!(client.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(server.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(ends.seen_by_server(), Ok(NODE.to_owned()));
    assert_eq!(ends.seen_by_client(), Ok(HUB.to_owned()));
}

#[test]
fn nothing_is_kept_that_a_session_could_be_resumed_from() {
    let ends = Ends::new();
    for _ in 0..2 {
        let (_, mut server) = ends.handshake().unwrap();
        assert_eq!(server.handshake_kind(), Some(rustls::HandshakeKind::Full));
        let mut rest = Vec::new();
        server.write_tls(&mut rest).unwrap();
        assert!(rest.is_empty(), "no ticket follows");
    }
}

/// A server that gives tickets, as ours never does, to fill a client's store with one of this very name.
fn ticketing(ends: &Ends) -> Arc<ServerConfig> {
    let (config, verdict) = ends.server.server(&[b"h2"]).unwrap();
    *ends.server_verdict.lock().unwrap() = Some(verdict);
    let mut config = ServerConfig::clone(&config);
    config.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
    config.send_tls13_tickets = 1;
    Arc::new(config)
}

#[test]
fn a_client_that_offers_to_resume_a_session_gets_a_full_handshake_and_is_refused_once_it_is_revoked() {
    let mut ends = Ends::new();
    let node = ends.hk.issue(NODE);
    ends.client = node.endpoint(&ends.trust, [Admitted::Hub]);
    let (config, verdict) = ends.client.client(&[b"h2"]).unwrap();
    *ends.client_verdict.lock().unwrap() = Some(verdict);
    let mut eager = ClientConfig::clone(&config);
    eager.resumption = Resumption::in_memory_sessions(8);
    let eager = Arc::new(eager);
    let full = Some(rustls::HandshakeKind::Full);
    let resumed = Some(rustls::HandshakeKind::Resumed);

    // The client does resume where it may, past the very list that would refuse it.
    let lax = ticketing(&ends);
    assert_eq!(shake(&eager, &lax).unwrap().1.handshake_kind(), full);
    assert_eq!(shake(&eager, &lax).unwrap().1.handshake_kind(), resumed);
    let mut set = TrustSet::clone(&ends.trust.current());
    set.install_crl(ends.hk.holder, &ends.hk.crl(&[&node])).unwrap();
    let before = ends.trust.current();
    ends.trust.replace(set);
    assert_eq!(shake(&eager, &lax).unwrap().1.handshake_kind(), resumed, "the danger is real");

    // Ours takes no ticket and gives none.
    ends.trust.replace(TrustSet::clone(&before));
    let ours = || ends.server.server(&[b"h2"]).unwrap();
    let (config, verdict) = ours();
    assert!(!config.session_storage.can_cache() && !config.ticketer.enabled());
    let (_, mut server) = shake(&eager, &config).unwrap();
    assert_eq!(server.handshake_kind(), full);
    assert!(verdict.get().is_some_and(Result::is_ok), "the certificate was judged");
    let mut rest = Vec::new();
    server.write_tls(&mut rest).unwrap();
    assert!(rest.is_empty(), "no ticket follows");
    let mut set = TrustSet::clone(&before);
    set.install_crl(ends.hk.holder, &ends.hk.crl(&[&node])).unwrap();
    ends.trust.replace(set);
    let (config, _) = ours();
    let refusal = shake(&eager, &config).unwrap_err();
    let revoked = rustls::Error::AlertReceived(AlertDescription::CertificateRevoked);
    assert!(matches!(&refusal, (End::Client, alert) if *alert == revoked), "{refusal:?}");
}

#[test]
fn a_peer_without_post_quantum_key_exchange_is_refused_where_it_is_demanded() {
    let classical = |endpoint: &Endpoint| {
        let provider =
            CryptoProvider { kx_groups: vec![kx_group::X25519], ..CryptoProvider::clone(&endpoint.provider) };
        Endpoint { provider: Arc::new(provider), ..endpoint.clone() }
    };
    let mut ends = Ends::new();
    ends.client = classical(&ends.client);
    let (client, _) = ends.handshake().unwrap();
    assert_eq!(
        client.negotiated_key_exchange_group().unwrap().name(),
        NamedGroup::X25519,
        "by default it is let in"
    );

    ends.server = ends.server.clone().exchanging(KeyExchange::PostQuantum);
    let refusal = ends.handshake().unwrap_err();
    let told = rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
    assert!(matches!(&refusal, (End::Client, alert) if *alert == told), "{refusal:?}");

    // Nor does a client that demands it go on with a server that has none.
    let mut ends = Ends::new();
    ends.client = ends.client.clone().exchanging(KeyExchange::PostQuantum);
    ends.server = classical(&ends.server);
    ends.handshake().unwrap_err();
    let ends = Ends::new();
    let both = [&ends.client, &ends.server].map(|end| end.clone().exchanging(KeyExchange::PostQuantum));
    let [client, server] = both;
    let (client, _) = Ends { client, server, ..ends }.handshake().unwrap();
    assert_eq!(client.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
}

/// Gives a trust set that lacks one root's list whatever list there is.
type Lists = fn(&Root, &mut TrustSet);

#[test]
fn out_of_date_certificates_and_lists_end_the_handshake_at_both_ends() {
    let day = Duration::from_hours(24);
    let (past, future) = ((NOW.minus(day + day), NOW.minus(day)), (NOW.plus(day), NOW.plus(day + day)));
    for ((from, until), reason) in [(past, "expired at"), (future, "is not valid before")] {
        let mut ends = Ends::new();
        ends.client = ends.hk.issue_between(NODE, from, until).endpoint(&ends.trust, [Admitted::Hub]);
        assert!(matches!(ends.handshake().unwrap_err().0, End::Client), "{reason}");
        assert!(ends.seen_by_server().unwrap_err().contains(reason));
        let mut ends = Ends::new();
        let hub = ends.hub.issue_between(HUB, from, until);
        ends.server = hub.endpoint(&ends.trust, [Admitted::AnyAgency(Role::Node)]);
        ends.handshake().unwrap_err();
        assert!(ends.seen_by_client().unwrap_err().contains(reason));
    }
    let stale: Lists = |root, set| {
        let ended =
            root.crl_between(&[], NOW.minus(Duration::from_hours(2)), NOW.minus(Duration::from_hours(1)));
        set.install_crl(root.holder, &ended).unwrap();
    };
    let missing: Lists = |_, _| {};
    for (lists, reason) in [(stale, "ended at"), (missing, "no revocation list of")] {
        let ends = Ends::new();
        for (root, other) in [(&ends.hk, &ends.hub), (&ends.hub, &ends.hk)] {
            let mut set = chains::trust(&[other]);
            set.add_root(root.holder, &root.certificate).unwrap();
            lists(root, &mut set);
            ends.trust.replace(set);
            ends.handshake().unwrap_err();
            let seen =
                if root.holder == ends.hk.holder { ends.seen_by_server() } else { ends.seen_by_client() };
            assert!(seen.unwrap_err().contains(reason), "{reason}");
        }
    }
}

#[test]
fn a_peer_is_told_why_it_is_refused() {
    let alert = |change: fn(&mut Ends)| {
        let mut ends = Ends::new();
        change(&mut ends);
        match ends.handshake() {
            Err((End::Client, rustls::Error::AlertReceived(alert))) => {
                (alert, ends.seen_by_server().unwrap_err())
            }
            other => panic!("expected the server to refuse, found {other:?}"),
        }
    };
    let (told, logged) =
        alert(|ends| ends.client = ends.client_of(&ends.hk, "spiffe://test.sealpost/HK/CED/officer/x"));
    assert_eq!(told, AlertDescription::AccessDenied);
    assert!(logged.contains("not admitted"), "{logged}");
    let (told, logged) = alert(|ends| ends.client = ends.client_of(&ends.hub, NODE));
    assert_eq!(told, AlertDescription::UnknownCA);
    assert!(logged.contains("signed by the root of the hub's operator"), "{logged}");
    let (told, logged) = alert(|ends| {
        let revoked = ends.hk.issue(NODE);
        let mut set = TrustSet::clone(&ends.trust.current());
        set.install_crl(ends.hk.holder, &ends.hk.crl(&[&revoked])).unwrap();
        ends.client = revoked.endpoint(&ends.trust, [Admitted::Hub]);
        ends.trust.replace(set);
    });
    assert_eq!(told, AlertDescription::CertificateRevoked);
    assert!(logged.contains("revoked"), "{logged}");
}

#[test]
fn a_client_refuses_a_server_of_another_kind() {
    let mut ends = Ends::new();
    ends.server = ends.hk.issue(NODE).endpoint(&ends.trust, [Admitted::AnyAgency(Role::Node)]);
    let refusal = ends.handshake().unwrap_err();
    assert!(matches!(refusal, (End::Client, rustls::Error::InvalidCertificate(_))), "{refusal:?}");
    assert!(ends.seen_by_client().unwrap_err().contains("only the hub"));
}

#[test]
fn a_renewed_certificate_is_shown_from_the_next_handshake_on() {
    let ends = Ends::new();
    let renewed = ends.hk.issue(NODE);
    ends.client.renew(renewed.credentials()).unwrap();
    ends.handshake().unwrap();
    let certificate = ends.server_verdict.lock().unwrap().as_ref().unwrap().get().unwrap().clone();
    assert_eq!(&certificate.unwrap().public_key, renewed.key.verifying_key());

    let other = ends.hk.issue("spiffe://test.sealpost/HK/CED/node/other").credentials();
    assert!(matches!(ends.client.renew(other), Err(Error::OtherIdentity { .. })));
}

#[test]
fn a_renewal_is_judged_as_peers_would_and_keeps_the_identity() {
    let ends = Ends::new();
    let judge = |issued: &Issued| ends.client.judge_renewal(&issued.credentials(), Usage::Client);
    judge(&ends.hk.issue(NODE)).unwrap();
    let other = ends.hk.issue("spiffe://test.sealpost/HK/CED/node/other");
    assert!(matches!(judge(&other), Err(Error::OtherIdentity { .. })));
    let refusal = |issued: &Issued| match judge(issued) {
        Err(Error::Refused(refusal)) => refusal.to_string(),
        judged => panic!("expected a refusal, found {judged:?}"),
    };
    let day = Duration::from_hours(24);
    let ended = ends.hk.issue_between(NODE, NOW.minus(day * 2), NOW.minus(day));
    assert!(refusal(&ended).contains("expired at"), "{}", refusal(&ended));
    let early = ends.hk.issue_between(NODE, NOW.plus(day), NOW.plus(day * 2));
    assert!(refusal(&early).contains("is not valid before"), "{}", refusal(&early));
    assert!(refusal(&ends.hk.issue_for(NODE, Usage::Server)).contains("connecting end"));
    assert!(refusal(&ends.hub.issue(NODE)).contains("only the root of HK may do that"));
}

#[test]
fn another_certificate_for_the_same_key_needs_no_key_file() {
    let hk = Root::new("HK");
    let (one, other) = (hk.issue(NODE), hk.issue(NODE));
    let credentials = one.credentials();
    assert!(credentials.with_chain(vec![one.certificate.clone()]).unwrap().is_same(&credentials));
    assert!(matches!(credentials.with_chain(vec![other.certificate]), Err(Error::OtherKey { .. })));
}

#[test]
fn a_certificate_goes_with_its_own_key_only() {
    let hk = Root::new("HK");
    let (one, other) = (hk.issue(NODE), hk.issue(NODE));
    let refusal = Credentials::new(vec![one.certificate], &other.key).unwrap_err();
    assert!(matches!(refusal, Error::OtherKey { .. }));
    assert!(matches!(Credentials::new(Vec::new(), &other.key), Err(Error::NoCertificate)));
}

/// A token that signs, or one that went away.
struct Token {
    key: SigningKey,
    is_there: bool,
}

impl Signer for Token {
    fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        if self.is_there {
            return self.key.sign(message);
        }
        let away = token::Error::Away { token: "operator".to_owned() };
        Err(SignError { key: self.key_id(), source: Some(Box::new(away)) })
    }
}

#[test]
fn a_key_that_signs_elsewhere_is_as_good_as_one_in_memory_and_says_why_it_does_not_sign() {
    let shown = |is_there| {
        let mut ends = Ends::new();
        let Issued { certificate, key } = ends.hk.issue(NODE);
        let credentials = Credentials::remote(vec![certificate], Arc::new(Token { key, is_there })).unwrap();
        let (trust, admission) = (ends.trust.clone(), Admission::new([Admitted::Hub]));
        ends.client = Endpoint::new(credentials, trust, admission, Arc::new(chains::FixedClock(NOW)));
        ends
    };
    let ends = shown(true);
    ends.handshake().unwrap();
    assert_eq!(ends.seen_by_server(), Ok(NODE.to_owned()));
    let refusal = shown(false).handshake().unwrap_err();
    assert!(
        matches!(&refusal, (End::Client, error) if error.to_string().contains("token \"operator\" failed"))
    );

    let (one, other) = (Root::new("HK").issue(NODE), Root::new("HK").issue(NODE));
    let refusal = Credentials::remote(vec![one.certificate], Arc::new(other.key)).unwrap_err();
    assert!(matches!(refusal, Error::OtherKey { .. }));
}

#[derive(Debug)]
enum End {
    Client,
    Server,
}

type Slot = std::sync::Mutex<Option<Verdict>>;

struct Ends {
    hk: Root,
    hub: Root,
    trust: Trust,
    client: Endpoint,
    server: Endpoint,
    client_verdict: Slot,
    server_verdict: Slot,
}

impl Ends {
    fn new() -> Self {
        let (hk, hub) = (Root::new("HK"), Root::new("hub"));
        let trust = Trust::new(chains::trust(&[&hk, &hub]));
        let client = hk.issue(NODE).endpoint(&trust, [Admitted::Hub]);
        let server = hub.issue(HUB).endpoint(&trust, [Admitted::AnyAgency(Role::Node)]);
        Self {
            hk,
            hub,
            trust,
            client,
            server,
            client_verdict: Slot::default(),
            server_verdict: Slot::default(),
        }
    }

    fn client_of(&self, root: &Root, identity: &str) -> Endpoint {
        root.issue(identity).endpoint(&self.trust, [Admitted::Hub])
    }

    fn handshake(&self) -> Result<(ClientConnection, ServerConnection), (End, rustls::Error)> {
        let (config, verdict) = self.client.client(&[b"h2"]).unwrap();
        *self.client_verdict.lock().unwrap() = Some(verdict);
        let client = config;
        let (config, verdict) = self.server.server(&[b"h2", b"http/1.1"]).unwrap();
        *self.server_verdict.lock().unwrap() = Some(verdict);
        shake(&client, &config)
    }
    fn seen_by_server(&self) -> Result<String, String> {
        seen(&self.server_verdict)
    }

    fn seen_by_client(&self) -> Result<String, String> {
        seen(&self.client_verdict)
    }
}

/// Lets both ends talk until both are done.
fn shake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Result<(ClientConnection, ServerConnection), (End, rustls::Error)> {
    let name = "hub.invalid".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        let verdict = server.process_new_packets();
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets().map_err(|error| (End::Client, error))?;
        verdict.map_err(|error| (End::Server, error))?;
    }
    Ok((client, server))
}

fn seen(slot: &Slot) -> Result<String, String> {
    let verdict = slot.lock().unwrap().clone().unwrap();
    match verdict.get().expect("the peer's certificate came") {
        Ok(certificate) => Ok(certificate.identity.to_string()),
        Err(refusal) => Err(refusal.to_string()),
    }
}

#[test]
fn a_stopped_clock_is_no_way_in() {
    #[derive(Debug)]
    struct NoClock;
    impl TimeProvider for NoClock {
        fn current_time(&self) -> Option<UnixTime> {
            None
        }
    }
    let ends = Ends::new();
    let issued = ends.hk.issue(NODE);
    let admission = Admission::new([Admitted::AnyAgency(Role::Node)]);
    let end = Endpoint::new(issued.credentials(), ends.trust.clone(), admission, Arc::new(NoClock));
    assert!(end.judge(&issued.certificate, Usage::Client).is_err());
    ends.server.judge(&issued.certificate, Usage::Client).unwrap();
    assert_eq!(chains::FixedClock(NOW).current_time().map(instant), Some(NOW));
}
