use crate::map_pair::MapPair;
use crate::metric::{Cost, Definition, Direction, MapsUsed, Spec};
use crate::panels::Side;

pub(crate) const SPEC: Spec = Spec {
    name: "cka-cfqa2025",
    formula: "‖X̃Ỹᵀ‖²_F / (‖X̃X̃ᵀ‖_F ‖ỸỸᵀ‖_F + 1e-8) of the last map, divided by the number of maps",
    direction: Direction::HigherIsBetter,
    range: (0.0, 1.0),
    cost: Cost::Products,
    definition: Definition::PerMap {
        alignment,
        used: MapsUsed::Last,
    },
};

pub(crate) const MEAN_SPEC: Spec = Spec {
    name: "cka-cfqa2025-mean",
    formula: "mean over maps of ‖X̃Ỹᵀ‖²_F / (‖X̃X̃ᵀ‖_F ‖ỸỸᵀ‖_F + 1e-8)",
    definition: Definition::PerMap {
        alignment,
        used: MapsUsed::All,
    },
    ..SPEC
};

/// Added to the denominator by the benchmark's script.
const DENOMINATOR_OFFSET: f64 = 1e-8;

/// The value that the CFQA benchmark's script computes for two maps under the name of linear CKA:
/// `‖X̃Ỹᵀ‖²_F / (‖X̃X̃ᵀ‖_F ‖ỸỸᵀ‖_F + 1e-8)`.
///
/// The numerator equals ⟨X̃ᵀX̃, ỸᵀỸ⟩: it compares how channels vary together, and is blind to the
/// order of the tokens. It is standard CKA with tokens and channels exchanged, but for the centring.
///
/// One deviation: for a constant map the script gives 0 or rounding noise; here it is undefined.
fn alignment(maps: &MapPair<'_>) -> f64 {
    let (cosine, norms) = maps.cosine(Side::Channels);
    // Unlike the ratio, the offset depends on the scale that the maps were divided by.
    let scale = maps.scale().powi(2);
    cosine * norms / (norms + DENOMINATOR_OFFSET / scale)
}
