//! Who was refused at the gateway, or shows a certificate where the hub should be that is not the hub's: told to the writer,
//! which records each such thing once, and only so many.

use sealpost_crypto::peer::Refusal;
use sealpost_domain::instant::Period;
use sealpost_server::acceptor::{Reason, Refused};
use tokio::sync::mpsc;

use crate::engine::Input;

/// Tells the writer who is refused at the gateway, until the gateway is gone.
pub(crate) async fn tell(mut refused: mpsc::Receiver<Refused>, engine: mpsc::Sender<Input>) {
    while let Some(Refused { address, reason }) = refused.recv().await {
        let input = at_gateway(&reason, &address.ip().to_string());
        if engine.send(input).await.is_err() {
            return;
        }
    }
}

fn at_gateway(reason: &Reason, from: &str) -> Input {
    let subject = match reason {
        Reason::Certificate(refusal) => subject("gateway", refusal),
        Reason::KeyExchange => format!("gateway, key exchange, {from}"),
    };
    Input::PeerRefused { subject, detail: format!("refused at the gateway, from {from}: {reason}") }
}

/// Who is not the hub, at an address of it.
pub(crate) fn at_hub(address: &str, refusal: &Refusal) -> Input {
    let reason = Reason::Certificate(Box::new(refusal.clone()));
    let detail = format!("{address} is not taken for the hub: {reason}");
    Input::PeerRefused { subject: subject("hub", refusal), detail }
}

/// What stays the same however often somebody knocks: not the time at which it was.
fn subject(door: &str, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Validity { identity, validity, .. } => format!("{door}, {identity}, {}", period(validity)),
        Refusal::RootValidity { holder, validity, .. } => format!("{door}, {holder}, {}", period(validity)),
        other => format!("{door}, {other}"),
    }
}

/// Its moments as they are written everywhere: what is recorded by them has to stay the same from version to version.
fn period(validity: &Period) -> String {
    let until = validity.until.map_or_else(|| "ever".to_owned(), |until| until.to_string());
    format!("from {} until {until}", validity.from)
}

#[cfg(test)]
mod tests {
    use sealpost_crypto::peer::{Admission, Admitted};
    use sealpost_domain::rule::Rule;

    use super::*;
    use crate::fixture::{NOW, Network, Station};

    const HOUR: std::time::Duration = std::time::Duration::from_hours(1);

    fn refusal(name: &str) -> Refusal {
        let identity = format!("spiffe://sample.sealpost/DE/ZKA/node/{name}").parse().unwrap();
        Refusal::NotAdmitted { identity, admitted: Admission::new([Admitted::Hub]) }
    }

    fn records(station: &mut Station, input: Input) -> usize {
        let Input::PeerRefused { subject, detail } = input else { panic!("it is one") };
        station.step(|core, env, round| core.peer_refused(env, round, &subject, detail));
        station.evidence(Rule::PeerRefused).len()
    }

    #[test]
    fn who_is_refused_is_recorded_once_for_each_door_and_reason_also_after_a_restart() {
        let [mut station, _] = Network::new().nodes();
        let other_node = Reason::Certificate(Box::new(refusal("main")));
        assert_eq!(records(&mut station, at_gateway(&other_node, "192.0.2.1")), 1);
        assert_eq!(records(&mut station, at_gateway(&other_node, "192.0.2.2")), 1);
        station.core = station.restarted();
        assert_eq!(records(&mut station, at_gateway(&other_node, "192.0.2.1")), 1);
        assert_eq!(records(&mut station, at_hub("hub.example:7400", &refusal("main"))), 2);
        assert_eq!(records(&mut station, at_gateway(&Reason::KeyExchange, "192.0.2.1")), 3);
        let told = station.evidence(Rule::PeerRefused);
        let expected = "from 192.0.2.1: spiffe://sample.sealpost/DE/ZKA/node/main";
        assert!(told[0].detail.contains(expected), "{}", told[0].detail);
    }

    #[test]
    fn both_connections_to_an_impostor_are_one_thing_also_in_one_round() {
        let [mut station, _] = Network::new().nodes();
        station.step(|core, env, round| {
            for _ in 0..2 {
                let Input::PeerRefused { subject, detail } = at_hub("hub.example:7400", &refusal("main"))
                else {
                    unreachable!("it is one")
                };
                core.peer_refused(env, round, &subject, detail);
            }
        });
        assert_eq!(station.evidence(Rule::PeerRefused).len(), 1);
    }

    #[test]
    fn a_certificate_that_is_out_of_date_is_one_thing_however_often_it_is_shown() {
        let [mut station, _] = Network::new().nodes();
        let validity = Period { from: NOW.plus(HOUR * 24), until: None };
        for minute in 0..3 {
            let now = NOW.plus(std::time::Duration::from_mins(minute));
            let Refusal::NotAdmitted { identity, .. } = refusal("main") else {
                unreachable!("it was made so")
            };
            let early = Refusal::Validity { identity: identity.clone(), validity, now };
            let told = at_hub("hub.example:7400", &early);
            let Input::PeerRefused { subject, .. } = &told else { unreachable!("it is one") };
            let expected = format!("hub, {identity}, from {} until ever", validity.from);
            assert_eq!(*subject, expected, "what was recorded once is known again by these words");
            assert_eq!(records(&mut station, told), 1);
        }
    }

    #[test]
    fn who_can_reach_the_door_does_not_fill_the_ledger_nor_crowd_out_other_alarms() {
        let [mut station, _] = Network::new().nodes();
        let knock = |station: &mut Station, round: usize| {
            let mut count = 0;
            for number in 0..200 {
                let reason = Reason::Certificate(Box::new(refusal(&format!("n{round}-{number}"))));
                count = records(station, at_gateway(&reason, "192.0.2.1"));
            }
            count
        };
        assert_eq!(knock(&mut station, 0), 32);
        station.now = station.now.plus(HOUR);
        assert_eq!(knock(&mut station, 1), 64, "it begins anew after a while");
        let alarm = crate::core::Alarm {
            rule: Rule::KeyUnknown,
            peer: None,
            header: None,
            detail: "another matter".to_owned(),
            exhibits: Vec::new(),
        };
        assert!(station.step(|core, env, round| core.alarm(env, round, alarm)));
    }
}
