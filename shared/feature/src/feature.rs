use std::fmt;
use std::sync::Arc;

use ndarray::{ArrayView2, ArrayView4};
use serde::{Deserialize, Serialize};

use crate::{FeatureError, TokenLayout};

/// The shape of a feature: `[views, layers, tokens, dim]`, none of them zero.
///
/// The benchmark writes it `N×C×H×W`: views are sliding windows or flips of one image, layers the
/// tapped blocks, tokens the class token followed by the patch tokens in raster order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[usize; 4]", into = "[usize; 4]")]
pub struct FeatureShape {
    dims: [usize; 4],
}

impl FeatureShape {
    /// The most points one feature may have: eight times ViT-g's depth features, 640 MiB in `f32`.
    pub const MAX_POINTS: usize = 160 << 20;

    /// A shape of `views × layers × tokens × dim`.
    ///
    /// # Errors
    /// When a dimension is zero or the product exceeds [`Self::MAX_POINTS`].
    pub fn new(
        views: usize,
        layers: usize,
        tokens: usize,
        dim: usize,
    ) -> Result<Self, FeatureError> {
        let dims = [views, layers, tokens, dim];
        if dims.contains(&0) {
            return Err(FeatureError::EmptyDimension(dims));
        }
        dims.iter()
            .try_fold(1usize, |points, &extent| points.checked_mul(extent))
            .filter(|&points| points <= Self::MAX_POINTS)
            .map(|_| Self { dims })
            .ok_or(FeatureError::TooLarge {
                shape: dims,
                max: Self::MAX_POINTS,
            })
    }

    /// `[views, layers, tokens, dim]`.
    #[must_use]
    pub const fn dims(self) -> [usize; 4] {
        self.dims
    }

    /// Sliding windows or flips of one image (N).
    #[must_use]
    pub const fn views(self) -> usize {
        self.dims[0]
    }

    /// Tapped blocks (C).
    #[must_use]
    pub const fn layers(self) -> usize {
        self.dims[1]
    }

    /// Tokens of one view and layer, class token included (H).
    #[must_use]
    pub const fn tokens(self) -> usize {
        self.dims[2]
    }

    /// Channels of one token (W).
    #[must_use]
    pub const fn dim(self) -> usize {
        self.dims[3]
    }

    /// Feature points: the product of all four dimensions.
    #[must_use]
    pub const fn points(self) -> usize {
        self.dims[0] * self.dims[1] * self.dims[2] * self.dims[3]
    }

    /// Token maps: one per view and layer.
    #[must_use]
    pub const fn maps(self) -> usize {
        self.dims[0] * self.dims[1]
    }
}

impl fmt::Display for FeatureShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [views, layers, tokens, dim] = self.dims;
        write!(f, "{views}x{layers}x{tokens}x{dim}")
    }
}

impl TryFrom<[usize; 4]> for FeatureShape {
    type Error = FeatureError;

    fn try_from([views, layers, tokens, dim]: [usize; 4]) -> Result<Self, Self::Error> {
        Self::new(views, layers, tokens, dim)
    }
}

impl From<FeatureShape> for [usize; 4] {
    fn from(shape: FeatureShape) -> Self {
        shape.dims
    }
}

/// A feature: finite `f32` values in row-major `[views, layers, tokens, dim]` order.
///
/// It knows its [`TokenLayout`], which its shape alone does not tell. Files and bitstreams do not carry
/// it: what is read from one has no registers until [`Self::with_layout`] says otherwise.
///
/// Cloning is cheap, the values are shared.
#[derive(Clone, PartialEq)]
pub struct Feature {
    shape: FeatureShape,
    layout: TokenLayout,
    values: Arc<Vec<f32>>,
}

impl Feature {
    /// A feature of `shape` holding `values` in row-major order. Its tokens are a class token and patches.
    ///
    /// # Errors
    /// When the count of values is not the shape's, or one is NaN or infinite.
    pub fn new(shape: FeatureShape, values: Vec<f32>) -> Result<Self, FeatureError> {
        if values.len() != shape.points() {
            return Err(FeatureError::ValueCount {
                shape: shape.dims(),
                expected: shape.points(),
                actual: values.len(),
            });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(FeatureError::NotFinite {
                index,
                value: values[index],
            }),
            None => Ok(Self {
                shape,
                layout: TokenLayout::default(),
                values: Arc::new(values),
            }),
        }
    }

    /// The same values, with tokens as `layout` says.
    #[must_use]
    pub const fn with_layout(mut self, layout: TokenLayout) -> Self {
        self.layout = layout;
        self
    }

    /// The kinds of its tokens.
    #[must_use]
    pub const fn layout(&self) -> TokenLayout {
        self.layout
    }

    /// The feature's shape.
    #[must_use]
    pub const fn shape(&self) -> FeatureShape {
        self.shape
    }

    /// All values in row-major order.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values as a `[views, layers, tokens, dim]` array.
    ///
    /// # Panics
    /// Never: the constructor checked that the values fill the shape.
    #[must_use]
    pub fn view(&self) -> ArrayView4<'_, f32> {
        ArrayView4::from_shape(self.shape.dims(), &self.values)
            .expect("the constructor checked that the values fill the shape")
    }

    /// The `[tokens, dim]` maps, layer by layer within view by view.
    ///
    /// # Panics
    /// Never: a chunk of `tokens · dim` values always fills its map.
    pub fn maps(&self) -> impl ExactSizeIterator<Item = ArrayView2<'_, f32>> {
        let extent = (self.shape.tokens(), self.shape.dim());
        self.values
            .chunks_exact(extent.0 * extent.1)
            .map(move |map| {
                ArrayView2::from_shape(extent, map).expect("a chunk holds exactly one map")
            })
    }
}

impl fmt::Debug for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feature({})", self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_feature() {
        let shape = FeatureShape::new(1, 1, 2, 2).unwrap();
        assert!(matches!(
            FeatureShape::new(1, 0, 2, 2),
            Err(FeatureError::EmptyDimension(_))
        ));
        assert!(matches!(
            FeatureShape::new(usize::MAX, 2, 2, 2),
            Err(FeatureError::TooLarge { .. })
        ));
        assert!(matches!(
            Feature::new(shape, vec![0.0; 3]),
            Err(FeatureError::ValueCount { .. })
        ));
        let with_nan = vec![0.0, f32::NAN, 0.0, 0.0];
        assert!(matches!(
            Feature::new(shape, with_nan),
            Err(FeatureError::NotFinite { index: 1, .. })
        ));
    }

    #[test]
    fn maps_run_layer_by_layer_within_a_view() {
        let shape = FeatureShape::new(2, 2, 1, 1).unwrap();
        let feature = Feature::new(shape, vec![0.0, 1.0, 2.0, 3.0]).unwrap();
        let firsts: Vec<f32> = feature.maps().map(|map| map[[0, 0]]).collect();
        assert_eq!(firsts, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(feature.view()[[1, 0, 0, 0]], 2.0);
    }
}
