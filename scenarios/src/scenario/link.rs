//! `[link]`: what is between the edges and the cloud.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use splitsim_link::codel::CodelConfig;
use splitsim_link::trace::{self, Stated, Trace};
use splitsim_link::{
    AtEnd, Direction, Event, Limit, LinkConfig, Loss, OpportunitySize, Pipe, PipeConfig,
    QueueConfig, RateSteps, Service,
};

use super::ScenarioError;
use super::units::{QueueLimit, Rate, Share, TimeSpan};

/// The whole table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LinkSection {
    pub(super) shared: Option<bool>,
    pub(super) rtt: Option<TimeSpan>,
    pub(super) seed: Option<u64>,
    #[serde(default)]
    pub(super) packet_log: bool,
    #[serde(default)]
    pub(super) up: PipeSection,
    #[serde(default)]
    pub(super) down: PipeSection,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<EventSection>,
}

/// One direction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PipeSection {
    pub(super) rate: Option<Rate>,
    pub(super) trace: Option<PathBuf>,
    pub(super) trace_digest: Option<String>,
    pub(super) trace_start: Option<TimeSpan>,
    pub(super) trace_end: Option<TraceEnd>,
    pub(super) opportunity: Option<u32>,
    pub(super) delay: Option<TimeSpan>,
    pub(super) jitter: Option<TimeSpan>,
    pub(super) reorder: Option<bool>,
    pub(super) loss: Option<Share>,
    pub(super) queue: Option<QueueLimit>,
    pub(super) bursts: Option<BurstSection>,
    pub(super) codel: Option<CodelSection>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TraceEnd {
    Repeat,
    Hold,
    Stop,
}

/// Loss in bursts, the chain of Gilbert and Elliott.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct BurstSection {
    pub(super) to_bad: Share,
    pub(super) to_good: Share,
    pub(super) loss_good: Option<Share>,
    pub(super) loss_bad: Option<Share>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CodelSection {
    pub(super) target: Option<TimeSpan>,
    pub(super) interval: Option<TimeSpan>,
}

/// Something that happens to the link: exactly one of `down-for`, `rate` and `delay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EventSection {
    pub(super) at: TimeSpan,
    #[serde(default)]
    pub(super) direction: Affected,
    pub(super) down_for: Option<TimeSpan>,
    pub(super) rate: Option<Rate>,
    pub(super) delay: Option<TimeSpan>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Affected {
    #[default]
    Both,
    Up,
    Down,
}

/// The emulated link of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkPlan {
    /// `true` if all edges share it; otherwise each has its own of the same kind.
    pub shared: bool,
    /// `true` to log the fate of every packet.
    pub packet_log: bool,
    /// The properties of the link.
    pub config: LinkConfig,
    section: LinkSection,
}

/// A packet that is larger than the whole queue would never get through.
const LEAST_QUEUE_BYTES: u64 = 1500;

impl LinkSection {
    /// The link that is meant; `seed` is the scenario's.
    pub(super) fn plan(&self, seed: u64) -> Result<LinkPlan, ScenarioError> {
        let mut section = self.clone();
        section.shared = Some(self.shared.unwrap_or(true));
        section.seed = Some(self.seed.unwrap_or(seed));
        section.spread_rtt()?;
        let direction = |direction, pipe: &mut PipeSection| {
            let config = PipeConfig {
                events: self.events(direction)?,
                ..pipe.config(direction)?
            };
            // Only the events can still contradict each other or the rate.
            Pipe::<()>::new(&config, direction, 0)
                .map_err(|error| ScenarioError::value("link.events", error))?;
            Ok::<_, ScenarioError>(config)
        };
        let config = LinkConfig {
            up: direction(Direction::Up, &mut section.up)?,
            down: direction(Direction::Down, &mut section.down)?,
            seed: section.seed.unwrap_or(seed),
        };
        Ok(LinkPlan {
            shared: section.shared == Some(true),
            packet_log: self.packet_log,
            config,
            section,
        })
    }

    /// Half of the round trip each way, unless a direction says its own.
    fn spread_rtt(&mut self) -> Result<(), ScenarioError> {
        let pipes = [&mut self.up, &mut self.down];
        if let Some(rtt) = self.rtt.take() {
            for pipe in pipes {
                if pipe.delay.is_some() {
                    let reason = "either rtt, half of it each way, or delays of the directions";
                    return Err(ScenarioError::value("link.rtt", reason));
                }
                pipe.delay = Some(TimeSpan(rtt.0 / 2));
            }
        }
        Ok(())
    }

    fn events(&self, direction: Direction) -> Result<Vec<Event>, ScenarioError> {
        let affects = |event: &&EventSection| match event.direction {
            Affected::Both => true,
            Affected::Up => direction == Direction::Up,
            Affected::Down => direction == Direction::Down,
        };
        let mut events: Vec<_> = self
            .events
            .iter()
            .filter(affects)
            .map(EventSection::event)
            .collect::<Result<_, _>>()?;
        events.sort_by_key(Event::at);
        Ok(events)
    }
}

impl EventSection {
    fn event(&self) -> Result<Event, ScenarioError> {
        let at = self.at.0;
        match (self.down_for, self.rate, self.delay) {
            (Some(length), None, None) => Ok(Event::Down {
                at,
                length: length.0,
            }),
            (None, Some(rate), None) => Ok(Event::Rate { at, rate: rate.0 }),
            (None, None, Some(delay)) => Ok(Event::Delay { at, delay: delay.0 }),
            _ => {
                let reason = format!("at {at:?}: give it exactly one of down-for, rate and delay");
                Err(ScenarioError::value("link.events", reason))
            }
        }
    }
}

impl PipeSection {
    /// The direction without its events; defaults are spelt out in the section.
    fn config(&mut self, direction: Direction) -> Result<PipeConfig, ScenarioError> {
        let refuse = |key: &str, reason: &dyn ToString| {
            ScenarioError::value(format!("link.{direction}.{key}"), reason.to_string())
        };
        let service = self.service(&refuse)?;
        let loss = self.loss(&refuse)?;
        let zero = Duration::ZERO;
        Ok(PipeConfig {
            service,
            trace_start: self.trace_start.map_or(zero, |start| start.0),
            delay: self.delay.map_or(zero, |delay| delay.0),
            jitter: self.jitter.map_or(zero, |jitter| jitter.0),
            reorder: *self.reorder.get_or_insert(false),
            loss,
            queue: self.queue(&refuse)?,
            events: Vec::new(),
        })
    }

    fn service(&mut self, refuse: &Refuse<'_>) -> Result<Service, ScenarioError> {
        let of_trace = [
            ("trace-start", self.trace_start.is_some()),
            ("trace-end", self.trace_end.is_some()),
            ("trace-digest", self.trace_digest.is_some()),
            ("opportunity", self.opportunity.is_some()),
        ];
        let without = of_trace.iter().find(|(_, given)| *given);
        match (self.rate, &self.trace, without) {
            (Some(_), Some(_), _) => Err(refuse("rate", &"either rate or trace, not both")),
            (_, None, Some((key, _))) => Err(refuse(key, &"means nothing without a trace")),
            (Some(Rate(rate)), None, None) if rate.0 == 0 => {
                let reason = "a link that never serves anything; for an outage, see link.events";
                Err(refuse("rate", &reason))
            }
            (Some(Rate(rate)), None, None) => Ok(Service::Rate(RateSteps::constant(rate))),
            (None, None, None) => Ok(Service::Unlimited),
            (None, Some(path), _) => {
                let path = path.clone();
                self.traced(&path, refuse)
            }
        }
    }

    fn traced(&mut self, path: &Path, refuse: &Refuse<'_>) -> Result<Service, ScenarioError> {
        let bytes = splitsim_text::read(path, trace::MAX_BYTES)
            .map_err(|error| refuse("trace", &format!("cannot read {error}")))?;
        let read = trace::from_bytes(&bytes, Stated::default()).map_err(|error| {
            let reason = format!("{}: {error}", path.display());
            refuse("trace", &reason)
        })?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        if let Some(expected) = self.trace_digest.replace(digest.clone())
            && expected != digest
        {
            let reason = format!("{} has another content: {digest}", path.display());
            return Err(refuse("trace-digest", &reason));
        }
        let end = *self.trace_end.get_or_insert(TraceEnd::Repeat);
        let read = read.with_end(match end {
            TraceEnd::Repeat => AtEnd::Repeat,
            TraceEnd::Hold => AtEnd::Hold,
            TraceEnd::Stop => AtEnd::Stop,
        });
        match read {
            Trace::Opportunities(list) => {
                let size = match *self.opportunity.get_or_insert(1500) {
                    1500 => OpportunitySize::Ip1500,
                    1504 => OpportunitySize::Tun1504,
                    other => {
                        let reason = format!("{other} bytes, expected 1500 or 1504");
                        return Err(refuse("opportunity", &reason));
                    }
                };
                Ok(Service::Opportunities(list.with_size(size)))
            }
            Trace::Rates(_) if self.opportunity.is_some() => {
                let reason = "the trace has rates, not Mahimahi's opportunities";
                Err(refuse("opportunity", &reason))
            }
            Trace::Rates(steps) => Ok(Service::Rate(steps)),
        }
    }

    fn loss(&mut self, refuse: &Refuse<'_>) -> Result<Loss, ScenarioError> {
        let loss = match (self.loss, &mut self.bursts) {
            (Some(_), Some(_)) => return Err(refuse("loss", &"either loss or bursts, not both")),
            (Some(loss), None) => Loss::Iid {
                probability: loss.0,
            },
            (None, Some(bursts)) => Loss::GilbertElliott {
                to_bad: bursts.to_bad.0,
                to_good: bursts.to_good.0,
                loss_good: bursts.loss_good.get_or_insert(Share(0.0)).0,
                loss_bad: bursts.loss_bad.get_or_insert(Share(1.0)).0,
            },
            (None, None) => Loss::None,
        };
        loss.check().map_err(|error| refuse("bursts", &error))?;
        Ok(loss)
    }

    fn queue(&mut self, refuse: &Refuse<'_>) -> Result<QueueConfig, ScenarioError> {
        let default = QueueConfig::default().limit;
        let limit = self.queue.get_or_insert(QueueLimit(default)).0;
        match limit {
            Limit::Bytes(bytes) if bytes.0 < LEAST_QUEUE_BYTES => {
                let reason = format!("{bytes} hold no packet of {LEAST_QUEUE_BYTES} B");
                return Err(refuse("queue", &reason));
            }
            Limit::Packets(0) => return Err(refuse("queue", &"0 packets let none through")),
            Limit::Bytes(_) | Limit::Packets(_) | Limit::None => {}
        }
        let codel = self.codel.as_mut().map(|section| {
            let default = CodelConfig::default();
            let or = |span: &mut Option<TimeSpan>, default| span.get_or_insert(TimeSpan(default)).0;
            CodelConfig {
                target: or(&mut section.target, default.target),
                interval: or(&mut section.interval, default.interval),
            }
        });
        if let Some(codel) = codel
            && codel.target >= codel.interval
        {
            let reason = "target is not below interval: it would drop without end";
            return Err(refuse("codel", &reason));
        }
        Ok(QueueConfig { limit, codel })
    }
}

type Refuse<'a> = dyn Fn(&str, &dyn ToString) -> ScenarioError + 'a;

impl From<&LinkPlan> for LinkSection {
    fn from(plan: &LinkPlan) -> Self {
        plan.section.clone()
    }
}

#[cfg(test)]
mod tests {
    use splitsim_feature::units::BitRate;

    use super::super::{ScenarioError, keys};
    use super::*;

    fn plan(text: &str) -> Result<LinkPlan, ScenarioError> {
        let table: toml::Table = text.parse().unwrap();
        keys::check_link(&table)?;
        let section: LinkSection = table.try_into().map_err(ScenarioError::syntax)?;
        section.plan(4)
    }

    fn refused(text: &str, part: &str) {
        let message = plan(text).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn a_link_is_what_it_says() {
        let plan = plan(
            "rtt = '70 ms'\n[up]\nrate = '20 Mbit/s'\nloss = '1 %'\njitter = '5 ms'\n\
             queue = '256 kB'\n[down]\nrate = '100 Mbit/s'\nqueue = '50 packets'\n\
             [[events]]\nat = '10 s'\ndown-for = '60 s'",
        )
        .unwrap();
        assert!(plan.shared);
        let LinkConfig { up, down, seed } = &plan.config;
        assert_eq!(*seed, 4);
        assert_eq!(up.delay, Duration::from_millis(35));
        assert_eq!(down.delay, Duration::from_millis(35));
        assert_eq!(up.loss, Loss::Iid { probability: 0.01 });
        let rate = RateSteps::constant(BitRate(20_000_000));
        assert_eq!(up.service, Service::Rate(rate));
        assert_eq!(down.queue.limit, Limit::Packets(50));
        assert_eq!((up.events.len(), down.events.len()), (1, 1));
    }

    #[test]
    fn a_resolved_link_means_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace.csv");
        std::fs::write(&trace, "0,4\n1,2\n").unwrap();
        let text = format!(
            "shared = false\nrtt = '30 ms'\n[up]\ntrace = '{}'\ntrace-start = '1 s'\n\
             [up.bursts]\nto-bad = '0.5 %'\nto-good = '20 %'\n[up.codel]\n\
             [[events]]\nat = '3 s'\ndirection = 'down'\ndelay = '50 ms'",
            trace.display()
        );
        let first = plan(&text).unwrap();
        let resolved = toml::to_string(&LinkSection::from(&first)).unwrap();
        for part in [
            "trace-end = \"repeat\"",
            "interval = \"100ms\"",
            "loss-bad = \"100 %\"",
        ] {
            assert!(resolved.contains(part), "{resolved}");
        }
        assert_eq!(plan(&resolved).unwrap(), first);
        std::fs::write(&trace, "0,4\n1,3\n").unwrap();
        refused(&resolved, "trace-digest: ");
    }

    #[test]
    fn contradictions_are_refused() {
        refused(
            "[up]\nrate = '0 Mbit/s'",
            "link.up.rate: a link that never serves",
        );
        refused(
            "[up]\nrate = '1 Mbit/s'\ntrace = 'x'",
            "either rate or trace",
        );
        refused(
            "rtt = '9 ms'\n[down]\ndelay = '1 ms'",
            "link.rtt: either rtt",
        );
        refused(
            "[up]\ntrace-end = 'hold'",
            "link.up.trace-end: means nothing without",
        );
        refused("[up]\nqueue = '1 kB'", "hold no packet");
        refused("[up]\nqueue = '0 packets'", "let none through");
        refused(
            "[up]\nloss = '1 %'\n[up.bursts]\nto-bad = '1 %'\nto-good = '1 %'",
            "either loss or bursts",
        );
        refused(
            "[[events]]\nat = '1 s'",
            "exactly one of down-for, rate and delay",
        );
        refused(
            "[[events]]\nat = '1 s'\nrate = '1 Mbit/s'",
            "events go with a constant rate",
        );
        refused(
            "[[events]]\nat = '1 s'\ndown-for = '9 s'\n[[events]]\nat = '5 s'\ndown-for = '1 s'",
            "goes down at 5s while it is down until 10s",
        );
        refused(
            "[up.codel]\ntarget = '200 ms'",
            "link.up.codel: target is not below interval",
        );
    }

    #[test]
    fn values_and_keys_that_mean_nothing_are_told() {
        refused("[up]\nrate = '20 Mbps'", "'20 Mbps' is no rate");
        refused(
            "[up]\nrate = 20",
            "20 has no unit, expected a rate with its unit",
        );
        refused(
            "[up]\nloss = 0.01",
            "0.01 has no unit, expected a share in per cent",
        );
        refused("[up]\nloss = '1'", "'1' is no share");
        refused("[up]\nloss = '101 %'", "'101 %' is no share");
        refused("[up]\nqueue = '100 parcels'", "'100 parcels' is no queue");
        refused(
            "[up]\nlos = '1 %'",
            "unknown key 'link.up.los'; the nearest known key is 'loss'",
        );
        refused(
            "upp = 1",
            "unknown key 'link.upp'; the nearest known key is 'up'",
        );
        refused(
            "[up.codel]\ntarge = '1 ms'",
            "unknown key 'link.up.codel.targe'",
        );
        refused(
            "[[events]]\nat = '1 s'\nfor = '2 s'",
            "unknown key 'link.events[0].for'",
        );
    }

    #[test]
    fn a_wrong_trace_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        std::fs::write(&path, "0,4\n2,2\n1,1\n").unwrap();
        let text = format!("[up]\ntrace = '{}'", path.display());
        refused(&text, "trace.csv: line 3: time 1 comes before 2");
        refused(
            "[up]\ntrace = '/nowhere.csv'",
            "link.up.trace: cannot read /nowhere.csv",
        );
    }
}
