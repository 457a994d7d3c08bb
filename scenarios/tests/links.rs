//! `splitsim run` over emulated links: the times are those of bytes, rate and distance, an outage loses
//! nothing, and what the link and the connections were like is in the results.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;
use support::Workplace;

const SCENARIO: &str = r#"
name = "linked"
model = "model"
range = "feature"
metrics = ["mse"]
[[policies]]
name = "rich"
kind = "always"
level = "richest"
"#;

/// A scenario with these keys before its tables and these tables after them.
fn place(keys: &str, tables: &str) -> Workplace {
    let place = Workplace::new();
    let text = format!("{keys}\n{SCENARIO}\n{tables}");
    std::fs::write(place.path("linked.toml"), text).unwrap();
    place
}

fn results(place: &Workplace) -> Connection {
    Connection::open(place.path("out/linked/results.sqlite")).unwrap()
}

fn number(database: &Connection, query: &str) -> f64 {
    database.query_row(query, [], |row| row.get(0)).unwrap()
}

/// The file of a folder whose name ends so, the last of several.
fn file(folder: &Path, ending: &str) -> String {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let path = paths.filter(|path| path.to_string_lossy().ends_with(ending));
    std::fs::read_to_string(path.max().unwrap()).unwrap()
}

#[test]
fn at_a_low_rate_frames_take_their_bytes_over_the_rate_and_a_round_trip() {
    let link = "[link]\nshared = false\nrtt = '80 ms'\n[link.up]\nrate = '150 kbit/s'";
    let place = place("frames = 4\ntasks = ['dpt']\nedges-per-task = 2", link);
    place.splitsim("run linked.toml").ok();
    let database = results(&place);
    let query = "SELECT transfer_ms / (link_bytes * 8 / 150.0 + 80)
        FROM stages JOIN frames USING (frame_key) JOIN runs USING (run_key)
        WHERE edge_id = ?1 AND frame > 0";
    for edge in ["dpt-0", "dpt-1"] {
        let mut statement = database.prepare(query).unwrap();
        let ratios = statement.query_map([edge], |row| row.get::<_, f64>(0));
        let ratios: Vec<f64> = ratios.unwrap().map(Result::unwrap).collect();
        assert_eq!(ratios.len(), 3);
        // None comes too early; a busy machine makes some late, but an emulation that is wrong all.
        assert!(ratios.iter().all(|ratio| *ratio > 0.95), "{ratios:?}");
        assert!(ratios.iter().any(|ratio| *ratio < 1.05), "{ratios:?}");
    }
    let links = "SELECT count(DISTINCT link) FROM link_samples";
    assert_eq!(number(&database, links), 2.0, "a link per edge");
}

/// The frames that a run's journal has, in the order of their answers.
fn answered(place: &Workplace) -> Vec<u64> {
    let journal = place.path("out/linked/edges/rich/dpt/journal.jsonl");
    let journal = std::fs::read_to_string(journal).unwrap();
    let records = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let records = records.filter(|record: &serde_json::Value| record["record"] == "answered");
    records
        .map(|record| record["frame"].as_u64().unwrap())
        .collect()
}

#[test]
fn frames_in_flight_share_what_the_link_carries_and_its_estimate_is_of_the_link() {
    let place = place(
        "frames = 10\ntasks = ['dpt']",
        "[transport]\nin-flight = 3\npriority = 'oldest-first'\n\
         [link]\nrtt = '80 ms'\n[link.up]\nrate = '600 kbit/s'",
    );
    place.splitsim("run linked.toml").ok();
    assert_eq!(answered(&place), (0..10).collect::<Vec<_>>());
    let database = results(&place);
    // The link's own count has the handshake too, and ends up to 100 ms before the last frame.
    let shared = number(&database, "SELECT sum(link_bytes) FROM stages");
    let up = "SELECT max(delivered_bytes) FROM link_samples WHERE direction = 'up'";
    let ratio = shared / number(&database, up);
    assert!((0.97..1.02).contains(&ratio), "{ratio}");
    // All together take what their bytes take; each, among three, longer than alone.
    let together = "SELECT sum(transfer_ms) / (sum(link_bytes) * 8 / 600.0) FROM stages";
    let together = number(&database, together);
    assert!((1.5..3.3).contains(&together), "{together}");

    let decisions = place.path("out/linked/edges/rich/dpt/decisions.jsonl");
    let decisions = std::fs::read_to_string(decisions).unwrap();
    let rates = decisions.lines().filter_map(|line| {
        let decided: serde_json::Value = serde_json::from_str(line).unwrap();
        decided["conditions"]["link"]["rate"].as_f64()
    });
    let rates: Vec<f64> = rates.collect();
    assert!(rates.len() >= 3, "{rates:?}");
    for rate in &rates {
        // Headers take 4 %; a busy edge may leave the link idle for a while.
        assert!((0.8..1.02).contains(&(rate / 600e3)), "{rates:?}");
    }
}

#[test]
fn a_fresh_frame_is_answered_before_those_under_way() {
    // A short queue: what waits in it is not overtaken.
    let place = place(
        "frames = 8\ntasks = ['dpt']",
        "[transport]\nin-flight = 3\npriority = 'newest-first'\n\
         [link]\nrtt = '80 ms'\n[link.up]\nrate = '600 kbit/s'\nqueue = '16 kB'",
    );
    place.splitsim("run linked.toml").ok();
    let order = answered(&place);
    let all: BTreeSet<u64> = order.iter().copied().collect();
    assert_eq!((order.len(), all), (8, (0..8).collect()));
    assert!(!order.is_sorted(), "{order:?}");
}

#[test]
fn an_order_of_one_frame_is_refused_before_any_work() {
    let place = place("frames = 1", "[transport]\npriority = 'newest-first'");
    for line in ["run linked.toml", "validate linked.toml"] {
        let parts = ["transport.priority", "transport.in-flight is 1"];
        place.splitsim(line).failed(2, &parts);
    }
    assert!(!place.path("out").exists());
}

#[test]
fn traces_in_other_units_are_converted() {
    let place = Workplace::new();
    std::fs::write(
        place.path("oboe.txt"),
        "15.0 3168.6\r\n474.0 4500\r\n1311 2000\r\n\r\n",
    )
    .unwrap();
    let units = "--times ms --rates kbit/s";
    let told = place
        .splitsim(&format!("link info oboe.txt {units} --json"))
        .json();
    let written = place
        .splitsim(&format!(
            "link convert oboe.txt {units} --out oboe.csv --json"
        ))
        .json();
    assert_eq!(written, told);
    assert_eq!(told["length_s"], 2.133);
    let text = std::fs::read_to_string(place.path("oboe.csv")).unwrap();
    assert_eq!(text, "seconds,Mbit/s\n0,3.1686\n0.459,4.5\n1.296,2\n");
    place.splitsim("link info oboe.csv").ok();
    place
        .splitsim("link convert oboe.csv --format mahimahi --out oboe.up")
        .ok();
    place
        .splitsim("link convert oboe.up --format csv --out back.csv")
        .failed(2, &["oboe.up", "only rates can be written as csv"]);
    place
        .splitsim("link info oboe.txt --times min")
        .failed(2, &["expected one of s, ms, us, ns"]);
}

#[test]
fn what_is_no_regular_file_is_refused_as_a_trace() {
    let place = Workplace::new();
    let pipe = place.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for (path, kind) in [
        ("pipe", "a pipe"),
        ("/dev/zero", "a device"),
        (".", "a folder"),
    ] {
        place
            .splitsim(&format!("link info {path}"))
            .failed(2, &[path, kind]);
    }
}

#[test]
fn a_shared_link_is_noted_with_its_connections_and_packets() {
    let place = place(
        "frames = 2\ntasks = ['cls']\nedges-per-task = 3",
        "[transport]\nqlog = true\nconnection = 'cold'\n[link]\npacket-log = true\nrtt = '10 ms'\n\
         [link.up]\ntrace = 'trace.csv'\nloss = '2 %'",
    );
    std::fs::write(place.path("trace.csv"), "0,1\n1,0.5\n2,0.5\n").unwrap();
    place.splitsim("run linked.toml").ok();
    let database = results(&place);
    assert_eq!(number(&database, "SELECT count(*) FROM frames"), 6.0);
    let links = "SELECT count(DISTINCT link) FROM link_samples WHERE link = 'uplink'";
    assert_eq!(number(&database, links), 1.0);
    let rates = "SELECT max(rate_bps) FROM link_samples WHERE direction = 'up'";
    assert_eq!(number(&database, rates), 1e6);
    let edges = "SELECT count(DISTINCT run_key) FROM connection_samples WHERE sent_packets > 0
        AND rtt_ms >= 10 AND window_bytes > 0";
    assert_eq!(number(&database, edges), 3.0);

    let edges = place.path("out/linked/edges/rich");
    let packets = file(&edges.join("packets"), "uplink.csv");
    let count = |event: &str| packets.lines().filter(|line| line.contains(event)).count();
    let came = count(",up,arrived,");
    assert!(came > 20, "{packets}");
    // What the link served it lost or delivered; the last packets of a run may still wait.
    assert!(count(",up,served,") <= came && count(",up,served,") + 20 > came);
    // A connection for each of the two frames, and for each that had to be sent again.
    let qlogs = std::fs::read_dir(edges.join("cls-0/qlog")).unwrap().count();
    assert!(qlogs >= 2, "{qlogs}");
    let qlog = file(&edges.join("cls-0/qlog"), ".sqlog");
    assert!(qlog.contains("packet_sent"), "{qlog}");

    let resolved = place.path("out/linked/scenario.resolved.toml");
    let resolved = std::fs::read_to_string(resolved).unwrap();
    for part in ["trace-digest = ", "shared = true", "seed = 4"] {
        assert!(resolved.contains(part), "{resolved}");
    }
}

/// The outage of `outage.toml` scaled down to 4 s, and the idle timeout with it and further, so that the
/// connections die in it. That they live through one shorter than the timeout is the transport's test.
#[test]
fn an_outage_that_outlasts_the_connections_loses_no_frame() {
    let place = place(
        "frames = 32\ntasks = ['cls', 'seg']",
        "[transport]\nkeep-alive = '300 ms'\nidle-timeout = '1500 ms'\n\
         [link]\nrtt = '20 ms'\n[link.up]\nrate = '2 Mbit/s'\n\
         [[link.events]]\nat = '1 s'\ndown-for = '4 s'",
    );
    let json = place.splitsim("run linked.toml --json").json();
    let groups = json["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    for group in groups {
        assert_eq!(group["frames"], 32, "{group}");
        assert_eq!(group["frames_settled"], 32, "{group}");
    }
    let database = results(&place);
    let lost = "SELECT max(dropped_down) FROM link_samples";
    assert!(number(&database, lost) > 0.0, "the outage met no packet");
    let again = "SELECT max(sends) FROM stages";
    assert!(number(&database, again) > 1.0, "no frame was cut off");
}

#[test]
fn what_is_no_trace_is_refused_before_any_work() {
    let link = "[link.up]\ntrace = 'trace.csv'";
    let place = place("frames = 1", link);
    let refused = |text: &str, part: &str| {
        std::fs::write(place.path("trace.csv"), text).unwrap();
        for line in [
            "run linked.toml",
            "validate linked.toml",
            "link info trace.csv",
        ] {
            place.splitsim(line).failed(2, &["trace.csv", part]);
        }
    };
    refused("0,4\n2,2\n1,1\n", "line 3: time 1 comes before 2");
    refused("5\n3\n", "line 2: time 3 comes before 5");
    refused("0\n", "lasts no time");
    refused("seconds,kbit/s\n0,1\n1,2\n", "convert the columns");
    refused("0,4000000\n1,2\n", "is it in another unit?");
    refused(
        "15.0 3168.6\n474.0 3168.6\n1311.0 3183.2\n",
        "--times ms --rates kbit/s",
    );
    refused("1453121790686,4\n1453121791686,5\n", "--times ms");
    refused("seconds,Mbit/s\n", "no row");
    assert!(!place.path("out").exists());
}

#[test]
fn traces_are_made_and_described() {
    let place = Workplace::new();
    let make = |kind: &str, more: &str| {
        let line = format!("link trace --kind {kind} --out {kind}.csv --json {more}");
        place.splitsim(&line).json()
    };
    let drive = make("lte-drive", "--seconds 300");
    assert_eq!(drive["longest_gap_s"], 60.0);
    assert_eq!(
        place.splitsim("link info lte-drive.csv --json").json(),
        drive
    );
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
    make("5g", "--seconds 300");
    make("steps", "--seconds 80");
    for name in ["lte-drive.csv", "5g.csv", "steps.csv"] {
        let made = std::fs::read_to_string(place.path(name)).unwrap();
        let expected = std::fs::read_to_string(shipped.join(name)).unwrap();
        assert!(made == expected, "{name} is not what the README says");
    }
    let opportunities = make("steps", "--seconds 80 --format mahimahi --force");
    assert_eq!(opportunities["format"], "opportunities of 1500 B");
    place
        .splitsim("link trace --kind lte-drive --seconds 60 --out x.csv")
        .failed(2, &["--seconds 60", "lte-drive takes at least 120 seconds"]);
}
