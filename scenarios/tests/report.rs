//! `splitsim report` and `splitsim export` over what `splitsim run` left.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::fs;

use rusqlite::Connection;
use support::Workplace;

/// Nothing passes the gate, so every frame whose distortion is out of the order of the scores counts as
/// misjudged. That heads of random weights put eight frames of a task into that order is not to be feared.
const SCENARIO: &str = r#"
name = "small"
model = "model"
frames = 4
range = "feature"
metrics = ["mse", "cosine"]
tasks = ["cls", "seg"]
[[policies]]
name = "gate"
kind = "threshold"
metric = "cosine"
threshold = 1.0
max-attempts = 1
[[policies]]
name = "rich"
kind = "always"
level = "richest"
"#;

/// Four frames of two tasks under two policies.
fn recorded() -> Workplace {
    let place = Workplace::new();
    fs::write(place.path("small.toml"), SCENARIO).unwrap();
    place.splitsim("run small.toml --pictures 1").ok();
    place
}

#[test]
fn results_are_told_and_exported() {
    let place = recorded();
    let page = || fs::read_to_string(place.path("out/small/report.html")).unwrap();
    let first = page();
    assert!(first.starts_with("<!doctype html>"));
    assert!(first.contains("data:image/jpeg;base64,"), "pictures");

    // The same page again, from the folder alone.
    let json = place
        .splitsim("report out/small --pictures 1 --json")
        .json();
    assert_eq!(json["report"], "out/small/report.html");
    assert_eq!(json["bytes"], first.len());
    assert_eq!(json["missing_frames"], 0);
    assert!(page() == first, "the report differs from that of the run");

    let line = "report out/small --out other.html --limit seg=2.5 --pictures 0";
    let text = place.splitsim(line).ok();
    assert_eq!(text.trim(), "report: other.html");
    let other = fs::read_to_string(place.path("other.html")).unwrap();
    assert!(other.contains("limit 2.5 mIoU points"));
    assert!(!other.contains("data:image"));

    exported_as_csv(&place);
    exported_as_parquet(&place);
    what_cannot_be_written_is_refused(&place);
    told_of_a_cloud(&place);
    told_without_its_model(&place);
    told_unfinished(&place);
}

fn sum_of_bytes(place: &Workplace) -> i64 {
    let database = Connection::open(place.path("out/small/results.sqlite")).unwrap();
    let query = "SELECT sum(container_bytes) FROM frames";
    database.query_row(query, [], |row| row.get(0)).unwrap()
}

const TABLES: [&str; 8] = [
    "flat",
    "runs",
    "frames",
    "attempts",
    "distortions",
    "stages",
    "link_samples",
    "connection_samples",
];

fn exported_as_csv(place: &Workplace) {
    let line = "export out/small --format csv --out tables --json";
    let json = place.splitsim(line).json();
    let files = json["files"].as_array().unwrap();
    let named: Vec<&str> = files
        .iter()
        .map(|one| one["file"].as_str().unwrap())
        .collect();
    assert_eq!(named, TABLES.map(|table| format!("tables/{table}.csv")));
    assert_eq!(
        (&files[0]["rows"], &files[1]["rows"]),
        (&16.into(), &4.into())
    );

    let text = fs::read_to_string(place.path("tables/flat.csv")).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let column = head
        .iter()
        .position(|name| *name == "container_bytes")
        .unwrap();
    let sum: i64 = lines
        .map(|cells| cells[column].parse::<i64>().unwrap())
        .sum();
    assert_eq!(sum, sum_of_bytes(place));
}

fn exported_as_parquet(place: &Workplace) {
    let text = place
        .splitsim("export out/small --format parquet --out tables")
        .ok();
    assert!(text.contains("tables/frames.parquet: 16 rows"), "{text}");
    let flat = splitsim_table::read_parquet(&place.path("tables/flat.parquet")).unwrap();
    let bytes = flat.ints("container_bytes").unwrap();
    assert_eq!(bytes.iter().flatten().sum::<i64>(), sum_of_bytes(place));
    let policies = flat.texts("policy").unwrap();
    let rich = policies
        .iter()
        .filter(|policy| policy.as_deref() == Some("rich"));
    assert_eq!(rich.count(), 8);
}

fn what_cannot_be_written_is_refused(place: &Workplace) {
    place
        .splitsim("export out/small --format csv --out small.toml")
        .failed(2, &["--out small.toml is a file; name a folder"]);
    place
        .splitsim("export out/small --format xlsx --out tables")
        .failed(2, &["xlsx", "parquet, csv"]);
    place
        .splitsim("report out/small --pictures 0 --out nowhere/report.html")
        .failed(1, &["cannot write nowhere/report.html"]);
    for (limit, reason) in [
        ("seg", "expected TASK=VALUE"),
        ("seg=much", "no number"),
        ("mask=1", "unknown task 'mask'"),
    ] {
        place
            .splitsim(&format!("report out/small --limit {limit}"))
            .failed(2, &["--limit", reason]);
    }
}

/// All that a cloud has on a machine of its own.
fn told_of_a_cloud(place: &Workplace) {
    fs::create_dir(place.path("cloud-out")).unwrap();
    fs::copy(
        place.path("out/small/results.sqlite"),
        place.path("cloud-out/results.sqlite"),
    )
    .unwrap();
    place.splitsim("report cloud-out").ok();
    let page = fs::read_to_string(place.path("cloud-out/report.html")).unwrap();
    assert!(page.contains("Frames of a cloud") && page.contains("16 frames in all"));
    place
        .splitsim("export cloud-out --format csv --out cloud-tables")
        .ok();
    let flat = fs::read_to_string(place.path("cloud-tables/flat.csv")).unwrap();
    assert_eq!(flat.lines().count(), 1 + 16);
}

/// Results outlive the model that they were made with.
fn told_without_its_model(place: &Workplace) {
    splitsim_durable::rename(&place.path("model"), &place.path("elsewhere")).unwrap();
    place
        .splitsim("report out/small")
        .failed(2, &["report.html exists", "--out", "--force"]);
    place.splitsim("report out/small --force").ok();
    let page = fs::read_to_string(place.path("out/small/report.html")).unwrap();
    assert!(page.contains("No pictures: no model package"));
    assert!(page.contains("Every frame") && !page.contains("data:image"));
}

fn told_unfinished(place: &Workplace) {
    let database = Connection::open(place.path("out/small/results.sqlite")).unwrap();
    database.pragma_update(None, "foreign_keys", true).unwrap();
    for table in ["attempts", "distortions", "stages", "frames"] {
        let delete = format!("DELETE FROM {table} WHERE frame_key > 5");
        database.execute(&delete, []).unwrap();
    }
    drop(database);
    let json = place.splitsim("report out/small --json").json();
    assert_eq!(json["missing_frames"], 11);
    let page = fs::read_to_string(place.path("out/small/report.html")).unwrap();
    assert!(page.contains("5 of 16 frames are recorded"));
}

#[test]
fn what_is_no_folder_of_results_is_refused_with_2() {
    let place = Workplace::new();
    fs::create_dir(place.path("empty")).unwrap();
    fs::create_dir(place.path("torn")).unwrap();
    fs::write(place.path("torn/scenario.resolved.toml"), "name = 'torn'").unwrap();
    fs::create_dir(place.path("damaged")).unwrap();
    fs::write(place.path("damaged/scenario.resolved.toml"), "name =").unwrap();
    for command in ["report", "export --format csv --out tables"] {
        for (folder, part) in [
            (
                "nowhere",
                "nowhere/scenario.resolved.toml: no results of a run here",
            ),
            (
                "empty",
                "empty/scenario.resolved.toml: no results of a run here",
            ),
            ("torn", "torn/results.sqlite"),
            ("damaged", "damaged/scenario.resolved.toml is damaged"),
        ] {
            place
                .splitsim(&format!("{command} {folder}"))
                .failed(2, &[part]);
        }
    }
    assert!(!place.path("tables").exists() && !place.path("torn/report.html").exists());
}
