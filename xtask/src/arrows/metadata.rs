//! The graph that cargo resolves, from `cargo metadata`.
//!
//! cargo unites the features of all members in it, so it can show an optional dependency that one
//! crate switches on as if all had it: a fault may name an innocent crate, none is overlooked. What is
//! needed on other platforms only does not count: `.cargo/config.toml` and setup know one.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::graph::{Crate, Graph, Id};
use crate::cargo;
use crate::workspace::Workspace;

const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Asks cargo for the workspace's graph.
///
/// # Errors
/// When cargo fails or says something unexpected.
pub(crate) fn read(workspace: &Workspace) -> Result<Graph> {
    let args = [
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        PLATFORM,
    ];
    let output = cargo::command(workspace, args)
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("cargo metadata failed ({}): {}", output.status, said.trim());
    }
    parse(&output.stdout)
}

fn parse(json: &[u8]) -> Result<Graph> {
    let metadata: Metadata =
        serde_json::from_slice(json).context("cannot read what cargo metadata printed")?;
    let mut dependencies: BTreeMap<_, _> = metadata
        .resolve
        .nodes
        .into_iter()
        .map(|node| (node.id, normal(node.deps)))
        .collect();
    let crates = metadata.packages.into_iter().map(|Package { id, name }| {
        let is_member = metadata.workspace_members.contains(&id);
        let dependencies = dependencies.remove(&id).unwrap_or_default();
        let one = Crate {
            name,
            is_member,
            dependencies,
        };
        (id, one)
    });
    Ok(Graph::new(crates.collect()))
}

/// The dependencies that end up in the crate: neither for its tests nor for its build script.
fn normal(dependencies: Vec<Dependency>) -> BTreeSet<Id> {
    dependencies
        .into_iter()
        .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()))
        .map(|dependency| dependency.pkg)
        .collect()
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<Id>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: Id,
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: Id,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: Id,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    /// `dev`, `build`, or nothing for a normal dependency.
    kind: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrows::rules::Crates::{MembersBut, Only};
    use crate::arrows::rules::Rule;

    #[test]
    fn only_normal_dependencies_of_members_count() {
        let graph = parse(
            br#"{
              "packages": [{"id": "a#1", "name": "a"}, {"id": "b#1", "name": "b"},
                           {"id": "t#1", "name": "tch"}],
              "workspace_members": ["a#1", "b#1"],
              "resolve": {"nodes": [
                {"id": "a#1", "deps": [{"pkg": "t#1", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "b#1", "deps": [{"pkg": "t#1", "dep_kinds": [{"kind": "build"}, {"kind": null}]}]},
                {"id": "t#1", "deps": []}
              ]}
            }"#,
        )
        .unwrap();
        let rule = Rule {
            from: MembersBut(&[]),
            to: Only(&["tch"]),
            why: "no",
        };
        let faults = graph.faults(&[rule]);
        let found: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["b -> tch (no)"]);
    }
}
