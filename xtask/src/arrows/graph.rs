//! The rule engine: reachability in a graph of crates.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::charter::Rule;

/// Crates and their normal dependencies.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    crates: BTreeMap<Id, Crate>,
}

/// A crate's identity; two versions of one crate differ in it.
pub(crate) type Id = String;

#[derive(Debug, Default)]
pub(crate) struct Crate {
    pub(crate) name: String,
    /// `true` if the crate belongs to the workspace.
    pub(crate) is_member: bool,
    pub(crate) dependencies: BTreeSet<Id>,
}

/// A violation of the rules, for a reader.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The names along a shortest path that a rule forbids.
    Path { path: Vec<String>, why: String },
    /// A rule spells out a crate of this workspace that does not exist, so it guards nothing.
    UnknownCrate { name: String },
}

impl Graph {
    pub(crate) fn new(crates: BTreeMap<Id, Crate>) -> Self {
        Self { crates }
    }

    /// Everything in which the graph does not obey `rules`.
    pub(crate) fn faults(&self, rules: &[Rule]) -> Vec<Fault> {
        let mut faults = self.unknown_crates(rules);
        for rule in rules {
            let members = self.crates.iter().filter(|(_, from)| from.is_member);
            let sources = members.filter(|(_, from)| from.name == rule.from);
            faults.extend(sources.flat_map(|(id, _)| self.forbidden_paths(id, rule)));
        }
        faults
    }

    /// Breadth first from `start`, one shortest path to each crate that `rule` forbids. The search
    /// does not continue behind such a crate: its dependencies are part of the same fault.
    fn forbidden_paths(&self, start: &Id, rule: &Rule) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut came_from = BTreeMap::from([(start, None)]);
        let mut queue = VecDeque::from([start]);
        while let Some(id) = queue.pop_front() {
            let Some(here) = self.crates.get(id) else {
                continue;
            };
            if id != start && rule.to.contains(&here.name, here.is_member) {
                let path = self.path_to(id, &came_from);
                faults.push(Fault::Path {
                    path,
                    why: rule.why.clone(),
                });
                continue;
            }
            for next in &here.dependencies {
                came_from.entry(next).or_insert_with(|| {
                    queue.push_back(next);
                    Some(id)
                });
            }
        }
        faults
    }

    fn path_to(&self, end: &Id, came_from: &BTreeMap<&Id, Option<&Id>>) -> Vec<String> {
        let step = |id: &&Id| came_from.get(*id).copied().flatten();
        let mut path: Vec<_> = std::iter::successors(Some(end), step)
            .map(|id| self.crates.get(id).map_or(id, |at| &at.name).clone())
            .collect();
        path.reverse();
        path
    }

    /// Crates that rules spell out with this workspace's prefix, and that are not in it.
    fn unknown_crates(&self, rules: &[Rule]) -> Vec<Fault> {
        let members = self.crates.values().filter(|one| one.is_member);
        let members: BTreeSet<_> = members.map(|one| one.name.as_str()).collect();
        let spelled: BTreeSet<_> = rules.iter().flat_map(|rule| rule.to.names()).collect();
        spelled
            .into_iter()
            .filter(|name| name.starts_with("splitsim-") && !members.contains(name.as_str()))
            .map(|name| Fault::UnknownCrate { name: name.clone() })
            .collect()
    }

    /// Returns the number of the workspace's crates that the crate `id` reaches.
    pub(crate) fn reach(&self, id: &Id) -> usize {
        let mut reached = BTreeSet::from([id]);
        let mut queue = vec![id];
        while let Some(here) = queue.pop().and_then(|id| self.crates.get(id)) {
            let new = here.dependencies.iter().filter(|next| reached.insert(next));
            queue.extend(new);
        }
        let is_member = |id: &&Id| self.crates.get(*id).is_some_and(|one| one.is_member);
        reached.into_iter().filter(is_member).count() - 1
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, why } => write!(f, "{} ({why})", path.join(" -> ")),
            Self::UnknownCrate { name } => {
                write!(f, "the rules name {name}, which is not in the workspace")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrows::charter::Crates;

    fn no_torch(from: &str) -> Rule {
        Rule {
            from: from.to_owned(),
            to: Crates::Only(vec!["tch".to_owned()]),
            why: "one owner".to_owned(),
        }
    }

    fn pure() -> Rule {
        Rule {
            from: "policy".to_owned(),
            to: Crates::MembersBut(vec!["feature".to_owned()]),
            why: "pure".to_owned(),
        }
    }

    /// Asserts which paths `rule` forbids; `edges` lists crates and their dependencies, of which
    /// `tch`, `tokio` and `serde` are external.
    fn check(edges: &[(&str, &[&str])], rule: Rule, expected: &[&str]) {
        let mut crates: BTreeMap<Id, Crate> = BTreeMap::new();
        let named = edges.iter().flat_map(|(from, to)| to.iter().chain([from]));
        for name in named {
            let one = crates.entry((*name).into()).or_default();
            one.name = (*name).into();
            one.is_member = !["tch", "tokio", "serde"].contains(name);
        }
        for (from, to) in edges {
            let one = crates.entry((*from).into()).or_default();
            one.dependencies = to.iter().map(ToString::to_string).collect();
        }
        let faults = Graph::new(crates).faults(&[rule]);
        let found: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_graph_within_the_rules_has_no_faults() {
        let edges: &[(&str, &[&str])] = &[
            ("vision", &["tch", "feature"]),
            ("policy", &["feature", "serde"]),
        ];
        check(edges, no_torch("policy"), &[]);
        check(edges, pure(), &[]);
    }

    #[test]
    fn a_forbidden_crate_is_found_behind_others_with_the_path_to_it() {
        check(
            &[
                ("codec", &["scenes"]),
                ("scenes", &["vision"]),
                ("vision", &["tch"]),
            ],
            no_torch("codec"),
            &["codec -> scenes -> vision -> tch (one owner)"],
        );
    }

    #[test]
    fn the_shortest_path_is_shown() {
        check(
            &[
                ("codec", &["feature", "tch"]),
                ("feature", &["serde"]),
                ("serde", &["tch"]),
            ],
            no_torch("codec"),
            &["codec -> tch (one owner)"],
        );
    }

    #[test]
    fn another_crate_of_the_workspace_is_a_fault_even_through_an_allowed_one() {
        check(
            &[("policy", &["feature"]), ("feature", &["codec", "serde"])],
            pure(),
            &["policy -> feature -> codec (pure)"],
        );
    }

    #[test]
    fn a_circle_ends() {
        check(
            &[("policy", &["feature"]), ("feature", &["policy"])],
            pure(),
            &[],
        );
    }

    #[test]
    fn a_rule_about_no_crate_is_a_fault() {
        let rule = Rule {
            from: "vision".to_owned(),
            to: Crates::Only(vec!["splitsim-gone".to_owned()]),
            why: String::new(),
        };
        check(
            &[("vision", &["tch"])],
            rule,
            &["the rules name splitsim-gone, which is not in the workspace"],
        );
    }
}
