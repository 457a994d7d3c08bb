//! The short form of a head's output, for replies and records.

use serde_json::{Value, json};
use splitsim_proto::{ClassPixels, ClassScore, Outcome};
use splitsim_truth::{DepthMap, HeadOutput, Logits, SegPrediction};

/// The short form of a head's output.
pub(crate) fn of(output: &HeadOutput) -> Outcome {
    match output {
        HeadOutput::Cls(logits) => ranked(logits),
        HeadOutput::Seg(prediction) => pixels(prediction),
        HeadOutput::Dpt(depth) => extremes(depth),
    }
}

/// The best classes; of equal scores, the lower index goes first.
fn ranked(logits: &Logits) -> Outcome {
    let mut ranked: Vec<ClassScore> = (0..)
        .zip(logits.values())
        .map(|(class, &score)| ClassScore { class, score })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    ranked.truncate(Outcome::MAX_RANKED);
    Outcome::Cls { ranked }
}

fn pixels(prediction: &SegPrediction) -> Outcome {
    let mut counts = [0u64; 256];
    for &class in prediction.mask().view() {
        counts[usize::from(class)] += 1;
    }
    let classes = (0..)
        .zip(counts)
        .filter(|&(_, pixels)| pixels > 0)
        .map(|(class, pixels)| ClassPixels { class, pixels })
        .collect();
    Outcome::Seg { classes }
}

fn extremes(depth: &DepthMap) -> Outcome {
    let metres = depth.view();
    let sum: f64 = metres.iter().map(|&metres| f64::from(metres)).sum();
    Outcome::Dpt {
        min_m: metres.iter().copied().fold(f32::INFINITY, f32::min),
        mean_m: (sum / metres.len() as f64) as f32,
        max_m: metres.iter().copied().fold(0.0, f32::max),
    }
}

/// The outcome as the results keep it.
pub(crate) fn json(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Cls { ranked } => {
            let entry = |entry: &ClassScore| json!({ "class": entry.class, "score": entry.score });
            json!({ "ranked": ranked.iter().map(entry).collect::<Vec<_>>() })
        }
        Outcome::Seg { classes } => {
            let entry =
                |entry: &ClassPixels| json!({ "class": entry.class, "pixels": entry.pixels });
            json!({ "classes": classes.iter().map(entry).collect::<Vec<_>>() })
        }
        Outcome::Dpt {
            min_m,
            mean_m,
            max_m,
        } => json!({ "min_m": min_m, "mean_m": mean_m, "max_m": max_m }),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use ndarray::array;
    use splitsim_truth::Mask;

    use super::*;

    fn check(output: HeadOutput, expected: Value) {
        assert_eq!(json(&of(&output)), expected);
    }

    #[test]
    fn a_classification_names_the_five_best() {
        let logits = Logits::new(vec![0.5, 3.0, -1.0, 0.5, 2.0, 1.0, -7.0]).unwrap();
        let ranked: Vec<Value> = [(1, 3.0), (4, 2.0), (5, 1.0), (0, 0.5), (3, 0.5)]
            .into_iter()
            .map(|(class, score)| json!({ "class": class, "score": score }))
            .collect();
        check(HeadOutput::Cls(logits), json!({ "ranked": ranked }));
    }

    #[test]
    fn a_segmentation_counts_pixels() {
        let mask = Mask::new(array![[3, 0, 3], [3, 10, 0]]).unwrap();
        let prediction = SegPrediction::new(mask, NonZeroU8::new(11).unwrap()).unwrap();
        let entry = |class, pixels| json!({ "class": class, "pixels": pixels });
        let classes = [entry(0, 2), entry(3, 3), entry(10, 1)];
        check(HeadOutput::Seg(prediction), json!({ "classes": classes }));
    }

    #[test]
    fn a_depth_map_is_its_extremes_and_mean() {
        let depth = DepthMap::new(array![[1.0, 2.5], [0.5, 4.0]]).unwrap();
        let expected = json!({ "min_m": 0.5, "mean_m": 2.0, "max_m": 4.0 });
        check(HeadOutput::Dpt(depth), expected);
    }
}
