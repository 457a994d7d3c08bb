use safetensors::Dtype;

/// A tensor of a checkpoint: its type and shape, and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor {
    /// The index of its file among the checkpoint's files.
    pub(crate) file: usize,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// First byte in the file.
    pub(crate) offset: u64,
    pub(crate) layout: Layout,
}

/// The order of elements in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Row-major, nothing between.
    Contiguous,
    /// Any other order of the same elements; strides count elements, one per dimension.
    Strided {
        strides: Vec<usize>,
        /// Elements from the first to the last, both included.
        span: usize,
    },
}

impl StoredTensor {
    /// Element type.
    #[must_use]
    pub const fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Extents, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes of all elements.
    #[must_use]
    pub fn byte_count(&self) -> u64 {
        self.count() as u64 * element_bytes(self.dtype) as u64
    }
}

pub(crate) fn element_bytes(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}

/// Checked product of extents.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |count, &extent| count.checked_mul(extent))
}

/// The layout of a view; `None` when elements overlap or the numbers overflow.
///
/// Strides of dimensions of extent 1 mean nothing and are ignored.
pub(crate) fn layout(shape: &[usize], strides: &[usize]) -> Option<Layout> {
    let count = count(shape)?;
    let steps = || {
        let steps = shape.iter().zip(strides).filter(|(extent, _)| **extent > 1);
        steps.map(|(&extent, &stride)| (extent, stride))
    };
    let mut expected = 1;
    let contiguous = count == 0
        || steps()
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .all(|(extent, stride)| {
                let in_order = stride == expected;
                expected *= extent;
                in_order
            });
    if contiguous {
        return Some(Layout::Contiguous);
    }
    let last = steps().try_fold(0usize, |last, (extent, stride)| {
        last.checked_add((extent - 1).checked_mul(stride)?)
    })?;
    let span = last.checked_add(1)?;
    // A view with gaps or repetitions is nothing that a checkpoint's weights are.
    (span == count).then(|| Layout::Strided {
        strides: strides.to_vec(),
        span,
    })
}

/// Puts strided elements into row-major order; `bytes` is the whole span.
pub(crate) fn gather(bytes: &[u8], shape: &[usize], strides: &[usize], width: usize) -> Vec<u8> {
    let mut gathered = Vec::with_capacity(bytes.len());
    let mut index = vec![0usize; shape.len()];
    for _ in 0..bytes.len() / width {
        let at: usize = index
            .iter()
            .zip(strides)
            .map(|(i, stride)| i * stride)
            .sum();
        gathered.extend_from_slice(&bytes[at * width..(at + 1) * width]);
        for (i, &extent) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < extent {
                break;
            }
            *i = 0;
        }
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_major_views_are_contiguous() {
        for (shape, strides) in [
            (&[4, 3, 2][..], &[6, 2, 1][..]),
            // A 1×1 convolution in channels-last order is the same bytes.
            (&[5, 7, 1, 1], &[7, 1, 7, 7]),
            (&[], &[]),
            (&[0, 3], &[9, 9]),
        ] {
            assert_eq!(layout(shape, strides), Some(Layout::Contiguous));
        }
    }

    #[test]
    fn a_transposed_view_is_put_in_order() {
        let Some(Layout::Strided { strides, span }) = layout(&[2, 3], &[1, 2]) else {
            panic!("a transposed matrix is strided")
        };
        assert_eq!(span, 6);
        // Columns of [[0, 2, 4], [1, 3, 5]], two bytes an element.
        let bytes = [0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0];
        let rows = gather(&bytes, &[2, 3], &strides, 2);
        assert_eq!(rows, [0, 0, 2, 0, 4, 0, 1, 0, 3, 0, 5, 0]);
    }

    #[test]
    fn views_that_repeat_or_skip_are_refused() {
        assert_eq!(layout(&[1 << 40], &[0]), None);
        assert_eq!(layout(&[2, 2], &[4, 1]), None);
        assert_eq!(layout(&[usize::MAX, 3], &[3, 1]), None);
        assert_eq!(layout(&[3, 3], &[usize::MAX, 1]), None);
    }
}
