//! Decisions, times and figures of replays, against what they should be by hand.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::time::Duration;

use splitsim_feature::units::{BitRate, Bytes};
use splitsim_policy::{Decision, LadderLen, PolicyConfig, Rung, Verdict};
use splitsim_replay::{
    BreakEven, Comparison, Contender, Evaluation, Recording, ReplayError, Rules, Share,
    TaskComparison, Terms, Uplink, at_rungs, compare, oracle, replay,
};
use support::{UPLINK, level, recording, small};

const LIMIT: f64 = 1.0;

fn config(text: &str) -> PolicyConfig {
    text.parse().unwrap()
}

fn replayed(recording: &Recording, text: &str, uplink: &Uplink) -> Vec<splitsim_replay::Replayed> {
    let mut policy = config(text).resolve(recording.ladder()).unwrap();
    replay(recording, &mut policy, uplink).unwrap()
}

fn rules() -> Rules {
    Rules {
        uplink: UPLINK,
        deadline: Some(Duration::from_millis(170)),
        permitted_violations: 0.05,
    }
}

fn compared(recording: &Recording, policies: &[&str]) -> TaskComparison {
    let policy = |text: &&str| Contender::Policy {
        name: (*text).to_owned(),
        config: config(text),
    };
    let mut contenders: Vec<Contender> = policies.iter().map(policy).collect();
    let name = "oracle".to_owned();
    contenders.push(Contender::Oracle { name });
    compare(recording, &contenders, &rules(), LIMIT).unwrap()
}

fn evaluation<'a>(comparison: &'a TaskComparison, name: &str) -> &'a Evaluation {
    comparison
        .contenders
        .iter()
        .find(|evaluation| evaluation.name == name)
        .unwrap()
}

#[test]
fn a_replay_decides_as_the_edge_that_recorded_it() {
    let recording = small();
    let frames = replayed(&recording, "threshold:cosine>=0.95", &UPLINK);
    let passed = |attempt| Decision::Ship {
        attempt,
        verdict: Verdict::Passed,
    };
    let ends: Vec<_> = frames.iter().map(|frame| frame.decided.end).collect();
    assert_eq!(ends, [passed(1), passed(1)]);
    let records: Vec<_> = frames.into_iter().map(|frame| frame.decided).collect();
    let mut fresh = config("threshold:cosine>=0.95")
        .resolve(LadderLen::new(3).unwrap())
        .unwrap();
    assert_eq!(splitsim_policy::replay(&mut fresh, &records), Ok(()));
}

#[test]
fn times_are_those_of_the_stages_and_the_link() {
    let timing = |uplink: &Uplink| {
        let frames = replayed(&small(), "threshold:cosine>=0.95", uplink);
        let ms = |time: Duration| time.as_millis();
        frames
            .iter()
            .map(|frame| {
                let t = frame.timing;
                [
                    t.captured,
                    t.begun,
                    t.decided,
                    t.arrived.unwrap(),
                    t.answered.unwrap(),
                ]
                .map(ms)
            })
            .collect::<Vec<_>>()
    };
    // 50 ms to extract, two attempts of 30 ms, 2000 B at 1 byte per µs and half of 40 ms, 15 ms of
    // cloud, the other half. The next picture is taken then.
    let first = [0, 50, 110, 132, 167];
    assert_eq!(timing(&UPLINK), [first, [167, 217, 277, 300, 335]]);
    // A picture every 40 ms waits for the stages before it.
    let interval = Some(Duration::from_millis(40));
    let second = [40, 110, 170, 193, 228];
    assert_eq!(timing(&Uplink { interval, ..UPLINK }), [first, second]);
    // On a slow link the second frame waits for the first one's answer.
    let slow = Uplink {
        interval,
        rate: BitRate(80_000),
        ..UPLINK
    };
    assert_eq!(
        timing(&slow),
        [[0, 50, 110, 330, 365], [40, 110, 170, 685, 720]]
    );
}

#[test]
fn the_figures_are_what_they_are_by_hand() {
    let comparison = compared(
        &small(),
        &[
            "threshold:cosine>=0.95",
            "always:cheapest",
            "always:richest",
        ],
    );
    let gate = evaluation(&comparison, "threshold:cosine>=0.95");
    assert_eq!((gate.bytes, gate.bytes_mean), (Bytes(5000), Some(2500.0)));
    assert_eq!(gate.bpfp_mean, Some(2.5));
    assert_eq!(gate.attempts_mean, Some(2.0));
    assert_eq!(
        (gate.compute_ms_mean, gate.wasted_ms_mean),
        (Some(60.0), Some(30.0))
    );
    // The second frame passed with a distortion of 5; both first attempts were rightly turned down.
    assert_eq!(gate.false_accepts, Share { count: 1, of: 2 });
    assert_eq!(gate.false_reencodes, Share { count: 0, of: 2 });
    assert_eq!(gate.violations, Share { count: 1, of: 2 });
    let distortion = gate.distortion.unwrap();
    assert_eq!(
        (distortion.mean, distortion.p95, distortion.worst),
        (3.0, 5.0, 5.0)
    );
    // 5000 of 10000 bytes; resampled, both frames can be the first or the second, and half is half.
    let saved = gate.saved.unwrap();
    assert_eq!(saved.percent, 50.0);
    assert_eq!((saved.interval.low, saved.interval.high), (50.0, 50.0));
    let mean = distortion.mean_interval;
    assert_eq!((mean.low, mean.high), (1.0, 5.0));
    // With one violation the oracle takes 2000 and 1500: 6000 - 1500 saves more than 2000 - 1000.
    let regret = gate.regret.unwrap();
    assert_eq!(
        (regret.oracle_bytes_mean, regret.bytes_mean),
        (1750.0, 750.0)
    );
    assert_eq!(gate.latency_ms.unwrap().max, 168.0);
    assert_eq!(gate.deadline_misses, Some(Share { count: 0, of: 2 }));
    assert!(!gate.admissible);
    // 2500 bytes saved for the 32 ms of a second attempt and two scorings.
    assert_eq!(gate.break_even, Some(BreakEven::Below(BitRate(625_000))));

    let cheapest = evaluation(&comparison, "always:cheapest");
    assert_eq!(cheapest.violations, Share { count: 2, of: 2 });
    assert_eq!(cheapest.false_accepts, Share::default());
    assert_eq!(cheapest.regret.unwrap().bytes_mean, 0.0);
    let richest = evaluation(&comparison, "always:richest");
    assert_eq!(richest.break_even, Some(BreakEven::Never));
    assert_eq!(richest.regret.unwrap().bytes_mean, 1000.0);

    let order: Vec<_> = comparison
        .contenders
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!(
        order,
        [
            "oracle",
            "always:richest",
            "always:cheapest",
            "threshold:cosine>=0.95"
        ]
    );
    let oracle = &comparison.contenders[0];
    assert!(!oracle.deployable && oracle.admissible);
    assert_eq!(
        (oracle.bytes, oracle.regret.unwrap().bytes_mean),
        (Bytes(8000), 0.0)
    );
    let front: Vec<_> = comparison.contenders.iter().map(|e| e.pareto).collect();
    assert_eq!(front, [true, true, true, true]);
    assert_eq!(comparison.levels[1].bytes_mean, Some(2500.0));
}

#[test]
fn a_re_encoding_that_does_not_help_is_counted() {
    let recording = recording(vec![vec![
        level(1000, 0.8, 3.0),
        level(2000, 0.7, 4.0),
        level(3000, 0.9, 0.5),
        level(4000, 0.9, 0.0),
    ]]);
    let comparison = compared(&recording, &["threshold:cosine>=0.95"]);
    let gate = evaluation(&comparison, "threshold:cosine>=0.95");
    assert_eq!(gate.unhelpful_reencodes, Share { count: 2, of: 3 });
    // The third and fourth levels were within the limit, and did not pass.
    assert_eq!(gate.false_reencodes, Share { count: 2, of: 4 });
    assert_eq!(gate.best_effort, 1);
}

#[test]
fn what_is_not_shipped_counts_against_a_policy_but_not_into_its_means() {
    let comparison = compared(&small(), &["budget:cosine>=0.95,rate=1B/s,burst=2000B"]);
    let budget = evaluation(&comparison, "budget:cosine>=0.95,rate=1B/s,burst=2000B");
    assert_eq!((budget.shipped, budget.dropped, budget.frames), (1, 1, 2));
    assert_eq!(budget.bytes_mean, Some(2000.0));
    assert!(!budget.admissible);
    assert_eq!(comparison.contenders[0].name, "oracle");
}

#[test]
fn unavoidable_violations_are_not_held_against_anybody() {
    let hopeless = recording(vec![vec![level(10, 0.1, 9.0), level(20, 0.2, 8.0)]]);
    let comparison = compared(&hopeless, &["always:richest"]);
    let richest = evaluation(&comparison, "always:richest");
    assert_eq!(
        (richest.violations.count, richest.unavoidable_violations),
        (1, 1)
    );
    assert!(richest.admissible);
    assert_eq!(richest.regret.unwrap().bytes_mean, 10.0);
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    let recording = small();
    let mut policy = config("threshold:cka>=0.9")
        .resolve(recording.ladder())
        .unwrap();
    let message = replay(&recording, &mut policy, &UPLINK)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("decides by cka, but the recording has cosine"),
        "{message}"
    );
    let mut long = config("always:7")
        .resolve(LadderLen::new(9).unwrap())
        .unwrap();
    let beyond = replay(&recording, &mut long, &UPLINK).unwrap_err();
    assert!(matches!(
        beyond,
        ReplayError::Unreasonable { rung: Rung(7), .. }
    ));
    let mut untrue = small().frames().to_vec();
    if let splitsim_replay::Level::Coded { distortion, .. } = &mut untrue[1].levels[2] {
        *distortion = None;
    }
    let untrue = Recording::new(support::identity(3), untrue).unwrap();
    let richest = Contender::Policy {
        name: "richest".to_owned(),
        config: config("always:richest"),
    };
    let unjudged = compare(&untrue, &[richest], &rules(), LIMIT).unwrap_err();
    assert!(matches!(unjudged, ReplayError::NoTruth { frame: 1 }));
}

#[test]
fn the_oracle_takes_the_cheapest_level_within_the_limit() {
    assert_eq!(oracle::rungs(&small(), 1.0), [Some(Rung(1)), Some(Rung(2))]);
    assert_eq!(oracle::rungs(&small(), 0.1), [Some(Rung(2)), Some(Rung(0))]);
    let frames = at_rungs(&small(), &[Some(Rung(1)), None], &UPLINK);
    assert_eq!(frames[0].shipped().unwrap().rung, Rung(1));
    assert_eq!(frames[1].decided.end, Decision::GiveUp);
}

#[test]
fn every_frame_is_told_with_what_became_of_it() {
    let name = "budget:cosine>=0.95,rate=1B/s,burst=2000B";
    let task = compared(&small(), &[name, "always:richest"]);
    let budget = evaluation(&task, name);
    let shipped = budget.outcomes[0].shipped().unwrap();
    assert_eq!((shipped.rung, shipped.container), (Rung(1), Bytes(2000)));
    assert_eq!((shipped.score, shipped.distortion), (Some(0.96), 1.0));
    assert_eq!(
        (shipped.verdict, shipped.late),
        (Verdict::Passed, Some(false))
    );
    assert_eq!(budget.outcomes[0].attempts, 2);
    assert_eq!(budget.outcomes[1].end.name(), "dropped");
    // What the figures are means of.
    let richest = evaluation(&task, "always:richest");
    let latencies = richest
        .outcomes
        .iter()
        .map(|one| one.shipped().unwrap().latency_ms.unwrap());
    assert_eq!(
        latencies.fold(0.0, f64::max),
        richest.latency_ms.unwrap().max
    );
    let costs = richest.costs.unwrap();
    assert_eq!((costs.own, costs.own.bytes), (costs.richest, 5000.0));

    let table = Comparison::new(&rules(), vec![task])
        .to_frames_table()
        .unwrap();
    assert_eq!(table.rows(), 6);
    let of_budget = table
        .texts("policy")
        .unwrap()
        .iter()
        .position(|p| p.as_deref() == Some(name));
    let dropped = of_budget.unwrap() + 1;
    assert_eq!(
        table.texts("end").unwrap()[dropped].as_deref(),
        Some("dropped")
    );
    assert_eq!(
        table.texts("label").unwrap()[dropped - 1].as_deref(),
        Some("qp 49")
    );
    assert_eq!(table.ints("container_bytes").unwrap()[dropped], None);
}

#[test]
fn a_stored_comparison_says_enough_to_compare_again() {
    let policies = [
        "threshold:cosine>=0.95,start=last,margin=0.005",
        "always:richest",
    ];
    let rules = Rules {
        uplink: Uplink {
            interval: Some(Duration::from_millis(40)),
            ..UPLINK
        },
        ..rules()
    };
    let mut contenders: Vec<Contender> = policies
        .iter()
        .map(|text| Contender::Policy {
            name: format!("my {text}"),
            config: config(text),
        })
        .collect();
    contenders.push(Contender::Oracle {
        name: "bound".to_owned(),
    });
    let task = compare(&small(), &contenders, &rules, LIMIT).unwrap();
    let comparison = Comparison::new(&rules, vec![task]);
    let stored = serde_json::to_string(&comparison).unwrap();
    let terms: Terms = serde_json::from_str(&stored).unwrap();
    assert_eq!((&terms.rules, terms.tasks[0].limit), (&rules, LIMIT));
    assert_eq!(terms.compare(&[small()]).unwrap(), comparison);
    let missing = terms.compare(&[]).unwrap_err().to_string();
    assert_eq!(missing, "no recording of seg");

    let refused = |from: &str, to: &str, part: &str| {
        let changed = stored.replace(from, to);
        assert_ne!(changed, stored);
        let error = serde_json::from_str::<Terms>(&changed)
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(
        "always:richest",
        "always:best",
        "of 'my always:best' is no policy",
    );
    refused(
        "\"rtt_ms\":40.0",
        "\"rtt_ms\":-1.0",
        "a round trip of -1 ms is no time",
    );
}

#[test]
fn a_comparison_is_text_and_table() {
    let task = compared(&small(), &["threshold:cosine>=0.95", "always:richest"]);
    let comparison = Comparison::new(&rules(), vec![task]);
    let text = comparison.to_text();
    assert!(
        text.starts_with("seg: 2 frames of scenes:4:2, distortion limit 1 percentage points"),
        "{text}"
    );
    assert!(text.contains("1. oracle †"), "{text}");
    assert!(text.contains("3. threshold:cosine>=0.95 ✗"), "{text}");
    assert!(text.contains("< 625 kbit/s"), "{text}");
    assert!(text.contains("50.0 (50.0 to 50.0)"), "{text}");
    assert!(text.contains("3.000 (1.000 to 5.000)"), "{text}");
    let table = comparison.to_table().unwrap();
    assert_eq!(table.rows(), 3);
    let regrets = table.floats("regret_bytes_mean").unwrap();
    assert_eq!(regrets, [Some(0.0), Some(1000.0), Some(750.0)]);
}
