//! Controlled Delay (RFC 8289): drops at the head of a queue while packets wait too long in it.

use std::time::Duration;

/// The parameters of CoDel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodelConfig {
    /// The wait that a standing queue may have. RFC 8289 section 4.3: 5 ms.
    pub target: Duration,
    /// The time for which the target may be exceeded before the first drop: the order of a round trip.
    /// Section 4.2: 100 ms.
    pub interval: Duration,
}

impl Default for CodelConfig {
    fn default() -> Self {
        Self {
            target: Duration::from_millis(5),
            interval: Duration::from_millis(100),
        }
    }
}

/// The state variables of section 5.3, under the names of the RFC less their underscores.
#[derive(Debug, Clone)]
pub(crate) struct Codel {
    config: CodelConfig,
    first_above_time: Option<Duration>,
    drop_next: Duration,
    count: u32,
    lastcount: u32,
    dropping: bool,
}

/// A packet from the head of the queue, as `dodequeue` of section 5.6 judges it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// The time that it has waited.
    pub(crate) sojourn: Duration,
    /// `true` if at most one full packet is left behind it.
    pub(crate) nearly_empty: bool,
}

impl Codel {
    pub(crate) const fn new(config: CodelConfig) -> Self {
        Self {
            config,
            first_above_time: None,
            drop_next: Duration::ZERO,
            count: 0,
            lastcount: 0,
            dropping: false,
        }
    }

    /// Section 5.5: takes packets off the queue until one is to be sent. `pop` gives the next one with
    /// its judgement, `drop` gets those that are not sent.
    pub(crate) fn dequeue<P>(
        &mut self,
        now: Duration,
        mut pop: impl FnMut() -> Option<(P, Head)>,
        mut drop: impl FnMut(P),
    ) -> Option<P> {
        let (mut packet, mut ok_to_drop) = self.judge(now, pop());
        if self.dropping {
            if !ok_to_drop {
                // The wait is below the target: leave the dropping state.
                self.dropping = false;
            }
            while self.dropping && now >= self.drop_next {
                let Some(late) = packet.take() else { break };
                drop(late);
                self.count = self.count.saturating_add(1);
                (packet, ok_to_drop) = self.judge(now, pop());
                if ok_to_drop {
                    self.drop_next = self.control_law(self.drop_next);
                } else {
                    self.dropping = false;
                }
            }
        } else if ok_to_drop && let Some(late) = packet.take() {
            drop(late);
            (packet, _) = self.judge(now, pop());
            self.dropping = true;
            self.begin(now);
        }
        packet
    }

    /// The rate of drops starts where it was when the last spell of them ended, unless that is long ago.
    fn begin(&mut self, now: Duration) {
        let delta = self.count.saturating_sub(self.lastcount);
        let recent = now.saturating_sub(self.drop_next) < self.config.interval * 16;
        self.count = if delta > 1 && recent { delta } else { 1 };
        self.drop_next = self.control_law(now);
        self.lastcount = self.count;
    }

    /// Section 5.4: `t + interval / sqrt(count)`.
    fn control_law(&self, t: Duration) -> Duration {
        t + self.config.interval.div_f64(f64::from(self.count).sqrt())
    }

    /// Section 5.6, `dodequeue`: whether the packet may be dropped.
    fn judge<P>(&mut self, now: Duration, popped: Option<(P, Head)>) -> (Option<P>, bool) {
        let Some((packet, head)) = popped else {
            self.first_above_time = None;
            return (None, false);
        };
        if head.sojourn < self.config.target || head.nearly_empty {
            self.first_above_time = None;
            return (Some(packet), false);
        }
        let ok_to_drop = match self.first_above_time {
            None => {
                self.first_above_time = Some(now + self.config.interval);
                false
            }
            Some(first) => now >= first,
        };
        (Some(packet), ok_to_drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dequeues once per millisecond from a queue whose wait is `sojourn_ms`; returns the times of the drops.
    fn drops(until_ms: u64, sojourn_ms: impl Fn(u64) -> u64) -> Vec<u64> {
        let mut codel = Codel::new(CodelConfig::default());
        let mut dropped = Vec::new();
        for ms in 0..until_ms {
            let head = Head {
                sojourn: Duration::from_millis(sojourn_ms(ms)),
                nearly_empty: false,
            };
            let now = Duration::from_millis(ms);
            let sent = codel.dequeue(now, || Some((ms, head)), |at| dropped.push(at));
            assert_eq!(sent, Some(ms));
        }
        dropped
    }

    #[test]
    fn drops_of_a_standing_queue_follow_the_control_law() {
        // Above the target from 0 on: the first drop after one interval, then at intervals of
        // 100 / √count, each seen at the first dequeue thereafter.
        let dropped = drops(1000, |_| 50);
        let mut expected = vec![100];
        let (mut next, mut count) = (200.0, 1.0);
        while next < 999.0 {
            expected.push(f64::ceil(next) as u64);
            count += 1.0;
            next += 100.0 / f64::sqrt(count);
        }
        assert_eq!(dropped, expected);
        assert_eq!(dropped[..5], [100, 200, 271, 329, 379]);
    }

    #[test]
    fn a_short_burst_is_left_alone() {
        assert!(drops(1000, |ms| if ms % 150 < 90 { 50 } else { 1 }).is_empty());
        assert!(drops(1000, |_| 4).is_empty());
    }

    #[test]
    fn a_second_spell_soon_after_starts_at_the_rate_of_the_first() {
        // Good between 1000 and 1100: the drops of the first spell were many, so the second one's
        // begin close together. After a long pause they start anew.
        let gaps = |quiet_ms: u64| {
            let good = 1000..1000 + quiet_ms;
            let dropped = drops(4000, |ms| if good.contains(&ms) { 1 } else { 50 });
            let mut second = dropped.into_iter().filter(|&ms| ms >= good.end);
            let (first, next) = (second.next().unwrap(), second.next().unwrap());
            (first - good.end, next - first)
        };
        let (wait, gap) = gaps(100);
        assert_eq!(wait, 100);
        assert!(gap < 30, "{gap}");
        assert_eq!(gaps(2000), (100, 100));
    }

    #[test]
    fn the_last_packets_of_a_queue_are_sent() {
        let mut codel = Codel::new(CodelConfig::default());
        for ms in 0..1000 {
            let head = Head {
                sojourn: Duration::from_secs(1),
                nearly_empty: true,
            };
            let now = Duration::from_millis(ms);
            assert!(
                codel
                    .dequeue(now, || Some(((), head)), |()| panic!("dropped"))
                    .is_some()
            );
        }
    }
}
