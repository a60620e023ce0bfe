//! The configurations of hub, node and officer: every key with its meaning, default and bounds.
//!
//! The same texts make a new network's configurations and the samples in `deploy/`. The programs' own tests read those
//! samples, so that a key that is renamed is noticed.

use std::net::SocketAddr;

const HUB: &str = include_str!("template/hub.toml");
const NODE: &str = include_str!("template/node.toml");
const PROFILE: &str = include_str!("template/sealpost.toml");

/// What differs between hubs.
#[derive(Clone, Debug)]
pub struct HubValues<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its data folder.
    pub data: &'a str,
    /// Its certificate.
    pub certificate: &'a str,
    /// Its certificate's key.
    pub key: &'a str,
    /// Its signing key.
    pub signing: &'a str,
    /// The directory to begin with.
    pub genesis: &'a str,
    /// The folder of the revocation lists.
    pub crls: &'a str,
}

/// What differs between nodes.
#[derive(Clone, Debug)]
pub struct NodeValues<'a> {
    /// The agency.
    pub agency: &'a str,
    /// Its data folder.
    pub data: &'a str,
    /// Where the hub is.
    pub hub: String,
    /// Where its gateway listens.
    pub listen: SocketAddr,
    /// Its certificate.
    pub certificate: &'a str,
    /// Its certificate's key.
    pub key: &'a str,
    /// Its signing key.
    pub signing: &'a str,
    /// Its sealing key.
    pub sealing: &'a str,
    /// The directory to begin with.
    pub genesis: &'a str,
    /// The folder of the revocation lists.
    pub crls: &'a str,
}

/// What differs between profiles of the `sealpost` command.
#[derive(Clone, Debug)]
pub struct ProfileValues<'a> {
    /// The agency.
    pub agency: &'a str,
    /// Where its gateway is.
    pub gateway: String,
    /// The officer's certificate.
    pub certificate: &'a str,
    /// The certificate's key.
    pub key: &'a str,
    /// The directory or a root.
    pub roots: &'a str,
    /// The folder of the revocation lists.
    pub crls: &'a str,
}

/// A hub's configuration.
pub fn hub(values: &HubValues<'_>) -> String {
    let HubValues { name, listen, data, certificate, key, signing, genesis, crls } = values;
    let listen = listen.to_string();
    let values = [
        ("name", *name),
        ("listen", &listen),
        ("data", data),
        ("certificate", certificate),
        ("key", key),
        ("signing", signing),
        ("genesis", genesis),
        ("crls", crls),
    ];
    fill(HUB, &values)
}

/// A node's configuration.
pub fn node(values: &NodeValues<'_>) -> String {
    let NodeValues { agency, data, hub, listen, certificate, key, signing, sealing, genesis, crls } = values;
    let listen = listen.to_string();
    let values = [
        ("agency", *agency),
        ("data", data),
        ("hub", hub),
        ("listen", &listen),
        ("certificate", certificate),
        ("key", key),
        ("signing", signing),
        ("sealing", sealing),
        ("genesis", genesis),
        ("crls", crls),
    ];
    fill(NODE, &values)
}

/// A profile of the `sealpost` command.
pub fn profile(values: &ProfileValues<'_>) -> String {
    let ProfileValues { agency, gateway, certificate, key, roots, crls } = values;
    let values = [
        ("agency", *agency),
        ("gateway", gateway),
        ("certificate", certificate),
        ("key", key),
        ("roots", roots),
        ("crls", crls),
    ];
    fill(PROFILE, &values)
}

/// The hub's sample configuration, as `deploy/hub.toml` ships it.
pub fn sample_hub() -> String {
    hub(&HubValues {
        name: "main",
        listen: SocketAddr::from(([0, 0, 0, 0], 7400)),
        data: "/var/lib/sealpost-hub",
        certificate: "/etc/sealpost/hub/certificate.pem",
        key: "/etc/sealpost/hub/key.pem",
        signing: "/etc/sealpost/hub/signing.pem",
        genesis: "/etc/sealpost/directory.bin",
        crls: "/etc/sealpost/crls",
    })
}

/// A node's sample configuration, as `deploy/node.toml` ships it.
pub fn sample_node() -> String {
    node(&NodeValues {
        agency: "HK-CED",
        data: "/var/lib/sealpost-node",
        hub: "hub.example:7400".to_owned(),
        listen: SocketAddr::from(([0, 0, 0, 0], 7401)),
        certificate: "/etc/sealpost/node/certificate.pem",
        key: "/etc/sealpost/node/key.pem",
        signing: "/etc/sealpost/node/signing.pem",
        sealing: "/etc/sealpost/node/sealing-1.pem",
        genesis: "/etc/sealpost/directory.bin",
        crls: "/etc/sealpost/crls",
    })
}

/// A sample profile of the `sealpost` command.
pub fn sample_profile() -> String {
    profile(&ProfileValues {
        agency: "HK-CED",
        gateway: "node.example:7401".to_owned(),
        certificate: "certificate.pem",
        key: "key.pem",
        roots: "directory.bin",
        crls: "crls",
    })
}

/// Puts values into their places, as TOML texts.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), &toml::Value::from(*value).to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_samples_are_what_the_templates_give() {
        let advice = "run `sealpost-admin config sample hub > deploy/hub.toml`, and the same for node";
        assert_eq!(include_str!("../../../deploy/hub.toml"), sample_hub(), "{advice}");
        assert_eq!(include_str!("../../../deploy/node.toml"), sample_node(), "{advice}");
    }

    #[test]
    fn every_place_is_filled_and_the_result_is_toml() {
        for text in [sample_hub(), sample_node(), sample_profile()] {
            text.parse::<toml::Table>().unwrap();
            let live = text.lines().filter(|line| !line.starts_with('#'));
            assert!(live.clone().all(|line| !line.contains('{')), "{text}");
            assert!(live.clone().count() > 5);
        }
    }

    #[test]
    fn values_are_quoted() {
        let text = profile(&ProfileValues { key: "a \"b\\c", ..sample() });
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["key"].as_str(), Some("a \"b\\c"));
    }

    /// A default in a comment is TOML once the comment sign is gone.
    #[test]
    fn defaults_in_comments_are_toml() {
        for text in [sample_hub(), sample_node()] {
            let live = |line: &str| {
                line.strip_prefix("# ").filter(|rest| is_default(rest)).unwrap_or(line).to_owned()
            };
            let all: Vec<String> = text.lines().map(live).collect();
            let table: toml::Table = all.join("\n").parse().unwrap();
            assert_eq!(table["log"]["format"].as_str(), Some("text"));
            assert_eq!(table["shutdown"]["grace"].as_str(), Some("20s"));
        }
    }

    fn is_default(text: &str) -> bool {
        text.split_once(" = ")
            .is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    }

    fn sample() -> ProfileValues<'static> {
        ProfileValues {
            agency: "HK-CED",
            gateway: "localhost:7401".to_owned(),
            certificate: "certificate.pem",
            key: "key.pem",
            roots: "directory.bin",
            crls: "crls",
        }
    }
}
