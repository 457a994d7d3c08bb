use safetensors::Dtype;

/// The index of a value among those of its pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(super) u32);

/// A value of a pickle. Containers refer to their elements by [`Id`], so that a value may occur many times, and
/// in itself, at no cost.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// `None`, numbers and other values that a checkpoint's tensors do not need.
    Plain,
    Int(i64),
    Text(String),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    /// Also `OrderedDict`.
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Storage),
    Tensor(TensorRef),
}

/// The names of other modules that a pickle may mention. Each stands for a shape of data; none is a function
/// that is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Parameter,
    Size,
    Storage(Dtype),
}

/// One run of elements in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Storage {
    pub(crate) dtype: Dtype,
    /// The file `data/KEY` of the archive.
    pub(crate) key: String,
    /// The number of elements.
    pub(crate) count: u64,
}

/// A view of a storage; strides and offset count elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorRef {
    pub(crate) storage: Storage,
    pub(crate) offset: u64,
    pub(crate) shape: Vec<u64>,
    pub(crate) strides: Vec<u64>,
}

impl Global {
    pub(super) fn parse(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch.nn.parameter", "Parameter") => Self::Parameter,
            ("torch", "Size") => Self::Size,
            ("torch", storage) => Self::Storage(dtype(storage)?),
            _ => return None,
        })
    }
}

fn dtype(storage: &str) -> Option<Dtype> {
    Some(match storage {
        "DoubleStorage" => Dtype::F64,
        "FloatStorage" => Dtype::F32,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "LongStorage" => Dtype::I64,
        "IntStorage" => Dtype::I32,
        "ShortStorage" => Dtype::I16,
        "CharStorage" => Dtype::I8,
        "ByteStorage" => Dtype::U8,
        "BoolStorage" => Dtype::BOOL,
        _ => return None,
    })
}
