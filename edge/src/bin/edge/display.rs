//! Display of a run: a bar or lines on stderr, results on stdout.

use std::fmt::Write as _;

use serde::Serialize;
use splitsim_cli::{Bar, Console};
use splitsim_display::{printable_json, printable_lines};
use splitsim_edge::{EdgeConfig, EdgeEvent, EdgeReport, EdgeSummary, FailedFrame, FrameRecord};

/// Shows a run.
pub(crate) struct Display<'a> {
    json: bool,
    console: &'a mut Console,
    /// On a terminal.
    bar: Option<Bar>,
}

/// A line of `--json`.
#[derive(Serialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
enum Line<'a> {
    Frame(&'a FrameRecord),
    Failed(&'a FailedFrame),
    Summary(&'a EdgeSummary),
}

impl<'a> Display<'a> {
    pub(crate) fn new(json: bool, console: &'a mut Console) -> Self {
        let screen = &console.screen;
        let bar = screen.is_terminal().then(|| screen.bar("frames", 0));
        Self { json, console, bar }
    }

    /// Says what begins, and where it lies.
    pub(crate) fn begin(&self, config: &EdgeConfig) {
        self.tell(&format!(
            "run {}, edge {}: {} of {} by {} under {}, to {}; journal and spool in {}",
            config.run_id,
            config.edge_id,
            config.task,
            config.source,
            config.codec,
            config.policy,
            config.target,
            config.out.display(),
        ));
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &EdgeEvent) {
        match event {
            EdgeEvent::Started {
                frames,
                answered_before,
                ..
            } => {
                if let Some(bar) = &mut self.bar {
                    bar.set_total(*frames as u64);
                    bar.set(*answered_before as u64);
                }
            }
            EdgeEvent::Replied(record) => self.line(&Line::Frame(record)),
            EdgeEvent::Failed(failed) => self.line(&Line::Failed(failed)),
            EdgeEvent::Connected { .. }
            | EdgeEvent::Retrying { .. }
            | EdgeEvent::Extracted { .. }
            | EdgeEvent::Attempt { .. }
            | EdgeEvent::Shipped { .. }
            | EdgeEvent::Path(_)
            | EdgeEvent::Dropped { .. }
            | EdgeEvent::Spooled { .. }
            | EdgeEvent::Stopping => {}
        }
        match (&mut self.bar, event) {
            (Some(bar), EdgeEvent::Replied(_) | EdgeEvent::Dropped { .. }) => {
                bar.message(&text(event).unwrap_or_default());
                bar.advance();
            }
            _ => {
                if let Some(text) = text(event) {
                    self.tell(&text);
                }
            }
        }
    }

    /// Shows the run's summary.
    pub(crate) fn conclude(&mut self, report: &EdgeReport) {
        self.clear();
        let summary = report.summary();
        match self.json {
            true => self.line(&Line::Summary(&summary)),
            false => {
                let text = printable_lines(&summary_text(&summary));
                self.console.stdout.line(&text);
            }
        }
    }

    /// Shows the command that resumes an unfinished run.
    pub(crate) fn tell_to_go_on(&self, command: &str) {
        self.tell(&format!("go on with: {command}"));
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.clear();
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        if !self.json {
            return;
        }
        match serde_json::to_string(line) {
            Ok(text) => self.console.stdout.line(&printable_json(&text)),
            Err(error) => tracing::error!(%error, "a record cannot be written as JSON"),
        }
    }

    fn tell(&self, text: &str) {
        self.console.screen.note(text);
    }
}

/// An event in a line; `None` for those that would only be noise.
fn text(event: &EdgeEvent) -> Option<String> {
    Some(match event {
        EdgeEvent::Started {
            answered_before: 0,
            spooled_before: 0,
            ..
        }
        | EdgeEvent::Extracted { .. }
        | EdgeEvent::Shipped { .. }
        | EdgeEvent::Path(_)
        | EdgeEvent::Attempt { failed: None, .. } => return None,
        EdgeEvent::Started {
            frames,
            answered_before,
            spooled_before,
        } => format!(
            "continuing: of {frames} frames {answered_before} are answered and {spooled_before} wait \
             in the spool"
        ),
        EdgeEvent::Connected {
            channel,
            peer,
            cloud,
        } => format!("connected to {peer} for {channel}: {cloud}"),
        EdgeEvent::Retrying {
            attempts,
            delay,
            reason,
        } => format!(
            "{reason}; attempt {} in {} ms",
            attempts + 1,
            delay.as_millis()
        ),
        EdgeEvent::Attempt {
            frame,
            label,
            failed: Some(reason),
            ..
        } => format!("frame {frame}: {label} failed: {reason}"),
        EdgeEvent::Replied(record) => replied(record),
        EdgeEvent::Dropped { frame, attempts } => {
            format!("frame {frame} is dropped after {attempts} attempts, as the policy says")
        }
        EdgeEvent::Failed(FailedFrame { frame, reason }) => {
            format!("frame {frame} failed: {reason}")
        }
        EdgeEvent::Spooled { frame, path } => {
            format!("frame {frame} is kept in {}", path.display())
        }
        EdgeEvent::Stopping => {
            "stopping: what is under way is sent, or kept for when the run is continued".to_owned()
        }
    })
}

fn replied(record: &FrameRecord) -> String {
    let score = match (&record.metric, record.score()) {
        (Some(metric), Some(score)) => format!(", {metric} {score:.4}"),
        _ => String::new(),
    };
    let tries = match record.attempts {
        1 => String::new(),
        attempts => format!(" after {attempts} attempts"),
    };
    format!(
        "frame {} {}: {}{tries}, {}{score}, {:.1} ms",
        record.frame,
        record.source,
        record.label,
        record.container_bytes,
        record.end_to_end.as_secs_f64() * 1e3,
    )
}

fn summary_text(summary: &EdgeSummary) -> String {
    let mut text = format!(
        "run {}, edge {}: {} of {} frames answered",
        summary.run_id,
        summary.edge_id,
        summary.answered + summary.answered_before,
        summary.frames
    );
    if summary.answered_before > 0 {
        append(
            &mut text,
            format_args!(", {} of them now", summary.answered),
        );
    }
    if summary.interrupted {
        append(&mut text, format_args!(", interrupted"));
    }
    if let (Some(bpfp), Some(attempts), Some(reencoded), Some(latency)) = (
        summary.bpfp_mean,
        summary.attempts_mean,
        summary.reencoded_percent,
        summary.end_to_end,
    ) {
        append(
            &mut text,
            format_args!(
                "\n  rate        {bpfp} mean, {} in containers, {} of UDP payload\
                 \n  attempts    {attempts:.2} per frame, {reencoded:.1} % of frames re-encoded, {} \
                 best effort\
                 \n  end to end  p50 {:.1} ms, p95 {:.1} ms, max {:.1} ms",
                summary.container_bytes,
                summary.udp_bytes,
                summary.best_effort,
                latency.p50_ms,
                latency.p95_ms,
                latency.max_ms
            ),
        );
    }
    if summary.resent > 0 {
        append(
            &mut text,
            format_args!("\n  resent      {} frames", summary.resent),
        );
    }
    if summary.unsettled > 0 {
        append(
            &mut text,
            format_args!(
                "\n  unsettled   {} frames, whose transfer times the cloud does not have",
                summary.unsettled
            ),
        );
    }
    for FailedFrame { frame, reason } in &summary.failed {
        append(
            &mut text,
            format_args!("\n  failed      frame {frame}: {reason}"),
        );
    }
    if summary.kept > 0 {
        append(
            &mut text,
            format_args!(
                "\n  kept        {} frames, for when the run is continued",
                summary.kept
            ),
        );
    }
    text.push('\n');
    text
}

fn append(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use splitsim_edge::LatencyMs;
    use splitsim_feature::units::{Bpfp, Bytes};

    use super::*;

    fn summary() -> EdgeSummary {
        EdgeSummary {
            run_id: "run-1".to_owned(),
            edge_id: "edge-1".to_owned(),
            frames: 4,
            answered_before: 0,
            answered: 3,
            failed: vec![FailedFrame {
                frame: 2,
                reason: "room.png: not a readable image".to_owned(),
            }],
            kept: 0,
            dropped: 0,
            unsettled: 0,
            interrupted: false,
            container_bytes: Bytes(3000),
            udp_bytes: Bytes(3600),
            bpfp_mean: Some(Bpfp(0.16)),
            attempts_mean: Some(1.5),
            reencoded_percent: Some(25.0),
            best_effort: 1,
            resent: 0,
            end_to_end: Some(LatencyMs {
                p50_ms: 80.25,
                p95_ms: 120.0,
                max_ms: 130.0,
            }),
        }
    }

    #[test]
    fn the_summary_says_what_failed() {
        let expected = "\
run run-1, edge edge-1: 3 of 4 frames answered
  rate        0.1600 bpfp mean, 3000 B in containers, 3600 B of UDP payload
  attempts    1.50 per frame, 25.0 % of frames re-encoded, 1 best effort
  end to end  p50 80.2 ms, p95 120.0 ms, max 130.0 ms
  failed      frame 2: room.png: not a readable image
";
        assert_eq!(summary_text(&summary()), expected);
    }

    #[test]
    fn a_summary_of_nothing_has_no_numbers() {
        let nothing = EdgeSummary {
            answered: 0,
            kept: 3,
            failed: Vec::new(),
            bpfp_mean: None,
            ..summary()
        };
        assert_eq!(
            summary_text(&nothing),
            "run run-1, edge edge-1: 0 of 4 frames answered\n  \
             kept        3 frames, for when the run is continued\n"
        );
    }

    #[test]
    fn lines_of_json_say_what_they_are() {
        let failed = FailedFrame {
            frame: 2,
            reason: "dark".to_owned(),
        };
        let line = serde_json::to_string(&Line::Failed(&failed)).unwrap();
        assert_eq!(line, r#"{"record":"failed","frame":2,"reason":"dark"}"#);
    }
}
