use splitsim_feature::{Feature, FeatureError, FeatureShape};

use crate::{CfqaError, Metric, Scores, score_all};

/// Scores the layers of a feature one by one, cheapest to compare where a task taps several blocks: the
/// first entry is over the first layer of all views.
///
/// # Errors
/// When the shapes differ. Where a metric is undefined, its own entry says so.
pub fn score_layers(
    metrics: &[Metric],
    original: &Feature,
    distorted: &Feature,
) -> Result<Vec<Scores>, CfqaError> {
    let shapes = (original.shape(), distorted.shape());
    if shapes.0 != shapes.1 {
        return Err(CfqaError::ShapeMismatch {
            original: shapes.0,
            distorted: shapes.1,
        });
    }
    (0..shapes.0.layers())
        .map(|index| score_all(metrics, &layer(original, index), &layer(distorted, index)))
        .collect()
}

/// One layer of all views.
fn layer(feature: &Feature, index: usize) -> Feature {
    let shape = feature.shape();
    let maps = feature.maps().skip(index).step_by(shape.layers());
    let values = maps.flat_map(|map| map.into_iter().copied()).collect();
    FeatureShape::new(shape.views(), 1, shape.tokens(), shape.dim())
        .and_then(|shape| Feature::new(shape, values))
        .map(|layer| layer.with_layout(feature.layout()))
        .unwrap_or_else(|error: FeatureError| {
            unreachable!("some maps of a valid feature are a valid feature: {error}")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score;

    /// Values whose maps are all different.
    fn feature(salt: usize) -> Feature {
        let shape = FeatureShape::new(2, 3, 5, 4).unwrap();
        let value = |i: usize| ((i * salt) % 101) as f32 / 10.0 - 3.0;
        Feature::new(shape, (0..shape.points()).map(value).collect()).unwrap()
    }

    /// For metrics that are means over maps, the feature's score is the mean of its layers' scores.
    #[test]
    fn layers_average_to_the_whole() {
        let metrics = [
            Metric::Mse,
            Metric::Cosine,
            Metric::Cka,
            Metric::CosineClass,
        ];
        let (original, distorted) = (feature(37), feature(53));
        let layers = score_layers(&metrics, &original, &distorted).unwrap();
        assert_eq!(layers.len(), 3);
        for metric in metrics {
            let values = layers.iter().map(|layer| {
                let score = layer.get(metric).unwrap().as_ref().unwrap();
                score.value()
            });
            let mean = values.sum::<f64>() / 3.0;
            let whole = score(metric, &original, &distorted).unwrap().value();
            assert!((mean - whole).abs() < 1e-6, "{metric}: {mean}, not {whole}");
        }
    }

    #[test]
    fn a_layer_is_the_same_tap_of_every_view() {
        let original = feature(37);
        let second = layer(&original, 1);
        let expected: Vec<f32> = [1, 4]
            .iter()
            .flat_map(|&map| original.values()[map * 20..][..20].to_vec())
            .collect();
        assert_eq!(second.values(), expected);
    }
}
