use std::fmt;
use std::num::NonZeroU8;

use crate::gated::Gated;
use crate::settings::{Settings, write_fallback};
use crate::{
    Attempt, Conditions, Criterion, Decision, Fallback, LadderLen, MaxAttempts, Policy,
    PolicyError, Rung,
};

/// The settings of a [`Threshold`].
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdConfig {
    /// The criterion that a score must satisfy.
    pub pass: Criterion,
    /// The rung to begin at; the cheapest by default.
    pub start: Start,
    /// Rungs to climb after each attempt that does not pass; 1 by default.
    pub step: NonZeroU8,
    /// The most encodings of one feature.
    pub max_attempts: MaxAttempts,
    /// The action taken when no attempt passes.
    pub fallback: Fallback,
}

/// The rung at which a climb starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// At the same rung for every frame.
    At(Rung),
    /// The rung at which the previous frame ended: neighbouring frames need similar rungs.
    ///
    /// The climb starts one step lower if that frame passed at its first attempt with a score
    /// better than the threshold by `margin`. Without a margin, a score near the threshold makes
    /// the policy alternate between two rungs from frame to frame.
    Last {
        /// The hysteresis, in the metric's unit; zero or more.
        margin: f64,
    },
}

/// Encodes richer until the predicted score passes: the paper's second application scenario
/// (Gao et al., MM'25, §3.2).
///
/// It climbs from the starting rung in equal steps, the last of them shortened so that the richest
/// rung is always tried, and stops at the first attempt that passes. A richer rung need not score
/// better, so every attempt is judged by its own score; when the ladder or the permitted attempts
/// end without a pass, the [`Fallback`] decides. Failed and unscored attempts count as attempts but
/// are never shipped as the best, since nothing is known of their quality.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    gated: Gated,
    start: Start,
    step: NonZeroU8,
    /// The rung at which the next frame starts.
    begin: Rung,
}

impl ThresholdConfig {
    pub(crate) const KIND: &'static str = "threshold";
    pub(crate) const EXAMPLE: &'static str = "threshold:cosine>=0.98";

    /// A climb from the cheapest rung in single steps, with the default limits.
    #[must_use]
    pub fn new(pass: Criterion) -> Self {
        Self {
            pass,
            start: Start::At(Rung(0)),
            step: NonZeroU8::MIN,
            max_attempts: MaxAttempts::default(),
            fallback: Fallback::default(),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        let known = &["start", "step", "max-attempts", "margin", "fallback"];
        let (pass, mut settings) = Settings::split(Self::KIND, text, known)?;
        let pass = pass.parse()?;
        let margin = settings.take("margin", "a number from 0", margin)?;
        let start =
            settings.take(
                "start",
                "last or a whole number from 0 to 255",
                |text| match text {
                    "last" => Some(Start::Last {
                        margin: margin.unwrap_or(0.0),
                    }),
                    index => index.parse().ok().map(|index| Start::At(Rung(index))),
                },
            )?;
        let start = start.unwrap_or(Start::At(Rung(0)));
        if margin.is_some() && matches!(start, Start::At(_)) {
            return Err(PolicyError::MarginWithoutLast);
        }
        let step = settings.number("step", 1..=u8::MAX)?;
        Ok(Self {
            pass,
            start,
            step: step.and_then(NonZeroU8::new).unwrap_or(NonZeroU8::MIN),
            max_attempts: settings.max_attempts()?,
            fallback: settings.fallback()?,
        })
    }
}

fn margin(text: &str) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|margin| (0.0..f64::INFINITY).contains(margin))
}

impl fmt::Display for ThresholdConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pass,
            start,
            step,
            max_attempts,
            fallback,
        } = self;
        write!(
            f,
            "{}:{pass},start={start},step={step},max-attempts={max_attempts}",
            Self::KIND
        )?;
        write_fallback(f, *fallback)
    }
}

/// `3`, `last` or `last,margin=0.01`.
impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(rung) => rung.fmt(f),
            Self::Last { margin: 0.0 } => f.write_str("last"),
            Self::Last { margin } => write!(f, "last,margin={margin}"),
        }
    }
}

impl Threshold {
    pub(crate) fn new(
        config: &ThresholdConfig,
        ladder: LadderLen,
        label: String,
    ) -> Result<Self, PolicyError> {
        let begin = match config.start {
            Start::At(rung) => ladder.check(rung)?,
            Start::Last { .. } => Rung(0),
        };
        Ok(Self {
            gated: Gated {
                criterion: config.pass.clone(),
                ladder,
                max_attempts: config.max_attempts,
                fallback: config.fallback,
                label,
            },
            start: config.start,
            step: config.step,
            begin,
        })
    }

    /// The rung to try next, if the ladder has one.
    fn next(&self, attempts: &[Attempt]) -> Option<Rung> {
        let Some(last) = attempts.last() else {
            return Some(self.begin);
        };
        let richest = self.gated.ladder.richest();
        let richer = Rung(last.rung.0.saturating_add(self.step.get()));
        (last.rung < richest).then(|| richer.min(richest))
    }

    /// Returns `true` if the frame passed at its only attempt by at least `margin`, so that a
    /// cheaper rung may pass as well.
    fn clears(&self, attempts: &[Attempt], margin: f64) -> bool {
        match attempts {
            [only] => only.score().is_some_and(|score| {
                self.gated.criterion.passes(score) && self.gated.criterion.margin(score) >= margin
            }),
            _ => false,
        }
    }
}

impl Policy for Threshold {
    fn decide(&self, _: &Conditions, attempts: &[Attempt]) -> Decision {
        match attempts
            .iter()
            .position(|attempt| self.gated.passes(attempt))
        {
            Some(passing) => self.gated.ship(attempts, passing),
            None => self.gated.try_next(attempts, self.next(attempts)),
        }
    }

    fn observe(&mut self, _: &Conditions, attempts: &[Attempt], end: Decision) {
        let (Start::Last { margin }, Decision::Ship { attempt, .. }) = (self.start, end) else {
            return;
        };
        let Some(shipped) = attempts.get(attempt) else {
            return;
        };
        let lower = if self.clears(attempts, margin) {
            self.step.get()
        } else {
            0
        };
        self.begin = Rung(shipped.rung.0.saturating_sub(lower));
    }

    fn metric(&self) -> Option<&str> {
        Some(self.gated.criterion.metric())
    }

    fn label(&self) -> &str {
        &self.gated.label
    }
}
