use std::time::Duration;

use sealpost_crypto::chains::{NETWORK, NOW, Root};
use sealpost_crypto::trust::Usage;
use sealpost_domain::identity::NetworkName;

use super::*;
use crate::telemetry::logged;

fn provision(roots: &[&Root], names: &[&str], folder: &Path) {
    for (root, name) in roots.iter().zip(names) {
        fs::write(folder.join(format!("{name}.crl")), root.crl(&[])).unwrap();
    }
}

fn set(roots: &[&Root]) -> TrustSet {
    let mut set = TrustSet::new(NetworkName::parse(NETWORK).unwrap());
    for root in roots {
        set.add_root(root.holder, &root.certificate).unwrap();
    }
    set
}

fn open(roots: &[&Root], folder: &Path) -> Result<Roots, Error> {
    let needed = [RootHolder::Jurisdiction("HK".parse().unwrap())];
    Roots::open(set(roots), &needed, folder, &folder.join("kept"), clock())
}

fn clock() -> Clock {
    Clock::new(|| NOW)
}

fn newer(root: &Root) -> Bytes {
    let later = NOW.plus(Duration::from_mins(1));
    Bytes::from(root.crl_between(&[], later, later.plus(Duration::from_hours(1))))
}

#[test]
fn a_needed_root_without_a_list_is_named() {
    let (hk, th, folder) = (Root::new("HK"), Root::new("TH"), tempfile::tempdir().unwrap());
    provision(&[&th], &["TH"], folder.path());
    for error in [
        open(&[&hk, &th], folder.path()).err().unwrap(),
        Roots::check(set(&[&hk, &th]), &[hk.holder], folder.path(), &clock()).err().unwrap(),
    ] {
        assert!(error.to_string().starts_with("no revocation list of HK was found in "), "{error}");
    }
}

#[test]
fn another_jurisdiction_without_a_list_stops_nobody_but_itself() {
    let (hk, th, folder) = (Root::new("HK"), Root::new("TH"), tempfile::tempdir().unwrap());
    provision(&[&hk], &["HK"], folder.path());
    Roots::check(set(&[&hk, &th]), &[hk.holder], folder.path(), &clock()).unwrap();
    let roots = open(&[&hk, &th], folder.path()).unwrap();
    let judge = |identity: &str, root: &Root| {
        roots.trust().current().judge(&root.issue(identity).certificate, Usage::Client, NOW)
    };
    judge("spiffe://test.sealpost/HK/CED/node/main", &hk).unwrap();
    let refusal = judge("spiffe://test.sealpost/TH/TCD/node/main", &th).unwrap_err();
    assert!(matches!(refusal, sealpost_crypto::peer::Refusal::NoCrl { .. }), "{refusal}");
}

#[test]
fn one_root_by_the_name_of_another_stops_nobody() {
    let (hk, mut th, folder) = (Root::new("HK"), Root::new("HK"), tempfile::tempdir().unwrap());
    th.holder = RootHolder::Jurisdiction("TH".parse().unwrap());
    provision(&[&hk, &th], &["HK", "TH"], folder.path());
    let roots = open(&[&hk, &th], folder.path()).unwrap();
    assert_eq!(roots.lists().len(), 2);
    let (of_hk, of_th) = (newer(&hk), newer(&th));
    roots.take(&[of_th.clone(), of_hk.clone()], Older::Refused).unwrap();
    assert_eq!(roots.lists(), [of_hk, of_th]);
}

#[test]
fn a_restart_goes_back_behind_no_list_that_was_in_force() {
    let (hk, folder) = (Root::new("HK"), tempfile::tempdir().unwrap());
    let stolen = hk.issue("spiffe://test.sealpost/HK/CED/node/main");
    let provisioned = folder.path().join("HK.crl");
    let fifth = Bytes::from(hk.crl_numbered(5, &[&stolen]));
    fs::write(&provisioned, &fifth).unwrap();
    assert_eq!(open(&[&hk], folder.path()).unwrap().lists(), std::slice::from_ref(&fifth));
    // The list in the folder is exchanged for one that was begun anew, or that leaves out what is revoked.
    for (number, revoked) in [(1, &[][..]), (4, &[&stolen]), (6, &[])] {
        fs::write(&provisioned, hk.crl_numbered(number, revoked)).unwrap();
        assert_eq!(open(&[&hk], folder.path()).unwrap().lists(), std::slice::from_ref(&fifth), "{number}");
    }
    let seventh = Bytes::from(hk.crl_numbered(7, &[&stolen]));
    fs::write(&provisioned, &seventh).unwrap();
    assert_eq!(open(&[&hk], folder.path()).unwrap().lists(), [seventh]);
}

/// What a file is called decides in which order a folder shows it.
#[test]
fn what_a_later_list_leaves_out_is_seen_whatever_the_files_are_called() {
    let hk = Root::new("HK");
    let stolen = hk.issue("spiffe://test.sealpost/HK/CED/node/main");
    let (fifth, sixth) = (hk.crl_numbered(5, &[&stolen]), hk.crl_numbered(6, &[]));
    for names in [["a.crl", "b.crl"], ["b.crl", "a.crl"]] {
        let folder = tempfile::tempdir().unwrap();
        for (name, list) in names.iter().zip([&fifth, &sixth]) {
            fs::write(folder.path().join(name), list).unwrap();
        }
        assert_eq!(open(&[&hk], folder.path()).unwrap().lists(), [&fifth[..]]);
    }
}

#[test]
fn a_first_list_of_the_future_is_not_taken_on_any_way_and_a_later_one_is() {
    let (hk, th, folder) = (Root::new("HK"), Root::new("TH"), tempfile::tempdir().unwrap());
    let tomorrow = NOW.plus(Duration::from_hours(24));
    let early = |root: &Root| root.crl_between(&[], tomorrow, tomorrow.plus(Duration::from_hours(1)));
    provision(&[&hk], &["HK"], folder.path());
    fs::write(folder.path().join("early.crl"), early(&th)).unwrap();
    let roots = open(&[&hk, &th], folder.path()).unwrap();
    assert_eq!(roots.lists(), [&hk.crl(&[])[..]]);
    let refused = roots.take(&[early(&th).into()], Older::Refused).unwrap_err();
    assert!(matches!(refused, Error::List(trust::Error::EarlyCrl { .. })), "{refused}");
    roots.take(&[early(&hk).into()], Older::Refused).unwrap();
    assert_eq!(roots.lists(), [&early(&hk)[..]], "whom it revokes is out, though the clock here is slow");
}

#[test]
fn a_file_that_is_no_list_is_named() {
    let (hk, folder) = (Root::new("HK"), tempfile::tempdir().unwrap());
    provision(&[&hk], &["HK"], folder.path());
    fs::write(folder.path().join("broken.crl"), b"nonsense").unwrap();
    assert!(matches!(
        Roots::check(set(&[&hk]), &[hk.holder], folder.path(), &clock()),
        Err(Error::File { .. })
    ));
}

#[test]
fn a_newer_list_holds_at_once_and_after_a_restart() {
    let (hk, folder) = (Root::new("HK"), tempfile::tempdir().unwrap());
    provision(&[&hk], &["HK"], folder.path());
    let roots = open(&[&hk], folder.path()).unwrap();
    let (newer, older) = (newer(&hk), Bytes::from(hk.crl(&[])));
    roots.take(std::slice::from_ref(&newer), Older::Refused).unwrap();
    assert_eq!(roots.lists(), std::slice::from_ref(&newer));
    let refused = roots.take(std::slice::from_ref(&older), Older::Refused);
    assert!(matches!(refused, Err(Error::List(trust::Error::OlderCrl { .. }))));
    let changes = roots.changes();
    roots.take(&[older, newer.clone()], Older::PassedOver).unwrap();
    assert!(!changes.has_changed(), "nothing is new");
    assert_eq!(open(&[&hk], folder.path()).unwrap().lists(), [newer]);
}

#[test]
fn a_list_that_the_disk_does_not_take_holds_all_the_same_and_is_kept_later() {
    let (hk, th, folder) = (Root::new("HK"), Root::new("TH"), tempfile::tempdir().unwrap());
    provision(&[&hk, &th], &["HK", "TH"], folder.path());
    let roots = open(&[&hk, &th], folder.path()).unwrap();
    let later = NOW.plus(Duration::from_mins(1));
    let revoked = hk.issue("spiffe://test.sealpost/HK/CED/node/main");
    let judged =
        |roots: &Roots| roots.trust().current().judge(&revoked.certificate, Usage::Client, NOW).is_ok();
    let crl = hk.crl_between(&[&revoked], later, later.plus(Duration::from_hours(1)));
    let (of_hk, of_th) = (Bytes::from(crl), newer(&th));

    // A folder in the place of the file keeps it from being written.
    let in_the_way = folder.path().join("kept/HK.crl.new");
    fs::create_dir(&in_the_way).unwrap();
    let changes = roots.changes();
    assert!(judged(&roots));
    let unkept = roots.take(&[of_hk.clone(), of_th.clone()], Older::Refused);
    assert!(matches!(unkept, Err(Error::Unkept { .. })));
    assert!(!judged(&roots), "whoever was revoked is refused at once");
    assert!(changes.has_changed());
    roots.follow(set(&[&hk, &th]));
    assert!(!judged(&roots), "also under another directory");
    assert_eq!(fs::read(folder.path().join("kept/TH.crl")).unwrap(), of_th, "the others are kept");
    assert!(roots.take(std::slice::from_ref(&of_hk), Older::Refused).is_err(), "it is not forgotten");

    fs::remove_dir(&in_the_way).unwrap();
    roots.take(std::slice::from_ref(&of_hk), Older::Refused).unwrap();
    assert_eq!(fs::read(folder.path().join("kept/HK.crl")).unwrap(), of_hk);
    assert_eq!(open(&[&hk, &th], folder.path()).unwrap().lists(), [of_hk, of_th]);
}

#[test]
fn a_strangers_list_is_refused_with_all_that_is_published_with_it_and_alone_where_it_is_relayed() {
    let (hk, folder) = (Root::new("HK"), tempfile::tempdir().unwrap());
    provision(&[&hk], &["HK"], folder.path());
    let roots = open(&[&hk], folder.path()).unwrap();
    let before = roots.lists();
    let lists = [Bytes::from(Root::new("SG").crl(&[])), newer(&hk)];
    assert!(roots.take(&lists, Older::Refused).is_err());
    assert_eq!(roots.lists(), before);
    roots.take(&lists, Older::PassedOver).unwrap();
    assert_eq!(roots.lists(), [newer(&hk)]);
}

#[test]
fn a_root_that_comes_with_its_list_is_no_alarm_and_one_without_is_told_once() {
    let (hk, th, de) = (Root::new("HK"), Root::new("TH"), Root::new("DE"));
    let folder = tempfile::tempdir().unwrap();
    provision(&[&hk], &["HK"], folder.path());
    let roots = open(&[&hk], folder.path()).unwrap();
    let log = logged(|| {
        roots.follow(set(&[&hk, &th]));
        roots.take(&[th.crl(&[]).into()], Older::PassedOver).unwrap();
    });
    assert!(log.contains("revocation list taken root=TH number="), "{log}");
    assert!(!log.contains("WARN"), "{log}");
    let log = logged(|| {
        roots.follow(set(&[&hk, &th, &de]));
        for _ in 0..2 {
            roots.take(&roots.lists(), Older::PassedOver).unwrap();
        }
    });
    assert_eq!(log.matches("no revocation list is known").count(), 1, "{log}");
    assert!(log.contains("root=DE"), "{log}");
}
