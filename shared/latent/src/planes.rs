/// Values of `channels` planes of `height` by `width`, channel by channel, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planes<T> {
    channels: usize,
    height: usize,
    width: usize,
    values: Vec<T>,
}

impl<T> Planes<T> {
    /// Planes of these values; `None` unless there are `channels · height · width` of them.
    #[must_use]
    pub fn new(channels: usize, height: usize, width: usize, values: Vec<T>) -> Option<Self> {
        let count = channels.checked_mul(height)?.checked_mul(width)?;
        (count == values.len()).then_some(Self {
            channels,
            height,
            width,
            values,
        })
    }

    /// The number of planes.
    #[must_use]
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// Rows of a plane.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Columns of a plane.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// All values.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Each plane's values in turn.
    pub fn planes(&self) -> impl ExactSizeIterator<Item = &[T]> {
        // A plane without points has no chunk; one point keeps the chunk size valid.
        self.values.chunks_exact((self.height * self.width).max(1))
    }

    /// The planes with `map` applied to every value.
    #[must_use]
    pub fn map<U>(&self, map: impl Fn(&T) -> U) -> Planes<U> {
        Planes {
            channels: self.channels,
            height: self.height,
            width: self.width,
            values: self.values.iter().map(map).collect(),
        }
    }
}
