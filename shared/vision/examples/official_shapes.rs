//! Random weights in the shapes of the released DINOv2 models: written as `torch.save` does, imported,
//! loaded and run on all three tasks, with the shapes of features and results checked.
//!
//! `cargo run --release -p splitsim-vision --example official_shapes -- [--work DIR] [MODEL…]`
//!
//! All eight models unless some are named. ViT-g needs 10 GB of disk in `--work`, which are freed
//! again. Every step runs in a process of its own, so that its peak memory is its own.

#![allow(
    clippy::print_stdout,
    reason = "a program for people: the table goes to stdout"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use splitsim_checkpoint::synthetic::{self, write_pth};
use splitsim_checkpoint::{Checkpoint, Choices, Import, Sources, Template};
use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_source::{ImageExtent, Picture};
use splitsim_truth::HeadOutput;
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The backbone's and the heads' files.
const FILES: [&str; 4] = ["backbone.pth", "cls.pth", "seg.pth", "dpt.pth"];

fn main() -> Outcome<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let work = match arguments.iter().position(|argument| argument == "--work") {
        Some(at) => {
            let work = arguments.get(at + 1).ok_or("--work needs a folder")?.into();
            arguments.drain(at..=at + 1);
            work
        }
        None => PathBuf::from("target/official-shapes"),
    };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["step", step, model] => {
            println!("{}", run_step(step, model, &work)?);
            Ok(())
        }
        ref models => table(models, &work),
    }
}

/// A line per step of every model.
fn table(models: &[&str], work: &Path) -> Outcome<()> {
    let shipped: Vec<String> = Template::shipped()
        .into_iter()
        .map(|template| template.name)
        .collect();
    let models: Vec<&str> = match models {
        [] => shipped.iter().map(String::as_str).collect(),
        named => named.to_vec(),
    };
    println!(
        "{:<18} {:<7} {:>8} {:>9}  what",
        "model", "step", "seconds", "peak MiB"
    );
    for model in models {
        for step in ["write", "import", "f32", "bf16"] {
            let result = child(step, model, work)?;
            println!(
                "{model:<18} {step:<7} {:>8.2} {:>9}  {}",
                result["seconds"].as_f64().unwrap_or(f64::NAN),
                result["peak_mib"],
                result["what"].as_str().unwrap_or_default(),
            );
        }
        std::fs::remove_dir_all(work.join(model))?;
    }
    Ok(())
}

fn child(step: &str, model: &str, work: &Path) -> Outcome<Value> {
    let output = Command::new(std::env::current_exe()?)
        .args(["step", step, model, "--work"])
        .arg(work)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{model}: {step} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn run_step(step: &str, model: &str, work: &Path) -> Outcome<Value> {
    let template = Template::find(model)?;
    let folder = work.join(model);
    std::fs::create_dir_all(&folder)?;
    let start = Instant::now();
    let what = match step {
        "write" => write(&template, &folder)?,
        "import" => import(&template, &folder)?,
        "f32" => run(&template, &folder, Compute::F32)?,
        "bf16" => run(&template, &folder, Compute::Bf16)?,
        other => return Err(format!("no step '{other}'").into()),
    };
    Ok(json!({
        "what": what,
        "seconds": start.elapsed().as_secs_f64(),
        "peak_mib": peak_mib()?,
    }))
}

/// The released files of a model, with random weights: linear classifier, VOC2012, NYU linear-4.
fn write(template: &Template, folder: &Path) -> Outcome<String> {
    let [backbone, cls, seg, dpt] = FILES.map(|file| folder.join(file));
    let architecture = &template.architecture;
    let shapes = synthetic::backbone(architecture);
    write_pth(&backbone, &shapes, synthetic::Wrapping::Bare, 1)?;
    let layers = template.dpt.taps.len();
    for (path, task, layers, outputs) in [
        (cls, Task::Cls, 1, 1000),
        (seg, Task::Seg, 1, 21),
        (dpt, Task::Dpt, layers, 256),
    ] {
        let (shapes, wrapping) = synthetic::head(task, architecture.embed_dim, layers, outputs);
        write_pth(&path, &shapes, wrapping, 2)?;
    }
    let megabytes = std::fs::metadata(&backbone)?.len() / 1_000_000;
    Ok(format!("backbone.pth of {megabytes} MB"))
}

fn import(template: &Template, folder: &Path) -> Outcome<String> {
    let [backbone, cls, seg, dpt] = FILES.map(|file| Checkpoint::open(&folder.join(file)));
    let sources = Sources {
        backbone: backbone?,
        cls_head: Some(cls?),
        seg_head: Some(seg?),
        dpt_head: Some(dpt?),
    };
    let plan = Import::plan(template, &sources, &Choices::default())?;
    let package = plan.write(&folder.join("package"), &mut |_| ())?.package;
    let digest: String = package.digest().to_string().chars().take(16).collect();
    Ok(format!("digest {digest}…"))
}

/// Loads the package and runs a VOC photo's size, an NYU picture's and a crop through all of it.
fn run(template: &Template, folder: &Path, compute: Compute) -> Outcome<String> {
    let package = Package::open(&folder.join("package"))?;
    let start = Instant::now();
    let options = EngineOptions {
        parts: Parts::All,
        compute,
        threads: None,
    };
    let engine = Engine::load(&package, &Task::ALL, options)?;
    let mut what = vec![format!("load {:.2} s", start.elapsed().as_secs_f64())];
    let dim = template.architecture.embed_dim;
    let registers = template.architecture.registers;
    for (task, (width, height), [views, layers, tokens]) in [
        (Task::Cls, (500, 375), [1, 1, 257]),
        (Task::Seg, (500, 375), [2, 1, 1370]),
        (Task::Dpt, (640, 480), [2, 4, 1611]),
    ] {
        let picture = picture(width, height).ok_or("no picture")?;
        let extraction = engine.extract(task, picture)?;
        let shape = extraction.feature.shape().dims();
        let expected = [views, layers, tokens + registers, dim];
        if shape != expected {
            return Err(format!("{task}: a feature of {shape:?}, expected {expected:?}").into());
        }
        if extraction
            .feature
            .values()
            .iter()
            .any(|value| !value.is_finite())
        {
            return Err(format!("{task}: values that are not finite").into());
        }
        let extent = ImageExtent::new(width, height).ok_or("no extent")?;
        let output = engine.run_head(task, &extraction.feature, extent)?;
        check_output(&output, (height, width))?;
        what.push(format!("{task} {shape:?} {}", seconds(extraction.forward)));
    }
    Ok(what.join(", "))
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// 1000 logits; 21 classes and a mask of the picture's size; depths of the picture's size.
fn check_output(output: &HeadOutput, extent: (usize, usize)) -> Outcome<()> {
    let fits = match output {
        HeadOutput::Cls(logits) => logits.values().len() == 1000,
        HeadOutput::Seg(prediction) => {
            prediction.classes().get() == 21 && prediction.mask().view().dim() == extent
        }
        HeadOutput::Dpt(depth) => depth.view().dim() == extent,
    };
    match fits {
        true => Ok(()),
        false => Err("a head's result has another shape than its picture".into()),
    }
}

/// A colour gradient.
fn picture(width: usize, height: usize) -> Option<Picture> {
    let pixel = |x: usize, y: usize| {
        let share = |at: usize, of: usize| u8::try_from(255 * at / of).unwrap_or(u8::MAX);
        [
            share(x, width),
            share(y, height),
            share(x + y, width + height),
        ]
    };
    let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let samples = rows.flat_map(|(x, y)| pixel(x, y)).collect();
    Picture::from_rgb(ImageExtent::new(width, height)?, samples)
}

/// The most memory that this process has held, mapped files included (Linux).
fn peak_mib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kibibytes: u64 = kibibytes
        .ok_or("no VmHWM in /proc/self/status")?
        .trim()
        .parse()?;
    Ok(kibibytes / 1024)
}
