//! A run that an earlier process began: its settings, and the command that resumes it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::str::FromStr;

use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::Value;
use splitsim_proto::Id;

use crate::cli::RunArgs;

/// The settings of the run that `--out` belongs to.
struct Stored<'a> {
    settings: Value,
    typed: &'a ArgMatches,
}

/// Takes what was not typed from the run that `--out` belongs to. A directory that cannot be read is
/// left to the run itself, which tells of it.
pub(crate) fn take_settings(args: &mut RunArgs, typed: &ArgMatches) {
    let settings = args.out.as_deref().map(splitsim_edge::read_settings);
    let Some(Ok(Some(settings))) = settings else {
        return;
    };
    let stored = Stored { settings, typed };
    if let Some(run_id) = stored.text("run_id", "run_id") {
        args.run_id = Some(run_id.to_owned());
    }
    if let Some(edge_id) = stored.text("edge_id", "edge_id") {
        args.edge_id = Id::new(edge_id).ok();
    }
    stored.take("model", "model", &mut args.model);
    stored.take("task", "task", &mut args.task);
    stored.take("source", "source", &mut args.source);
    stored.take("codec", "codec", &mut args.codec);
    stored.take("policy", "policy", &mut args.policy);
    stored.take("range", "ranges", &mut args.range);
    stored.take("compute", "compute", &mut args.compute);
    if let Some(metrics) = stored
        .untyped("metrics", "metrics")
        .and_then(Value::as_array)
    {
        let metrics = metrics
            .iter()
            .filter_map(|metric| metric.as_str()?.parse().ok());
        args.metrics = metrics.collect();
    }
    if let Some(references) = stored.untyped("no_references", "references") {
        args.no_references = references == &Value::Bool(false);
    }
}

impl Stored<'_> {
    /// A setting, unless its option was typed.
    fn untyped(&self, option: &str, key: &str) -> Option<&Value> {
        match self.typed.value_source(option) {
            Some(ValueSource::CommandLine | ValueSource::EnvVariable) => None,
            Some(_) | None => self.settings.get(key),
        }
    }

    fn text(&self, option: &str, key: &str) -> Option<&str> {
        self.untyped(option, key)?.as_str()
    }

    fn take<T: FromStr>(&self, option: &str, key: &str, into: &mut T) {
        if let Some(value) = self.text(option, key).and_then(|text| text.parse().ok()) {
            *into = value;
        }
    }
}

/// The command of this process, changed so that it resumes the run. Without `--out` the run's own directory
/// follows from its id.
pub(crate) fn command(args: &RunArgs, run_id: &str) -> String {
    let typed = std::env::args_os().map(OsString::into_string);
    let typed = typed.map(|word| word.unwrap_or_else(|word| word.to_string_lossy().into_owned()));
    let mut words: Vec<String> = typed.collect();
    if args.out.is_none() && args.run_id.is_none() {
        words.extend(["--run-id".to_owned(), run_id.to_owned()]);
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.contains(char::is_control) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut text = "$'".to_owned();
    for c in word.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            // Writing to a string cannot fail.
            c if c.is_control() => drop(write!(text, "\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text + "'"
}

#[cfg(test)]
mod tests {
    use super::*;
    use splitsim_codec::RangeMode;
    use splitsim_vision::Compute;

    #[test]
    fn words_are_quoted_as_a_shell_reads_them() {
        for (word, expected) in [
            ("--out", "--out"),
            ("threshold:cosine>=0.95", "'threshold:cosine>=0.95'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("a\u{1b}[31m\n'", r"$'a\u001b[31m\u000a\''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn bash_reads_the_same_words() {
        let words = ["a b", "it's", "x\ny", "\\n", "$HOME", "\u{1b}[1m", "ä*?"];
        let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let script = format!("printf '%s\\0' {}", line.join(" "));
        let output = std::process::Command::new("bash")
            .env("LC_ALL", "C.UTF-8")
            .args(["-c", &script])
            .output()
            .unwrap();
        let read = String::from_utf8(output.stdout).unwrap();
        assert_eq!(read.split_terminator('\0').collect::<Vec<_>>(), words);
    }

    #[test]
    fn names_of_values_are_those_of_the_journal() {
        assert!("package".parse::<RangeMode>().is_ok());
        assert!("bf16".parse::<Compute>().is_ok());
    }
}
