use std::time::Duration;

use splitsim_feature::units::BitRate;
use splitsim_policy::{
    Attempt, Conditions, DecidedFrame, Decision, LinkEstimate, Policy, ResolvedPolicy, Rung,
    Verdict, decide_frame,
};

use crate::{Level, RecordedFrame, Recording, ReplayError};

/// The modelled uplink, and how often a picture is taken.
///
/// The edge's stages and the link are queues of one. As on a live edge, a frame is extracted when the previous
/// one has been, decided on when the previous one has been, and sent when the previous one is answered. A frame
/// of b bytes takes 8b / rate and half of the round trip to arrive, and its answer the other half. Headers
/// below the container, slow start and losses are not modelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uplink {
    /// The rate.
    pub rate: BitRate,
    /// The round-trip time.
    pub rtt: Duration,
    /// The time between two captures; `None` to take a picture as soon as the frame before is dealt with, so
    /// that nothing waits.
    pub interval: Option<Duration>,
}

/// One frame of a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// Inputs and decision, as a live edge records them.
    pub decided: DecidedFrame,
    /// The moments of its stages.
    pub timing: Timing,
}

/// Moments of a frame's way, from the start of the replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// The picture was taken.
    pub captured: Duration,
    /// The first attempt began.
    pub begun: Duration,
    /// The policy had decided.
    pub decided: Duration,
    /// The last byte was at the cloud; `None` if the frame was not shipped.
    pub arrived: Option<Duration>,
    /// The edge had the answer; `None` if the frame was not shipped.
    pub answered: Option<Duration>,
}

impl Replayed {
    /// The attempt that was shipped.
    #[must_use]
    pub fn shipped(&self) -> Option<&Attempt> {
        match self.decided.end {
            Decision::Ship { attempt, .. } => self.decided.attempts.get(attempt),
            Decision::Encode(_) | Decision::Drop | Decision::GiveUp => None,
        }
    }
}

/// Lets a policy that has seen no frame yet decide over a recording.
///
/// The policy is told the uplink as it is: an estimate without error.
///
/// # Errors
/// When its metric was not recorded, or it asks for something that does not exist.
pub fn replay(
    recording: &Recording,
    policy: &mut ResolvedPolicy,
    uplink: &Uplink,
) -> Result<Vec<Replayed>, ReplayError> {
    check_metric(recording, policy)?;
    let mut clock = Clock::new(*uplink);
    let frames = recording.frames().iter();
    frames
        .map(|frame| {
            let (captured, begun) = clock.begin(frame);
            let conditions = Conditions {
                now: begun,
                age: begun - captured,
                link: Some(LinkEstimate {
                    rate: uplink.rate,
                    rtt: uplink.rtt,
                }),
            };
            let (attempts, end) = decide(policy, frame, &conditions)?;
            policy.observe(&conditions, &attempts, end);
            let decided = DecidedFrame {
                frame: frame.frame,
                conditions,
                attempts,
                end,
            };
            Ok(clock.finish(frame, decided, captured))
        })
        .collect()
}

/// Ships given rungs and encodes each frame once, as somebody does who knows them beforehand.
///
/// A frame without a rung, or whose codec failed there, is given up.
#[must_use]
pub fn at_rungs(recording: &Recording, rungs: &[Option<Rung>], uplink: &Uplink) -> Vec<Replayed> {
    let mut clock = Clock::new(*uplink);
    let frames = recording.frames().iter().zip(rungs);
    frames
        .map(|(frame, rung)| {
            let (captured, begun) = clock.begin(frame);
            let attempt = rung.and_then(|rung| frame.attempt(rung, None));
            let shipped = attempt.is_some_and(|attempt| attempt.coded().is_some());
            let decided = DecidedFrame {
                frame: frame.frame,
                conditions: Conditions {
                    now: begun,
                    age: begun - captured,
                    link: None,
                },
                attempts: attempt.into_iter().collect(),
                end: match shipped {
                    true => Decision::Ship {
                        attempt: 0,
                        verdict: Verdict::Ungated,
                    },
                    false => Decision::GiveUp,
                },
            };
            clock.finish(frame, decided, captured)
        })
        .collect()
}

fn check_metric(recording: &Recording, policy: &ResolvedPolicy) -> Result<(), ReplayError> {
    let Some(metric) = policy.metric() else {
        return Ok(());
    };
    let recorded = recording.metrics();
    if recorded.contains(metric) {
        return Ok(());
    }
    let recorded: Vec<&str> = recorded.into_iter().collect();
    Err(ReplayError::Metric {
        policy: policy.config().to_string(),
        metric: metric.to_owned(),
        recorded: match recorded.is_empty() {
            true => "no scores".to_owned(),
            false => recorded.join(", "),
        },
    })
}

/// The edge's loop, with a recording in place of codec and metric.
fn decide(
    policy: &ResolvedPolicy,
    frame: &RecordedFrame,
    conditions: &Conditions,
) -> Result<(Vec<Attempt>, Decision), ReplayError> {
    let unreasonable = |rung, attempts| ReplayError::Unreasonable {
        policy: policy.config().to_string(),
        rung,
        attempts,
    };
    let mut made = 0;
    let (attempts, end) = decide_frame(policy, conditions, |rung| {
        let recorded = frame.attempt(rung, policy.metric());
        let attempt = recorded.ok_or_else(|| unreasonable(rung, made))?;
        made += 1;
        Ok::<_, ReplayError>(attempt)
    })?;
    match end {
        Decision::Encode(rung) => Err(unreasonable(rung, attempts.len())),
        Decision::Ship { attempt, .. }
            if attempts.get(attempt).and_then(Attempt::coded).is_none() =>
        {
            Err(ReplayError::NoSuchAttempt {
                policy: policy.config().to_string(),
                attempt,
                attempts: attempts.len(),
            })
        }
        Decision::Ship { .. } | Decision::Drop | Decision::GiveUp => Ok((attempts, end)),
    }
}

/// The moments at which each stage is free again.
struct Clock {
    uplink: Uplink,
    next_capture: Duration,
    extractor: Duration,
    gate: Duration,
    link: Duration,
}

impl Clock {
    const fn new(uplink: Uplink) -> Self {
        Self {
            uplink,
            next_capture: Duration::ZERO,
            extractor: Duration::ZERO,
            gate: Duration::ZERO,
            link: Duration::ZERO,
        }
    }

    /// The moments when the next frame is captured and when its first attempt begins.
    fn begin(&mut self, frame: &RecordedFrame) -> (Duration, Duration) {
        let captured = match self.uplink.interval {
            Some(_) => self.next_capture,
            None => self.gate.max(self.link),
        };
        self.next_capture = captured.saturating_add(self.uplink.interval.unwrap_or_default());
        self.extractor = captured.max(self.extractor).saturating_add(frame.extract);
        (captured, self.extractor.max(self.gate))
    }

    /// Takes the frame through attempts, link and cloud.
    fn finish(
        &mut self,
        frame: &RecordedFrame,
        decided: DecidedFrame,
        captured: Duration,
    ) -> Replayed {
        let attempting: Duration = decided.attempts.iter().map(Attempt::took).sum();
        let begun = decided.conditions.now;
        self.gate = begun.saturating_add(attempting);
        let mut replayed = Replayed {
            timing: Timing {
                captured,
                begun,
                decided: self.gate,
                ..Timing::default()
            },
            decided,
        };
        let shipped = replayed.shipped().copied();
        if let Some((attempt, coded)) =
            shipped.and_then(|attempt| Some((attempt, attempt.coded()?)))
        {
            let path = LinkEstimate {
                rate: self.uplink.rate,
                rtt: self.uplink.rtt,
            };
            let arrived = self
                .gate
                .max(self.link)
                .saturating_add(path.arrival(coded.container));
            let cloud = frame
                .level(attempt.rung)
                .map_or(Duration::ZERO, Level::cloud);
            self.link = arrived
                .saturating_add(cloud)
                .saturating_add(self.uplink.rtt / 2);
            replayed.timing.arrived = Some(arrived);
            replayed.timing.answered = Some(self.link);
        }
        replayed
    }
}
