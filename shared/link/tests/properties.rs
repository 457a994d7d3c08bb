//! Properties that hold for every pipe.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::time::Duration;

use proptest::prelude::*;
use splitsim_feature::units::{BitRate, Bytes};
use splitsim_link::codel::CodelConfig;
use splitsim_link::trace::read::parse;
use splitsim_link::{Delivery, Direction, Limit, Loss, Pipe, PipeConfig, QueueConfig, Service};

fn service() -> impl Strategy<Value = Service> {
    prop_oneof![
        Just(Service::Unlimited),
        (1_000_u64..100_000_000).prop_map(|rate| PipeConfig::constant(
            BitRate(rate),
            Duration::ZERO
        )
        .service),
        Just(parse("0,3\n0.5,0\n0.75,40\n").unwrap().into()),
        Just(parse("0\n3\n3\n10\n47\n").unwrap().into()),
    ]
}

prop_compose! {
    fn config()(
        service in service(),
        delay in 0_u64..300,
        jitter in 0_u64..50,
        reorder in any::<bool>(),
        probability in 0.0..0.5,
        limit in prop_oneof![
            Just(Limit::None),
            (0_usize..20).prop_map(Limit::Packets),
            (0_u64..20_000).prop_map(|bytes| Limit::Bytes(Bytes(bytes))),
        ],
        codel in proptest::option::of(Just(CodelConfig::default())),
    ) -> PipeConfig {
        PipeConfig {
            service,
            delay: Duration::from_millis(delay),
            jitter: Duration::from_millis(jitter),
            reorder,
            loss: Loss::Iid { probability },
            queue: QueueConfig { limit, codel },
            ..PipeConfig::transparent()
        }
    }
}

fn arrivals() -> impl Strategy<Value = Vec<(Duration, u32)>> {
    proptest::collection::vec((0_u64..20_000, 28_u32..=1500), 1..120).prop_map(|gaps| {
        let mut at = Duration::ZERO;
        gaps.into_iter()
            .map(|(gap, bytes)| {
                at += Duration::from_micros(gap);
                (at, bytes)
            })
            .collect()
    })
}

fn far() -> Duration {
    Duration::from_secs(1_000_000)
}

fn pushed(config: &PipeConfig, arrivals: &[(Duration, u32)]) -> Pipe<usize> {
    let mut pipe = Pipe::new(config, Direction::Up, 5).unwrap();
    for (number, &(at, bytes)) in arrivals.iter().enumerate() {
        pipe.push(at, bytes, number);
    }
    pipe
}

proptest! {
    #[test]
    fn packets_are_neither_made_nor_altered(config in config(), arrivals in arrivals()) {
        let mut pipe = pushed(&config, &arrivals);
        let delivered: Vec<_> = std::iter::from_fn(|| pipe.pop(far())).collect();
        let counters = pipe.counters();
        prop_assert_eq!(counters.arrived as usize, arrivals.len());
        prop_assert_eq!(counters.delivered as usize, delivered.len());
        prop_assert_eq!(counters.arrived, counters.delivered + counters.dropped());
        prop_assert_eq!(pipe.queued(), (0, Bytes(0)));
        prop_assert_eq!(pipe.in_flight(), Bytes(0));
        prop_assert_eq!(pipe.next_event(), None);
        for Delivery { at, arrived, bytes, payload } in &delivered {
            prop_assert_eq!(&(*arrived, *bytes), &arrivals[*payload]);
            prop_assert!(*at >= *arrived + config.delay);
        }
        prop_assert!(delivered.windows(2).all(|pair| pair[0].at <= pair[1].at));
        if !config.reorder {
            prop_assert!(delivered.windows(2).all(|pair| pair[0].payload < pair[1].payload));
        }
    }

    /// However often it is asked: an emulator that wakes at every event and one that sleeps deliver the
    /// same at the same times.
    #[test]
    fn asking_changes_nothing(config in config(), arrivals in arrivals()) {
        let mut sleeper = pushed(&config, &arrivals);
        let expected: Vec<_> = std::iter::from_fn(|| sleeper.pop(far())).collect();

        let mut pipe = Pipe::new(&config, Direction::Up, 5).unwrap();
        let mut delivered = Vec::new();
        let mut wake = |pipe: &mut Pipe<usize>, until: Duration| {
            while let Some(next) = pipe.next_event().filter(|next| *next <= until) {
                let before = delivered.len();
                delivered.extend(std::iter::from_fn(|| pipe.pop(next)));
                // What is delivered is delivered at its very time.
                assert!(delivered[before..].iter().all(|delivery| delivery.at == next));
            }
        };
        for (number, &(at, bytes)) in arrivals.iter().enumerate() {
            wake(&mut pipe, at);
            pipe.push(at, bytes, number);
        }
        wake(&mut pipe, far());
        prop_assert_eq!(delivered, expected);
    }

    #[test]
    fn any_text_is_a_trace_or_an_error(text in "[-0-9,. \nseconds/Mbit_]{0,80}") {
        let _ = parse(&text);
    }
}
