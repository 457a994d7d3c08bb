//! The figures that libFuzzer prints of a run.

/// The figures of a run, as far as libFuzzer came to print them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    executions: Option<u64>,
    per_second: Option<u64>,
    /// Edges of the program's flow that were reached.
    coverage: Option<u64>,
    peak_mib: Option<u64>,
    /// The input that broke a promise.
    finding: Option<String>,
    pub(super) passed: bool,
}

impl Report {
    pub(super) const HEADING: &str = "target            executions   per s  coverage   MiB  result";

    pub(super) fn of(text: &str, passed: bool) -> Self {
        let mut report = Self {
            passed,
            ..Self::default()
        };
        for line in text.lines() {
            report.read(line);
        }
        report
    }

    fn read(&mut self, line: &str) {
        let number = |text: &str| text.trim().parse().ok();
        let stat = |name: &str| {
            let stat = line.strip_prefix("stat::")?.strip_prefix(name)?;
            number(stat.strip_prefix(':')?)
        };
        self.executions = stat("number_of_executed_units").or(self.executions);
        self.per_second = stat("average_exec_per_sec").or(self.per_second);
        self.peak_mib = stat("peak_rss_mb").or(self.peak_mib);
        if line.starts_with('#') {
            let mut words = line.split_whitespace();
            let coverage = words.find(|word| *word == "cov:").and(words.next());
            self.coverage = coverage.and_then(number).or(self.coverage);
        }
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.finding = Some(path.trim().to_owned());
        }
    }

    /// `true` if the target was built and started running.
    pub(super) const fn began(&self) -> bool {
        self.executions.is_some() || self.finding.is_some() || self.coverage.is_some()
    }

    /// The run as a line under [`Self::HEADING`].
    pub(super) fn line(&self, target: &str) -> String {
        let text = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let result = match (&self.finding, self.passed) {
            (Some(path), _) => path,
            (None, true) => "ok",
            (None, false) => "FAILED",
        };
        format!(
            "{target:16}  {:>10}  {:>6}  {:>8}  {:>4}  {result}",
            text(self.executions),
            text(self.per_second),
            text(self.coverage),
            text(self.peak_mib),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: &str = "\
#2\tINITED cov: 57 ft: 58 corp: 1/1b exec/s: 0 rss: 39Mb
#4096\tpulse  cov: 120 ft: 200 corp: 9/90b lim: 4096 exec/s: 2048 rss: 41Mb
#10000\tDONE   cov: 123 ft: 241 corp: 12/120b lim: 4096 exec/s: 5000 rss: 42Mb
Done 10000 runs in 2 second(s)
stat::number_of_executed_units: 10000
stat::average_exec_per_sec:     5000
stat::peak_rss_mb:              44
";

    #[test]
    fn a_run_without_a_finding() {
        let report = Report::of(DONE, true);
        assert_eq!(
            report.line("npy"),
            "npy                    10000    5000       123    44  ok"
        );
        assert_eq!(
            Report::HEADING.find("result"),
            report.line("npy").find("ok")
        );
    }

    #[test]
    fn a_finding_is_named() {
        let text = format!("{DONE}artifact_prefix='a/'; Test unit written to a/crash-0b\n");
        let report = Report::of(&text, false);
        assert!(report.line("npy").ends_with("  a/crash-0b"));
    }

    #[test]
    fn a_target_that_was_not_built_did_not_begin() {
        let report = Report::of("error[E0308]: mismatched types\n", false);
        assert!(!report.began());
        assert!(report.line("npy").ends_with("FAILED"));
    }
}
