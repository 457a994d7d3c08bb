//! Reads the pickle of a `torch.save` file as data.
//!
//! A pickle is a program for a stack machine that can call any function of Python. This machine has
//! only the opcodes that dictionaries of tensors need, and knows a handful of names, all of which
//! stand for data: nothing is imported, called or executed. Everything else is refused by name.
//!
//! Each opcode makes at most one value, whose size its own bytes bound, and [`MAX_OPCODES`] bounds
//! their number; values refer to one another by index, so nothing recurses.

mod error;
mod machine;
mod opcode;
mod torch;
mod value;

pub use error::PickleError;
pub(crate) use value::{Id, Storage, TensorRef, Value};

/// The values of a pickle.
#[derive(Debug)]
pub(crate) struct Pickle {
    values: Vec<Value>,
    root: Id,
}

impl Pickle {
    /// Reads a whole pickle.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, PickleError> {
        machine::Machine::new(bytes).run()
    }

    /// The outermost value, which was pickled.
    pub(crate) const fn root(&self) -> Id {
        self.root
    }

    pub(crate) fn value(&self, id: Id) -> &Value {
        &self.values[id.0 as usize]
    }

    /// The entries of a dictionary whose keys are texts.
    pub(crate) fn entries(&self, id: Id) -> impl Iterator<Item = (&str, Id)> {
        let entries: &[(Id, Id)] = match self.value(id) {
            Value::Dict(entries) => entries,
            _ => &[],
        };
        entries
            .iter()
            .filter_map(|&(key, value)| match self.value(key) {
                Value::Text(key) => Some((key.as_str(), value)),
                _ => None,
            })
    }
}

#[cfg(test)]
mod tests;
