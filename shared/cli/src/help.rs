//! Help texts that fit a terminal of 80 columns.

use clap::{Command, CommandFactory};

use crate::VERSION;

/// The columns that a help text may take: those of a terminal that nobody has widened.
pub const WIDTH: usize = 80;

/// The programs whose commands stand in examples.
const PROGRAMS: [&str; 4] = ["splitsim ", "edge ", "cloud ", "cargo "];

/// The command line of a program: what its type says, with examples that no terminal breaks, and a version
/// that names the commit.
#[must_use]
pub fn command<P: CommandFactory>() -> Command {
    built(P::command())
}

fn built(command: Command) -> Command {
    let mut command = fold(command.version(VERSION));
    // Only a command that is built knows the names before its own, which its usage begins with.
    command.build();
    fold_usage(command)
}

/// The help of a program and of each of its commands, at [`WIDTH`].
#[must_use]
pub fn texts<P: CommandFactory>() -> Vec<String> {
    fn render(command: &mut Command, texts: &mut Vec<String>) {
        texts.push(command.render_long_help().to_string());
        let subcommands = command.get_subcommands_mut();
        subcommands.for_each(|subcommand| render(subcommand, texts));
    }
    let mut texts = Vec::new();
    let mut command = built(P::command().term_width(WIDTH));
    render(&mut command, &mut texts);
    texts
}

/// The commands that a help text shows, each in its words, as a shell takes them apart.
#[must_use]
pub fn examples(help: &str) -> Vec<Vec<String>> {
    let joined = help.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    lines
        .filter(|line| PROGRAMS.iter().any(|program| line.starts_with(program)))
        .map(words)
        .collect()
}

fn fold(command: Command) -> Command {
    let mut command = command.mut_subcommands(fold);
    if let Some(text) = command.get_after_help().map(ToString::to_string) {
        command = command.after_help(folded(&text));
    }
    if let Some(text) = command.get_after_long_help().map(ToString::to_string) {
        command = command.after_long_help(folded(&text));
    }
    command
}

/// Breaks the lines of usage, which clap leaves as long as they are.
fn fold_usage(command: Command) -> Command {
    let mut command = command.mut_subcommands(fold_usage);
    let usage = command.render_usage().to_string();
    if usage.chars().count() <= WIDTH {
        return command;
    }
    let style = Style {
        end: "",
        indent: USAGE.len() + 4,
    };
    let mut lines = Vec::new();
    style.fold(&usage, &mut lines);
    let usage = lines.join("\n");
    command.override_usage(usage.strip_prefix(USAGE).unwrap_or(&usage).to_owned())
}

/// The words with which clap introduces a usage.
const USAGE: &str = "Usage: ";

/// The text with lines of at most [`WIDTH`] characters: commands go on after a backslash, so that they can be
/// copied, and other lines are broken between words.
fn folded(text: &str) -> String {
    let mut lines = Vec::new();
    let mut continued = false;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let begins = PROGRAMS
            .iter()
            .any(|program| line.trim_start().starts_with(program));
        let is_command = begins || continued;
        continued = is_command && line.ends_with('\\');
        let style = Style {
            end: if is_command { " \\" } else { "" },
            indent: if begins { indent + 4 } else { indent },
        };
        style.fold(line, &mut lines);
    }
    lines.join("\n")
}

/// The style in which a long line continues on the next one.
struct Style {
    /// The end of each part but the last.
    end: &'static str,
    /// Columns of indentation before the next part.
    indent: usize,
}

impl Style {
    fn fold(&self, line: &str, lines: &mut Vec<String>) {
        let mut rest = line.to_owned();
        while rest.chars().count() > WIDTH {
            let Some(at) = self.place(&rest) else { break };
            let next = format!("{:1$}{2}", "", self.indent, rest[at..].trim_start());
            rest.truncate(at);
            lines.push(format!("{rest}{}", self.end));
            rest = next;
        }
        lines.push(rest);
    }

    /// Returns the byte index at which to break a line: before the last option that fits, so that
    /// an option stays with its value, or else at the last blank.
    fn place(&self, line: &str) -> Option<usize> {
        let mut quoted = false;
        let (mut option, mut blank) = (None, None);
        let begin = line.len() - line.trim_start().len();
        for (column, (at, c)) in line.char_indices().enumerate() {
            if column > WIDTH - self.end.len() {
                break;
            }
            quoted ^= c == '\'';
            if c == ' ' && at > begin && !quoted {
                blank = Some(at);
                if line[at..].starts_with(" -") {
                    option = Some(at);
                }
            }
        }
        option.filter(|_| !self.end.is_empty()).or(blank)
    }
}

/// The words of a line, of which single quotes join what is between them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match (c, words.last_mut()) {
            ('\'', _) => quoted = !quoted,
            (' ', Some(word)) if !quoted => {
                if !word.is_empty() {
                    words.push(String::new());
                }
            }
            (c, Some(word)) => word.push(c),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "\
Examples:
  splitsim codec bench --codec hm --codec hevc --ladder 40,30,20,10 --model tiny-scenes \\
      --source 'scenes:7:100, all of them and in their order' --csv out/a.csv --html out/a.html
  splitsim list

Taking other scenes than those that the model was trained on makes the figures worth something.";

    #[test]
    fn commands_go_on_after_a_backslash() {
        let expected = "\
Examples:
  splitsim codec bench --codec hm --codec hevc --ladder 40,30,20,10 \\
      --model tiny-scenes \\
      --source 'scenes:7:100, all of them and in their order' --csv out/a.csv \\
      --html out/a.html
  splitsim list

Taking other scenes than those that the model was trained on makes the figures
worth something.";
        assert_eq!(folded(LONG), expected);
    }

    #[test]
    fn folding_changes_no_command() {
        assert_eq!(examples(&folded(LONG)), examples(LONG));
        let [bench, list] = &examples(LONG)[..] else {
            panic!("two commands stand there");
        };
        assert_eq!(list, &["splitsim", "list"]);
        assert_eq!(bench[12], "scenes:7:100, all of them and in their order");
    }
}
