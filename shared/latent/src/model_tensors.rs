//! A [`LatentModel`] as named tensors, and back.
//!
//! | tensor | type | shape |
//! |---|---|---|
//! | `z.first` | i32 | `[N]`, least symbol of each channel |
//! | `z.counts` | i32 | `[N]`, cumulative counts of each channel |
//! | `z.cumulative` | i32 | all channels' counts, one after the other |
//! | `z.medians` | i32 | `[N]`, fixed point |
//! | `h_s.{0,2,4}.weight` | i16 | as CompressAI's |
//! | `h_s.{0,2,4}.bias` | i64 | `[outputs]` |
//! | `h_s.{0,2,4}.shift` | i32 | `[1]` |

use safetensors::{Dtype, SafeTensors};

use crate::{HyperSynthesis, LatentError, LatentModel, LayerWeights, SymbolTable};

/// Tensors to be stored: name, element type, shape and little-endian bytes.
pub type NamedTensors = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

/// CompressAI's numbers of the layers, between which are ReLUs, and where the outputs stand in
/// their weights' shape.
const LAYERS: [(usize, [usize; 2]); 3] = [(0, [0, 1]), (2, [0, 1]), (4, [1, 0])];

impl LatentModel {
    /// The model as tensors.
    #[must_use]
    pub fn to_tensors(&self) -> NamedTensors {
        let (tables, medians, network) = self.parts();
        let i32s = |name: &str, values: &[i32]| {
            let bytes = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            (name.to_owned(), Dtype::I32, vec![values.len()], bytes)
        };
        let firsts: Vec<i32> = tables.iter().map(SymbolTable::first).collect();
        // Counts are below 2^24, and so are their numbers.
        let counts: Vec<i32> = tables
            .iter()
            .map(|table| table.cumulative().len() as i32)
            .collect();
        let cumulative = tables.iter().flat_map(|table| table.cumulative());
        let cumulative: Vec<i32> = cumulative.map(|&count| count as i32).collect();
        let mut tensors = vec![
            i32s("z.first", &firsts),
            i32s("z.counts", &counts),
            i32s("z.cumulative", &cumulative),
            i32s("z.medians", medians),
        ];
        for ((number, sides), layer) in LAYERS.into_iter().zip(network.layers()) {
            let name = |part: &str| format!("h_s.{number}.{part}");
            let channels = [layer.inputs, layer.outputs];
            let kernel = if sides == [0, 1] { 5 } else { 3 };
            let shape = vec![channels[sides[0]], channels[sides[1]], kernel, kernel];
            let weights = layer.weights.iter().flat_map(|weight| weight.to_le_bytes());
            let biases = layer.biases.iter().flat_map(|bias| bias.to_le_bytes());
            tensors.push((name("weight"), Dtype::I16, shape, weights.collect()));
            tensors.push((
                name("bias"),
                Dtype::I64,
                vec![layer.outputs],
                biases.collect(),
            ));
            // At most 24.
            tensors.push(i32s(&name("shift"), &[layer.shift as i32]));
        }
        tensors
    }

    /// The model that a file's tensors are.
    ///
    /// # Errors
    /// When a tensor is missing, of another type or shape, or the tables or the network are not valid.
    pub fn from_tensors(file: &SafeTensors<'_>) -> Result<Self, LatentError> {
        let firsts = i32s(file, "z.first")?;
        let counts = i32s(file, "z.counts")?;
        let cumulative = i32s(file, "z.cumulative")?;
        if firsts.len() != counts.len() {
            return Err(LatentError::Mismatch {
                what: "tables of z",
                expected: firsts.len(),
                actual: counts.len(),
            });
        }
        let mut rest = &cumulative[..];
        let mut tables = Vec::with_capacity(firsts.len());
        for (channel, (&first, &count)) in firsts.iter().zip(&counts).enumerate() {
            let what = format!("z channel {channel}");
            let split = usize::try_from(count)
                .ok()
                .and_then(|count| rest.split_at_checked(count));
            let (own, others) = split.ok_or_else(|| LatentError::Table {
                what: what.clone(),
                reason: format!("{count} counts of {} left", rest.len()),
            })?;
            rest = others;
            // A negative count becomes one beyond 2^24, which the table refuses.
            let own = own.iter().map(|&count| count as u32).collect();
            tables.push(SymbolTable::new(&what, first, own)?);
        }
        let [first, second, third] = LAYERS.map(|(number, sides)| layer(file, number, sides));
        let network = HyperSynthesis::new([first?, second?, third?])?;
        Self::new(tables, i32s(file, "z.medians")?, network)
    }
}

fn layer(
    file: &SafeTensors<'_>,
    number: usize,
    sides: [usize; 2],
) -> Result<LayerWeights, LatentError> {
    let name = |part: &str| format!("h_s.{number}.{part}");
    let (shape, weights) = tensor(file, &name("weight"), Dtype::I16)?;
    let kernel = if sides == [0, 1] { 5 } else { 3 };
    let [_, _, height, width] = shape[..] else {
        return Err(refuse(
            &name("weight"),
            format!("shape {shape:?}, expected four sides"),
        ));
    };
    if [height, width] != [kernel; 2] {
        let reason = format!("shape {shape:?}, expected a kernel of {kernel}x{kernel}");
        return Err(refuse(&name("weight"), reason));
    }
    let (_, biases) = tensor(file, &name("bias"), Dtype::I64)?;
    let shift = i32s(file, &name("shift"))?;
    let shift = match shift[..] {
        [shift] => u32::try_from(shift).ok(),
        _ => None,
    };
    let side = |position: usize| shape[sides.iter().position(|&s| s == position).unwrap_or(0)];
    Ok(LayerWeights {
        inputs: side(0),
        outputs: side(1),
        weights: elements(weights, i16::from_le_bytes),
        biases: elements(biases, i64::from_le_bytes),
        shift: shift.ok_or_else(|| refuse(&name("shift"), "it is no single count".to_owned()))?,
    })
}

fn i32s(file: &SafeTensors<'_>, name: &str) -> Result<Vec<i32>, LatentError> {
    let (_, bytes) = tensor(file, name, Dtype::I32)?;
    Ok(elements(bytes, i32::from_le_bytes))
}

fn tensor<'a>(
    file: &SafeTensors<'a>,
    name: &str,
    dtype: Dtype,
) -> Result<(Vec<usize>, &'a [u8]), LatentError> {
    let view = file
        .tensor(name)
        .map_err(|error| refuse(name, error.to_string()))?;
    if view.dtype() != dtype {
        let reason = format!("element type {:?}, expected {dtype:?}", view.dtype());
        return Err(refuse(name, reason));
    }
    Ok((view.shape().to_vec(), view.data()))
}

fn elements<const BYTES: usize, T>(bytes: &[u8], parse: fn([u8; BYTES]) -> T) -> Vec<T> {
    let chunks = bytes.chunks_exact(BYTES);
    chunks
        .map(|chunk| parse(std::array::from_fn(|index| chunk[index])))
        .collect()
}

fn refuse(name: &str, reason: String) -> LatentError {
    let name = name.to_owned();
    LatentError::Tensor { name, reason }
}
