//! The 2-D picture that picture codecs code.
//!
//! `[N, C, H, W]` is transposed to `[N, H, C, W]` and read as `N·H` rows of `C·W` samples, as the
//! CFQA benchmark does for DINOv2: views stack downwards, layers stand side by side.

use ndarray::{Array2, ArrayView2};

use crate::{Feature, FeatureError, FeatureShape};

/// Rows and columns of the picture of a feature of this shape.
#[must_use]
pub const fn picture_extent(shape: FeatureShape) -> (usize, usize) {
    (shape.views() * shape.tokens(), shape.layers() * shape.dim())
}

/// The layer that a picture column belongs to.
#[must_use]
pub const fn layer_of_column(shape: FeatureShape, column: usize) -> usize {
    column / shape.dim()
}

/// Packs a feature into its `[N·H, C·W]` picture.
#[must_use]
pub fn pack(feature: &Feature) -> Array2<f32> {
    let shape = feature.shape();
    let view = feature.view();
    Array2::from_shape_fn(picture_extent(shape), |(row, column)| {
        let (n, token) = (row / shape.tokens(), row % shape.tokens());
        let (layer, channel) = (column / shape.dim(), column % shape.dim());
        view[[n, layer, token, channel]]
    })
}

/// Undoes [`pack`].
///
/// # Errors
/// When the picture is not of the shape's extent or holds a value that is not finite.
pub fn unpack(picture: ArrayView2<'_, f32>, shape: FeatureShape) -> Result<Feature, FeatureError> {
    if picture.dim() != picture_extent(shape) {
        return Err(FeatureError::ValueCount {
            shape: shape.dims(),
            expected: shape.points(),
            actual: picture.len(),
        });
    }
    let mut values = Vec::with_capacity(shape.points());
    for n in 0..shape.views() {
        for layer in 0..shape.layers() {
            for token in 0..shape.tokens() {
                let row = picture.row(n * shape.tokens() + token);
                values.extend(row.iter().skip(layer * shape.dim()).take(shape.dim()));
            }
        }
    }
    Feature::new(shape, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn layers_stand_side_by_side_and_views_stack() {
        let shape = FeatureShape::new(2, 2, 1, 2).unwrap();
        let feature = Feature::new(shape, (0u8..8).map(f32::from).collect()).unwrap();
        let picture = pack(&feature);
        assert_eq!(
            picture,
            ndarray::array![[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]
        );
    }

    proptest! {
        #[test]
        fn unpack_undoes_pack(n in 1usize..4, c in 1usize..4, h in 1usize..6, w in 1usize..6) {
            let shape = FeatureShape::new(n, c, h, w).unwrap();
            let values = (0..shape.points()).map(|i| i as f32).collect();
            let feature = Feature::new(shape, values).unwrap();
            prop_assert_eq!(unpack(pack(&feature).view(), shape).unwrap(), feature);
        }
    }
}
