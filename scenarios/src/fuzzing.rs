//! The body of the fuzz target, so that a test can replay what it once found.
//!
//! The function panics when a promise is broken, and only then, and returns whether the input was accepted.

use std::collections::BTreeSet;
use std::path::Path;

use splitsim_model::Package;

use crate::scenario::{self, Draft, Plan, Sweep};

/// Any files are refused or become a scenario, or the points of a sweep; each says everything as a scenario file of
/// the same meaning.
///
/// # Panics
/// When that is not so.
pub fn scenario(path: &Path, package: &Package) -> bool {
    let Ok(plan) = scenario::plan(path, &[]) else {
        return false;
    };
    assert!(scenario::is_scenario(path));
    match plan {
        Plan::Single(draft) => check_resolved(*draft, package),
        Plan::Sweep(sweep) => points(&sweep)
            .into_iter()
            .for_each(|draft| check_resolved(draft, package)),
    }
    true
}

/// Points of a sweep that are looked at.
const MOST_POINTS: usize = 8;

fn points(sweep: &Sweep) -> Vec<Draft> {
    let slugs: BTreeSet<_> = sweep.points.iter().map(|point| &point.slug).collect();
    assert_eq!(slugs.len(), sweep.points.len(), "points share a name");
    let points = sweep.points.iter().take(MOST_POINTS).map(|point| {
        assert_eq!(point.values.len(), sweep.axes.len());
        let draft = point.draft().expect("a point was checked when planned");
        let text = point.to_toml().expect("a point is TOML");
        assert_eq!(
            scenario::parse(&text, &[]).ok().as_ref(),
            Some(&draft),
            "{text}"
        );
        draft
    });
    points.collect()
}

fn check_resolved(draft: Draft, package: &Package) {
    let Ok(scenario) = draft.resolve(package) else {
        return;
    };
    let text = scenario.to_toml();
    let again = scenario::parse(&text, &[]).and_then(|draft| draft.resolve(package));
    // Thresholds that nothing uses are not written.
    assert_eq!(again.map(|again| again.to_toml()).ok(), Some(text));
}
