//! A run: the programs, what is done to them, and their end.

#![expect(
    clippy::disallowed_methods,
    reason = "a test moves things away as a user does, and nothing need last"
)]

use std::thread::sleep;
use std::time::Duration;

use splitsim_tests::{Chance, Cloud, CloudRun, Edge, EdgeRun, Ffmpeg, Lab, Mangler, Signal};

use crate::plan::{Fault, Plan};

/// As in the test of a full disk: room for the tables and a few frames.
const LIMITED: [&str; 4] = ["sh", "-c", "trap '' XFSZ; ulimit -f 320; exec \"$@\"", "sh"];

/// How often the edge is started before a run counts as one that does not end.
const MAX_STARTS: usize = 12;

/// The programs of a run.
struct Play<'a> {
    lab: &'a Lab,
    cloud: Option<Cloud>,
    sound_cloud: CloudRun,
    edge: Option<Edge>,
    run: EdgeRun,
}

/// Plays a plan to its end: all frames of the edge are answered then, and both programs have ended well.
pub(crate) fn play(lab: &Lab, plan: &Plan, seed: u64) {
    let mut first = lab.cloud();
    if plan.full_disk {
        first.launcher = LIMITED.map(Into::into).to_vec();
    }
    let [of_edge, of_cloud] = plan.dead_ffmpeg;
    first.ffmpeg = of_cloud.map(|period| dying(lab, "cloud", period));
    let cloud = first.start();
    let address = cloud.address();
    let link = Mangler::start(address, plan.treatment, Chance::new(!seed));
    let mut play = Play {
        lab,
        cloud: Some(cloud),
        sound_cloud: CloudRun {
            listen: address,
            ..lab.cloud()
        },
        edge: None,
        run: EdgeRun {
            frames: plan.frames,
            in_flight: plan.in_flight,
            retry_for: "4s",
            idle_timeout: "2s",
            ffmpeg: of_edge.map(|period| dying(lab, "edge", period)),
            ..lab.edge(link.address())
        },
    };
    play.edge = Some(play.run.start());
    for &(wait, fault) in &plan.faults {
        sleep(wait);
        play.inflict(fault);
    }
    play.finish(plan.full_disk || of_cloud.is_some());
}

fn dying(lab: &Lab, name: &str, period: u64) -> std::path::PathBuf {
    let directory = lab.path(&format!("{name}-ffmpeg"));
    std::fs::create_dir_all(&directory).unwrap();
    let kill = format!("[ $((n % {period})) -eq 0 ] && kill -KILL $$");
    Ffmpeg::before_coding(&directory, &kill).path()
}

impl Play<'_> {
    fn inflict(&mut self, fault: Fault) {
        const PAUSE: Duration = Duration::from_millis(700);
        match fault {
            Fault::KillEdge => {
                if let Some(edge) = self.edge.take() {
                    edge.kill();
                }
                self.edge = Some(self.run.start());
            }
            Fault::EndEdge => {
                if let Some(edge) = self.edge.take() {
                    edge.signal(Signal::TERM);
                    let _ = edge.end();
                }
                self.edge = Some(self.run.start());
            }
            Fault::FreezeEdge => {
                if let Some(edge) = &self.edge {
                    edge.signal(Signal::STOP);
                    sleep(PAUSE);
                    edge.signal(Signal::CONT);
                }
            }
            Fault::KillCloud => {
                if let Some(cloud) = self.cloud.take() {
                    cloud.kill();
                }
                sleep(PAUSE / 2);
                self.cloud = Some(self.sound_cloud.start());
            }
            Fault::EndCloud => {
                if let Some(cloud) = self.cloud.take() {
                    cloud.signal(Signal::TERM);
                    let _ = cloud.end();
                }
                self.cloud = Some(self.sound_cloud.start());
            }
            Fault::FreezeCloud => {
                if let Some(cloud) = &self.cloud {
                    cloud.signal(Signal::STOP);
                    sleep(PAUSE);
                    cloud.signal(Signal::CONT);
                }
            }
            Fault::MoveResults => self.move_results(PAUSE),
            Fault::SecondEdge => self.second_edge(),
        }
    }

    fn move_results(&self, pause: Duration) {
        let (there, away) = (self.lab.path("cloud-out"), self.lab.path("away"));
        std::fs::rename(&there, &away).unwrap();
        sleep(pause);
        std::fs::rename(&away, &there).unwrap();
    }

    /// It must not end as if all of its frames had arrived.
    fn second_edge(&self) {
        let directory = self.lab.path("second");
        std::fs::create_dir_all(&directory).unwrap();
        let second = EdgeRun {
            directory,
            seed: EdgeRun::SEED + 1,
            retry_for: "1s",
            ffmpeg: None,
            ..self.run.clone()
        };
        // Where the first one has not been heard of yet, the second one is the first.
        let known = splitsim_tests::results::frames(&self.lab.path("cloud-out"));
        if known.is_empty() {
            return;
        }
        let end = second.run();
        assert_ne!(end.code, Some(0), "{}", end.stderr);
    }

    /// Starts what is needed until all is answered, and ends the cloud.
    fn finish(mut self, was_short: bool) {
        if was_short && let Some(cloud) = self.cloud.take() {
            cloud.signal(Signal::TERM);
            let _ = cloud.end();
            self.cloud = Some(self.sound_cloud.start());
        }
        let mut said = Vec::new();
        for _ in 0..MAX_STARTS {
            let edge = self.edge.take().unwrap_or_else(|| self.run.start());
            let end = edge.end();
            if end.code == Some(0) {
                let (code, report) = self.cloud.take().map(Cloud::stop).unwrap();
                // Errors of the results count, also those that passed.
                let whole = report["missing"] == 0 && matches!(code, Some(0 | 1));
                assert!(whole, "the cloud ended with {code:?}: {report}");
                return;
            }
            said.push(end.stderr);
        }
        panic!("the edge does not come to an end:\n{}", said.join("\n--\n"));
    }
}
