//! The identity of a benchmark set: every input that its rows depend on.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use splitsim_codec::{CodecId, FeatureCodec};
use splitsim_feature::Task;

use super::Keep;

/// Everything that the rows of a set depend on, but for the pictures themselves, of which it has the name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Version of the columns.
    pub(crate) format: u32,
    /// This program's version.
    pub(crate) software: String,
    /// The model's name.
    pub(crate) model: String,
    /// Digest of its package.
    pub(crate) model_digest: String,
    /// Element type of the backbone's products.
    pub(crate) compute: String,
    /// The source of the pictures, as on the command line.
    pub(crate) source: String,
    /// The tasks.
    pub(crate) tasks: Vec<Task>,
    /// The codecs, each with every task.
    pub(crate) codecs: Vec<CodecIdentity>,
    /// The transform from feature values to symbols, in words.
    pub(crate) symbols: String,
    /// The metrics of the columns of scores, in their order.
    pub(crate) metrics: Vec<String>,
    /// The labelled features that DIS compares with.
    pub(crate) bank: Option<BankIdentity>,
    /// The files that are kept beside the rows.
    pub(crate) keep: Vec<Keep>,
}

/// A codec as it codes the features of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CodecIdentity {
    /// The codec.
    pub(crate) codec: CodecId,
    /// The task.
    pub(crate) task: Task,
    /// Digest of what the decoder needs besides the container.
    pub(crate) tables: String,
    /// The parameter of every level, cheapest first.
    pub(crate) ladder: Vec<f64>,
}

/// The bank of labelled features behind the scores `dis` and `combined`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BankIdentity {
    /// The source of the bank's pictures, as on the command line.
    pub(crate) source: String,
    /// The margin α.
    pub(crate) margin: f64,
}

/// One of several parts that a set is built in, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Shard {
    index: usize,
    of: usize,
}

impl Identity {
    /// Version of the columns and of how parts are addressed.
    pub(crate) const FORMAT: u32 = 1;

    /// Each field that is another in `other`, with both values.
    pub(super) fn differences(&self, other: &Self) -> Result<Vec<String>> {
        let fields = |identity: &Self| -> Result<BTreeMap<String, String>> {
            let value = serde_json::to_value(identity)?;
            let fields = value.as_object().into_iter().flatten();
            Ok(fields
                .map(|(key, value)| (key.clone(), value.to_string()))
                .collect())
        };
        let (ours, theirs) = (fields(self)?, fields(other)?);
        let differing = ours
            .iter()
            .filter(|(key, value)| theirs.get(*key) != Some(*value));
        let described = differing.map(|(key, value)| {
            let theirs = theirs.get(key).map_or("nothing", String::as_str);
            format!("{key} is {theirs}, not {value}")
        });
        Ok(described.collect())
    }
}

impl CodecIdentity {
    pub(super) fn of(codec: &dyn FeatureCodec, task: Task) -> Self {
        let rungs = codec.ladder().rungs().iter();
        Self {
            codec: codec.id(),
            task,
            tables: codec.tables_digest().to_string(),
            ladder: rungs.map(|rung| rung.parameter).collect(),
        }
    }
}

impl Shard {
    /// The whole set.
    pub(crate) const WHOLE: Self = Self { index: 1, of: 1 };

    /// The number of shards in the set.
    pub(crate) const fn of(self) -> usize {
        self.of
    }

    /// `true` if the feature at index `place` of the set belongs to this shard.
    pub(super) const fn has(self, place: usize) -> bool {
        place % self.of == self.index - 1
    }

    /// All shards of a set that is built in `of` of them.
    pub(super) fn all(of: usize) -> impl Iterator<Item = Self> {
        (1..=of).map(move |index| Self { index, of })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shard = text.split_once('/').and_then(|(index, of)| {
            let (index, of) = (index.parse().ok()?, of.parse().ok()?);
            (1 <= index && index <= of).then_some(Self { index, of })
        });
        shard.ok_or_else(|| format!("'{text}' is no shard, expected i/n such as 1/4"))
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_is_of_one_shard() {
        for place in 0..20 {
            let owners = Shard::all(3).filter(|shard| shard.has(place)).count();
            assert_eq!(owners, 1, "{place}");
        }
        assert!((0..20).all(|place| Shard::WHOLE.has(place)));
    }

    #[test]
    fn shards_are_counted_from_1() {
        assert_eq!(
            "2/4".parse::<Shard>().map(|s| s.to_string()),
            Ok("2/4".to_owned())
        );
        for wrong in ["0/4", "5/4", "1", "a/b", "1/0", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
