use crate::map_pair::MapPair;
use crate::metric::{Cost, Definition, Direction, MapsUsed, Spec};
use crate::panels::Side;

pub(crate) const SPEC: Spec = Spec {
    name: "cka",
    formula: "mean over maps of ‖ỸᵀX̃‖²_F / (‖X̃ᵀX̃‖_F ‖ỸᵀỸ‖_F)",
    direction: Direction::HigherIsBetter,
    range: (0.0, 1.0),
    cost: Cost::Products,
    definition: Definition::PerMap {
        alignment,
        used: MapsUsed::All,
    },
};

/// Linear CKA of two maps (Kornblith et al., "Similarity of Neural Network Representations
/// Revisited", 2019, §3): `‖ỸᵀX̃‖²_F / (‖X̃ᵀX̃‖_F ‖ỸᵀỸ‖_F)`, tokens being the samples.
///
/// The numerator equals ⟨X̃X̃ᵀ, ỸỸᵀ⟩ and the denominator's norms those of X̃X̃ᵀ and ỸỸᵀ.
fn alignment(maps: &MapPair<'_>) -> f64 {
    maps.cosine(Side::Tokens).0
}
