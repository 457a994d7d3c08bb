use std::sync::{Arc, Mutex, PoisonError};

use splitsim_feature::units::Bytes;
use splitsim_proto::{Digest, RequestError, RequestErrorKind};
use splitsim_results::FrameKey;

use super::Original;
use crate::seldom::seldom;
use crate::shelf::{Placed, Shelf};

/// Originals that came ahead of their frames.
#[derive(Debug)]
pub(crate) struct Pool {
    shelf: Mutex<Shelf<Arc<Original>>>,
    budget: Bytes,
}

impl Pool {
    pub(crate) const fn new(budget: Bytes) -> Self {
        Self {
            shelf: Mutex::new(Shelf::new(budget.0)),
            budget,
        }
    }

    /// Keeps an original of `size`; returns `true` if the frame already had one, which then stays.
    pub(crate) fn keep(
        &self,
        key: FrameKey,
        size: Bytes,
        original: Original,
    ) -> Result<bool, RequestError> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let picture = original.picture;
        match shelf.put(key.clone(), size.0, Arc::new(original)) {
            Placed::New(evicted) => {
                for key in evicted {
                    seldom!(warn, %key, budget = %self.budget, "reference made room for a newer one");
                }
                Ok(false)
            }
            Placed::Duplicate => {
                let kept = shelf.get(&key);
                kept.map_or(Ok(()), |kept| kept.is_of(&key, picture))
                    .map(|()| true)
            }
            Placed::TooLarge => Err(RequestError::new(
                RequestErrorKind::TooLarge,
                format!(
                    "reference of {size}, the cloud keeps at most {}",
                    self.budget
                ),
            )),
        }
    }

    /// Finds a frame's original. It stays until the frame is recorded, so that a frame that could not be recorded
    /// may be sent again. It is an error if it belongs to another picture.
    pub(crate) fn find(
        &self,
        key: &FrameKey,
        picture: Option<Digest>,
    ) -> Result<Arc<Original>, RequestError> {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let found = shelf.get(key).cloned().ok_or_else(|| {
            RequestError::new(
                RequestErrorKind::ReferenceMissing,
                format!(
                    "no reference of {key} is here: it never came, or the cloud was restarted, or it \
                     made room for newer ones ({} are kept); send it again, then the frame",
                    self.budget
                ),
            )
        })?;
        found.is_of(key, picture).map(|()| found)
    }

    pub(crate) fn forget(&self, key: &FrameKey) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.remove(key);
    }
}
