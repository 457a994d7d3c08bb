//! Log files in the published format give the numbers that the released script gives.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use serde_json::Value;
use splitsim_feature::Task;
use splitsim_lab::{
    Bootstrap, Evaluation, MetricMode, Protocol, ScoreSet, Target, evaluate, published,
};

const PROTOCOL: Protocol = Protocol {
    target: Target::Performance,
    bootstrap: Bootstrap {
        samples: 200,
        seed: 1,
    },
};

fn evaluations(log: &str) -> Vec<Evaluation> {
    let log = published::parse(log);
    let table = published::table([("hm", Task::Cls, &log)]).unwrap();
    let set = ScoreSet::from_table(&table).unwrap();
    evaluate(&set, &MetricMode::Cfqa2025.metrics(), PROTOCOL).unwrap()
}

fn close(actual: Option<f64>, expected: f64) {
    let actual = actual.expect("it is defined");
    assert!((actual - expected).abs() < 1e-9, "{actual}, not {expected}");
}

#[test]
fn by_hand() {
    let [mse, cosine, cka] = evaluations(include_str!("fixtures/by_hand.txt"))
        .try_into()
        .unwrap();
    // b's rank is constant: left out, and counted.
    for evaluation in [&mse, &cosine] {
        for statistic in evaluation.per_feature {
            assert_eq!((statistic.counted, statistic.undefined), (2, 1));
        }
    }
    // a: 1, 1, 1. c: deviations (-1, 1, 0) and (-4, -1, 5)/3 give 3/√84; ranks 1 3 2 against 1 2 3 give
    // 1 − 6·2/24, and two pairs of three agree.
    let [plcc, srocc, krocc] = mse.per_feature;
    close(plcc.mean, f64::midpoint(1.0, 3.0 / 84.0f64.sqrt()));
    close(srocc.mean, f64::midpoint(1.0, 0.5));
    close(krocc.mean, f64::midpoint(1.0, 1.0 / 3.0));
    // Cosine falls as the rank rises; c's (1, 2, 4) is not on a line: (−1, 0, 1)·(−4, −1, 5)/3.
    close(
        cosine.per_feature[0].mean,
        -f64::midpoint(1.0, 9.0 / 84.0f64.sqrt()),
    );
    close(cosine.per_feature[1].mean, -1.0);
    // a's CKA is constant too: c alone is left.
    let srocc = cka.per_feature[1];
    assert_eq!((srocc.counted, srocc.undefined), (1, 2));
    close(srocc.mean, -1.0);
    // All nine together: ranks against MSE.
    assert_eq!((mse.pooled.counted, mse.pooled.undefined), (9, 0));
    let x = [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 2.0];
    let y = [1.0, 1.0, 1.0, 2.0, 1.0, 2.0, 3.0, 1.0, 4.0];
    let expected = splitsim_cfqa::Correlation::Plcc.of(&x, &y).unwrap();
    close(mse.pooled.plcc.value, expected);
}

#[test]
fn as_the_released_script() {
    let expected: Value = serde_json::from_str(include_str!("fixtures/expected.json")).unwrap();
    for evaluation in evaluations(include_str!("fixtures/hm_trained_hybrid_eval_cls_all.txt")) {
        assert_eq!((evaluation.features, evaluation.records), (12, 118));
        for statistic in evaluation.per_feature {
            let expected = &expected[&evaluation.metric][statistic.coefficient];
            close(statistic.mean, expected["mean"].as_f64().unwrap());
            let counts = (statistic.counted as u64, statistic.undefined as u64);
            let of = |key: &str| expected[key].as_u64().unwrap();
            assert_eq!(counts, (of("counted"), of("undefined")));
            let interval = statistic.interval.unwrap();
            let mean = statistic.mean.unwrap();
            assert!(interval.low < mean && mean < interval.high);
        }
    }
}

/// Missing levels, and lines that are not results, are reported.
#[test]
fn gaps_are_listed() {
    let log = published::parse(include_str!("fixtures/hm_trained_hybrid_eval_cls_all.txt"));
    let gaps: Vec<String> = log.gaps(12, 10).iter().map(ToString::to_string).collect();
    assert_eq!(gaps, ["ILSVRC2012_val_00000003 has 8 levels of 10"]);
    assert_eq!(log.passed_over, 20);
}

/// A distortion that the logs do not have is undefined, not zero.
#[test]
fn distortion_is_not_invented() {
    let log = published::parse(include_str!("fixtures/by_hand.txt"));
    let table = published::table([("hm", Task::Cls, &log)]).unwrap();
    let set = ScoreSet::from_table(&table).unwrap();
    let protocol = Protocol {
        target: Target::Distortion,
        ..PROTOCOL
    };
    let evaluations = evaluate(&set, &["mse"], protocol).unwrap();
    assert_eq!(evaluations[0].per_feature[0].mean, None);
    assert_eq!(evaluations[0].per_feature[0].undefined, 3);
    assert_eq!(evaluations[0].pooled.rmse.value, None);
}
