//! Looking at other processes through `/proc`.

use std::time::{Duration, Instant};

/// Returns `true` if a process is gone, or has ended and has not been waited for by its parent.
pub(crate) fn has_ended(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

/// Tries until there is a result.
///
/// # Panics
/// After 30 seconds.
pub(crate) fn eventually<T>(attempt: impl Fn() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        if let Some(result) = attempt() {
            return result;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("not within 30 s");
}
