//! Opportunities against Mahimahi's own loop, written out once more as it stands in `link_queue.cc`.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use splitsim_feature::units::Bytes;
use splitsim_link::{
    Direction, Limit, Opportunities, OpportunitySize, Pipe, PipeConfig, QueueConfig, Service,
};

/// `LinkQueue` with a droptail queue, at milliseconds.
struct LinkQueue {
    schedule: Vec<u64>,
    next_delivery: usize,
    base_timestamp: u64,
    queue: VecDeque<(u64, u32)>,
    limit_bytes: u32,
    in_transit: Option<(u64, u32)>,
    packet_size: u32,
    departures: Vec<(u64, u64)>,
}

impl LinkQueue {
    fn rationalize(&mut self, now: u64) {
        while self.schedule[self.next_delivery] + self.base_timestamp <= now {
            let this_delivery_time = self.schedule[self.next_delivery] + self.base_timestamp;
            let mut left = self.packet_size;
            self.next_delivery = (self.next_delivery + 1) % self.schedule.len();
            if self.next_delivery == 0 {
                self.base_timestamp += self.schedule.last().unwrap();
            }
            while left > 0 {
                if self.in_transit.is_none() {
                    self.in_transit = self.queue.pop_front();
                }
                let Some((number, bytes)) = &mut self.in_transit else {
                    break;
                };
                let amount = left.min(*bytes);
                *bytes -= amount;
                left -= amount;
                if *bytes == 0 {
                    self.departures.push((*number, this_delivery_time));
                    self.in_transit = None;
                }
            }
        }
    }

    fn read_packet(&mut self, now: u64, number: u64, bytes: u32) {
        self.rationalize(now);
        let waiting: u32 = self.queue.iter().map(|(_, bytes)| bytes).sum();
        if waiting + bytes <= self.limit_bytes {
            self.queue.push_back((number, bytes));
        }
    }
}

fn departures(
    schedule: &[u64],
    size: OpportunitySize,
    arrivals: &[(u64, u32)],
    limit_bytes: u32,
) -> Vec<(u64, u64)> {
    let list = Opportunities::new(schedule.to_vec())
        .unwrap()
        .with_size(size);
    let config = PipeConfig {
        service: Service::Opportunities(list),
        queue: QueueConfig {
            limit: Limit::Bytes(Bytes(limit_bytes.into())),
            codel: None,
        },
        ..PipeConfig::transparent()
    };
    let mut pipe = Pipe::new(&config, Direction::Up, 1).unwrap();
    let mut departures = Vec::new();
    for (number, &(at, bytes)) in (0..).zip(arrivals) {
        while let Some(delivery) = pipe.pop(Duration::from_millis(at)) {
            departures.push((delivery.payload, delivery.at.as_millis() as u64));
        }
        pipe.push(Duration::from_millis(at), bytes, number);
    }
    while let Some(delivery) = pipe.pop(Duration::from_secs(1000)) {
        departures.push((delivery.payload, delivery.at.as_millis() as u64));
    }
    departures
}

fn expected(
    schedule: &[u64],
    size: OpportunitySize,
    arrivals: &[(u64, u32)],
    limit_bytes: u32,
) -> Vec<(u64, u64)> {
    let overhead = size.bytes() - 1500;
    let mut link = LinkQueue {
        schedule: schedule.to_vec(),
        next_delivery: 0,
        base_timestamp: 0,
        queue: VecDeque::new(),
        limit_bytes,
        in_transit: None,
        packet_size: size.bytes(),
        departures: Vec::new(),
    };
    for (number, &(at, bytes)) in (0..).zip(arrivals) {
        link.read_packet(at, number, bytes + overhead);
    }
    link.rationalize(1_000_000);
    link.departures
}

fn sorted(mut times: Vec<u64>) -> Vec<u64> {
    times.sort_unstable();
    if times.last() == Some(&0) {
        times.push(1);
    }
    times
}

proptest! {
    #[test]
    fn departures_are_mahimahis(
        schedule in proptest::collection::vec(0_u64..60, 1..20).prop_map(sorted),
        gaps in proptest::collection::vec((0_u64..30, 1_u32..=1500), 1..80),
        tun in any::<bool>(),
    ) {
        let size = if tun { OpportunitySize::Tun1504 } else { OpportunitySize::Ip1500 };
        let mut at = 0;
        let arrivals: Vec<_> = gaps
            .into_iter()
            .map(|(gap, bytes)| {
                at += gap;
                (at, bytes)
            })
            .collect();
        // A limit in bytes would count the TUN headers that Mahimahi sees, so none is reached here.
        let limit = 10_000_000;
        prop_assert_eq!(
            departures(&schedule, size, &arrivals, limit),
            expected(&schedule, size, &arrivals, limit)
        );
    }

    #[test]
    fn drops_are_mahimahis(
        gaps in proptest::collection::vec((0_u64..3, 1_u32..=1500), 1..200),
    ) {
        let mut at = 0;
        let arrivals: Vec<_> = gaps
            .into_iter()
            .map(|(gap, bytes)| {
                at += gap;
                (at, bytes)
            })
            .collect();
        let size = OpportunitySize::Ip1500;
        prop_assert_eq!(
            departures(&[1, 4, 4, 9], size, &arrivals, 6000),
            expected(&[1, 4, 4, 9], size, &arrivals, 6000)
        );
    }
}

#[test]
fn a_one_line_trace_is_12_mbit() {
    let arrivals: Vec<_> = (0..2000).map(|_| (0, 1500)).collect();
    let departures = departures(&[1], OpportunitySize::Ip1500, &arrivals, 10_000_000);
    // 2000 packets of 12 kbit in two seconds.
    assert_eq!(departures.last(), Some(&(1999, 2000)));
    // In Mahimahi's code they take the same time, with four more bytes for packet and opportunity.
    let tun = self::departures(&[1], OpportunitySize::Tun1504, &arrivals, 10_000_000);
    assert_eq!(departures, tun);
}
