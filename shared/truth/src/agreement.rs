use crate::{Confusion, HeadOutput, Logits, TruthError};

/// The agreement of a head's answers on two features, independent of which is right:
///
/// | task | agreement | unit |
/// |---|---|---|
/// | cls | 100 where the largest logit is of the same class, else 0 | % |
/// | seg | mIoU of the two masks, over the classes in either | % |
/// | dpt | RMSE between the two depth maps, over all pixels | metres, 0 is best |
///
/// Of equal logits the first one counts, as a classifier reads them.
///
/// # Errors
/// When the two are of different tasks or sizes.
pub fn agreement(original: &HeadOutput, received: &HeadOutput) -> Result<f64, TruthError> {
    match (original, received) {
        (HeadOutput::Cls(original), HeadOutput::Cls(received)) => {
            let same = top_class(original) == top_class(received);
            Ok(if same { 100.0 } else { 0.0 })
        }
        (HeadOutput::Seg(original), HeadOutput::Seg(received)) => {
            let confusion = Confusion::of(original.mask(), received)?;
            Ok(confusion.mean_iou()?.percent())
        }
        (HeadOutput::Dpt(original), HeadOutput::Dpt(received)) => {
            if original.size() != received.size() {
                return Err(TruthError::Size {
                    what: "depth",
                    expected: original.size(),
                    predicted: received.size(),
                });
            }
            let (original, received) = (original.view(), received.view());
            let pairs = original.iter().zip(received);
            let squares = pairs.map(|(one, other)| f64::from(one - other).powi(2));
            Ok((squares.sum::<f64>() / original.len() as f64).sqrt())
        }
        (HeadOutput::Cls(_) | HeadOutput::Seg(_) | HeadOutput::Dpt(_), _) => {
            Err(TruthError::Task {
                operation: "comparing two answers",
                expected: original.task(),
                actual: received.task(),
            })
        }
    }
}

fn top_class(logits: &Logits) -> Option<usize> {
    let values = logits.values().iter().enumerate();
    values
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use ndarray::{Array2, array};

    use super::*;
    use crate::{DepthMap, Mask, SegPrediction};

    fn logits(values: [f32; 3]) -> HeadOutput {
        HeadOutput::Cls(Logits::new(values.to_vec()).unwrap())
    }

    fn mask(classes: Array2<u8>) -> HeadOutput {
        let mask = Mask::new(classes).unwrap();
        HeadOutput::Seg(SegPrediction::new(mask, NonZeroU8::new(4).unwrap()).unwrap())
    }

    fn depth(metres: Array2<f32>) -> HeadOutput {
        HeadOutput::Dpt(DepthMap::new(metres).unwrap())
    }

    #[test]
    fn answers_agree_as_far_as_they_are_alike() {
        let same = agreement(&logits([0.0, 3.0, 1.0]), &logits([0.1, 0.2, 0.0]));
        assert_eq!(same, Ok(100.0));
        let other = agreement(&logits([0.0, 3.0, 1.0]), &logits([0.3, 0.2, 0.0]));
        assert_eq!(other, Ok(0.0));
        // Class 0: 1 of 2 pixels, class 1: 2 of 3.
        let masks = agreement(&mask(array![[0, 0], [1, 1]]), &mask(array![[0, 1], [1, 1]]));
        assert!((masks.unwrap() - (50.0 + 200.0 / 3.0) / 2.0).abs() < 1e-9);
        // Also far away, where no sensor measures.
        let depths = agreement(&depth(array![[1.0, 20.0]]), &depth(array![[4.0, 16.0]]));
        assert_eq!(depths, Ok(12.5f64.sqrt()));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let one = depth(array![[1.0, 2.0]]);
        assert!(agreement(&one, &depth(array![[1.0]])).is_err());
        assert!(agreement(&one, &logits([0.0, 1.0, 2.0])).is_err());
    }
}
