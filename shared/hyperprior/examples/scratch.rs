use std::path::{Path, PathBuf};
use splitsim_codec::picture::{fit, Assignment, Codebook, PictureStage, Tables};
use splitsim_codec::quantise::BitDepth;
use splitsim_codec::{CodecId, CodecOptions, Transform};
use splitsim_feature::{npy, Task};
use splitsim_hyperprior::train::{self, Progress, TrainConfig, TrainingPicture, TrainingSet};
use splitsim_hyperprior::{install, Precision, TrainedLevel};
use splitsim_model::{Digest, Package};
use splitsim_source::{Source, SourceSpec};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

fn feature_path(root: &Path, package: &Package, source: &str, task: Task, index: usize) -> PathBuf {
    let bytes = std::fs::read(package.backbone_path()).unwrap();
    let mut name = Digest::of(&bytes).to_string();
    name.truncate(16);
    let safe: String = source.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    root.join(name).join(safe).join(task.name()).join(format!("{index:06}.npy"))
}

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let package = Package::find(&a[2]).unwrap();
    let source = a[3].clone();
    let features = PathBuf::from(&a[4]);
    let count = Source::open(&source.parse::<SourceSpec>().unwrap()).unwrap().count();
    match a[1].as_str() {
        "extract" => {
            let src = Source::open(&source.parse::<SourceSpec>().unwrap()).unwrap();
            let options = EngineOptions { parts: Parts::Backbone, compute: Compute::F32, threads: None };
            let engine = Engine::load(&package, &Task::ALL, options).unwrap();
            for task in Task::ALL {
                for index in 0..count {
                    let path = feature_path(&features, &package, &source, task, index);
                    if path.exists() { continue; }
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    let item = src.item(index, task).unwrap();
                    let f = engine.extract(task, item.picture).unwrap().feature;
                    let partial = path.with_extension("partial");
                    npy::write(&partial, &f).unwrap();
                    std::fs::rename(&partial, &path).unwrap();
                }
                println!("{task} done");
            }
        }
        "codebook" => {
            let mut manifest = package.manifest().clone();
            for task in Task::ALL {
                let fs: Vec<_> = (0..10).map(|i| npy::read(&feature_path(&features, &package, &source, task, i)).unwrap()).collect();
                let layers = fs[0].shape().layers();
                let lists: Vec<Vec<f32>> = (0..layers).map(|layer| {
                    let values: Vec<f32> = fs.iter().flat_map(|f| {
                        let v = f.view();
                        v.index_axis(ndarray::Axis(1), layer).iter().copied().collect::<Vec<_>>()
                    }).collect();
                    let fitted = fit(&values, BitDepth::new(8).unwrap()).unwrap();
                    println!("{task} layer {layer}: mse {:.3e}, rounds {}", fitted.mse, fitted.rounds);
                    fitted.centres
                }).collect();
                let bytes = Codebook::new(&lists).unwrap().to_bytes().unwrap();
                let digest = Digest::of(&bytes).to_string();
                let name = format!("codecs/codebook-{task}-{}.safetensors", &digest[..32]);
                std::fs::create_dir_all(package.root().join("codecs")).unwrap();
                std::fs::write(package.root().join(&name), bytes).unwrap();
                manifest.tasks.common_mut(task).unwrap().tables.insert("codebook".into(), vec![name]);
            }
            manifest.write(package.root()).unwrap();
        }
        "train" => {
            let config: TrainConfig = toml::from_str(&std::fs::read_to_string(&a[5]).unwrap()).unwrap();
            let work = PathBuf::from(&a[6]);
            let validation: usize = a[7].parse().unwrap();
            let (codec, tasks) = match a[8].as_str() {
                "all" => (CodecId::Hyperprior, Task::ALL.to_vec()),
                t => (CodecId::HyperpriorTask, vec![t.parse().unwrap()]),
            };
            let start = a.get(9).map(PathBuf::from);
            let mut set = TrainingSet::default();
            for &task in &tasks {
                let options = CodecOptions { transform: Transform::Codebook(Assignment::Nearest), ..CodecOptions::default() };
                let stage = PictureStage::new(Tables::of(&package, task).unwrap(), &options).unwrap();
                for index in 0..count {
                    let f = npy::read(&feature_path(&features, &package, &source, task, index)).unwrap();
                    let p = stage.forward(&f).unwrap();
                    let p = TrainingPicture { task, symbols: p.symbols, bits: p.depth.bits() };
                    if index < count - validation { set.training.push(p) } else { set.validation.push(p) }
                }
            }
            std::fs::create_dir_all(&work).unwrap();
            let mut log = std::fs::File::options().create(true).append(true).open(work.join("training.jsonl")).unwrap();
            let t0 = std::time::Instant::now();
            let trained = train::run(&config, &set, &work, start.as_deref(), &mut |p: &Progress| {
                use std::io::Write;
                let mut e = serde_json::to_value(p).unwrap();
                e.as_object_mut().unwrap().insert("elapsed_s".into(), t0.elapsed().as_secs_f64().into());
                writeln!(log, "{e}").unwrap();
            }).unwrap();
            let levels: Vec<_> = trained.into_iter().zip(&config.lambdas).map(|(parameters, &lambda)| TrainedLevel { lambda, parameters }).collect();
            println!("{:?}", install(&package, codec, &tasks, &levels, Precision::Half).unwrap());
        }
        _ => panic!(),
    }
}
