//! Our processes: a loaded engine that answers requests, and one without a model that measures products.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use ndarray::ArrayD;
use serde_json::{Value, json};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_vision::{Engine, EngineOptions, Parts};

use crate::{Dtype, Outcome, profile};

const SIDE: usize = 224;

pub(crate) fn serve(package: &Path, dtype: Dtype) -> Outcome<()> {
    let start = Instant::now();
    let package = Package::open(package)?;
    let opened = start.elapsed();
    let options = EngineOptions {
        parts: Parts::Backbone,
        compute: dtype.compute(),
        threads: None,
    };
    let engine = Engine::load(&package, &[Task::Cls], options)?;
    let loaded = start.elapsed();
    say(&json!({
        "load_s": (loaded - opened).as_secs_f64(),
        "digest_s": opened.as_secs_f64(),
        "threads": tch::get_num_threads(),
    }))?;
    for line in std::io::stdin().lines() {
        let line = line?;
        let (request, argument) = line.split_once(' ').unwrap_or((&line, ""));
        say(&answer(&engine, request, argument)?)?;
    }
    Ok(())
}

/// Measures what a pass is made of. In the model's process a second thread with products of its own would
/// make OpenMP's threads wait less eagerly, in all passes that follow.
pub(crate) fn measure(package: &Path, dtype: Dtype) -> Outcome<()> {
    let package = Package::open(package)?;
    say(&json!({}))?;
    for line in std::io::stdin().lines() {
        say(&match line?.as_str() {
            "product" => json!({ "gflops": profile::product_gflops(dtype.kind())? }),
            "profile" => {
                let architecture = &package.manifest().architecture;
                json!({ "parts": profile::parts(architecture, dtype.kind())? })
            }
            other => return Err(format!("no request '{other}'").into()),
        })?;
    }
    Ok(())
}

fn say(answer: &Value) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}")?;
    Ok(out.flush()?)
}

fn answer(engine: &Engine, request: &str, argument: &str) -> Outcome<Value> {
    Ok(match request {
        "run" => {
            let picture = picture()?;
            let (start, busy) = (Instant::now(), cpu_seconds()?);
            engine.extract_tensor(Task::Cls, picture)?;
            let seconds = start.elapsed().as_secs_f64();
            json!({ "seconds": seconds, "cpu_s": cpu_seconds()? - busy })
        }
        "feature" => {
            let feature = engine.extract_tensor(Task::Cls, picture()?)?.feature;
            let values = feature.values().iter();
            let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
            std::fs::write(argument, bytes)?;
            json!({})
        }
        "peak" => json!({ "peak_mib": peak_mib()? }),
        other => return Err(format!("no request '{other}'").into()),
    })
}

/// The same values as on PyTorch's side, `[1, 3, 224, 224]`.
fn picture() -> Outcome<ArrayD<f32>> {
    let value = |index: u64| (index * 2_654_435_761 % 8191) as f32 / 4096.0 - 1.0;
    let values = (0..(3 * SIDE * SIDE) as u64).map(value).collect();
    Ok(ArrayD::from_shape_vec(vec![1, 3, SIDE, SIDE], values)?)
}

/// CPU time of all threads of this process since its start, in seconds (Linux).
fn cpu_seconds() -> Outcome<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let running = stat.split(' ').next().ok_or("an empty schedstat")?;
        nanoseconds += running.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}

/// The most memory that this process has held, mapped files included (Linux).
fn peak_mib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kibibytes = kibibytes.ok_or("no VmHWM in /proc/self/status")?;
    Ok(kibibytes.trim().parse::<u64>()? / 1024)
}
