//! Memory for copies of whole maps.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use memmap2::MmapMut;

/// Values of arbitrary content until they are written.
///
/// Large ones lie in huge pages, if the system has them. The memory of the last two that were dropped is kept
/// for the next of about their size: touching new memory takes a tenth as long as CKA's products in pages of
/// 4 KiB, and a thirtieth in huge ones.
pub(crate) struct Values {
    memory: Memory,
    count: usize,
}

enum Memory {
    /// Whole huge pages.
    Mapped(MmapMut),
    Owned(Vec<f32>),
}

/// The usual size of a huge page.
const PAGE_BYTES: usize = 1 << 21;

/// The memory dropped last, of up to two maps.
static DROPPED: Mutex<[Option<Memory>; 2]> = Mutex::new([None, None]);

impl Values {
    pub(crate) fn new(count: usize) -> Self {
        let memory = Memory::dropped(count).unwrap_or_else(|| Memory::new(count));
        Self { memory, count }
    }
}

impl Memory {
    fn new(count: usize) -> Self {
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
                Self::Mapped(memory)
            }
            Err(_) => Self::Owned(vec![0.0; count]),
        }
    }

    /// Memory dropped before, if it holds at least this many values and at most twice as many. Memory of any
    /// other size is given back to the system.
    fn dropped(count: usize) -> Option<Self> {
        let mut dropped = DROPPED.lock().unwrap_or_else(PoisonError::into_inner);
        let most = 2 * count.max(PAGE_BYTES);
        let mut taken = dropped.iter_mut().filter_map(Option::take);
        taken.find(|memory| (count..=most).contains(&memory.len()))
    }

    fn len(&self) -> usize {
        match self {
            Self::Mapped(memory) => memory.len() / size_of::<f32>(),
            Self::Owned(values) => values.len(),
        }
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        let memory = mem::replace(&mut self.memory, Memory::Owned(Vec::new()));
        let mut dropped = DROPPED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free) = dropped.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(memory);
        }
    }
}

impl Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let values = match &self.memory {
            Memory::Mapped(memory) => bytemuck::cast_slice(memory),
            Memory::Owned(values) => values,
        };
        &values[..self.count]
    }
}

impl DerefMut for Values {
    fn deref_mut(&mut self) -> &mut [f32] {
        let values = match &mut self.memory {
            Memory::Mapped(memory) => bytemuck::cast_slice_mut(memory),
            Memory::Owned(values) => values,
        };
        &mut values[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than are kept at a time, and smaller ones after larger.
    #[test]
    fn any_number_of_values_can_be_written() {
        let counts = [0, 1, PAGE_BYTES / 8 - 1, PAGE_BYTES / 8, PAGE_BYTES + 3];
        for count in counts.into_iter().chain(counts.into_iter().rev()) {
            let mut all: Vec<Values> = (0..3).map(|_| Values::new(count)).collect();
            for (index, values) in all.iter_mut().enumerate() {
                assert_eq!(values.len(), count);
                values.fill(index as f32);
            }
            for (index, values) in all.iter().enumerate() {
                assert!(values.iter().all(|&value| value == index as f32));
            }
        }
    }
}
