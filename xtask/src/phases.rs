//! Named steps with their time and outcome.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Steps done so far.
#[derive(Debug, Default)]
pub(crate) struct Phases {
    done: Vec<Phase>,
}

#[derive(Debug)]
struct Phase {
    name: &'static str,
    took: Duration,
    failed: bool,
}

impl Phases {
    /// Does one step that the next ones need.
    ///
    /// # Errors
    /// If the step fails.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let start = Instant::now();
        let result = step();
        self.done.push(Phase {
            name,
            took: start.elapsed(),
            failed: result.is_err(),
        });
        result
    }

    /// Runs one step whose failure must not keep the others from running: it is shown now and
    /// remembered for [`Phases::finish`].
    pub(crate) fn attempt(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        eprintln!("\n== {name}");
        if let Err(error) = self.run(name, step) {
            eprintln!("{name}: {error:#}");
        }
    }

    /// Prints the steps and the duration of each.
    ///
    /// # Errors
    /// If a step failed.
    pub(crate) fn finish(&self) -> Result<()> {
        eprint!("\n{}", self.summary());
        let failed: Vec<_> = self.done.iter().filter(|phase| phase.failed).collect();
        if !failed.is_empty() {
            let names: Vec<_> = failed.iter().map(|phase| phase.name).collect();
            bail!("failed: {}", names.join(", "));
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let width = self.done.iter().map(|phase| phase.name.len()).max();
        let width = width.unwrap_or_default();
        self.done
            .iter()
            .map(|Phase { name, took, failed }| {
                let verdict = if *failed { "FAILED" } else { "ok" };
                format!("{name:width$}  {verdict:6}  {:7.1} s\n", took.as_secs_f64())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failed_attempt_is_remembered_while_the_rest_runs() {
        let mut phases = Phases::default();
        let mut ran = false;
        phases.attempt("fmt", || Err(anyhow!("untidy")));
        phases.attempt("clippy", || {
            ran = true;
            Ok(())
        });
        assert!(ran, "the second step runs although the first failed");
        assert_eq!(phases.finish().unwrap_err().to_string(), "failed: fmt");
        assert!(phases.summary().starts_with("fmt     FAILED"));
    }
}
