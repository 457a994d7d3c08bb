//! The meaning of torch's names in a pickle.

use super::PickleError;
use super::machine::Machine;
use super::value::{Global, Id, Storage, TensorRef, Value};

/// The most dimensions of a tensor that is read.
const MAX_RANK: usize = 8;
/// The longest key of a storage, bytes; torch counts them from 0.
const MAX_KEY: usize = 64;

/// `('storage', TypeStorage, key, location, element count)`, a persistent id of `torch.save`.
pub(super) fn storage(machine: &Machine<'_>, id: Id) -> Result<Storage, PickleError> {
    let not_a_storage = || machine.malformed("a persistent id that is no tensor storage");
    let Value::Tuple(parts) = machine.value(id) else {
        return Err(not_a_storage());
    };
    // Storages that are views of others carry a sixth element, unless it is None.
    let &[tag, dtype, key, _location, count, ..] = parts.as_slice() else {
        return Err(not_a_storage());
    };
    let values = [tag, dtype, key, count].map(|id| machine.value(id));
    match values {
        [
            Value::Text(tag),
            &Value::Global(Global::Storage(dtype)),
            Value::Text(key),
            &Value::Int(count),
        ] if tag == "storage" && key.len() <= MAX_KEY => Ok(Storage {
            dtype,
            key: key.clone(),
            count: count.try_into().map_err(|_| not_a_storage())?,
        }),
        _ => Err(not_a_storage()),
    }
}

/// The value that a known global makes of its arguments.
pub(super) fn construct(
    machine: &Machine<'_>,
    global: Global,
    arguments: &[Id],
) -> Result<Value, PickleError> {
    match (global, arguments) {
        (Global::OrderedDict, []) => Ok(Value::Dict(Vec::new())),
        (Global::RebuildTensor, &[storage, offset, shape, strides, ..]) => {
            tensor(machine, [storage, offset, shape, strides]).map(Value::Tensor)
        }
        (Global::RebuildParameter | Global::Parameter, &[tensor, ..]) => {
            match machine.value(tensor) {
                tensor @ Value::Tensor(_) => Ok(tensor.clone()),
                _ => Err(machine.malformed("a parameter that is no tensor")),
            }
        }
        (Global::Size, &[extents]) => match machine.value(extents) {
            Value::Tuple(extents) if extents.len() <= MAX_RANK => Ok(Value::Tuple(extents.clone())),
            _ => Err(machine.malformed("a size that is no short tuple")),
        },
        _ => Err(machine.malformed("a known global with other arguments than torch gives it")),
    }
}

fn tensor(
    machine: &Machine<'_>,
    [storage, offset, shape, strides]: [Id; 4],
) -> Result<TensorRef, PickleError> {
    let Value::Storage(storage) = machine.value(storage) else {
        return Err(machine.malformed("a tensor without a storage"));
    };
    let tensor = TensorRef {
        storage: storage.clone(),
        offset: count(machine, offset)?,
        shape: counts(machine, shape)?,
        strides: counts(machine, strides)?,
    };
    if tensor.shape.len() != tensor.strides.len() || tensor.shape.len() > MAX_RANK {
        return Err(machine.malformed("a tensor of too many or unequal dimensions and strides"));
    }
    Ok(tensor)
}

fn counts(machine: &Machine<'_>, id: Id) -> Result<Vec<u64>, PickleError> {
    match machine.value(id) {
        Value::Tuple(extents) if extents.len() <= MAX_RANK => {
            extents.iter().map(|&id| count(machine, id)).collect()
        }
        _ => Err(machine.malformed("a tensor's extents that are no short tuple")),
    }
}

fn count(machine: &Machine<'_>, id: Id) -> Result<u64, PickleError> {
    match machine.value(id) {
        Value::Int(count) => u64::try_from(*count)
            .map_err(|_| machine.malformed("a tensor's extent that is negative")),
        _ => Err(machine.malformed("a tensor's extent that is no integer")),
    }
}
