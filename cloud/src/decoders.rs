use std::collections::BTreeMap;

use splitsim_codec::{CodecId, CodecOptions, FeatureCodec};
use splitsim_feature::Task;
use splitsim_hyperprior::open;
use splitsim_model::Package;
use splitsim_proto::{CodecTables, Digest, Name};

use crate::CloudError;

/// Every codec that the package has a ladder for, opened for every task served.
pub(crate) struct Decoders {
    codecs: BTreeMap<(Task, CodecId), Box<dyn FeatureCodec>>,
}

impl Decoders {
    pub(crate) fn open(
        package: &Package,
        tasks: &[Task],
        options: &CodecOptions,
    ) -> Result<Self, CloudError> {
        let options = &options.clone().decoding();
        let mut codecs = BTreeMap::new();
        for &task in tasks {
            let ladders = &package.task(task)?.common().ladders;
            let with_ladder = |id: &CodecId| ladders.contains_key(id.name());
            for id in CodecId::ALL.into_iter().filter(with_ladder) {
                codecs.insert((task, id), open(id, package, task, options)?);
            }
        }
        if codecs.is_empty() {
            return Err(CloudError::NoCodec {
                model: package.manifest().name.clone(),
            });
        }
        Ok(Self { codecs })
    }

    /// The decoder of a codec, by the name that edges use.
    pub(crate) fn get(&self, codec: &Name, task: Task) -> Option<&dyn FeatureCodec> {
        let id = codec.as_str().parse().ok()?;
        self.codecs.get(&(task, id)).map(Box::as_ref)
    }

    /// Returns the codec tables that are offered to edges.
    pub(crate) fn offers(&self) -> Result<Vec<CodecTables>, CloudError> {
        self.codecs
            .iter()
            .map(|(&(task, id), codec)| {
                Ok(CodecTables {
                    name: name("codec", id.name())?,
                    task,
                    tables_digest: Digest::new(*codec.tables_digest().bytes()),
                })
            })
            .collect()
    }
}

/// Converts one of the cloud's names to the form sent to edges.
pub(crate) fn name(what: &'static str, text: &str) -> Result<Name, CloudError> {
    Name::new(text).map_err(|error| CloudError::Name {
        what,
        name: text.to_owned(),
        reason: error.to_string(),
    })
}
