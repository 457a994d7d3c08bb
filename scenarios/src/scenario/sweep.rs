//! `[sweep]` and `repeats`: one file, many points.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use super::{Draft, ScenarioError, check_table, include, set};

/// Points of one sweep.
const MOST_POINTS: usize = 10_000;
/// Characters of a point's file name, which systems limit to 255 with what is appended.
const LONGEST_NAME: usize = 120;
/// The axis of repetitions; no key of a scenario.
pub(crate) const REPEAT: &str = "repeat";

/// The runs that a scenario file asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// One run.
    Single(Box<Draft>),
    /// A run per point.
    Sweep(Sweep),
}

/// The grid of a `[sweep]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The scenario's name.
    pub name: String,
    /// The scenario's description.
    pub description: String,
    /// The swept keys, in the order in which the file has them.
    pub axes: Vec<String>,
    /// Every combination of their values, the last axis fastest.
    pub points: Vec<Point>,
}

/// One combination of values: a scenario of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its values in the order of the axes.
    pub values: Vec<Value>,
    /// A file name that no other point of the sweep has, and that stays when the grid grows.
    pub slug: String,
    table: Table,
}

impl Point {
    /// The point as a scenario.
    ///
    /// # Errors
    /// When a value is none that its key can have.
    pub fn draft(&self) -> Result<Draft, ScenarioError> {
        let draft = self.table.clone().try_into();
        draft.map(Draft).map_err(ScenarioError::syntax)
    }

    /// The point as a scenario file.
    ///
    /// # Errors
    /// When a value cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(&self.table)
    }
}

/// Reads a scenario file, with or without a sweep, and applies `settings`, each `key=value`.
///
/// # Errors
/// As [`read`](super::read); for any point of a sweep.
pub fn plan(path: &Path, settings: &[String]) -> Result<Plan, ScenarioError> {
    let mut table = include::load(path)?;
    for setting in settings {
        set::apply(&mut table, setting)?;
    }
    let in_file = |error: ScenarioError| error.in_file(path);
    let axes = axes(&mut table).map_err(in_file)?;
    if axes.is_empty() {
        return super::read(path, settings).map(|draft| Plan::Single(Box::new(draft)));
    }
    // What is wrong with the file itself is told as of the file, with its line.
    super::read(path, settings)?;
    let text = |key| table.get(key).and_then(Value::as_str).unwrap_or_default();
    Ok(Plan::Sweep(Sweep {
        name: text("name").to_owned(),
        description: text("description").to_owned(),
        points: points(&table, &axes).map_err(in_file)?,
        axes: axes.into_iter().map(|axis| axis.key).collect(),
    }))
}

struct Axis {
    key: String,
    values: Vec<Value>,
}

/// Takes the sweep out of a scenario.
fn axes(table: &mut Table) -> Result<Vec<Axis>, ScenarioError> {
    let mut axes = Vec::new();
    if let Some(sweep) = table.remove("sweep") {
        collect(String::new(), sweep, &mut axes)?;
        check_axes(&axes)?;
    }
    if let Some(repeats) = table.remove("repeats") {
        let count = repeats.as_integer().filter(|count| *count > 0);
        let count = count
            .ok_or_else(|| ScenarioError::value("repeats", "expected a whole number from 1"))?;
        if count > MOST_POINTS as i64 {
            return Err(too_many());
        }
        axes.push(Axis {
            key: REPEAT.to_owned(),
            values: (1..=count).map(Value::Integer).collect(),
        });
    }
    let size = axes
        .iter()
        .try_fold(1usize, |size, axis| size.checked_mul(axis.values.len()));
    match size {
        Some(0..=MOST_POINTS) => Ok(axes),
        _ => Err(too_many()),
    }
}

/// Keys that are of the whole file, not of one of its points.
const NOT_SWEPT: [&str; 6] = [
    "name",
    "description",
    "provenance",
    "repeats",
    "sweep",
    include::KEY,
];

/// Refuses axes that say nothing of a point, and those of which one would undo the other.
fn check_axes(axes: &[Axis]) -> Result<(), ScenarioError> {
    let refuse = |key: &str, reason: String| ScenarioError::value(format!("sweep.{key}"), reason);
    for Axis { key, .. } in axes {
        if NOT_SWEPT.iter().any(|not| set::key_is(key, not)) {
            let reason = "is of the whole file and cannot be swept, remove it".to_owned();
            return Err(refuse(key, reason));
        }
    }
    for alternatives in set::ALTERNATIVES {
        let [one, other] = alternatives.map(|key| {
            let swept = axes.iter().find(|axis| set::key_is(&axis.key, key));
            swept.map(|axis| &axis.key)
        });
        if let (Some(one), Some(other)) = (one, other) {
            return Err(refuse(
                other,
                format!("stands beside sweep.{one}, and a point has one of them"),
            ));
        }
    }
    Ok(())
}

fn too_many() -> ScenarioError {
    ScenarioError::value("sweep", format!("more than {MOST_POINTS} points"))
}

/// Tables lead to keys, lists are their values: `a.b = […]` and `"a.b" = […]` are the same.
fn collect(key: String, value: Value, axes: &mut Vec<Axis>) -> Result<(), ScenarioError> {
    let place = || format!("sweep.{key}").trim_end_matches('.').to_owned();
    match value {
        Value::Table(inner) => inner.into_iter().try_for_each(|(name, value)| {
            let separator = if key.is_empty() { "" } else { "." };
            collect(format!("{key}{separator}{name}"), value, axes)
        }),
        Value::Array(values) if !values.is_empty() => {
            axes.push(Axis { key, values });
            Ok(())
        }
        Value::Array(_) => Err(ScenarioError::value(place(), "an empty list of values")),
        _ => Err(ScenarioError::value(place(), "expected a list of values")),
    }
}

fn points(table: &Table, axes: &[Axis]) -> Result<Vec<Point>, ScenarioError> {
    let mut combinations = vec![Vec::new()];
    for axis in axes {
        combinations = combinations
            .iter()
            .flat_map(|point: &Vec<Value>| {
                axis.values.iter().map(|value| {
                    let mut longer = point.clone();
                    longer.push(value.clone());
                    longer
                })
            })
            .collect();
    }
    let names = short_names(axes);
    let mut slugs = BTreeSet::new();
    let mut points = Vec::with_capacity(combinations.len());
    for values in combinations {
        let point = point(table, axes, &names, values)?;
        if !slugs.insert(point.slug.clone()) {
            let reason = format!("the point {} stands twice", point.slug);
            return Err(ScenarioError::value("sweep", reason));
        }
        points.push(point);
    }
    Ok(points)
}

fn point(
    table: &Table,
    axes: &[Axis],
    names: &[&str],
    values: Vec<Value>,
) -> Result<Point, ScenarioError> {
    let mut table = table.clone();
    for (axis, value) in axes.iter().zip(&values) {
        if axis.key != REPEAT {
            let place = format!("sweep.{}", axis.key);
            set::set(&mut table, &axis.key, value.clone())
                .map_err(|reason| ScenarioError::value(&place, reason))?;
            check_table(&table).map_err(|error| ScenarioError::value(&place, error))?;
        }
    }
    let parts: Vec<String> = names
        .iter()
        .zip(&values)
        .map(|(name, value)| format!("{name}_{}", spoken(value)))
        .collect();
    Ok(Point {
        slug: file_name(&parts.join("__")),
        values,
        table,
    })
}

/// A value as people write it.
pub(crate) fn spoken(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The last part of every key, or the whole where two end alike.
fn short_names(axes: &[Axis]) -> Vec<&str> {
    let last = |key: &'_ str| {
        key.rsplit('.')
            .next()
            .map_or(0, |last| key.len() - last.len())
    };
    axes.iter()
        .map(|axis| {
            let short = &axis.key[last(&axis.key)..];
            let alike = axes.iter().filter(|other| other.key.ends_with(short));
            if alike.count() > 1 { &axis.key } else { short }
        })
        .collect()
}

/// Letters, digits and `_ . -`; what is too long ends in a digest of the whole.
fn file_name(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' | '-' => c,
            _ => '-',
        })
        .collect();
    if plain.len() <= LONGEST_NAME {
        return plain;
    }
    let digest = blake3::hash(text.as_bytes()).to_hex();
    format!("{}-{}", &plain[..LONGEST_NAME - 17], &digest[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str =
        "name = 'small'\nframes = 2\n[[policies]]\nname = 'p'\nkind = 'always'\nlevel = 0\n";

    fn planned(sweep: &str, settings: &[&str]) -> Result<Plan, ScenarioError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("small.toml");
        std::fs::write(&path, format!("{sweep}\n{BASE}")).unwrap();
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        plan(&path, &settings)
    }

    fn sweep(sweep: &str, settings: &[&str]) -> Sweep {
        match planned(sweep, settings).unwrap() {
            Plan::Sweep(sweep) => sweep,
            Plan::Single(_) => panic!("no sweep"),
        }
    }

    #[test]
    fn axes_say_something_of_every_point() {
        let check = |sweep: &str, settings: &[&str], part: &str| {
            let message = planned(sweep, settings).unwrap_err().to_string();
            assert!(message.contains(part), "{sweep} {settings:?}: {message}");
        };
        for key in [
            "name",
            "description",
            "repeats",
            "include",
            "provenance.seed",
            "sweep.seed",
        ] {
            check(&format!("sweep.{key} = [1, 2]"), &[], "of the whole file");
            check("", &[&format!("sweep.{key}=[1,2]")], "of the whole file");
        }
        check(
            "sweep.images = ['a', 'b']",
            &["sweep.frames=[1,2]"],
            "a point has one of them",
        );
        for setting in ["include=['lost.toml']", " include = []"] {
            check("", &[setting], "by the file alone");
        }
    }

    #[test]
    fn a_grid_has_every_combination_the_last_axis_fastest() {
        let sweep = sweep(
            "repeats = 2\nsweep.seed = [4, 5]\nsweep.transport.initial-window = ['12 kB', '1 MB']",
            &[],
        );
        assert_eq!(sweep.axes, ["seed", "transport.initial-window", "repeat"]);
        let slugs: Vec<_> = sweep
            .points
            .iter()
            .map(|point| point.slug.as_str())
            .collect();
        assert_eq!(slugs.len(), 8);
        assert_eq!(slugs[0], "seed_4__initial-window_12-kB__repeat_1");
        assert_eq!(slugs[1], "seed_4__initial-window_12-kB__repeat_2");
        assert_eq!(slugs[7], "seed_5__initial-window_1-MB__repeat_2");
        let last = sweep.points[7].draft().unwrap();
        assert_eq!(last.0.seed, 5);
        let text = sweep.points[7].to_toml().unwrap();
        assert_eq!(super::super::parse(&text, &[]).unwrap(), last);
    }

    #[test]
    fn policies_are_swept_by_name_and_settings_may_change_the_sweep() {
        let swept = sweep("sweep.policies.p.level = [0, 2]", &["sweep.seed=[1,2,3]"]);
        assert_eq!(swept.points.len(), 6);
        assert!(matches!(planned("", &[]).unwrap(), Plan::Single(_)));
        assert!(matches!(
            planned("sweep.seed = [4, 5]", &["sweep={}"]).unwrap(),
            Plan::Single(_)
        ));
    }

    #[test]
    fn what_cannot_be_swept_is_refused_by_name() {
        let check = |text: &str, parts: &[&str]| {
            let message = planned(text, &[]).unwrap_err().to_string();
            for part in parts {
                assert!(message.contains(part), "no '{part}' in: {message}");
            }
        };
        check(
            "sweep.sede = [1]",
            &["sweep.sede", "unknown key 'sede'", "'seed'"],
        );
        check("sweep.seed = 1", &["sweep.seed", "list of values"]);
        check("sweep.seed = []", &["sweep.seed", "empty"]);
        check("sweep.seed = ['four']", &["sweep.seed"]);
        check("sweep.seed = [4, 4]", &["seed_4", "twice"]);
        check("sweep.policies.q.level = [1]", &["no policy 'q'"]);
        check("repeats = 0", &["repeats", "from 1"]);
        check("repeats = 10001", &["more than 10000 points"]);
        check("repeats = 9223372036854775807", &["more than 10000 points"]);
        check("sweep.seed = [1]\nfames = 1", &["unknown key 'fames'"]);
    }

    #[test]
    fn long_names_are_cut_and_stay_distinct() {
        let (one, two) = (file_name(&"a".repeat(300)), file_name(&"a".repeat(301)));
        assert_eq!(one.len(), LONGEST_NAME);
        assert_ne!(one, two);
    }
}
