//! The help of every command.

use std::process::Command;

use splitsim_tests::executable;

use crate::COLUMNS;
use crate::example::{begins, examples};
use crate::page::Page;

/// The programs. xtask is left out: it builds and runs this test.
const PROGRAMS: [&str; 3] = ["splitsim", "edge", "cloud"];

/// A page for every command that has examples.
pub(crate) fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    for program in PROGRAMS {
        visit(&mut pages, program, &[]);
    }
    pages
}

fn visit(pages: &mut Vec<Page>, program: &str, command: &[&str]) {
    let text = help(program, command);
    for name in subcommands(&text) {
        visit(pages, program, &[command, &[name.as_str()]].concat());
    }
    let text = example_lines(&text).collect::<Vec<_>>().join("\n");
    pages.push(Page {
        name: format!("{program} {} --help", command.join(" ")).replace("  ", " "),
        examples: examples(&text),
        text,
    });
}

fn help(program: &str, command: &[&str]) -> String {
    let output = Command::new(executable(program))
        .args(command)
        .arg("--help")
        .env("COLUMNS", COLUMNS.to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {command:?} --help");
    String::from_utf8(output.stdout).unwrap()
}

/// The names below `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The lines below `Examples:` that are typed, with their continuations.
pub(crate) fn example_lines(help: &str) -> impl Iterator<Item = &str> {
    let mut continued = false;
    help.lines().filter(move |line| {
        let kept = begins(line) || continued;
        continued = kept && line.ends_with('\\');
        kept
    })
}
