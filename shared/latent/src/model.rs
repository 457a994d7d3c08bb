use crate::coder::{Reader, Writer};
use crate::gaussian::GaussianTables;
use crate::{
    FRACTION_BITS, HyperSynthesis, LatentError, LatentExtent, Latents, Planes, SymbolTable,
};

/// What encoder and decoder of latents share, in integers only.
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
        let counts = [("tables of z", hyper_tables.len()), ("medians of z", medians.len())];
        for (what, actual) in counts {
            if actual != expected {
                return Err(LatentError::Mismatch { what, expected, actual });
            }
        }
        Ok(Self {
            hyper_tables,
            medians,
            hyper_synthesis,
        })
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
            plane.iter().try_for_each(|&symbol| writer.symbol(symbol, table))?;
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
                symbol.saturating_mul(1 << FRACTION_BITS).saturating_add(median)
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
                return Err(LatentError::Mismatch { what, expected, actual });
            }
        }
        let of = |planes: &Planes<i32>, stride: usize| {
            LatentExtent::of_picture(planes.height() * stride, planes.width() * stride)
        };
        let expected = of(hyper, LatentExtent::PICTURE_MULTIPLE);
        let actual = of(latent, LatentExtent::LATENT_STRIDE);
        if expected != actual || latent.height() != actual.height() || latent.width() != actual.width() {
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
