use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a mutex holds.
///
/// For what is whole at any moment: a thread or task that broke down while it held the lock does not matter
/// then.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
