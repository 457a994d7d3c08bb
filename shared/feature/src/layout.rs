use crate::{FeatureError, FeatureShape};

/// The kinds of tokens in a map: a class token, registers, then patch tokens.
///
/// A feature's shape has only their number. DINOv2's models with registers place four of them between
/// the class token and the patches; metrics of patch tokens leave them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TokenLayout {
    /// Registers after the class token.
    pub registers: usize,
}

impl TokenLayout {
    /// The first patch token of a map.
    #[must_use]
    pub const fn first_patch(self) -> usize {
        self.registers.saturating_add(1)
    }

    /// Refuses registers beside which a map of `shape` has no patch token.
    ///
    /// # Errors
    /// When there are registers, and class token and registers are all of the tokens or more.
    pub const fn check(self, shape: FeatureShape) -> Result<(), FeatureError> {
        match self.registers == 0 || self.first_patch() < shape.tokens() {
            true => Ok(()),
            false => Err(FeatureError::Registers {
                registers: self.registers,
                tokens: shape.tokens(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_leave_room_for_a_patch() {
        let check = |registers, tokens| {
            let shape = FeatureShape::new(1, 1, tokens, 1).unwrap();
            TokenLayout { registers }.check(shape).is_ok()
        };
        assert!(check(0, 1) && check(4, 6));
        assert!(!check(4, 5) && !check(1, 2));
        assert!(!check(usize::MAX, 6) && !check(usize::MAX - 1, 6));
    }
}
