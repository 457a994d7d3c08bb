use std::cell::LazyCell;
use std::fmt;
use std::sync::OnceLock;

use splitsim_feature::Feature;

use crate::centred::Centring;
use crate::map_pair::{MapPair, MapValues, OriginalMap};
use crate::metric::Definition;
use crate::pair::Pair;
use crate::{Cause, CfqaError, Metric, Operand, Score, Scores, TokenLayout};

/// Scores a single distorted feature by one metric.
///
/// # Errors
/// When the shapes differ or the metric is undefined for the pair.
pub fn score(metric: Metric, original: &Feature, distorted: &Feature) -> Result<Score, CfqaError> {
    View::of(original, &unprepared(original)).score(metric, distorted)
}

/// Scores a single distorted feature by several metrics, which share intermediate results.
///
/// # Errors
/// When the shapes differ. Where a metric is undefined, its own entry says so.
pub fn score_all(
    metrics: &[Metric],
    original: &Feature,
    distorted: &Feature,
) -> Result<Scores, CfqaError> {
    View::of(original, &unprepared(original)).score_all(metrics, distorted)
}

/// An original, prepared for scoring any number of its distorted versions.
///
/// Values that depend on the original alone are computed when first needed and kept: for CKA half a Gram matrix
/// per map or a centred copy of the map, whichever is smaller.
pub struct Reference {
    original: Feature,
    maps: Vec<Prepared>,
}

/// A map, centred when first needed; `None` when it is constant.
type Prepared = OnceLock<Option<OriginalMap>>;

impl Reference {
    /// Nothing is computed yet. The original's own [`TokenLayout`] says which tokens are patches.
    #[must_use]
    pub fn new(original: Feature) -> Self {
        let maps = unprepared(&original);
        Self { original, maps }
    }

    /// The same, of a feature whose tokens are as `layout` says.
    #[must_use]
    pub fn with_layout(original: Feature, layout: TokenLayout) -> Self {
        Self::new(original.with_layout(layout))
    }

    /// The original.
    #[must_use]
    pub const fn feature(&self) -> &Feature {
        &self.original
    }

    /// Scores `distorted` by one metric.
    ///
    /// # Errors
    /// When the shapes differ or the metric is undefined for the pair.
    pub fn score(&self, metric: Metric, distorted: &Feature) -> Result<Score, CfqaError> {
        self.view().score(metric, distorted)
    }

    /// Scores `distorted` by several metrics, which share its centred maps and Gram matrices.
    ///
    /// Each score is exactly what [`Self::score`] gives.
    ///
    /// # Errors
    /// When the shapes differ. Where a metric is undefined, its own entry says so.
    pub fn score_all(&self, metrics: &[Metric], distorted: &Feature) -> Result<Scores, CfqaError> {
        self.view().score_all(metrics, distorted)
    }

    fn view(&self) -> View<'_> {
        View {
            original: &self.original,
            maps: &self.maps,
            keep: true,
        }
    }
}

/// An original and the values prepared from it, both of which may be borrowed.
struct View<'a> {
    original: &'a Feature,
    maps: &'a [Prepared],
    /// `true` if other distorted versions will follow.
    keep: bool,
}

impl<'a> View<'a> {
    /// For a single distorted version.
    fn of(original: &'a Feature, maps: &'a [Prepared]) -> Self {
        Self {
            original,
            maps,
            keep: false,
        }
    }

    fn score(&self, metric: Metric, distorted: &Feature) -> Result<Score, CfqaError> {
        self.check_shape(distorted)?;
        wake_a_thread();
        let pair = Pair::new(self.original, distorted);
        let mut value = whole(metric, &pair)?;
        for map in 0..self.maps.len() {
            let pair = LazyCell::new(|| self.map_pair(distorted, map));
            value += self.contribution(metric, map, &pair)?;
        }
        Ok(Score::new(metric, value))
    }

    fn score_all(&self, metrics: &[Metric], distorted: &Feature) -> Result<Scores, CfqaError> {
        self.check_shape(distorted)?;
        wake_a_thread();
        let pair = Pair::new(self.original, distorted);
        let mut totals: Vec<_> = metrics
            .iter()
            .map(|&metric| (metric, whole(metric, &pair)))
            .collect();
        for map in 0..self.maps.len() {
            let pair = LazyCell::new(|| self.map_pair(distorted, map));
            for (metric, total) in &mut totals {
                if let Ok(sum) = *total {
                    *total = self
                        .contribution(*metric, map, &pair)
                        .map(|term| sum + term);
                }
            }
        }
        let scored = |(metric, total): (Metric, Result<f64, CfqaError>)| {
            (metric, total.map(|value| Score::new(metric, value)))
        };
        Ok(Scores::new(totals.into_iter().map(scored).collect()))
    }

    fn check_shape(&self, distorted: &Feature) -> Result<(), CfqaError> {
        let (original, distorted) = (self.original.shape(), distorted.shape());
        if original == distorted {
            Ok(())
        } else {
            Err(CfqaError::ShapeMismatch {
                original,
                distorted,
            })
        }
    }

    /// The contribution of one map to the score.
    fn contribution<'p>(
        &self,
        metric: Metric,
        map: usize,
        pair: &LazyCell<
            Result<MapPair<'p>, Operand>,
            impl FnOnce() -> Result<MapPair<'p>, Operand>,
        >,
    ) -> Result<f64, CfqaError> {
        let maps = self.maps.len();
        match metric.spec().definition {
            Definition::PerMap { alignment, used } if used.includes(map, maps) => {
                let pair = LazyCell::force(pair).as_ref();
                let pair = pair.map_err(|&operand| CfqaError::Undefined {
                    metric,
                    cause: Cause::Constant { operand, map },
                })?;
                Ok(alignment(pair) / maps as f64)
            }
            Definition::PerMap { .. } | Definition::Whole(_) => Ok(0.0),
        }
    }

    /// A map of either feature; the error names the one that is constant.
    fn map_pair<'p>(&'p self, distorted: &'p Feature, map: usize) -> Result<MapPair<'p>, Operand> {
        let shape = distorted.shape();
        let (tokens, dim) = (shape.tokens(), shape.dim());
        let values = MapValues {
            original: map_values(self.original, map),
            distorted: map_values(distorted, map),
            tokens,
            dim,
        };
        let prepare = || {
            let centring = Centring::of(values.original, dim)?;
            Some(OriginalMap::new(centring, self.keep))
        };
        let (original, distorted) = rayon::join(
            || self.maps[map].get_or_init(prepare).as_ref(),
            || Centring::of(values.distorted, dim),
        );
        MapPair::new(values, original, distorted)
    }
}

/// Wakes a thread of the pool before there is work for it.
///
/// The first work wakes one more, and that one, already working, would wake the next. A scheduler may leave
/// a thread on the core of the one that woke it until its next tick, and by then a small map is scored.
fn wake_a_thread() {
    rayon::spawn(|| ());
}

fn unprepared(original: &Feature) -> Vec<Prepared> {
    let maps = 0..original.shape().maps();
    maps.map(|_| OnceLock::new()).collect()
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reference({})", self.original.shape())
    }
}

/// The score of a metric over whole features, 0 for one that sums over maps.
fn whole(metric: Metric, pair: &Pair<'_>) -> Result<f64, CfqaError> {
    match metric.spec().definition {
        Definition::Whole(of) => of(pair).map_err(|cause| CfqaError::Undefined { metric, cause }),
        Definition::PerMap { .. } => Ok(0.0),
    }
}

fn map_values(feature: &Feature, map: usize) -> &[f32] {
    let points = feature.shape().tokens() * feature.shape().dim();
    &feature.values()[map * points..][..points]
}
