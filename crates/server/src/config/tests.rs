use std::path::PathBuf;
use std::time::Duration;

use sealpost_domain::agency::AgencyId;

use super::*;

#[derive(Debug, PartialEq)]
struct Sample {
    agency: AgencyId,
    key: PathBuf,
    grace: Duration,
    batch: ByteSize,
    peers: Option<Vec<HostPort>>,
    json: bool,
}

impl Config for Sample {
    fn read(reader: &mut Reader<'_>) -> Field<Self> {
        let agency = reader.top().required("agency", "The agency of this node.");
        let mut tls = reader.section("tls", "Who this program is.");
        let key = tls.required("key", "The private key.");
        let mut limits = reader.section("limits", "What it takes.");
        let second = Duration::from_secs(1);
        let grace =
            limits.within("grace", "How long streams may take to end.", 20 * second, second..=120 * second);
        let batch = limits.or("batch", "The largest batch.", ByteSize::new(64 << 10));
        let peers = limits.optional("peers", "Whom to ask.");
        let json = limits.choice("format", "The format of the log.", [("text", false), ("json", true)]);
        Field::build(|| {
            Some(Self {
                agency: agency.take()?,
                key: key.take()?,
                grace: grace.take()?,
                batch: batch.take()?,
                peers: peers.take()?,
                json: json.take()?,
            })
        })
    }
}

fn read(text: &str) -> Result<Sample, Error> {
    parse(text, Path::new("/etc/sealpost/node.toml"))
}

#[test]
fn defaults_fill_what_is_left_out_and_paths_start_at_the_file() {
    let sample = read("agency = 'HK-CED'\n[tls]\nkey = 'keys/node.pem'\n").unwrap();
    assert_eq!(sample.key, Path::new("/etc/sealpost/keys/node.pem"));
    assert_eq!(sample.grace, Duration::from_secs(20));
    assert_eq!(sample.batch.bytes(), 65_536);
    assert_eq!((sample.peers, sample.json), (None, false));

    let sample = read(
        "agency = 'HK-CED'\nlimits = { grace = '2m', batch = '1MiB', peers = ['hub:1', '[::1]:2'], format = 'json' }\n\
         [tls]\nkey = '/keys/node.pem'\n",
    );
    let sample = sample.unwrap();
    assert_eq!(sample.key, Path::new("/keys/node.pem"));
    assert_eq!((sample.grace, sample.batch.bytes(), sample.json), (Duration::from_mins(2), 1 << 20, true));
    assert_eq!(sample.peers.unwrap()[1].as_str(), "[::1]:2");
}

#[test]
fn all_faults_are_told_at_once_with_line_found_and_expected() {
    let text = "agency = 'Hong Kong'\nagencies = 2\n[limits]\ngrace = '5 parsecs'\nbatch = 65536\nformat = 'xml'\n\
                peers = ['hub:0']\ncolour = 'red'\n[logs]\nlevel = 'info'\n";
    insta::assert_snapshot!(read(text).unwrap_err(), @r#"
    the configuration /etc/sealpost/node.toml has 9 faults:
      tls.key is missing, expected a path
      line 1: agency = "Hong Kong": expected an agency such as "HK-CED"
      line 2: agencies is unknown; known here: agency, tls, limits
      line 4: limits.grace = "5 parsecs": expected a duration such as "250ms", "5s", "2m", "1h" or "30d", from "1s" to "2m"
      line 5: limits.batch = 65536: expected a size such as "512B", "64KiB", "1MiB" or "2GiB"
      line 6: limits.format = "xml": expected one of "text", "json"
      line 7: limits.peers = ["hub:0"]: expected a list of which each is a host and port such as "hub.example:7443"
      line 8: limits.colour is unknown; known here: grace, batch, peers, format
      line 9: logs is unknown; known here: agency, tls, limits
    "#);
}

#[test]
fn bounds_are_checked_and_included() {
    let grace = |grace: &str| {
        read(&format!("agency = 'HK-CED'\ntls.key = 'k'\nlimits.grace = {grace}")).map(|sample| sample.grace)
    };
    assert_eq!(grace("'1s'").unwrap(), Duration::from_secs(1));
    assert_eq!(grace("'120s'").unwrap(), Duration::from_mins(2));
    for outside in ["'121s'", "'999ms'", "'0s'", "'-1s'", "'99999999999999999999s'", "5", "'5'", "''", "'s'"]
    {
        let error = grace(outside).unwrap_err();
        assert!(matches!(error, Error::Faults { .. }), "{outside}: {error}");
    }
}

#[test]
fn a_value_in_the_place_of_a_section_is_refused() {
    let error = read("agency = 'HK-CED'\nlimits = 5\ntls.key = 'k'").unwrap_err();
    assert!(error.to_string().contains("limits is a section"), "{error}");
    let error = read("agency = 'HK-CED'\ntls.key = 'k'\n[agency]\nx = 1").unwrap_err();
    assert!(matches!(error, Error::Syntax { line: 3, .. }), "{error}");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let error = read("agency = 'HK-CED'\nlimits = [\n").unwrap_err();
    assert!(matches!(error, Error::Syntax { .. }), "{error}");
    let error = load::<Sample>(Path::new("/nonexistent/node.toml")).unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
}

#[test]
fn values_are_shown_as_they_are_written() {
    for (duration, text) in [(0, "0ms"), (250, "250ms"), (5000, "5s"), (90_000, "90s"), (3_600_000, "1h")] {
        assert_eq!(Duration::from_millis(duration).show(), format!("{text:?}"));
    }
    for (bytes, text) in [(0, "0B"), (1000, "1000B"), (1024, "1KiB"), (3 << 20, "3MiB"), (1 << 40, "1024GiB")]
    {
        assert_eq!(ByteSize::new(bytes).show(), format!("{text:?}"));
    }
    for host in ["hub", "hub:", ":1", "hub:65536", "hub:0", "hub:+1", "a b:1", "::1:2", "[::1:2", "[x]:2"] {
        assert!(host.parse::<HostPort>().is_err(), "{host}");
    }
}

#[test]
fn the_reference_names_every_key_with_default_and_bounds() {
    insta::assert_snapshot!(reference::<Sample>(), @r#"
    # The agency of this node.
    # Required: an agency such as "HK-CED".
    agency =

    # Who this program is.
    [tls]
    # The private key.
    # Required: a path.
    key =

    # What it takes.
    [limits]
    # How long streams may take to end.
    # Expected: a duration such as "250ms", "5s", "2m", "1h" or "30d", from "1s" to "2m".
    # grace = "20s"

    # The largest batch.
    # Expected: a size such as "512B", "64KiB", "1MiB" or "2GiB".
    # batch = "64KiB"

    # Whom to ask.
    # Expected: a list of which each is a host and port such as "hub.example:7443". Not set by default.
    # peers =

    # The format of the log.
    # Expected: one of "text", "json".
    # format = "text"
    "#);
}
