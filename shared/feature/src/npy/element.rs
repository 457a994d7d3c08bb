//! NumPy's descriptors of `f32`.

use super::NpyError;
use super::literal::Literal;

/// The order of an element's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    const NATIVE: Self = match cfg!(target_endian = "little") {
        true => Self::Little,
        false => Self::Big,
    };

    /// The order of `f32` elements, from the descriptor of their type.
    pub(super) fn of(descriptor: &Literal) -> Result<Self, NpyError> {
        let other = |descriptor: String| NpyError::ElementType { descriptor };
        let Literal::Text(text) = descriptor else {
            return Err(other(descriptor.describe().to_owned()));
        };
        match text.as_str() {
            "<f4" | "<f" => Ok(Self::Little),
            ">f4" | ">f" => Ok(Self::Big),
            "f4" | "=f4" | "|f4" | "f" | "=f" | "|f" | "float32" | "single" => Ok(Self::NATIVE),
            _ => Err(other(text.clone())),
        }
    }

    /// Turns values as they were read into this machine's.
    pub(super) fn to_native(self, values: &mut [f32]) {
        if self != Self::NATIVE {
            for value in values {
                *value = f32::from_bits(value.to_bits().swap_bytes());
            }
        }
    }
}
