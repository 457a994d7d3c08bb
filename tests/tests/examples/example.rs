//! Lines of a text that are to be typed.

/// Programs that examples begin with.
const PROGRAMS: [&str; 8] = [
    "splitsim ",
    "edge run",
    "cloud serve",
    "cargo ",
    "git clone",
    "target/release/",
    "LIBTORCH=",
    "apt-get ",
];

/// `true` if an example begins on this line.
pub(crate) fn begins(line: &str) -> bool {
    typed(line).is_some()
}

/// Returns the example that begins on this line, without the prompt and the remark beside it.
pub(crate) fn typed(line: &str) -> Option<&str> {
    let indented = line.starts_with("  ") || line.starts_with("$ ");
    let line = line.trim_start();
    let line = line.strip_prefix("$ ").unwrap_or(line);
    let begins = PROGRAMS.iter().any(|program| line.starts_with(program));
    (begins && indented).then(|| without_remark(line))
}

/// Remarks stand apart by three blanks or more.
pub(crate) fn without_remark(line: &str) -> &str {
    let line = line.trim();
    line.split_once("   ")
        .map_or(line, |(typed, _)| typed)
        .trim_end()
}

/// The examples of a text, each on a line of its own.
pub(crate) fn examples(text: &str) -> Vec<String> {
    let mut lines = text.lines();
    let mut examples = Vec::new();
    while let Some(line) = lines.next() {
        let Some(typed) = typed(line) else {
            continue;
        };
        let mut example = typed.to_owned();
        while let Some(whole) = example.strip_suffix('\\') {
            let further = lines.next().unwrap_or_default();
            example = format!("{} {}", whole.trim_end(), without_remark(further));
        }
        examples.push(example);
    }
    examples
}

#[test]
fn examples_are_read_with_their_continuations() {
    let text = "Examples:\n  splitsim list      what there is\n  splitsim run a.toml \\\n      --out b\n  prose\nsplitsim reads";
    assert_eq!(
        examples(text),
        ["splitsim list", "splitsim run a.toml --out b"]
    );
}
