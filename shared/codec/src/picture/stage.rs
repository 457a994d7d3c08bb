use ndarray::{Array2, ArrayView2, Axis};
use splitsim_feature::packing::{pack, unpack};
use splitsim_feature::{Feature, FeatureShape};
use splitsim_model::ValueRange;

use super::{Assignment, Codebook, Tables, published_ranges};
use crate::container::{Header, Ranges};
use crate::options::{CodecOptions, RangeMode, Transform};
use crate::quantise::{BitDepth, LayerQuantisers, Quantised, Rounding, feature_ranges};
use crate::{CodecError, CodecId};

/// Turns the features of one model and task into integer pictures, and pictures into features.
#[derive(Debug)]
pub struct PictureStage {
    tables: Tables,
    transform: Transform,
    range_mode: RangeMode,
    depth: BitDepth,
    rounding: Rounding,
}

/// A feature as an integer picture.
#[derive(Debug, Clone, PartialEq)]
pub struct FeaturePicture {
    /// `[views·tokens, layers·dim]`, each below `2^depth`.
    pub symbols: Array2<u16>,
    /// Bits of a symbol.
    pub depth: BitDepth,
    /// The meaning of the symbols, for the container.
    pub ranges: Ranges,
    /// Points whose value lay outside of their layer's range, or beyond the outermost centres.
    pub clamped_points: usize,
}

impl PictureStage {
    /// A stage that codes as the options say. It decodes whatever its tables suffice for.
    ///
    /// # Errors
    /// When a codebook or value ranges are wanted that the package lacks, or truncation ranges are not for
    /// its layers.
    pub fn new(tables: Tables, options: &CodecOptions) -> Result<Self, CodecError> {
        let layers = tables.layers;
        let depth = match (&options.transform, &tables.codebook) {
            (Transform::Linear, _) => options.depth,
            (Transform::Codebook(_), Some(codebook)) => codebook.depth(),
            (Transform::Codebook(_), None) => {
                return Err(CodecError::NoCodebook {
                    model: tables.model,
                    task: tables.task,
                });
            }
        };
        let by_package = (options.transform, &options.range_mode);
        if by_package == (Transform::Linear, &RangeMode::Package) && tables.ranges.is_empty() {
            return Err(CodecError::Uncalibrated {
                model: tables.model,
                task: tables.task,
            });
        }
        if let RangeMode::Truncate(truncation) = &options.range_mode
            && truncation.for_layers(layers).is_none()
        {
            return Err(CodecError::Layers {
                expected: truncation.count(),
                actual: layers,
            });
        }
        Ok(Self {
            tables,
            transform: options.transform,
            range_mode: options.range_mode.clone(),
            depth,
            rounding: options.rounding,
        })
    }

    /// The tables that the stage takes from the model package.
    #[must_use]
    pub const fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Bits of the symbols that features become here.
    #[must_use]
    pub const fn depth(&self) -> BitDepth {
        self.depth
    }

    /// The picture of a feature.
    ///
    /// # Errors
    /// When the feature has another number of layers than the model's, or a layer's values span more
    /// than `f32` holds and ranges are the feature's own.
    pub fn forward(&self, feature: &Feature) -> Result<FeaturePicture, CodecError> {
        self.check_layers(feature.shape())?;
        match (self.transform, &self.tables.codebook) {
            (Transform::Codebook(assignment), Some(codebook)) => {
                Ok(assigned(feature, codebook, assignment))
            }
            _ => self.quantised(feature),
        }
    }

    /// The feature of `shape` that symbols stand for, which `ranges` and `depth` of a container
    /// explain.
    ///
    /// # Errors
    /// When the tables here are not those that the container names, or the shape is not the picture's
    /// or the model's.
    pub fn inverse(
        &self,
        symbols: ArrayView2<'_, u16>,
        ranges: &Ranges,
        depth: BitDepth,
        shape: FeatureShape,
    ) -> Result<Feature, CodecError> {
        self.check_layers(shape)?;
        let published;
        let ranges: &[ValueRange] = match ranges {
            Ranges::Package(digest) => {
                self.check_ranges(*digest)?;
                &self.tables.ranges.0
            }
            Ranges::Inline(ranges) => ranges,
            Ranges::Published => {
                published = published_ranges(self.tables.task);
                &published
            }
            Ranges::Codebook(digest) => {
                let codebook = self.codebook(*digest, depth)?;
                return looked_up(symbols, codebook, shape);
            }
        };
        // Reconstruction values are the same for every rounding.
        LayerQuantisers::new(ranges, depth, Rounding::Nearest).dequantise(symbols, shape)
    }

    /// Refuses containers of another codec or task, of other layers, or that name tables other than
    /// those here: what can be known before the payload is decoded.
    ///
    /// # Errors
    /// Those.
    pub fn check(&self, header: &Header, codec: CodecId) -> Result<(), CodecError> {
        if header.codec != codec {
            return Err(CodecError::WrongCodec {
                expected: codec,
                actual: header.codec,
            });
        }
        if header.task != self.tables.task {
            return Err(CodecError::WrongTask {
                expected: self.tables.task,
                actual: header.task,
            });
        }
        self.check_layers(header.shape)?;
        match &header.ranges {
            Ranges::Package(digest) => self.check_ranges(*digest),
            Ranges::Codebook(digest) => self.codebook(*digest, header.depth).map(drop),
            Ranges::Inline(_) | Ranges::Published => Ok(()),
        }
    }

    fn quantised(&self, feature: &Feature) -> Result<FeaturePicture, CodecError> {
        let (ranges, named) = self.ranges_for(feature)?;
        let quantisers = LayerQuantisers::new(&ranges, self.depth, self.rounding);
        let Quantised {
            symbols,
            clamped_points,
        } = quantisers.quantise(feature)?;
        Ok(FeaturePicture {
            symbols,
            depth: self.depth,
            ranges: named,
            clamped_points,
        })
    }

    /// The value ranges for a feature, and how a container says so.
    fn ranges_for(&self, feature: &Feature) -> Result<(Vec<ValueRange>, Ranges), CodecError> {
        let inline = |ranges: Vec<ValueRange>| (ranges.clone(), Ranges::Inline(ranges));
        match &self.range_mode {
            RangeMode::Package => {
                let digest = self.tables.ranges.digest().short();
                Ok((self.tables.ranges.0.clone(), Ranges::Package(digest)))
            }
            RangeMode::Feature => feature_ranges(feature).map(inline),
            RangeMode::Published => Ok((published_ranges(self.tables.task), Ranges::Published)),
            RangeMode::Truncate(truncation) => truncation
                .for_layers(feature.shape().layers())
                .map(inline)
                .ok_or_else(|| CodecError::Layers {
                    expected: truncation.count(),
                    actual: feature.shape().layers(),
                }),
        }
    }

    fn check_layers(&self, shape: FeatureShape) -> Result<(), CodecError> {
        let (expected, actual) = (self.tables.layers, shape.layers());
        if expected == actual {
            return Ok(());
        }
        Err(CodecError::Layers { expected, actual })
    }

    fn check_ranges(&self, actual: [u8; 8]) -> Result<(), CodecError> {
        let expected = self.tables.ranges.digest();
        if expected.short() == actual {
            return Ok(());
        }
        Err(CodecError::tables_differ(expected, actual))
    }

    /// The codebook that a container names.
    fn codebook(&self, actual: [u8; 8], depth: BitDepth) -> Result<&Codebook, CodecError> {
        let codebook = self.tables.codebook.as_ref();
        let known = codebook.map(|codebook| codebook.digest().short());
        let codebook = codebook
            .filter(|_| known == Some(actual))
            .ok_or(CodecError::UnknownCodebook { known, actual })?;
        if codebook.depth() == depth {
            return Ok(codebook);
        }
        Err(CodecError::CodebookDepth {
            expected: codebook.depth(),
            actual: depth,
        })
    }
}

fn assigned(feature: &Feature, codebook: &Codebook, assignment: Assignment) -> FeaturePicture {
    let (picture, dim) = (pack(feature), feature.shape().dim());
    let mut symbols = Array2::zeros(picture.dim());
    let mut clamped_points = 0;
    for (values, mut row) in picture
        .axis_iter(Axis(0))
        .zip(symbols.axis_iter_mut(Axis(0)))
    {
        for (column, (&value, symbol)) in values.iter().zip(&mut row).enumerate() {
            let centres = codebook.centres(column / dim);
            let inside = centres[0] <= value && value <= centres[centres.len() - 1];
            clamped_points += usize::from(!inside);
            // At most 4096 centres, by the codebook's construction.
            *symbol = assignment.symbol(centres, value) as u16;
        }
    }
    FeaturePicture {
        symbols,
        depth: codebook.depth(),
        ranges: Ranges::Codebook(codebook.digest().short()),
        clamped_points,
    }
}

fn looked_up(
    symbols: ArrayView2<'_, u16>,
    codebook: &Codebook,
    shape: FeatureShape,
) -> Result<Feature, CodecError> {
    let mut picture = Array2::zeros(symbols.dim());
    for (row, mut values) in symbols
        .axis_iter(Axis(0))
        .zip(picture.axis_iter_mut(Axis(0)))
    {
        // Columns beyond the last layer mean another shape, which unpacking refuses.
        for (column, (&symbol, value)) in row.iter().zip(&mut values).enumerate() {
            let layer = (column / shape.dim()).min(shape.layers() - 1);
            let centres = codebook.centres(layer);
            let centre = centres.get(usize::from(symbol)).copied();
            *value = centre.ok_or(CodecError::NoSuchCentre {
                symbol,
                centres: centres.len(),
            })?;
        }
    }
    Ok(unpack(picture.view(), shape)?)
}

#[cfg(test)]
mod tests;
