use std::time::Duration;

use super::*;
use crate::chains::{self, NOW, Root};
use crate::peer::{Admission, Admitted};

const NODE: &str = "spiffe://test.sealpost/HK/CED/node/main";
const DAY: Duration = Duration::from_hours(24);

#[test]
fn a_certificate_of_its_own_jurisdiction_is_believed() {
    let (hk, hub) = (Root::new("HK"), Root::new("hub"));
    let set = chains::trust(&[&hk, &hub]);
    for (root, identity) in [(&hk, NODE), (&hub, "spiffe://test.sealpost/hub/main")] {
        let certificate = set.judge(&root.issue(identity).certificate, Usage::Client, NOW).unwrap();
        assert_eq!(certificate.identity.to_string(), identity);
    }
}

#[test]
fn another_jurisdictions_root_cannot_speak_for_it() {
    let (hk, de, hub) = (Root::new("HK"), Root::new("DE"), Root::new("hub"));
    let set = chains::trust(&[&hk, &de, &hub]);
    for (root, identity) in [(&de, NODE), (&hub, NODE), (&hk, "spiffe://test.sealpost/hub/main")] {
        let refusal = set.judge(&root.issue(identity).certificate, Usage::Client, NOW).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::WrongRoot { found, .. } if *found == root.holder),
            "{identity}: {refusal}"
        );
    }
}

/// Two roots of one name: the path checker then reports a bad signature and not an unknown issuer.
#[test]
fn a_root_of_the_same_name_but_another_key_is_unknown() {
    let (hk, impostor) = (Root::new("HK"), Root::new("HK"));
    let set = chains::trust(&[&hk]);
    for root in [&impostor, &Root::new("DE")] {
        let refusal = set.judge(&root.issue(NODE).certificate, Usage::Client, NOW).unwrap_err();
        assert!(matches!(refusal, Refusal::UnknownRoot { .. }), "{refusal}");
    }
    let refusal =
        set.judge(&hk.issue("spiffe://test.sealpost/TH/TCD/node/main").certificate, Usage::Client, NOW);
    assert!(matches!(refusal, Err(Refusal::NoRoot { .. })));
    let refusal = set.judge(&hk.issue("spiffe://other/HK/CED/node/main").certificate, Usage::Client, NOW);
    assert!(matches!(refusal, Err(Refusal::Network { .. })));
}

#[test]
fn validity_is_judged_with_the_tolerance() {
    let hk = Root::new("HK");
    let set = chains::trust(&[&hk]);
    let (from, until) = (NOW, NOW.plus(DAY));
    let certificate = hk.issue_between(NODE, from, until).certificate;
    let judge = |now| set.judge(&certificate, Usage::Client, now).map(|_| ());
    let second = Duration::from_secs(1);

    judge(from.minus(CLOCK_TOLERANCE)).unwrap();
    judge(until.plus(CLOCK_TOLERANCE).minus(second)).unwrap();
    let early = judge(from.minus(CLOCK_TOLERANCE).minus(second)).unwrap_err();
    assert!(early.to_string().contains("is not valid before"), "{early}");
    let late = judge(until.plus(CLOCK_TOLERANCE)).unwrap_err();
    assert!(late.to_string().contains("expired at"), "{late}");
}

#[test]
fn revocation_is_obeyed_and_must_be_known_and_current() {
    let hk = Root::new("HK");
    let (good, bad) = (hk.issue(NODE), hk.issue("spiffe://test.sealpost/HK/CED/node/old"));
    let holder = hk.holder;
    let mut set = chains::trust(&[]);
    set.add_root(holder, &hk.certificate).unwrap();
    let judge = |set: &TrustSet, now| set.judge(&good.certificate, Usage::Client, now).map(|_| ());

    assert!(matches!(judge(&set, NOW), Err(Refusal::NoCrl { .. })));
    set.install_crl(holder, &hk.crl_between(&[&bad], NOW, NOW.plus(DAY))).unwrap();
    judge(&set, NOW.plus(DAY).plus(CLOCK_TOLERANCE).minus(Duration::from_secs(1))).unwrap();
    assert!(matches!(judge(&set, NOW.plus(DAY).plus(CLOCK_TOLERANCE)), Err(Refusal::StaleCrl { .. })));
    let refusal = set.judge(&bad.certificate, Usage::Client, NOW);
    assert!(matches!(refusal, Err(Refusal::Revoked { .. })));
}

#[test]
fn only_the_roots_own_list_is_taken() {
    let (hk, de, impostor) = (Root::new("HK"), Root::new("DE"), Root::new("HK"));
    let mut set = chains::trust(&[&hk]);
    let mut install = |crl: &[u8]| set.install_crl(hk.holder, crl);
    assert!(matches!(install(&impostor.crl(&[])), Err(Error::CrlSignature { .. })));
    assert!(matches!(install(&de.crl(&[])), Err(Error::ForeignCrl { .. })));
    assert!(matches!(install(b"no list"), Err(Error::MalformedCrl)));
    let mut longer = hk.crl(&[]);
    longer.push(0);
    assert!(matches!(install(&longer), Err(Error::MalformedCrl)));
    assert!(matches!(set.install_crl(de.holder, &de.crl(&[])), Err(Error::NoRoot { .. })));
    assert!(matches!(set.take_crl(&de.crl(&[]), NOW), Err(Error::UnknownCrl)));
    assert!(matches!(set.take_crl(&impostor.crl(&[]), NOW), Err(Error::CrlSignature { .. })));
}

#[test]
fn a_list_goes_on_with_the_present_one_or_is_refused_whatever_its_time() {
    let hk = Root::new("HK");
    let (stolen, lost) = (hk.issue(NODE), hk.issue(NODE));
    let mut set = chains::trust(&[]);
    set.add_root(hk.holder, &hk.certificate).unwrap();
    let fifth = hk.crl_numbered(5, &[&stolen]);
    assert_eq!(set.take_crl(&fifth, NOW).unwrap(), (hk.holder, 5));
    assert_eq!(set.take_crl(&fifth, NOW).unwrap(), (hk.holder, 5), "the same once more");
    // Made from a base of before: with a lower number, or the same one.
    for number in [4, 5] {
        let refused = set.take_crl(&hk.crl_numbered(number, &[&lost]), NOW).unwrap_err();
        assert!(matches!(refused, Error::OlderCrl { present: 5, .. }), "{refused}");
    }
    let refused = set.take_crl(&hk.crl_numbered(6, &[&lost]), NOW).unwrap_err();
    let serial = Certificate::parse(&stolen.certificate).unwrap().serial;
    assert!(refused.to_string().contains(&format!("leaves out certificate {serial}")), "{refused}");
    let judge = |set: &TrustSet, issued: &chains::Issued| set.judge(&issued.certificate, Usage::Client, NOW);
    assert!(matches!(judge(&set, &stolen), Err(Refusal::Revoked { .. })));
    judge(&set, &lost).unwrap();

    set.take_crl(&hk.crl_numbered(6, &[&lost, &stolen]), NOW).unwrap();
    for issued in [&stolen, &lost] {
        assert!(matches!(judge(&set, issued), Err(Refusal::Revoked { .. })));
    }
}

#[test]
fn a_first_list_of_the_future_is_refused_on_arrival_and_a_later_one_taken() {
    let hk = Root::new("HK");
    let mut set = chains::trust(&[]);
    set.add_root(hk.holder, &hk.certificate).unwrap();
    let list = hk.crl_between(&[], NOW.plus(CLOCK_TOLERANCE), NOW.plus(DAY));
    let early = set.take_crl(&list, NOW.minus(Duration::from_secs(1))).unwrap_err();
    assert!(matches!(early, Error::EarlyCrl { .. }), "{early}");
    set.take_crl(&list, NOW).unwrap();
    let later = hk.crl_between(&[], NOW.plus(DAY), NOW.plus(DAY).plus(DAY));
    set.take_crl(&later, NOW.minus(DAY)).unwrap();
}

/// Names of roots are the jurisdictions' own choice, and one may choose another's.
#[test]
fn a_list_is_the_root_s_that_signed_it_also_among_roots_of_one_name() {
    let (hk, mut th) = (Root::new("HK"), Root::new("HK"));
    th.holder = RootHolder::Jurisdiction("TH".parse().unwrap());
    let mut set = chains::trust(&[&hk, &th]);
    for root in [&hk, &th] {
        let list = root.crl(&[]);
        assert_eq!(set.read_crl(&list).unwrap().0, root.holder);
        assert_eq!(set.take_crl(&list, NOW).unwrap().0, root.holder);
    }
}

#[test]
fn only_a_certificate_authority_can_be_a_root() {
    let hk = Root::new("HK");
    let mut set = chains::trust(&[]);
    let refusal = set.add_root(hk.holder, &hk.issue(NODE).certificate);
    assert!(matches!(refusal, Err(Error::NotARoot { .. })));
    let refusal = set.add_root(hk.holder, &CertificateDer::from(&b"none"[..]));
    assert!(matches!(refusal, Err(Error::Root { .. })));
}

#[test]
fn the_purpose_of_a_certificate_is_obeyed() {
    let hk = Root::new("HK");
    let set = chains::trust(&[&hk]);
    let client = hk.issue_for(NODE, Usage::Client);
    set.judge(&client.certificate, Usage::Client, NOW).unwrap();
    let refusal = set.judge(&client.certificate, Usage::Server, NOW);
    assert!(matches!(refusal, Err(Refusal::Usage { .. })));
}

#[test]
fn a_door_admits_its_own_roles_only() {
    let hk = Root::new("HK");
    let set = chains::trust(&[&hk]);
    let door = Admission::new([
        Admitted::Agency("HK-CED".parse().unwrap(), sealpost_domain::identity::Role::Officer),
        Admitted::Operator,
    ]);
    let judge = |identity| door.judge(&set, &hk.issue(identity).certificate, Usage::Client, NOW);
    judge("spiffe://test.sealpost/HK/CED/officer/desk-1").unwrap();
    for outside in [NODE, "spiffe://test.sealpost/HK/ICAC/officer/desk-1"] {
        let refusal = judge(outside).unwrap_err();
        assert!(refusal.to_string().ends_with("only HK-CED's officer, the hub's operator"), "{refusal}");
    }
}
