use std::time::Instant;

use bytes::Bytes;
use splitsim_codec::container::{Header, Ranges, SymbolDigest};
use splitsim_codec::picture::{Assignment, FeaturePicture, PictureStage, Tables};
use splitsim_codec::picture_codec::Setup;
use splitsim_codec::{
    CodecError, CodecId, CodecOptions, Container, Encoded, FeatureCodec, Ladder, Level, Operation,
    Rung, Transform,
};
use splitsim_feature::packing::picture_extent;
use splitsim_feature::{Feature, FeatureShape, Task};
use splitsim_latent::gaussian::GaussianTables;
use splitsim_latent::{LatentExtent, Latents};
use splitsim_model::{Digest, Package};

use crate::{HyperpriorError, HyperpriorLevel};

/// The hyperprior codec of one model and task.
///
/// feature → picture of codebook indexes → latents → range-coded payload. A level's λ is its
/// parameter. The container's digest is that of the decoded latents, which are the same on every
/// machine; the reconstruction is what `g_s` makes of them in `f32`, rounded to indexes.
#[derive(Debug)]
pub struct Hyperprior {
    id: CodecId,
    stage: PictureStage,
    ladder: Ladder,
    /// One per rung of the ladder.
    levels: Vec<HyperpriorLevel>,
    digest: Digest,
}

/// Opens a codec for a model package's task: one of this crate's, or one that needs no libtorch.
///
/// # Errors
/// When the package does not have the task, the codec's ladder, weights or codebook, or the codec's
/// program is missing or lacks an ability.
pub fn open(
    id: CodecId,
    package: &Package,
    task: Task,
    options: &CodecOptions,
) -> Result<Box<dyn FeatureCodec>, CodecError> {
    if id.is_learned() {
        Ok(Box::new(Hyperprior::open(id, package, task, options)?))
    } else {
        splitsim_codec::open(id, package, task, options)
    }
}

impl Hyperprior {
    /// Opens the codec `hyperprior` or `hyperprior-task` of a package, whose manifest lists a λ and a
    /// file of weights per level under that name, cheapest first.
    ///
    /// # Errors
    /// When the package lacks the task, the ladder, a level's file or the codebook.
    pub fn open(
        id: CodecId,
        package: &Package,
        task: Task,
        options: &CodecOptions,
    ) -> Result<Self, CodecError> {
        let lambdas = Setup::ladder_of(package, task, id)?;
        let paths = package.table_paths(task, id.name())?;
        let failed =
            |error: HyperpriorError| CodecError::learned(id, Operation::Open, error.fault(), error);
        if paths.len() != lambdas.len() {
            return Err(failed(HyperpriorError::File {
                path: package.root().join(Package::MANIFEST),
                reason: format!(
                    "tasks.{task}: {} λ in ladders.{id} and {} files in tables.{id}",
                    lambdas.len(),
                    paths.len()
                ),
            }));
        }
        let levels = paths.iter().map(|path| HyperpriorLevel::open(path));
        let levels = levels.collect::<Result<_, _>>().map_err(failed)?;
        let options = CodecOptions {
            transform: match options.transform {
                Transform::Linear => Transform::Codebook(Assignment::Nearest),
                codebook @ Transform::Codebook(_) => codebook,
            },
            ..options.clone()
        };
        let stage = PictureStage::new(Tables::of(package, task)?, &options)?;
        let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()).collect();
        Ok(Self {
            id,
            digest: digest(&stage, id, &names),
            stage,
            ladder: ladder(&lambdas).map_err(|source| CodecError::Ladder {
                model: package.manifest().name.clone(),
                task,
                codec: id,
                source,
            })?,
            levels,
        })
    }

    fn level(&self, level: Level) -> Result<&HyperpriorLevel, CodecError> {
        let level = self.ladder.level(level.index())?;
        Ok(&self.levels[level.index()])
    }

    /// The feature of latents, and their digest.
    fn reconstruct(
        &self,
        level: &HyperpriorLevel,
        latents: &Latents,
        ranges: &Ranges,
        shape: FeatureShape,
    ) -> Result<Feature, CodecError> {
        let depth = self.stage.depth();
        let picture = level
            .synthesise(latents, picture_extent(shape), depth.bits())
            .map_err(self.failed(Operation::Decode))?;
        self.stage.inverse(picture.view(), ranges, depth, shape)
    }

    fn decode_latents(
        &self,
        level: &HyperpriorLevel,
        payload: &[u8],
        shape: FeatureShape,
    ) -> Result<Latents, CodecError> {
        let (rows, columns) = picture_extent(shape);
        let extent = LatentExtent::of_picture(rows, columns);
        let latents = level.latent().decode(payload, extent);
        latents.map_err(|error| self.failed(Operation::Decode)(error.into()))
    }

    fn failed(&self, operation: Operation) -> impl Fn(HyperpriorError) -> CodecError + use<> {
        let id = self.id;
        move |error| CodecError::learned(id, operation, error.fault(), error)
    }
}

impl FeatureCodec for Hyperprior {
    fn id(&self) -> CodecId {
        self.id
    }

    fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    fn tables_digest(&self) -> Digest {
        self.digest
    }

    fn encode_and_decode(&self, feature: &Feature, level: Level) -> Result<Encoded, CodecError> {
        let start = Instant::now();
        let (network, shape) = (self.level(level)?, feature.shape());
        let FeaturePicture {
            symbols,
            depth,
            ranges,
            clamped_points,
        } = self.stage.forward(feature)?;
        let failed = self.failed(Operation::Encode);
        let coded = network
            .analyse(symbols.view(), depth.bits())
            .map_err(&failed)?;
        let payload = network
            .latent()
            .encode(&coded)
            .map_err(|e| failed(e.into()))?;
        let encoded = Instant::now();
        let latents = self.decode_latents(network, &payload, shape)?;
        let reconstruction = self.reconstruct(network, &latents, &ranges, shape)?;
        let decode = encoded.elapsed();
        let symbols = SymbolDigest(latents.digest());
        check_digest(SymbolDigest(coded.digest()), symbols)?;
        let header = Header {
            codec: self.id,
            task: self.stage.tables().task,
            level,
            shape,
            depth,
            ranges,
            symbols,
        };
        Ok(Encoded {
            container: Container::new(header, Bytes::from(payload))?,
            reconstruction,
            clamped_points,
            encode: encoded - start,
            decode,
        })
    }

    fn decode(&self, container: &Container) -> Result<Feature, CodecError> {
        let header = container.header();
        self.stage.check(header, self.id)?;
        let level = self.level(header.level)?;
        let latents = self.decode_latents(level, container.payload(), header.shape)?;
        check_digest(header.symbols, SymbolDigest(latents.digest()))?;
        self.reconstruct(level, &latents, &header.ranges, header.shape)
    }
}

fn check_digest(expected: SymbolDigest, actual: SymbolDigest) -> Result<(), CodecError> {
    if expected == actual {
        return Ok(());
    }
    Err(CodecError::SymbolsDiffer { expected, actual })
}

/// λ ascending: cheapest first.
fn ladder(lambdas: &[f64]) -> Result<Ladder, splitsim_codec::LadderError> {
    let rung = |&lambda: &f64| Rung {
        parameter: lambda,
        label: format!("lambda {lambda}"),
    };
    Ladder::new(lambdas.iter().map(rung).collect())
}

/// Level files are named by their digests, so their names stand for what they hold.
fn digest(stage: &PictureStage, id: CodecId, names: &[&std::ffi::OsStr]) -> Digest {
    let mut bytes = stage.tables().digest().bytes().to_vec();
    bytes.extend(id.name().as_bytes());
    bytes.extend(Digest::of(&GaussianTables::embedded().to_bytes()).bytes());
    for name in names {
        bytes.extend(name.as_encoded_bytes());
        bytes.push(0);
    }
    Digest::of(&bytes)
}
