//! The blocks of commands in Markdown pages.

use std::fs;
use std::path::{Path, PathBuf};

use crate::example::{self, examples};
use crate::page::Page;

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// README.md and docs/*.md.
pub(crate) fn pages() -> Vec<Page> {
    let mut paths = vec![root().join("README.md")];
    let mut docs: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    docs.sort();
    paths.append(&mut docs);
    let page = |path: PathBuf| {
        let text = commands(&fs::read_to_string(&path).unwrap());
        Page {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            examples: examples(&text),
            text,
        }
    };
    paths.into_iter().map(page).collect()
}

/// The lines within fences and those indented by four, indented; of fences with prompts the typed lines alone.
fn commands(text: &str) -> String {
    let mut fence: Option<Vec<&str>> = None;
    let mut kept = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            match fence.take() {
                Some(lines) => kept.extend(of_fence(&lines)),
                None => fence = Some(Vec::new()),
            }
        } else if let Some(lines) = &mut fence {
            lines.push(line);
        } else if line.starts_with("    ") {
            kept.push(line.to_owned());
        }
    }
    kept.join("\n")
}

fn of_fence(lines: &[&str]) -> Vec<String> {
    let prompted = lines.iter().any(|line| line.trim_start().starts_with("$ "));
    let mut continued = false;
    let typed = |line: &&&str| {
        let begins = line.trim_start().starts_with("$ ") || !prompted;
        let kept = begins || continued;
        continued = kept && line.ends_with('\\');
        kept
    };
    let typed = lines.iter().filter(typed);
    typed
        .map(|line| format!("    {}", line.trim_start()))
        .collect()
}

#[test]
fn of_prompted_blocks_only_what_is_typed_counts() {
    let text = "```console\n$ splitsim a \\\n  b\nsplitsim says\n```\n```\nsplitsim c\n```\n    splitsim d\n";
    assert_eq!(
        examples(&commands(text)),
        ["splitsim a b", "splitsim c", "splitsim d"]
    );
    assert!(!example::begins("splitsim says"));
}
