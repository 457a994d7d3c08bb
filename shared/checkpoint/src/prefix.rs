//! Under which prefix the wanted names of a checkpoint are.
//!
//! Training wraps models: `state_dict.`, `module.`, `_orig_mod.`, `model.backbone.`,
//! `student.`, in any order and number. The wanted names themselves tell how much stands before them.

use std::cmp::Reverse;

/// Models that one training keeps beside another; the first is the one that is released.
const PREFERRED: &str = "teacher";
/// The other one.
const AVOIDED: &str = "student";

/// The prefixes, ending in a full stop unless empty, under which a name stands.
pub(crate) fn of_name<'a>(
    keys: impl Iterator<Item = &'a str>,
    name: &str,
) -> impl Iterator<Item = &'a str> {
    keys.filter_map(move |key| key.strip_suffix(name))
        .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

/// The prefix of the highest score; of several the teacher's, then the shortest, then the first by name.
pub(crate) fn best<'a, S: Ord>(
    prefixes: impl Iterator<Item = &'a str>,
    score: impl Fn(&str) -> S,
) -> Option<&'a str> {
    prefixes.max_by_key(|prefix| {
        let part = |wanted: &str| prefix.split('.').any(|part| part.starts_with(wanted));
        let rank = (part(PREFERRED), !part(AVOIDED));
        (score(prefix), rank, Reverse(prefix.len()), Reverse(*prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[&str], name: &str, expected: Option<&str>) {
        let keys = || keys.iter().copied();
        let found = best(of_name(keys(), name), |prefix| {
            keys().filter(|key| key.starts_with(prefix)).count().min(2)
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn wrappers_of_any_depth_are_found() {
        check(&["a.weight", "a.bias"], "a.weight", Some(""));
        let compiled = ["module._orig_mod.a.weight", "module._orig_mod.a.bias"];
        check(&compiled, "a.weight", Some("module._orig_mod."));
        check(&["aa.weight"], "a.weight", None);
        check(
            &["loss", "state_dict.a.b", "state_dict.c"],
            "a.b",
            Some("state_dict."),
        );
    }

    #[test]
    fn the_teacher_comes_before_its_student_unless_it_lacks_what_is_wanted() {
        let both = ["student.a", "student.b", "teacher.a", "teacher.b"];
        check(&both, "a", Some("teacher."));
        check(
            &["student.a", "student.b", "teacher.a"],
            "a",
            Some("student."),
        );
        check(
            &["ema.a", "ema.b", "student.a", "student.b"],
            "a",
            Some("ema."),
        );
    }
}
