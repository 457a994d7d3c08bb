//! The body of the fuzz target, as a function, so that a test can replay earlier findings.
//!
//! The function panics only when an invariant is violated, and returns `true` if the input was accepted.

use std::path::Path;

use splitsim_feature::Task;

use crate::references::Directory;

/// Any files in a folder of references, for the sources `a` and `scene-7-000012`, are either skipped or read as the
/// truth of the task in question.
///
/// # Panics
/// If a truth is returned for another task.
pub fn references(folder: &Path) -> bool {
    let directory = Directory::open(folder, vec![(Task::Seg, 5)]);
    let directory = directory.expect("a folder is there");
    let mut known = false;
    for source in ["a", "scene-7-000012"] {
        for task in Task::ALL {
            let found = directory.find(source, task, None);
            if let Some(truth) = &found.truth {
                assert_eq!(truth.task(), task);
            }
            known |= found.truth.is_some() || found.feature.is_some();
        }
    }
    known
}
