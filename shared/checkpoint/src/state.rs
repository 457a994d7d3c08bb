//! The tensors in a pickle's dictionaries.

use std::collections::{BTreeSet, VecDeque};

use crate::pickle::{Id, Pickle, TensorRef, Value};

/// The greatest depth at which dictionaries are searched: `{"model": {"teacher": {"backbone": …}}}` is three.
const MAX_DEPTH: usize = 4;
/// The longest place, in bytes; it stands before every name in it.
const MAX_PLACE: usize = 256;

/// A tensor and its whole name.
pub(crate) struct Named<'a> {
    pub(crate) name: String,
    pub(crate) tensor: &'a TensorRef,
}

/// A dictionary that is reached through others.
struct Place {
    /// The keys to it, each followed by a full stop.
    path: String,
    depth: usize,
    dict: Id,
}

/// A tensor, where it was found.
struct Found<'a> {
    path: String,
    key: &'a str,
    tensor: &'a TensorRef,
}

/// Every tensor of every dictionary whose keys are texts, the outer ones first. Each dictionary is searched
/// once. A name consists of the keys to the tensor, joined by full stops; the keys that lead to all
/// dictionaries with tensors are left out, and so is `module.` before a tensor's own key.
pub(crate) fn tensors(pickle: &Pickle) -> Vec<Named<'_>> {
    let found = found(pickle);
    let common = common(found.iter().map(|found| found.path.as_str()));
    let named = found.iter().map(|Found { path, key, tensor }| Named {
        name: format!(
            "{}{}",
            &path[common..],
            key.strip_prefix("module.").unwrap_or(key)
        ),
        tensor,
    });
    named.collect()
}

fn found(pickle: &Pickle) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut places = VecDeque::from([Place {
        path: String::new(),
        depth: 0,
        dict: pickle.root(),
    }]);
    while let Some(Place { path, depth, dict }) = places.pop_front() {
        if !seen.insert(dict) {
            continue;
        }
        for (key, value) in pickle.entries(dict) {
            match pickle.value(value) {
                Value::Tensor(tensor) => found.push(Found {
                    path: path.clone(),
                    key,
                    tensor,
                }),
                Value::Dict(_) if depth < MAX_DEPTH && path.len() + key.len() < MAX_PLACE => {
                    places.push_back(Place {
                        path: format!("{path}{key}."),
                        depth: depth + 1,
                        dict: value,
                    });
                }
                _ => {}
            }
        }
    }
    found
}

/// The length of the longest common beginning of all paths, in whole keys.
fn common<'a>(mut paths: impl Iterator<Item = &'a str>) -> usize {
    let Some(first) = paths.next() else {
        return 0;
    };
    let shared = |length: usize, path: &str| {
        let keys = first[..length].split_inclusive('.');
        let mut same = 0;
        for (key, other) in keys.zip(path.split_inclusive('.')) {
            if key != other {
                break;
            }
            same += key.len();
        }
        same
    };
    paths.fold(first.len(), shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_common_ends_with_a_key() {
        let check = |paths: &[&str], expected: usize| {
            assert_eq!(common(paths.iter().copied()), expected, "{paths:?}");
        };
        check(&["model.teacher."], 14);
        check(&["model.teacher.", "model.student."], 6);
        check(&["model.teacher.", "model."], 6);
        check(&["model.", "models."], 0);
        check(&["model.", ""], 0);
        check(&[], 0);
    }
}
