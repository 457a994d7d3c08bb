use crate::coder::{Reader, Writer};
use crate::gaussian::GaussianTables;
use crate::{
    FRACTION_BITS, HyperSynthesis, LatentError, LatentExtent, Latents, LayerWeights, Planes,
    SymbolTable,
};

/// The model that the encoder and decoder of latents share, in integers only.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentModel {
    /// One table per channel of `z`.
    hyper_tables: Vec<SymbolTable>,
    /// The medians of `z` in fixed point.
    medians: Vec<i32>,
    hyper_synthesis: HyperSynthesis,
}

impl LatentModel {
    /// A model of these parts; medians are in fixed point with
    /// [`FRACTION_BITS`](crate::FRACTION_BITS).
    ///
    /// # Errors
    /// When there is not one table and one median per channel of `z`.
    pub fn new(
        hyper_tables: Vec<SymbolTable>,
        medians: Vec<i32>,
        hyper_synthesis: HyperSynthesis,
    ) -> Result<Self, LatentError> {
        let expected = hyper_synthesis.inputs();
        let counts = [
            ("tables of z", hyper_tables.len()),
            ("medians of z", medians.len()),
        ];
        for (what, actual) in counts {
            if actual != expected {
                return Err(LatentError::Mismatch {
                    what,
                    expected,
                    actual,
                });
            }
        }
        Ok(Self {
            hyper_tables,
            medians,
            hyper_synthesis,
        })
    }

    /// A model of three channels of `z` and four of `y` whose weights follow from their positions: right
    /// in every size, good at nothing. For fuzzing and tests.
    ///
    /// # Errors
    /// Never: its parts fit each other.
    pub fn miniature() -> Result<Self, LatentError> {
        let table = |channel: u32| {
            let cumulative = (0..6)
                .map(|index| index * (2_500_000 + 50_000 * channel))
                .collect();
            SymbolTable::new("miniature", -2, cumulative)
        };
        let layer = |inputs: usize, outputs: usize, taps: usize| LayerWeights {
            inputs,
            outputs,
            // Values between −60 and 63 in no simple order.
            weights: (0..inputs * outputs * taps)
                .map(|i| (i * 37 % 124) as i16 - 60)
                .collect(),
            biases: (0..outputs).map(|output| (output as i64) << 20).collect(),
            shift: 8,
        };
        Self::new(
            (0..3).map(table).collect::<Result<_, _>>()?,
            vec![0, 5000, -9000],
            HyperSynthesis::new([layer(3, 3, 25), layer(3, 3, 25), layer(3, 4, 9)])?,
        )
    }

    /// A median in fixed point; magnitudes beyond `i32` are cut off, which a model with such medians
    /// would do to its activations anyway.
    #[must_use]
    pub fn fixed_median(median: f32) -> i32 {
        (f64::from(median) * f64::from(1 << FRACTION_BITS)).round() as i32
    }

    /// Channels of `z` (N).
    #[must_use]
    pub const fn hyper_channels(&self) -> usize {
        self.hyper_synthesis.inputs()
    }

    /// Channels of `y` (M).
    #[must_use]
    pub const fn latent_channels(&self) -> usize {
        self.hyper_synthesis.outputs()
    }

    /// The medians of `z`, which the hyper-analysis' output is rounded about.
    pub fn medians(&self) -> impl Iterator<Item = f32> {
        let unit = (1 << FRACTION_BITS) as f32;
        self.medians.iter().map(move |&median| median as f32 / unit)
    }

    pub(crate) fn parts(&self) -> (&[SymbolTable], &[i32], &HyperSynthesis) {
        (&self.hyper_tables, &self.medians, &self.hyper_synthesis)
    }

    /// The bytes of latents.
    ///
    /// # Errors
    /// When channels or extents are not the model's, or a symbol's magnitude is beyond 2^20.
    pub fn encode(&self, latents: &Latents) -> Result<Vec<u8>, LatentError> {
        let extent = self.extent_of(latents)?;
        let mut writer = Writer::default();
        for (plane, table) in latents.hyper.planes().zip(&self.hyper_tables) {
            plane
                .iter()
                .try_for_each(|&symbol| writer.symbol(symbol, table))?;
        }
        let levels = self.levels(&latents.hyper)?;
        debug_assert_eq!(levels.height(), extent.height());
        let gaussian = GaussianTables::embedded();
        for (&symbol, &level) in latents.latent.values().iter().zip(levels.values()) {
            writer.symbol(symbol, gaussian.table(level.into()))?;
        }
        Ok(writer.finish())
    }

    /// The latents of `extent` that bytes stand for. Takes memory by the extent alone, 40 bytes a
    /// symbol at most.
    ///
    /// # Errors
    /// When the bytes are not those of such latents.
    pub fn decode(&self, bytes: &[u8], extent: LatentExtent) -> Result<Latents, LatentError> {
        let mut reader = Reader::new(bytes);
        let (height, width) = extent.hyper();
        let mut hyper = Vec::with_capacity(self.hyper_channels() * height * width);
        for table in &self.hyper_tables {
            for _ in 0..height * width {
                hyper.push(reader.symbol(table)?);
            }
        }
        let hyper = planes(self.hyper_channels(), (height, width), hyper)?;
        let levels = self.levels(&hyper)?;
        let gaussian = GaussianTables::embedded();
        let latent = levels
            .values()
            .iter()
            .map(|&level| reader.symbol(gaussian.table(level.into())))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        let extent = (extent.height(), extent.width());
        let latent = planes(self.latent_channels(), extent, latent)?;
        Ok(Latents { hyper, latent })
    }

    /// The Gaussian level of every symbol of `y`.
    ///
    /// # Errors
    /// When `z` has another number of channels.
    pub fn levels(&self, hyper: &Planes<i32>) -> Result<Planes<u8>, LatentError> {
        let plane = (hyper.height() * hyper.width()).max(1);
        let symbols = hyper.values().iter().enumerate();
        let z_hat = symbols
            .map(|(index, symbol)| {
                let median = self.medians.get(index / plane).copied().unwrap_or(0);
                symbol
                    .saturating_mul(1 << FRACTION_BITS)
                    .saturating_add(median)
            })
            .collect();
        let z_hat = planes(hyper.channels(), (hyper.height(), hyper.width()), z_hat)?;
        let gaussian = GaussianTables::embedded();
        let scales = self.hyper_synthesis.scales(&z_hat)?;
        // There are 64 levels.
        Ok(scales.map(|&scale| gaussian.level(scale) as u8))
    }

    fn extent_of(&self, latents: &Latents) -> Result<LatentExtent, LatentError> {
        let (hyper, latent) = (&latents.hyper, &latents.latent);
        let channels = [
            ("channels of z", self.hyper_channels(), hyper.channels()),
            ("channels of y", self.latent_channels(), latent.channels()),
        ];
        for (what, expected, actual) in channels {
            if expected != actual {
                return Err(LatentError::Mismatch {
                    what,
                    expected,
                    actual,
                });
            }
        }
        let of = |planes: &Planes<i32>, stride: usize| {
            LatentExtent::of_picture(planes.height() * stride, planes.width() * stride)
        };
        let expected = of(hyper, LatentExtent::PICTURE_MULTIPLE);
        let actual = of(latent, LatentExtent::LATENT_STRIDE);
        if expected != actual
            || latent.height() != actual.height()
            || latent.width() != actual.width()
        {
            return Err(LatentError::Extent { expected, actual });
        }
        Ok(actual)
    }
}

fn planes(
    channels: usize,
    (height, width): (usize, usize),
    values: Vec<i32>,
) -> Result<Planes<i32>, LatentError> {
    let actual = values.len();
    Planes::new(channels, height, width, values).ok_or(LatentError::Mismatch {
        what: "symbols",
        expected: channels * height * width,
        actual,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn latents(symbols: &[i32], extent: LatentExtent) -> Latents {
        let mut symbols = symbols.iter().copied().cycle();
        let mut take = |channels, (height, width): (usize, usize)| {
            let values = symbols.by_ref().take(channels * height * width).collect();
            Planes::new(channels, height, width, values).unwrap()
        };
        Latents {
            hyper: take(3, extent.hyper()),
            latent: take(4, (extent.height(), extent.width())),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_latents_come_back(
            symbols in prop::collection::vec(
                prop_oneof![20 => -3i32..=3, 1 => -(1i32 << 20)..=1 << 20], 1..200,
            ),
            rows in 1usize..200, columns in 1usize..200,
        ) {
            let (model, extent) = (LatentModel::miniature().unwrap(), LatentExtent::of_picture(rows, columns));
            let latents = latents(&symbols, extent);
            let bytes = model.encode(&latents).unwrap();
            let decoded = model.decode(&bytes, extent).unwrap();
            prop_assert_eq!(decoded.digest(), latents.digest());
            prop_assert_eq!(decoded, latents);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, rows in 1usize..200, columns in 1usize..200) {
            let (model, extent) = (LatentModel::miniature().unwrap(), LatentExtent::of_picture(rows, columns));
            if let Ok(latents) = model.decode(&bytes, extent) {
                let again = model.encode(&latents).unwrap();
                prop_assert_eq!(model.decode(&again, extent), Ok(latents));
            }
        }
    }

    #[test]
    fn latents_of_another_model_or_extent_are_refused() {
        let model = LatentModel::miniature().unwrap();
        let extent = LatentExtent::of_picture(64, 64);
        let fitting = latents(&[0], extent);
        let wide = Planes::new(3, 1, 2, vec![0; 6]).unwrap();
        let other = Latents {
            hyper: wide,
            ..fitting.clone()
        };
        assert!(matches!(
            model.encode(&other),
            Err(LatentError::Extent { .. })
        ));
        let fewer = Planes::new(2, 1, 1, vec![0; 2]).unwrap();
        let other = Latents {
            hyper: fewer,
            ..fitting
        };
        assert_eq!(
            model.encode(&other),
            Err(LatentError::Mismatch {
                what: "channels of z",
                expected: 3,
                actual: 2
            })
        );
    }
}
