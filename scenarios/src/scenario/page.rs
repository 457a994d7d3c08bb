//! The reference page, `docs/scenarios.md`, against the code.

use std::collections::BTreeSet;
use std::path::Path;

use splitsim_cfqa::Metric;
use splitsim_model::Package;
use splitsim_vision::train::{TrainConfig, random_package};

use super::file::KindChoice;
use super::{Scenario, ScenarioError, keys, parse};

/// Every table with its required keys, so that a default can be put in anywhere.
const EVERYTHING: &str = r#"
name = "x"
frames = 1
[transport]
[link.up.bursts]
to-bad = "1 %"
to-good = "50 %"
[link.up.codel]
[[link.events]]
at = "1 s"
down-for = "1 s"
[replay]
rate = "1 Mbit/s"
rtt = "40 ms"
limits = { cls = 0, seg = 0, dpt = 0 }
[[policies]]
name = "threshold"
kind = "threshold"
metric = "cosine"
threshold = 0.9
[[policies]]
name = "bisect"
kind = "bisect"
metric = "cosine"
threshold = 0.9
[[policies]]
name = "predictive"
kind = "predictive"
metric = "cosine"
threshold = 0.9
[[policies]]
name = "deadline"
kind = "deadline"
metric = "cosine"
threshold = 0.9
deadline = "1 s"
[[policies]]
name = "budget"
kind = "budget"
metric = "cosine"
threshold = 0.9
rate = "1 kB/s"
"#;

/// A row of a table of keys.
struct Row {
    key: String,
    /// The policies that the key is for; `None` in a table without such a column.
    kinds: Option<String>,
    default: String,
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenarios.md");
    std::fs::read_to_string(path).unwrap()
}

/// The rows under a heading, to the next one.
fn rows(page: &str, heading: &str) -> Vec<Row> {
    let from = page.find(&format!("\n{heading}\n"));
    let section = &page[from.unwrap_or_else(|| panic!("no heading '{heading}'")) + 1..];
    let lines = section.lines().skip(1);
    let lines = lines.take_while(|line| !line.starts_with('#'));
    let rows = lines.filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let with_kinds = cells.len() == 5;
        Row {
            key: cells[0].trim_matches('`').to_owned(),
            kinds: with_kinds.then(|| cells[1].to_owned()),
            default: cells[cells.len() - 2].to_owned(),
        }
    })
    .collect()
}

fn package() -> Package {
    let dir = tempfile::tempdir().unwrap();
    random_package(&TrainConfig::miniature(), dir.path()).unwrap()
}

#[test]
fn the_page_has_the_keys_of_the_code_and_no_others() {
    let page = page();
    for (heading, known) in keys::of_headings() {
        let told: BTreeSet<String> = rows(&page, heading)
            .into_iter()
            .map(|row| row.key)
            .collect();
        let known: BTreeSet<String> = known.iter().map(|&key| key.to_owned()).collect();
        assert_eq!(told, known, "{heading}");
    }
}

#[test]
fn the_page_names_every_metric() {
    let page = page();
    for metric in Metric::ALL {
        assert!(page.contains(&format!("`{metric}`")), "{metric}");
    }
}

#[test]
fn the_page_says_which_policies_a_key_is_for() {
    for row in rows(&page(), "### `[[policies]]`") {
        let told = row.kinds.unwrap();
        for kind in KindChoice::all() {
            let is_told = told == "all" || told.split(", ").any(|name| name == kind.name());
            let key = row.key.as_str();
            let is_known = ["name", "kind"].contains(&key) || kind.keys().contains(&key);
            assert_eq!(is_told, is_known, "{key} for {}", kind.name());
        }
    }
}

#[test]
fn a_default_of_the_page_is_what_holds_without_the_key() {
    let (page, package) = (page(), package());
    let resolved = |settings: &[String]| -> Result<Scenario, ScenarioError> {
        parse(EVERYTHING, settings)?.resolve(&package)
    };
    let without = resolved(&[]).unwrap();
    let mut checked = 0;
    for (heading, _) in keys::of_headings() {
        for row in rows(&page, heading) {
            // Else it is required, or words say what holds.
            let Some(default) = row.default.strip_prefix('`') else {
                continue;
            };
            let default = default.trim_end_matches('`');
            for place in places(heading, &row) {
                let setting = format!("{place}{}={default}", row.key);
                let with = resolved(std::slice::from_ref(&setting));
                let with = with.unwrap_or_else(|error| panic!("{setting}: {error}"));
                assert_eq!(with, without, "{setting}");
                checked += 1;
            }
        }
    }
    assert!(checked > 30, "only {checked} defaults found");
}

/// Returns the prefixes with which the keys under a heading can be set in [`EVERYTHING`].
fn places(heading: &str, row: &Row) -> Vec<String> {
    match heading {
        // Sweeps are taken apart before a scenario is resolved.
        "## Keys" if row.key == "repeats" => Vec::new(),
        "## Keys" => vec![String::new()],
        "### `[transport]`" => vec!["transport.".to_owned()],
        "### `[replay]`" => vec!["replay.".to_owned()],
        "### `[link]`" => vec!["link.".to_owned()],
        "### `[link.up]`, `[link.down]`" => vec!["link.up.".to_owned(), "link.down.".to_owned()],
        "### `[link.up.bursts]`" => vec!["link.up.bursts.".to_owned()],
        "### `[link.up.codel]`" => vec!["link.up.codel.".to_owned()],
        "### `[[policies]]`" => {
            let kinds = row.kinds.as_deref().unwrap_or_default().split(", ");
            kinds.map(|kind| format!("policies.{kind}.")).collect()
        }
        // The only one with a default cannot be reached by a setting.
        "### `[[link.events]]`" => Vec::new(),
        other => panic!("where are the keys of {other}?"),
    }
}

#[test]
fn the_examples_of_the_page_have_known_keys() {
    let page = page();
    let mut examples = page.split("```toml\n").skip(1);
    let mut seen = 0;
    assert!(examples.all(|example| {
        let text = example.split("```").next().unwrap_or_default();
        let table: toml::Table = text.parse().unwrap();
        seen += 1;
        keys::check(&table).is_ok()
    }));
    assert!(seen >= 2, "{seen} examples");
}
