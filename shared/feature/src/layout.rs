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
        1 + self.registers
    }
}
