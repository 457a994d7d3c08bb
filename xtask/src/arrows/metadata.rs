//! The graph that cargo resolves, from `cargo metadata`.
//!
//! cargo unites the features of all members in it, so it can show an optional dependency that one
//! crate switches on as if all had it: a fault may name an innocent crate, none is overlooked. What is
//! needed on other platforms only does not count: `.cargo/config.toml` and setup know one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::charter::{Charter, Groups};
use super::graph::{Crate, Graph, Id};
use crate::cargo;
use crate::workspace::Workspace;

const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// The architecture of the workspace as cargo reports it.
#[derive(Debug)]
pub(crate) struct Architecture {
    pub(crate) graph: Graph,
    pub(crate) groups: Groups,
    /// The members.
    pub(crate) members: Vec<Member>,
}

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: Id,
    pub(crate) name: String,
    /// Its folder, from the workspace's root.
    pub(crate) folder: String,
    /// `None` where its manifest has none.
    pub(crate) charter: Option<Charter>,
}

/// Reads the workspace's architecture from cargo.
///
/// # Errors
/// If cargo fails or its output is unexpected.
pub(crate) fn read(workspace: &Workspace) -> Result<Architecture> {
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

fn parse(json: &[u8]) -> Result<Architecture> {
    let metadata: Metadata =
        serde_json::from_slice(json).context("cannot read what cargo metadata printed")?;
    let Metadata {
        packages,
        workspace_members,
        workspace_root,
        resolve,
        metadata,
    } = metadata;
    let mut dependencies: BTreeMap<_, _> = resolve
        .nodes
        .into_iter()
        .map(|node| (node.id, normal(node.deps)))
        .collect();
    let (mut crates, mut members) = (BTreeMap::new(), Vec::new());
    for package in packages {
        let Package {
            id,
            name,
            manifest_path,
            metadata,
        } = package;
        let is_member = workspace_members.contains(&id);
        if is_member {
            let folder = Path::new(&manifest_path).parent();
            let folder = folder.and_then(|folder| folder.strip_prefix(&workspace_root).ok());
            let folder =
                folder.with_context(|| format!("{manifest_path} is not below {workspace_root}"))?;
            members.push(Member {
                id: id.clone(),
                name: name.clone(),
                folder: folder.display().to_string(),
                charter: metadata.unwrap_or_default().architecture,
            });
        }
        let dependencies = dependencies.remove(&id).unwrap_or_default();
        let one = Crate {
            name,
            is_member,
            dependencies,
        };
        crates.insert(id, one);
    }
    let groups = metadata.unwrap_or_default().architecture;
    Ok(Architecture {
        graph: Graph::new(crates),
        groups: groups.unwrap_or_default(),
        members,
    })
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
    workspace_root: String,
    resolve: Resolve,
    metadata: Option<Tables<Groups>>,
}

#[derive(Deserialize)]
struct Package {
    id: Id,
    name: String,
    manifest_path: String,
    metadata: Option<Tables<Charter>>,
}

/// The `metadata` of a manifest, as far as it matters here.
#[derive(Deserialize)]
struct Tables<T> {
    architecture: Option<T>,
}

impl<T> Default for Tables<T> {
    fn default() -> Self {
        Self { architecture: None }
    }
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

    #[test]
    fn only_normal_dependencies_count_and_members_have_charters() {
        let architecture = parse(
            br#"{
              "packages": [
                {"id": "a#1", "name": "a", "manifest_path": "/w/shared/a/Cargo.toml", "metadata": null},
                {"id": "b#1", "name": "b", "manifest_path": "/w/b/Cargo.toml",
                 "metadata": {"architecture": {"owns": "b's"}, "docs": {"rs": 1}}},
                {"id": "t#1", "name": "tch", "manifest_path": "/t/Cargo.toml", "metadata": null}],
              "workspace_members": ["a#1", "b#1"],
              "workspace_root": "/w",
              "metadata": {"architecture": {"default": ["torch"],
                "groups": {"torch": {"crates": ["tch"], "why": "no"}}}},
              "resolve": {"nodes": [
                {"id": "a#1", "deps": [{"pkg": "t#1", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "b#1", "deps": [{"pkg": "t#1", "dep_kinds": [{"kind": "build"}, {"kind": null}]}]},
                {"id": "t#1", "deps": []}
              ]}
            }"#,
        )
        .unwrap();
        let folders: Vec<_> = architecture
            .members
            .iter()
            .map(|one| one.folder.as_str())
            .collect();
        assert_eq!(folders, ["shared/a", "b"]);
        assert!(architecture.members[0].charter.is_none());
        let rules: Vec<_> = ["a", "b"]
            .into_iter()
            .flat_map(|name| {
                Charter::default()
                    .rules(name, &architecture.groups)
                    .unwrap()
            })
            .collect();
        let faults = architecture.graph.faults(&rules);
        let found: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["b -> tch (no)"]);
    }
}
