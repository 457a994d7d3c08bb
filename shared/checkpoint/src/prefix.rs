//! Under which prefix the wanted names of a checkpoint are.
//!
//! Training wraps models: `state_dict.`, `module.`, `_orig_mod.`, `model.backbone.`,
//! `student.`, in any order and number. The wanted names themselves tell how much stands before them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{CheckpointError, StoredTensor};

/// Models that one training keeps beside another; the first is the one that is released.
const PREFERRED: &str = "teacher";
/// The other one.
const AVOIDED: &str = "student";
/// A word in the name of an average of the weights over a training: `ema`, `model_ema`, `ema_state_dict`.
const AVERAGE: &str = "ema";

/// A prefix under which everything wanted is that is anywhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Best<'a> {
    /// Ends in a full stop unless empty.
    pub(crate) prefix: &'a str,
    /// Prefixes under which there is as much, of other values.
    pub(crate) passed_over: Vec<&'a str>,
}

/// Two prefixes between which nothing decides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous<'a>([&'a str; 2]);

/// A prefix that is looked at.
struct Candidate<'a, S> {
    prefix: &'a str,
    score: S,
    rank: Rank,
    /// Tells the same tensor under two names from another.
    place: (usize, u64),
}

/// The teacher's weights come before others, weights as trained before their average, and the student's last.
type Rank = (bool, bool, bool);

/// The prefix of the highest score under which `anchor` stands; `None` where `score` counts no prefix.
///
/// The rank decides between several of that score. The shortest is taken where they name the same tensors.
///
/// # Errors
/// When neither decides.
pub(crate) fn best<'a, S: Ord>(
    tensors: &'a BTreeMap<String, StoredTensor>,
    anchor: &str,
    score: impl Fn(&str) -> Option<S>,
) -> Result<Option<Best<'a>>, Ambiguous<'a>> {
    let mut candidates: Vec<Candidate<'a, S>> = tensors
        .iter()
        .filter_map(|(key, tensor)| candidate(key, tensor, anchor, &score))
        .collect();
    let by_name = |it: &Candidate<'a, S>| (it.prefix.len(), it.prefix);
    candidates.sort_by(|a, b| {
        let better = (&b.score, b.rank).cmp(&(&a.score, a.rank));
        better.then_with(|| by_name(a).cmp(&by_name(b)))
    });
    let Some((best, others)) = candidates.split_first() else {
        return Ok(None);
    };
    let equal = others
        .iter()
        .filter(|other| other.score == best.score && other.place != best.place);
    match equal.clone().find(|other| other.rank == best.rank) {
        Some(rival) => Err(Ambiguous([best.prefix, rival.prefix])),
        None => Ok(Some(Best {
            prefix: best.prefix,
            passed_over: equal.map(|other| other.prefix).collect(),
        })),
    }
}

fn candidate<'a, S>(
    key: &'a str,
    tensor: &StoredTensor,
    anchor: &str,
    score: impl Fn(&str) -> Option<S>,
) -> Option<Candidate<'a, S>> {
    let prefix = key.strip_suffix(anchor)?;
    let is_whole = prefix.is_empty() || prefix.ends_with('.');
    is_whole.then_some(())?;
    Some(Candidate {
        prefix,
        score: score(prefix)?,
        rank: rank(prefix),
        place: (tensor.file, tensor.offset),
    })
}

fn rank(prefix: &str) -> Rank {
    let part = |wanted: &str| prefix.split('.').any(|part| part.starts_with(wanted));
    let mut words = prefix.split(['.', '_', '-']);
    let is_average = words.any(|word| word.eq_ignore_ascii_case(AVERAGE));
    (part(PREFERRED), !part(AVOIDED), !is_average)
}

impl Best<'_> {
    /// Says which of several models in a file was taken.
    pub(crate) fn tell(&self, path: &Path) {
        if let [other, ..] = self.passed_over.as_slice() {
            let (path, prefix) = (path.display(), shown(self.prefix));
            let other = shown(other);
            tracing::warn!("{path}: took the weights {prefix}, not those {other}");
        }
    }
}

impl<'a> Ambiguous<'a> {
    /// The first of the two.
    pub(crate) const fn first(&self) -> &'a str {
        self.0[0]
    }

    pub(crate) fn at(&self, path: &Path) -> CheckpointError {
        let Self([one, other]) = self;
        CheckpointError::Ambiguous {
            path: path.to_owned(),
            one: shown(one),
            other: shown(other),
        }
    }
}

/// A prefix in a sentence.
fn shown(prefix: &str) -> String {
    match prefix.strip_suffix('.') {
        Some(keys) => format!("under '{keys}'"),
        None => "at the top".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Layout;

    fn tensor(offset: u64) -> StoredTensor {
        StoredTensor {
            file: 0,
            dtype: safetensors::Dtype::F32,
            shape: vec![1],
            offset,
            layout: Layout::Contiguous,
        }
    }

    /// Keys of different tensors.
    fn stored(keys: &[&str]) -> BTreeMap<String, StoredTensor> {
        let keys = keys.iter().zip(0..);
        keys.map(|(key, offset)| ((*key).to_owned(), tensor(offset)))
            .collect()
    }

    /// The prefix and those passed over, or the two that nothing decides between.
    fn found(
        tensors: &BTreeMap<String, StoredTensor>,
        anchor: &str,
    ) -> Result<Vec<String>, Vec<String>> {
        let count = |prefix: &str| tensors.keys().filter(|key| key.starts_with(prefix)).count();
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        match best(tensors, anchor, |prefix| Some(count(prefix).min(2))) {
            Ok(None) => Ok(Vec::new()),
            Ok(Some(best)) => Ok(owned(&[&[best.prefix], &best.passed_over[..]].concat())),
            Err(Ambiguous(both)) => Err(owned(&both)),
        }
    }

    fn check(keys: &[&str], anchor: &str, expected: &[&str]) {
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(found(&stored(keys), anchor), Ok(expected), "{keys:?}");
    }

    #[test]
    fn wrappers_of_any_depth_are_found() {
        check(&["a.weight", "a.bias"], "a.weight", &[""]);
        let compiled = ["module._orig_mod.a.weight", "module._orig_mod.a.bias"];
        check(&compiled, "a.weight", &["module._orig_mod."]);
        check(&["aa.weight"], "a.weight", &[]);
        check(
            &["loss", "state_dict.a.b", "state_dict.c"],
            "a.b",
            &["state_dict."],
        );
    }

    #[test]
    fn the_teacher_comes_before_its_student_unless_it_lacks_what_is_wanted() {
        let both = ["student.a", "student.b", "teacher.a", "teacher.b"];
        check(&both, "a", &["teacher.", "student."]);
        check(&["student.a", "student.b", "teacher.a"], "a", &["student."]);
        check(
            &["ema.a", "ema.b", "student.a", "student.b"],
            "a",
            &["ema.", "student."],
        );
    }

    #[test]
    fn weights_as_trained_come_before_their_average() {
        for (trained, average) in [
            ("model", "ema"),
            ("model", "model_ema"),
            ("state_dict", "state_dict_ema"),
            ("state_dict", "ema_state_dict"),
            ("network", "EMA.module"),
        ] {
            let names =
                [average, trained].map(|model| ["a", "b"].map(|key| format!("{model}.{key}")));
            let keys: Vec<&str> = names.as_flattened().iter().map(String::as_str).collect();
            let (trained, average) = (format!("{trained}."), format!("{average}."));
            check(&keys, "a", &[&trained, &average]);
        }
        // No average is in its name.
        check(&["schema.a", "schema.b"], "a", &["schema."]);
    }

    #[test]
    fn nothing_decides_between_two_networks_of_one_kind() {
        let keys = ["first.a", "first.b", "second.a", "second.b"];
        let both = ["first.", "second."].map(str::to_owned).to_vec();
        assert_eq!(found(&stored(&keys), "a"), Err(both));
        // Two names of one tensor are one network.
        let twice = [
            "backbone.a",
            "backbone.b",
            "model.backbone.a",
            "model.backbone.b",
        ];
        let mut tensors = stored(&twice);
        tensors.insert("model.backbone.a".to_owned(), tensor(0));
        assert_eq!(found(&tensors, "a"), Ok(vec!["backbone.".to_owned()]));
    }
}
