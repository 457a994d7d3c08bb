//! A run: the programs, the faults injected, and their end.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use splitsim_tests::{
    Chance, Cloud, CloudRun, Edge, EdgeRun, Ffmpeg, Lab, Mangler, Signal, results,
};

use crate::plan::{Fault, Plan};

/// As in the test of a full disk: room for the tables and a few frames.
const LIMITED: [&str; 4] = ["sh", "-c", "ulimit -f 320; exec \"$@\"", "sh"];

/// For a superuser, to whom permissions otherwise mean nothing.
const WITHOUT_PRIVILEGE: [&str; 2] = ["setpriv", "--bounding-set=-dac_override"];

/// The time for which a disk is full, a program frozen, a folder away.
const PAUSE: Duration = Duration::from_millis(700);

/// The number of starts of the edge after which a run counts as one that does not end.
const MAX_STARTS: usize = 12;

/// The programs of a run.
struct Play<'a> {
    lab: &'a Lab,
    cloud: Option<Cloud>,
    sound_cloud: CloudRun,
    edge: Option<Edge>,
    run: EdgeRun,
    removed: BTreeSet<u64>,
}

/// Plays a plan to its end: all frames of the edge are answered then, and both programs have ended well.
/// Returns the frames that were removed with the results.
pub(crate) fn play(lab: &Lab, plan: &Plan, seed: u64) -> BTreeSet<u64> {
    let sound = lab.cloud();
    let mut first = sound.clone();
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
            ..sound
        },
        edge: None,
        removed: BTreeSet::new(),
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
    play.finish(plan.full_disk || of_cloud.is_some())
}

fn dying(lab: &Lab, name: &str, period: u64) -> PathBuf {
    let directory = lab.path(&format!("{name}-ffmpeg"));
    fs::create_dir_all(&directory).unwrap();
    let kill = format!("[ $((n % {period})) -eq 0 ] && kill -KILL $$");
    Ffmpeg::before_coding(&directory, &kill).path()
}

impl Play<'_> {
    fn inflict(&mut self, fault: Fault) {
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
            Fault::FreezeEdge => self.freeze_edge(),
            Fault::KillCloud => {
                if let Some(cloud) = self.cloud.take() {
                    cloud.kill();
                }
                sleep(PAUSE / 2);
                self.cloud = Some(self.sound_cloud.start());
            }
            Fault::EndCloud => {
                self.end_cloud();
                self.cloud = Some(self.sound_cloud.start());
            }
            Fault::FreezeCloud => self.freeze_cloud(|_| sleep(PAUSE)),
            Fault::FillEdgeDisk => self.fill_edge_disk(),
            Fault::FillCloudDisk => self.fill_cloud_disk(),
            Fault::MoveResults => self.move_results(),
            Fault::LockResults => self.lock_results(),
            Fault::RemoveResults => self.remove_results(),
            Fault::SecondEdge => self.second_edge(),
        }
    }

    fn end_cloud(&mut self) {
        if let Some(cloud) = self.cloud.take() {
            cloud.signal(Signal::TERM);
            let _ = cloud.end();
        }
    }

    fn freeze_edge(&self) {
        if let Some(edge) = &self.edge {
            edge.signal(Signal::STOP);
            sleep(PAUSE);
            edge.signal(Signal::CONT);
        }
    }

    fn freeze_cloud(&mut self, meanwhile: impl FnOnce(&mut Self)) {
        if let Some(cloud) = self.cloud.take() {
            cloud.signal(Signal::STOP);
            meanwhile(self);
            cloud.signal(Signal::CONT);
            self.cloud = Some(cloud);
        }
    }

    fn fill_edge_disk(&self) {
        if let Some(edge) = &self.edge {
            edge.fill_disk(true);
            sleep(PAUSE);
            edge.fill_disk(false);
        }
    }

    fn fill_cloud_disk(&self) {
        if let Some(cloud) = &self.cloud {
            cloud.fill_disk(true);
            sleep(PAUSE);
            cloud.fill_disk(false);
        }
    }

    fn move_results(&self) {
        let (there, away) = (self.sound_cloud.out.clone(), self.lab.path("away"));
        fs::rename(&there, &away).unwrap();
        sleep(PAUSE);
        fs::rename(&away, &there).unwrap();
    }

    /// A cloud that may not write its results does not serve.
    fn lock_results(&mut self) {
        self.end_cloud();
        let out = self.sound_cloud.out.clone();
        set_modes(&out, 0o555, 0o444);
        let mut cloud = self.sound_cloud.clone();
        if rustix::process::geteuid().is_root() {
            cloud.launcher = WITHOUT_PRIVILEGE.map(Into::into).to_vec();
        }
        let end = cloud.refusal();
        assert_eq!(end.code, Some(2), "{}", end.stderr);
        assert!(end.stderr.contains("results.sqlite"), "{}", end.stderr);
        set_modes(&out, 0o755, 0o644);
        self.cloud = Some(self.sound_cloud.start());
    }

    /// The cloud answers no frame from then on. The frames of before are gone, and no others.
    fn remove_results(&mut self) {
        self.freeze_cloud(|play| {
            let out = &play.sound_cloud.out;
            let stored = results::frames(out);
            play.removed
                .extend(stored.iter().map(|logged| logged.frame.key.frame));
            fs::remove_dir_all(out).unwrap();
        });
        sleep(PAUSE);
        if let Some(cloud) = self.cloud.take() {
            cloud.signal(Signal::TERM);
            let end = cloud.end();
            assert_eq!(end.code, Some(1), "{}", end.stderr);
        }
        self.cloud = Some(self.sound_cloud.start());
    }

    /// It must not end as if all of its frames had arrived.
    fn second_edge(&self) {
        let directory = self.lab.path("second");
        fs::create_dir_all(&directory).unwrap();
        let second = EdgeRun {
            directory,
            seed: EdgeRun::SEED + 1,
            retry_for: "1s",
            ffmpeg: None,
            ..self.run.clone()
        };
        // Where the first one has not been heard of yet, the second one is the first.
        if results::frames(&self.sound_cloud.out).is_empty() {
            return;
        }
        let end = second.run();
        assert_ne!(end.code, Some(0), "{}", end.stderr);
    }

    /// Starts the missing programs until all frames are answered, and ends the cloud. Returns the removed frames.
    fn finish(mut self, was_short: bool) -> BTreeSet<u64> {
        if was_short {
            self.end_cloud();
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
                return self.removed;
            }
            said.push(end.stderr);
        }
        panic!("the edge does not come to an end:\n{}", said.join("\n--\n"));
    }
}

/// The permissions of a folder and of the files in it.
fn set_modes(folder: &Path, of_folder: u32, of_files: u32) {
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        fs::set_permissions(file, Permissions::from_mode(of_files)).unwrap();
    }
    fs::set_permissions(folder, Permissions::from_mode(of_folder)).unwrap();
}
