//! The true semantic distortion in the results, held against one that the test works out itself.

use std::collections::BTreeSet;

use splitsim_feature::{Feature, Task};
use splitsim_results::LoggedFrame;
use splitsim_tests::{EdgeRun, Lab, Peer, Shipment};
use splitsim_truth::{GroundTruth, HeadOutput};

const FRAMES: usize = 2;

#[test]
fn what_the_cloud_scored_is_what_the_edge_shipped() {
    let lab = Lab::new();
    let cloud = lab.cloud().start();
    let edges = Task::ALL.map(|task| EdgeRun {
        task,
        frames: FRAMES,
        edge_id: task.name().to_owned(),
        ..lab.edge(cloud.address())
    });
    for edge in edges.map(|edge| edge.start()) {
        edge.end().is_complete();
    }
    cloud.stop();
    let peer = Peer::new(&lab);
    let logged = lab.logged();
    assert_eq!(logged.len(), 3 * FRAMES);
    for logged in &logged {
        let key = &logged.frame.key;
        check(&peer, &peer.shipment(key.frame, key.task), logged);
    }
}

fn check(peer: &Peer, shipment: &Shipment, logged: &LoggedFrame) {
    let (frame, distortion) = (&logged.frame, logged.distortion.unwrap());
    let key = &frame.key;
    let container = shipment.container.len() as u64;
    assert_eq!(frame.container_bytes.0, container, "{key}");
    assert_eq!(frame.source, shipment.header.source.as_str());
    let same = |what: &str, stored: Option<f64>, expected: f64| {
        let stored = stored.unwrap();
        let difference = (stored - expected).abs();
        let limit = 1e-9 * expected.abs().max(1.0);
        assert!(
            difference < limit,
            "{what} of {key}: {stored}, expected {expected}"
        );
    };
    let performance = |feature: &Feature| {
        let output = peer.head(key.task, feature, shipment.extent);
        performance(&shipment.truth, &output)
    };
    let original = performance(&shipment.original);
    let received = performance(&shipment.received);
    let lost = match key.task {
        Task::Cls | Task::Dpt => received - original,
        Task::Seg => original - received,
    };
    same("performance of the original", distortion.original, original);
    same("performance of what arrived", distortion.received, received);
    same("distortion", distortion.distortion, lost);
    let mse = mse(&shipment.original, &shipment.received);
    assert!(mse > 0.0, "{key}: nothing was lost, so nothing is tested");
    same("mse", distortion.feature_mse, mse);
    let scores = &logged.attempts[0].scores;
    let scored = scores.iter().find(|score| score.metric == "mse").unwrap();
    same("mse at the edge", Some(scored.value), mse);
}

fn mse(one: &Feature, other: &Feature) -> f64 {
    let pairs = one.values().iter().zip(other.values());
    let squares = pairs.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    squares.sum::<f64>() / one.values().len() as f64
}

/// Gao et al., MM'25, §4.6, written down a second time.
fn performance(truth: &GroundTruth, output: &HeadOutput) -> f64 {
    match (truth, output) {
        (GroundTruth::Cls { label }, HeadOutput::Cls(logits)) => {
            let own = logits.values()[*label as usize];
            let better = logits.values().iter().filter(|&&logit| logit > own);
            1.0 + better.count() as f64
        }
        (GroundTruth::Seg { mask }, HeadOutput::Seg(prediction)) => {
            let pairs = mask.view().into_iter().zip(prediction.mask().view());
            mean_iou_percent(pairs.map(|(&a, &b)| (a, b)).collect())
        }
        (GroundTruth::Dpt { depth }, HeadOutput::Dpt(predicted)) => {
            let pairs = depth.view().into_iter().zip(predicted.view());
            let valid =
                pairs.filter(|(depth, _)| (0.001..10.0).contains(*depth) && **depth > 0.001);
            let squares: Vec<f64> = valid
                .map(|(&a, &b)| (f64::from(b) - f64::from(a)).powi(2))
                .collect();
            (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
        }
        _ => panic!("truth and output of different tasks"),
    }
}

fn mean_iou_percent(pixels: Vec<(u8, u8)>) -> f64 {
    let judged = || pixels.iter().filter(|(truth, _)| *truth != 255);
    let classes: BTreeSet<u8> = judged().flat_map(|&(a, b)| [a, b]).collect();
    let iou = |class: u8| {
        let both = judged().filter(|pair| **pair == (class, class)).count();
        let either = judged().filter(|(a, b)| *a == class || *b == class);
        both as f64 / either.count() as f64
    };
    100.0 * classes.iter().copied().map(iou).sum::<f64>() / classes.len() as f64
}
