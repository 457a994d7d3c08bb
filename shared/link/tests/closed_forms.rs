//! Pipes in virtual time against what can be computed by hand.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::time::Duration;

use splitsim_feature::units::{BitRate, Bytes};
use splitsim_link::codel::CodelConfig;
use splitsim_link::trace::read::parse;
use splitsim_link::{
    ConfigError, Counters, Delivery, Direction, DropCause, Event, Limit, Loss, Pipe, PipeConfig,
    QueueConfig, Service,
};

const MBIT: u64 = 1_000_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn pipe(config: &PipeConfig) -> Pipe<u64> {
    Pipe::new(config, Direction::Up, 1).unwrap()
}

fn unlimited_queue() -> QueueConfig {
    QueueConfig {
        limit: Limit::None,
        codel: None,
    }
}

fn drain(pipe: &mut Pipe<u64>, until: Duration) -> Vec<Delivery<u64>> {
    std::iter::from_fn(|| pipe.pop(until)).collect()
}

#[test]
fn ten_minutes_of_a_constant_rate_do_not_drift() {
    // 1479-byte packets at a rate that no nanosecond divides: packet k is served at k · 8 · 1479 / rate.
    let rate = 19_999_999;
    let mut pipe = pipe(&PipeConfig {
        queue: unlimited_queue(),
        ..PipeConfig::constant(BitRate(rate), ms(35))
    });
    let packets = 600 * rate / (8 * 1479);
    for number in 0..packets {
        pipe.push(Duration::ZERO, 1479, number);
    }
    let mut last = Duration::ZERO;
    for number in 0..packets {
        let delivery = pipe.pop(Duration::from_secs(700)).unwrap();
        assert_eq!(delivery.payload, number);
        last = delivery.at;
    }
    let exact = u128::from(packets * 8 * 1479) * 1_000_000_000 / u128::from(rate) + 35_000_000;
    let off = last.as_nanos().abs_diff(exact);
    assert!(off <= 1, "{off} ns after ten minutes");
}

#[test]
fn a_rate_that_changes_serves_its_integral() {
    // 12 Mbit/s for a second, none for one, 6 Mbit/s for one: packet k of 1500 bytes ends where the
    // integral reaches k · 12 kbit.
    let trace = parse("0,12\n1,0\n2,6\n").unwrap();
    let mut pipe = pipe(&PipeConfig {
        service: trace.into(),
        queue: unlimited_queue(),
        ..PipeConfig::transparent()
    });
    for number in 0..3000 {
        pipe.push(Duration::ZERO, 1500, number);
    }
    let at = drain(&mut pipe, Duration::from_secs(6));
    assert_eq!(at[0].at, ms(1));
    assert_eq!(at[999].at, ms(1000));
    assert_eq!(at[1000].at, ms(2002));
    assert_eq!(at[1499].at, ms(3000));
    assert_eq!(at[1500].at, ms(3001), "the trace begins again");
    assert_eq!(at[2999].at, ms(6000));
}

#[test]
fn a_trace_may_begin_in_its_middle() {
    let mut pipe = pipe(&PipeConfig {
        service: parse("0,12\n1,0\n2,6\n").unwrap().into(),
        trace_start: ms(1500),
        ..PipeConfig::transparent()
    });
    pipe.push(Duration::ZERO, 1500, 0);
    assert_eq!(pipe.pop(ms(5000)).unwrap().at, ms(502));
    let mut pipe = Pipe::new(
        &PipeConfig {
            service: parse("0\n3\n3\n10\n").unwrap().into(),
            trace_start: ms(3),
            ..PipeConfig::transparent()
        },
        Direction::Up,
        1,
    )
    .unwrap();
    for number in 0..3 {
        pipe.push(ms(0), 1500, number);
    }
    let at: Vec<_> = drain(&mut pipe, ms(100))
        .iter()
        .map(|delivery| delivery.at)
        .collect();
    // Those at 3 are the link's zero, and gone when the packets come.
    assert_eq!(at, [ms(7), ms(7), ms(10)]);
}

#[test]
fn a_full_queue_drops_its_tail_and_bounds_the_wait() {
    // 8 Mbit/s serves one 1000-byte packet a ms; two a ms come for two seconds.
    let mut pipe = pipe(&PipeConfig {
        queue: QueueConfig {
            limit: Limit::Bytes(Bytes(50_000)),
            codel: None,
        },
        ..PipeConfig::constant(BitRate(8 * MBIT), ms(20))
    });
    for number in 0..4000 {
        pipe.push(Duration::from_micros(500 * number), 1000, number);
    }
    let deliveries = drain(&mut pipe, Duration::from_secs(10));
    let Counters {
        arrived,
        delivered,
        dropped_full,
        ..
    } = pipe.counters();
    assert_eq!(arrived, 4000);
    // Served in two seconds: one a ms; and at their end what waits and is in service.
    assert_eq!(delivered, 2000 + 50);
    assert_eq!(dropped_full, 4000 - 2050);
    let longest = deliveries.iter().map(|d| d.at - d.arrived).max().unwrap();
    // 50 packets before it, itself and what is left of the one in service.
    assert_eq!(longest, ms(20) + ms(51));
}

#[test]
fn jitter_adds_up_to_its_bound_and_keeps_the_order() {
    let config = |reorder| PipeConfig {
        delay: ms(30),
        jitter: ms(10),
        reorder,
        ..PipeConfig::transparent()
    };
    let travel = |reorder| {
        let mut pipe = pipe(&config(reorder));
        for number in 0..10_000 {
            pipe.push(Duration::from_micros(200 * number), 1000, number);
        }
        drain(&mut pipe, Duration::from_secs(10))
    };
    let in_order = travel(false);
    assert!(
        in_order
            .windows(2)
            .all(|pair| pair[0].payload < pair[1].payload)
    );
    let any_order = travel(true);
    assert!(
        any_order
            .windows(2)
            .any(|pair| pair[0].payload > pair[1].payload)
    );
    for deliveries in [&in_order, &any_order] {
        let times = deliveries.iter().map(|d| d.at - d.arrived);
        assert!(times.clone().all(|time| (ms(30)..=ms(40)).contains(&time)));
        assert_eq!(deliveries.len(), 10_000);
    }
    // Uniform between 30 and 40 ms: the mean is 35, five standard deviations of it 0.14.
    let sum: Duration = any_order.iter().map(|d| d.at - d.arrived).sum();
    let mean = sum.as_secs_f64() * 1000.0 / 10_000.0;
    assert!((mean - 35.0).abs() < 0.15, "{mean} ms");
}

#[test]
fn a_cut_loses_what_comes_and_keeps_what_waits() {
    let mut pipe = pipe(&PipeConfig {
        events: vec![Event::Down {
            at: ms(10),
            length: ms(1000),
        }],
        ..PipeConfig::constant(BitRate(12 * MBIT), ms(5))
    });
    for number in 0..20 {
        pipe.push(ms(0), 1500, number);
    }
    assert_eq!(pipe.push(ms(500), 1500, 20), Some(DropCause::Down));
    assert_eq!(pipe.push(ms(1010), 1500, 21), None);
    let at: Vec<_> = drain(&mut pipe, ms(5000))
        .iter()
        .map(|d| d.at.as_millis())
        .collect();
    // One a ms: ten before the cut, which arrive although the link is down, eleven after it.
    let expected: Vec<_> = (1..=10).chain(1011..=1021).map(|ms| ms + 5).collect();
    assert_eq!(at, expected);
    assert_eq!(pipe.counters().dropped_down, 1);
}

#[test]
fn opportunities_in_a_cut_are_lost() {
    let mut pipe = pipe(&PipeConfig {
        service: parse("1\n").unwrap().into(),
        events: vec![Event::Down {
            at: ms(3),
            length: ms(4),
        }],
        ..PipeConfig::transparent()
    });
    for number in 0..4 {
        pipe.push(ms(0), 1500, number);
    }
    let at: Vec<_> = drain(&mut pipe, ms(50))
        .iter()
        .map(|d| d.at.as_millis())
        .collect();
    assert_eq!(at, [1, 2, 7, 8]);
}

#[test]
fn rate_and_delay_change_when_told() {
    let mut pipe = pipe(&PipeConfig {
        events: vec![
            Event::Rate {
                at: Duration::from_micros(1500),
                rate: BitRate(6 * MBIT),
            },
            Event::Delay {
                at: ms(3),
                delay: ms(50),
            },
        ],
        ..PipeConfig::constant(BitRate(12 * MBIT), ms(5))
    });
    for number in 0..3 {
        pipe.push(ms(0), 1500, number);
    }
    let at: Vec<_> = drain(&mut pipe, ms(500))
        .iter()
        .map(|d| d.at.as_micros())
        .collect();
    // The second packet is half served at 12 Mbit/s, half at 6.
    assert_eq!(at, [6_000, 7_500, 54_500]);
}

#[test]
fn contradictory_events_are_refused() {
    let refused = |events: Vec<Event>, service: Service| {
        let config = PipeConfig {
            service,
            events,
            ..PipeConfig::transparent()
        };
        Pipe::<()>::new(&config, Direction::Up, 1).unwrap_err()
    };
    let down = |at, length| Event::Down {
        at: ms(at),
        length: ms(length),
    };
    let overlap = refused(vec![down(10, 20), down(20, 5)], Service::Unlimited);
    assert_eq!(
        overlap,
        ConfigError::Overlap {
            at: ms(20),
            until: ms(30)
        }
    );
    let rate = Event::Rate {
        at: ms(1),
        rate: BitRate(1),
    };
    let trace = || Service::from(parse("0,1\n1,2\n").unwrap());
    assert_eq!(
        refused(vec![rate], trace()),
        ConfigError::NoConstantRate { at: ms(1) }
    );
    let delay = |at| Event::Delay {
        at: ms(at),
        delay: ms(1),
    };
    assert!(matches!(
        refused(vec![delay(5), delay(5)], trace()),
        ConfigError::NotAscending { .. }
    ));
}

#[test]
fn codel_holds_the_wait_of_a_standing_queue_near_its_target() {
    // A sender that never reacts would need ever more drops; one at 1.02 of the rate is held.
    let run = |codel| {
        let mut pipe = pipe(&PipeConfig {
            queue: QueueConfig {
                limit: Limit::None,
                codel,
            },
            ..PipeConfig::constant(BitRate(12 * MBIT), Duration::ZERO)
        });
        for number in 0..30_600 {
            pipe.push(Duration::from_nanos(980_392 * number), 1500, number);
        }
        let waits = drain(&mut pipe, Duration::from_secs(60));
        let late = waits.iter().filter(|d| d.arrived > Duration::from_secs(20));
        let longest = late.map(|d| d.at - d.arrived).max().unwrap();
        (longest, pipe.counters().dropped_codel)
    };
    let (wait, drops) = run(None);
    assert!(wait > ms(500) && drops == 0, "{wait:?} {drops}");
    let (wait, drops) = run(Some(CodelConfig::default()));
    assert!(wait < ms(60), "{wait:?}");
    // Two per cent are too many; all but what may wait are dropped.
    assert!((400..=620).contains(&drops), "{drops}");
}

#[test]
fn seeds_decide_over_losses_and_directions_differ() {
    let lost = |seed, direction| {
        let config = PipeConfig {
            loss: Loss::Iid { probability: 0.1 },
            ..PipeConfig::transparent()
        };
        let mut pipe = Pipe::new(&config, direction, seed).unwrap();
        for number in 0..1000_u64 {
            pipe.push(ms(number), 100, number);
        }
        let arrived = drain(&mut pipe, Duration::from_secs(10));
        assert_eq!(arrived.len() as u64 + pipe.counters().lost, 1000);
        arrived.iter().map(|d| d.payload).collect::<Vec<_>>()
    };
    assert_eq!(lost(1, Direction::Up), lost(1, Direction::Up));
    assert_ne!(lost(1, Direction::Up), lost(2, Direction::Up));
    assert_ne!(lost(1, Direction::Up), lost(1, Direction::Down));
}

/// Edges that share a pipe share its queue, so each delivery for one delays the others.
#[test]
fn edges_that_share_a_pipe_share_its_rate() {
    let mut pipe = pipe(&PipeConfig {
        queue: unlimited_queue(),
        ..PipeConfig::constant(BitRate(12 * MBIT), Duration::ZERO)
    });
    for number in 0..1000 {
        pipe.push(ms(number), 1500, number % 2);
        pipe.push(ms(number), 1500, 2);
    }
    let first_second = drain(&mut pipe, ms(1000));
    let of = |edge: u64| first_second.iter().filter(|d| d.payload == edge).count();
    assert_eq!(first_second.len(), 1000);
    assert_eq!(of(2), 500);
    assert_eq!(of(0) + of(1), 500);
}
