//! Joint operations.

use sealpost_domain::agreement::{Operation, Parties};
use sealpost_domain::digest::Digest;

use super::*;

#[test]
fn an_operation_is_expanded_to_its_members_and_a_list_with_an_outsider_is_refused_by_all() {
    let network = Network::new();
    let [mut hong_kong, mut germany, mut thailand] = network.three_nodes();
    let members = |ids: &[&str]| Operation {
        id: "OP-SAMPLE".parse().unwrap(),
        digest: Digest::ZERO,
        lead: agency("HK-CED"),
        members: Parties::new(ids.iter().map(|id| agency(id)).collect()).unwrap(),
        from: NOW,
        until: network.directory.valid_until,
    };
    let all = members(&["DE-ZKA", "HK-CED", "TH-TCD"]);
    for station in [&mut hong_kong, &mut germany, &mut thailand] {
        station.directory.operations.insert(all.id.clone(), all.clone());
    }
    let addressed = draft(&[], &question("To all?"), |document| {
        document.as_object_mut().unwrap().remove("recipients");
        document["operation"] = "OP-SAMPLE".into();
    });
    let (header, deliveries) = send(&mut hong_kong, addressed);
    let listed: Vec<_> = header.recipients.agencies().map(ToString::to_string).collect();
    assert_eq!(listed, ["DE-ZKA", "TH-TCD"]);
    assert_eq!(receive(&mut thailand, &deliveries), Settlement::Delivered);

    // In Germany's directory Thailand has left: the list is not within the operation.
    germany.directory.operations.insert(all.id.clone(), members(&["DE-ZKA", "HK-CED"]));
    assert_eq!(receive(&mut germany, &deliveries), refusal("operation.not_a_member"));
    let named = draft(&["HK-CED", "TH-TCD"], &question("To an outsider?"), |document| {
        document["operation"] = "OP-SAMPLE".into();
    });
    assert_eq!(refused(&mut germany, named), ["operation.not_a_member"]);
}
