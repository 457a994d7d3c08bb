//! The charter of each crate, as its manifest states it: the purpose, and the crates that it must not reach.
//!
//! A crate's `[package.metadata.architecture]` has
//! - `owns`: the purpose, in Markdown, for the table in ARCHITECTURE.md;
//! - `reaches`, optional: the only crates of the workspace that it may reach;
//! - `forbids`, optional: groups of crates that it must not reach;
//! - `may`, optional: groups that are forbidden by default, and that it may reach.
//!
//! The workspace's `[workspace.metadata.architecture]` defines the groups, with the reason why each is kept apart, and
//! the `default` ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

/// The workspace's part of the rules.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Groups {
    /// The groups that a crate must not reach unless its charter allows it.
    #[serde(default)]
    default: Vec<String>,
    groups: BTreeMap<String, Group>,
}

/// Crates that are kept apart from others for one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    crates: Vec<String>,
    why: String,
}

/// A crate's part of the rules.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Charter {
    /// The purpose.
    pub(crate) owns: String,
    reaches: Option<Vec<String>>,
    #[serde(default)]
    forbids: Vec<String>,
    #[serde(default)]
    may: Vec<String>,
}

/// Crates that `from` must not depend on, directly or through others (dev-dependencies do not count).
#[derive(Debug)]
pub(crate) struct Rule {
    /// The crate.
    pub(crate) from: String,
    /// The crates that it must not reach.
    pub(crate) to: Crates,
    /// The reason.
    pub(crate) why: String,
}

/// A set of crates, by name.
#[derive(Debug)]
pub(crate) enum Crates {
    /// These, of the workspace or not.
    Only(Vec<String>),
    /// Every crate of the workspace but these.
    MembersBut(Vec<String>),
}

impl Crates {
    /// `true` if the crate belongs to the set; `is_member` tells whether it belongs to the workspace.
    pub(crate) fn contains(&self, name: &str, is_member: bool) -> bool {
        let is_named = |names: &[String]| names.iter().any(|named| named == name);
        match self {
            Self::Only(names) => is_named(names),
            Self::MembersBut(names) => is_member && !is_named(names),
        }
    }

    /// The crates that it spells out.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::Only(names) | Self::MembersBut(names) => names,
        }
    }
}

impl fmt::Display for Crates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names().join(", ");
        match self {
            Self::Only(_) => write!(f, "{names}"),
            Self::MembersBut(but) if but.is_empty() => {
                write!(f, "any other crate of the workspace")
            }
            Self::MembersBut(_) => write!(f, "any crate of the workspace but {names}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, why } = self;
        write!(f, "{from}\n  must not reach: {to}\n  because: {why}")
    }
}

impl Charter {
    /// The rules for the crate `name`.
    ///
    /// # Errors
    /// The groups that it names and the workspace does not define.
    pub(crate) fn rules(&self, name: &str, groups: &Groups) -> Result<Vec<Rule>, Vec<String>> {
        let own = self.reaches.as_ref().map(|reaches| Rule {
            from: name.to_owned(),
            to: Crates::MembersBut(reaches.clone()),
            why: format!("{name} is to be understood, built and tested without any other crate"),
        });
        let mut rules: Vec<Rule> = own.into_iter().collect();
        let mut unknown: Vec<String> = self.may.clone();
        unknown.retain(|group| !groups.groups.contains_key(group));
        for group in self.forbidden(groups) {
            match groups.groups.get(group) {
                Some(Group { crates, why }) => rules.push(Rule {
                    from: name.to_owned(),
                    // A crate that belongs to the group does not keep apart from itself.
                    to: Crates::Only(crates.iter().filter(|one| *one != name).cloned().collect()),
                    why: why.clone(),
                }),
                None => unknown.push(group.to_owned()),
            }
        }
        match unknown.is_empty() {
            true => Ok(rules),
            false => Err(unknown),
        }
    }

    /// The groups that the crate must not reach.
    fn forbidden<'a>(&'a self, groups: &'a Groups) -> BTreeSet<&'a str> {
        let default = groups
            .default
            .iter()
            .filter(|group| !self.may.contains(group));
        default.chain(&self.forbids).map(String::as_str).collect()
    }

    /// The crates that it must not reach, in words. The default groups are left out.
    pub(crate) fn must_not_reach(&self) -> String {
        let short = |name: &String| format!("`{}`", name.trim_start_matches("splitsim-"));
        let others = self
            .reaches
            .as_ref()
            .map(|reaches| match reaches.as_slice() {
                [] => "any other crate here".to_owned(),
                reaches => {
                    let but: Vec<String> = reaches.iter().map(short).collect();
                    format!("any crate here but {}", but.join(", "))
                }
            });
        let forbidden: Vec<String> = others.into_iter().chain(self.forbids.clone()).collect();
        forbidden.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Groups {
        serde_json::from_str(
            r#"{
              "default": ["libtorch"],
              "groups": {
                "libtorch": {"crates": ["tch"], "why": "one owner"},
                "network": {"crates": ["quinn", "tokio"], "why": "no runtime"}
              }
            }"#,
        )
        .unwrap()
    }

    /// The rules of a charter, a line each.
    fn rules(charter: &str) -> Result<Vec<String>, Vec<String>> {
        let charter: Charter = serde_json::from_str(charter).unwrap();
        let rules = charter.rules("a", &groups())?;
        Ok(rules
            .iter()
            .map(|rule| match &rule.to {
                Crates::Only(names) => format!("{} ({})", names.join(" "), rule.why),
                Crates::MembersBut(names) => format!("all but {}", names.join(" ")),
            })
            .collect())
    }

    #[test]
    fn default_groups_are_forbidden_unless_the_charter_allows_them() {
        let libtorch = "tch (one owner)".to_owned();
        assert_eq!(rules(r#"{"owns": "x"}"#), Ok(vec![libtorch.clone()]));
        assert_eq!(rules(r#"{"owns": "x", "may": ["libtorch"]}"#), Ok(vec![]));
        assert_eq!(
            rules(r#"{"owns": "x", "forbids": ["network"], "reaches": ["b"]}"#),
            Ok(vec![
                "all but b".to_owned(),
                libtorch,
                "quinn tokio (no runtime)".to_owned()
            ])
        );
    }

    #[test]
    fn groups_that_nobody_defines_are_named() {
        let unknown = rules(r#"{"owns": "x", "forbids": ["netwrk"], "may": ["torch"]}"#);
        assert_eq!(unknown, Err(vec!["torch".to_owned(), "netwrk".to_owned()]));
    }

    #[test]
    fn forbidden_crates_are_told_in_words() {
        let check = |charter: &str, expected: &str| {
            let charter: Charter = serde_json::from_str(charter).unwrap();
            assert_eq!(charter.must_not_reach(), expected);
        };
        check(r#"{"owns": "x"}"#, "");
        check(r#"{"owns": "x", "reaches": []}"#, "any other crate here");
        check(
            r#"{"owns": "x", "reaches": ["splitsim-b", "splitsim-c"], "forbids": ["network"]}"#,
            "any crate here but `b`, `c`; network",
        );
    }
}
