//! The page as a whole.

use splitsim_report::{Exhibit, Notice, Page};

use crate::{Limits, RecordedRun, section};

/// The misjudged frames that the caller could show.
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    /// The frames, most surprising first.
    pub exhibits: Vec<Exhibit>,
    /// The reason why there are no frames, or fewer than there could be.
    pub remark: Option<String>,
}

impl RecordedRun {
    /// The report.
    #[must_use]
    pub fn page(&self, limits: &Limits, pictures: Pictures) -> Page {
        let (title, lead) = match &self.scenario {
            Some(scenario) => (
                format!("Run {}", scenario.name),
                scenario.lead("What the policies of a run cost and what they broke."),
            ),
            None => (
                "Frames of a cloud".to_owned(),
                "What edges sent to it, what that cost and what it broke.".to_owned(),
            ),
        };
        let mut page = Page::new(title).lead(lead);
        if let Some(warning) = self.unfinished() {
            page = page.notice(Notice::warning(warning));
        }
        let sections = [
            Some(section::overview::section(self, limits)),
            section::failed::section(self),
            section::rate::section(self, limits),
            section::gate::section(self, limits),
            section::latency::section(self),
            section::timeline::section(self),
            section::pictures::section(self, pictures),
            section::frames::section(self),
            Some(section::data::section(self)),
        ];
        sections.into_iter().flatten().fold(page, Page::section)
    }

    /// Says that the run is not whole, if it is not.
    fn unfinished(&self) -> Option<String> {
        let recorded = self.frames.len();
        if recorded == 0 {
            return Some(
                "No frame has been recorded: the run was ended before the first reply.".to_owned(),
            );
        }
        let missing = self.missing()?;
        (missing > 0).then(|| {
            let asked = missing + recorded as u64;
            let failed: usize = self.failed.values().map(Vec::len).sum();
            let failed = match failed {
                0 => String::new(),
                failed => format!(" {failed} failed, for the reasons under Failed frames."),
            };
            format!(
                "This run is not finished: {recorded} of {asked} frames are recorded.{failed} What follows \
                 describes those; policies that ran later may lack the same frames that others have. \
                 Running the same scenario into the same folder goes on with the rest."
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn html(run: &RecordedRun) -> String {
        run.page(&Limits::default(), Pictures::default()).render()
    }

    #[test]
    fn a_finished_run_tells_everything() {
        let (_dir, run) = samples::run(12);
        let html = html(&run);
        for part in [
            "two policies &#60;on&#62; one task",
            "Rate and distortion",
            "Score against true distortion",
            "accepted, over",
            "Latency",
            "Every frame",
            "frames.csv",
            "scenario.resolved.toml",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("not finished"));
    }

    #[test]
    fn a_cloud_without_a_scenario_names_runs_and_their_policies() {
        let dir = tempfile::tempdir().unwrap();
        samples::write(dir.path(), 6, 6);
        std::fs::remove_file(dir.path().join("scenario.resolved.toml")).unwrap();
        let html = html(&RecordedRun::read(dir.path()).unwrap());
        for part in [
            "Frames of a cloud",
            "sample-gate (gate)",
            "12 frames in all",
            "frames.csv",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("scenario.resolved.toml"));
    }

    #[test]
    fn a_run_that_was_ended_says_so() {
        let dir = tempfile::tempdir().unwrap();
        samples::write(dir.path(), 20, 7);
        let run = RecordedRun::read(dir.path()).unwrap();
        assert_eq!(run.missing(), Some(26));
        assert!(html(&run).contains("14 of 40 frames are recorded"));
    }

    #[test]
    fn a_run_without_a_frame_is_a_page_too() {
        let dir = tempfile::tempdir().unwrap();
        samples::write(dir.path(), 20, 0);
        let run = RecordedRun::read(dir.path()).unwrap();
        assert!(html(&run).contains("No frame has been recorded"));
    }

    #[test]
    fn a_thousand_frames_stay_below_six_megabytes() {
        let (_dir, run) = samples::run(500);
        let bytes = html(&run).len();
        assert!(bytes < 6_000_000, "{bytes}");
        // Twenty exhibits of four pictures of 10 kB, as the gallery has at most, fit beside.
        assert!(bytes + 20 * 4 * 10_000 * 4 / 3 < 6_000_000, "{bytes}");
    }
}
