//! Nothing beats the oracle.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::time::Duration;

use proptest::prelude::*;
use splitsim_feature::units::Bytes;
use splitsim_policy::Rung;
use splitsim_replay::{Contender, Recording, Rules, at_rungs, compare, oracle};
use support::{UPLINK, level, recording};

const LIMIT: f64 = 1.0;

/// Frames whose levels have any bytes, scores and distortions, and a choice of level for each.
fn any_recording() -> impl Strategy<Value = (Recording, Vec<Rung>)> {
    (1usize..7).prop_flat_map(|levels| {
        let one = (1u64..9000, 0.0f64..1.0, -1.0f64..6.0);
        let frame = (prop::collection::vec(one, levels), 0..levels);
        prop::collection::vec(frame, 1..30).prop_map(|frames| {
            let (levels, chosen): (Vec<_>, Vec<_>) = frames.into_iter().unzip();
            let level = |(bytes, cosine, distortion)| level(bytes, cosine, distortion);
            let levels = levels
                .into_iter()
                .map(|frame| frame.into_iter().map(level).collect());
            let chosen = chosen
                .into_iter()
                .map(|rung| Rung(u8::try_from(rung).unwrap()));
            (recording(levels.collect()), chosen.collect())
        })
    })
}

fn floors(recording: &Recording) -> Vec<oracle::Floor> {
    recording
        .frames()
        .iter()
        .map(|frame| oracle::Floor::of(frame, LIMIT).unwrap())
        .collect()
}

proptest! {
    /// The oracle needs no more bytes than any choice with as many violations.
    #[test]
    fn no_choice_beats_the_oracle_at_equal_violations((recording, chosen) in any_recording()) {
        let chosen: Vec<_> = chosen.into_iter().map(Some).collect();
        let frames = at_rungs(&recording, &chosen, &UPLINK);
        let (mut bytes, mut violations) = (0, 0);
        for (frame, recorded) in frames.iter().zip(recording.frames()) {
            let shipped = frame.shipped().unwrap();
            bytes += shipped.coded().unwrap().container.0;
            if let splitsim_replay::Level::Coded { distortion: Some(distortion), .. } =
                &recorded.levels[usize::from(shipped.rung.0)]
            {
                violations += usize::from(*distortion > LIMIT);
            }
        }
        let Bytes(least) = oracle::fewest_bytes(&floors(&recording), violations);
        prop_assert!(least <= bytes, "{bytes} bytes with {violations} violations, oracle {least}");
    }

    /// More violations never cost more, and without any but the unavoidable it is the oracle's own choice.
    #[test]
    fn the_bound_falls_with_the_violations((recording, _) in any_recording()) {
        let floors = floors(&recording);
        let bounds: Vec<_> = (0..=floors.len()).map(|v| oracle::fewest_bytes(&floors, v)).collect();
        prop_assert!(bounds.windows(2).all(|pair| pair[1] <= pair[0]));
        let own = at_rungs(&recording, &oracle::rungs(&recording, LIMIT), &UPLINK);
        let own: Bytes = own.iter().map(|f| f.shipped().unwrap().coded().unwrap().container).sum();
        prop_assert_eq!(own, bounds[0]);
    }

    #[test]
    fn no_policy_has_a_negative_regret((recording, _) in any_recording()) {
        let kinds = [
            "always:cheapest",
            "threshold:cosine>=0.6,start=last,margin=0.1",
            "bisect:cosine>=0.6,fallback=richest",
            "predictive:cosine>=0.6,fallback=drop",
            "deadline:cosine>=0.6,by=140ms",
            "budget:cosine>=0.6,rate=20kB/s,burst=6kB",
        ];
        let mut contenders: Vec<_> = kinds
            .iter()
            .map(|text| Contender::Policy { name: (*text).to_owned(), config: text.parse().unwrap() })
            .collect();
        contenders.push(Contender::Oracle { name: "oracle".to_owned() });
        let rules = Rules { uplink: UPLINK, deadline: Some(Duration::from_millis(140)), permitted_violations: 0.1 };
        let comparison = compare(&recording, &contenders, &rules, LIMIT).unwrap();
        for evaluation in &comparison.contenders {
            let regret = evaluation.regret.map_or(0.0, |regret| regret.bytes_mean);
            prop_assert!(regret >= 0.0, "{}: {regret}", evaluation.name);
            prop_assert_eq!(
                evaluation.frames,
                evaluation.shipped + evaluation.dropped + evaluation.given_up
            );
            prop_assert!(evaluation.deployable || regret == 0.0);
            prop_assert!(evaluation.violations.count >= evaluation.unavoidable_violations);
        }
    }
}
