//! A run's faults, drawn from its seed.

use std::time::Duration;

use splitsim_tests::{Chance, Treatment};

/// All that is drawn for one run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) frames: usize,
    pub(crate) in_flight: u32,
    pub(crate) treatment: Treatment,
    /// The edge's ffmpeg dies in every n-th coding, with this n; likewise the cloud's.
    pub(crate) dead_ffmpeg: [Option<u64>; 2],
    /// The first cloud's disk has room for a few frames only.
    pub(crate) full_disk: bool,
    pub(crate) faults: Vec<(Duration, Fault)>,
}

/// A fault that is injected at a moment of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    KillEdge,
    EndEdge,
    FreezeEdge,
    KillCloud,
    EndCloud,
    FreezeCloud,
    /// The edge's disk fills, and is freed.
    FillEdgeDisk,
    /// The cloud's disk fills, and is freed.
    FillCloudDisk,
    /// The results are moved away, and back.
    MoveResults,
    /// The results may only be read when the cloud is started again, and may be written later.
    LockResults,
    /// The results are removed for good.
    RemoveResults,
    /// An edge of the same ids and other pictures.
    SecondEdge,
}

impl Fault {
    const ALL: [Self; 12] = [
        Self::KillEdge,
        Self::EndEdge,
        Self::FreezeEdge,
        Self::KillCloud,
        Self::EndCloud,
        Self::FreezeCloud,
        Self::FillEdgeDisk,
        Self::FillCloudDisk,
        Self::MoveResults,
        Self::LockResults,
        Self::RemoveResults,
        Self::SecondEdge,
    ];
}

impl Plan {
    pub(crate) const MAX_FRAMES: u64 = 8;

    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let frames = chance.within(3, Self::MAX_FRAMES) as usize;
        let in_flight = chance.within(1, 3) as u32;
        let count = chance.within(1, 4);
        let fault = |chance: &mut Chance| {
            let wait = Duration::from_millis(chance.within(50, 1500));
            let which = chance.within(0, Fault::ALL.len() as u64 - 1) as usize;
            (wait, Fault::ALL[which])
        };
        Self {
            frames,
            in_flight,
            treatment: treatment(&mut chance),
            dead_ffmpeg: [0, 1].map(|_| chance.per_mille(250).then(|| chance.within(3, 6))),
            full_disk: chance.per_mille(150),
            faults: (0..count).map(|_| fault(&mut chance)).collect(),
        }
    }
}

fn treatment(chance: &mut Chance) -> Treatment {
    let mut share = |most: u64| match chance.per_mille(300) {
        true => chance.within(1, most),
        false => 0,
    };
    let mut treatment = Treatment {
        lost: share(80),
        repeated: share(200),
        corrupted: share(50),
        truncated: share(50),
        overtaken: share(150),
        ..Treatment::default()
    };
    let ms = Duration::from_millis;
    if chance.per_mille(250) {
        let from = chance.within(200, 2000);
        treatment.outage = Some((ms(from), ms(from + chance.within(200, 3000))));
    }
    if chance.per_mille(250) {
        treatment.rebound = Some(ms(chance.within(300, 2500)));
    }
    treatment
}
