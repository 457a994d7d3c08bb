//! Memory for copies of whole maps.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Values that begin as zeros.
///
/// Large ones lie in huge pages, where the system has them: touching new memory in pages of 4 KiB takes
/// as long as a tenth of CKA's products.
pub(crate) enum Values {
    /// Whole huge pages, of which these are the first values.
    Mapped {
        memory: MmapMut,
        count: usize,
    },
    Owned(Vec<f32>),
}

/// The usual size of a huge page.
const PAGE_BYTES: usize = 1 << 21;

impl Values {
    /// So many zeros.
    pub(crate) fn zeros(count: usize) -> Self {
        let bytes = count * size_of::<f32>();
        if bytes < PAGE_BYTES / 2 {
            return Self::Owned(vec![0.0; count]);
        }
        // A system that does not map memory may have some all the same.
        match MmapMut::map_anon(bytes.next_multiple_of(PAGE_BYTES)) {
            Ok(memory) => {
                // Without huge pages it is slower, and nothing else.
                #[cfg(target_os = "linux")]
                let _ = memory.advise(memmap2::Advice::HugePage);
                Self::Mapped { memory, count }
            }
            Err(_) => Self::Owned(vec![0.0; count]),
        }
    }
}

impl Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Mapped { memory, count } => &bytemuck::cast_slice(memory)[..*count],
            Self::Owned(values) => values,
        }
    }
}

impl DerefMut for Values {
    fn deref_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Mapped { memory, count } => &mut bytemuck::cast_slice_mut(memory)[..*count],
            Self::Owned(values) => values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_zeros_can_be_written() {
        for count in [0, 1, PAGE_BYTES / 8 - 1, PAGE_BYTES / 8, PAGE_BYTES + 3] {
            let mut values = Values::zeros(count);
            assert_eq!(values.len(), count);
            assert!(values.iter().all(|&value| value == 0.0));
            values.fill(1.5);
            assert_eq!(values.iter().sum::<f32>(), 1.5 * count as f32);
        }
    }
}
