//! Outputs where something is already: results, shipped packages, files of others, pipes and devices.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use image::RgbImage;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use support::Workplace;

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Pictures of these names, in a folder.
fn pictures(folder: &Path, names: &[&str]) {
    fs::create_dir_all(folder).unwrap();
    for (name, grey) in names.iter().zip(1_u8..) {
        let picture = RgbImage::from_pixel(32, 32, image::Rgb([grey; 3]));
        picture.save(folder.join(name)).unwrap();
    }
}

#[test]
fn every_picture_has_a_feature_of_its_own_which_stays() {
    let place = Workplace::new();
    pictures(&place.path("set"), &["frame.0.jpg", "frame.1.jpg"]);
    let labels = "frame.0.jpg 1\nframe.1.jpg 2\n";
    fs::write(place.path("set/labels.txt"), labels).unwrap();
    let extract = "features extract --model model --task cls --source imagenet:set --out f";
    place.splitsim(extract).ok();
    assert_eq!(names(&place.path("f")), ["frame.0.npy", "frame.1.npy"]);

    // Another task into the same folder would have the same names.
    let other = extract.replace("--task cls", "--task dpt");
    let before = fs::read(place.path("f/frame.0.npy")).unwrap();
    place
        .splitsim(&other)
        .failed(2, &["f/frame.0.npy exists", "--out", "--force"]);
    assert_eq!(fs::read(place.path("f/frame.0.npy")).unwrap(), before);
    place.splitsim(&format!("{other} --force")).ok();
    assert_ne!(fs::read(place.path("f/frame.0.npy")).unwrap(), before);

    let rooms = ["room.jpg", "room.png", "hall.png"];
    pictures(&place.path("rooms"), &rooms);
    place
        .splitsim("features extract --model model --task cls --images rooms --out r")
        .ok();
    let expected = ["hall.npy", "room.jpg.npy", "room.png.npy"];
    assert_eq!(names(&place.path("r")), expected);
}

/// Found before anything is read or computed that the command would need.
#[test]
fn every_command_that_changes_a_package_leaves_a_shipped_one_alone() {
    let place = Workplace::new();
    place
        .splitsim("cfqa build --model model --source scenes:3:4 --task cls --out set")
        .ok();
    fs::create_dir(place.path("models")).unwrap();
    splitsim_durable::rename(&place.path("model"), &place.path("models/mine")).unwrap();
    fs::write(place.path("models/SHIPPED"), "mine\n").unwrap();
    let package = place.path("models/mine");
    let (before, manifest) = (
        names(&package),
        fs::read(package.join("model.toml")).unwrap(),
    );
    for command in [
        "codec fit-codebook --task cls --source scenes:6:1 --model mine",
        "codec import --codec hyperprior --level 0.01=none.pth --model mine",
        "codec train --codec hyperprior --source scenes:6:2 --config none --work w --model mine",
        "model calibrate --source scenes:3:4 --model mine",
        "cfqa calibrate set --codec hevc --task cls --metric cosine --tau 1000000 --alpha 0.5 \
         --delta 0.3 --splits 0 --model mine",
    ] {
        let parts = ["models/mine", "comes with splitsim", "--out", "--force"];
        place.splitsim(command).failed(2, &parts);
        assert_eq!(names(&package), before, "{command}");
        assert_eq!(fs::read(package.join("model.toml")).unwrap(), manifest);
    }
}

#[test]
fn rendering_minds_the_scenes_that_are_there_and_no_others() {
    let place = Workplace::new();
    let render = |count: u64, rest: &str| {
        let line = format!("scenes render --seed 4 --size 32 --out s --count {count}{rest}");
        place.splitsim(&line)
    };
    render(2, "").ok();
    for kept in ["000001.txt", "7.png", "notes"] {
        fs::write(place.path("s").join(kept), "").unwrap();
    }
    // Files of no scene that would be rendered are in nobody's way.
    for name in ["000000.png", "000000.mask.png", "000000.depth.png"] {
        fs::remove_file(place.path("s").join(name)).unwrap();
    }
    render(1, "").failed(2, &["s/000000.json exists", "--out", "--force"]);
    fs::remove_file(place.path("s/000000.json")).unwrap();
    render(1, "").ok();
    render(10_000_000, "").failed(2, &["s/000000.depth.png exists"]);
    render(2, " --force").ok();
}

#[test]
fn a_shipped_package_is_changed_in_a_copy_or_by_force() {
    let place = Workplace::new();
    fs::create_dir(place.path("models")).unwrap();
    splitsim_durable::rename(&place.path("model"), &place.path("models/mine")).unwrap();
    fs::write(place.path("models/SHIPPED"), "# a comment\nmine\n").unwrap();
    let manifest = || fs::read_to_string(place.path("models/mine/model.toml")).unwrap();
    let before = manifest();
    let fit = "codec fit-codebook --task cls --source scenes:6:1 --model";
    place.splitsim(&format!("{fit} mine")).failed(
        2,
        &["models/mine", "comes with splitsim", "--out", "--force"],
    );
    place.splitsim(&format!("{fit} mine --dry-run")).ok();
    place.splitsim(&format!("{fit} mine --out own/copy")).ok();
    assert_eq!(manifest(), before);
    let copy = splitsim_model::Package::open(&place.path("own/copy")).unwrap();
    assert_eq!(copy.manifest().name, "copy");
    assert!(
        place
            .path("own/copy/codecs/codebook-cls.safetensors")
            .exists()
    );
    place
        .splitsim(&format!("{fit} mine --out own/copy"))
        .failed(2, &["own/copy/model.toml exists", "--out", "--force"]);
    // A package of one's own is there to be changed.
    place.splitsim(&format!("{fit} own/copy")).ok();
    place.splitsim(&format!("{fit} mine --force")).ok();
    assert_ne!(manifest(), before);
}

#[test]
fn planted_links_are_not_followed() {
    let place = Workplace::new();
    let precious = place.path("precious");
    let plant = |name: &str| {
        fs::write(&precious, "precious").unwrap();
        fs::create_dir_all(place.path(name).parent().unwrap()).unwrap();
        symlink(&precious, place.path(name)).unwrap();
    };
    plant("set/.lock");
    let build = "cfqa build --model model --source scenes:3:1 --task cls --out set";
    place
        .splitsim(build)
        .failed(2, &["set/.lock", "symbolic link"]);
    fs::remove_file(place.path("set/.lock")).unwrap();
    for name in [
        "set/manifest.json",
        "trace.csv",
        "evaluated/cls.jsonl",
        "work/training.jsonl",
    ] {
        plant(name);
    }
    place.splitsim(&format!("{build} --force")).ok();
    place
        .splitsim("link trace --kind steps --seconds 80 --out trace.csv --force")
        .ok();
    assert!(!place.path("trace.csv").is_symlink());
    place
        .splitsim("model eval --model model --source scenes:4:1 --task cls --out evaluated")
        .failed(2, &["evaluated/cls.jsonl", "symbolic link"]);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
}

#[test]
fn what_a_killed_build_left_half_written_goes() {
    let place = Workplace::new();
    fs::create_dir_all(place.path("set/parts")).unwrap();
    for name in [".splitsim-aB3dE9", ".splitsim-0123456789abcdef.partial"] {
        fs::write(place.path("set/parts").join(name), "half").unwrap();
    }
    place
        .splitsim("cfqa build --model model --source scenes:3:1 --task cls --out set")
        .ok();
    let parts = names(&place.path("set/parts"));
    assert!(parts.iter().all(|name| !name.starts_with('.')), "{parts:?}");
}

#[test]
fn streams_are_written_to_and_never_read() {
    let place = Workplace::new();
    let trace = |out: &str| {
        let line = format!("link trace --kind steps --seconds 80 --out {out}");
        let mut command = place.command(&line);
        let output = command.timeout(Duration::from_secs(60)).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{out}: {output:?}");
        output.stdout
    };
    trace("trace.csv");
    let expected = fs::read(place.path("trace.csv")).unwrap();
    // Both have a writer that stays, so that whoever read them first would wait for ever.
    assert!(trace("/dev/stdout").starts_with(&expected));
    let pipe = place.path("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut held = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&pipe)
        .unwrap();
    trace("pipe");
    let mut written = vec![0; expected.len()];
    held.read_exact(&mut written).unwrap();
    assert_eq!(written, expected);
    // The same again is no harm, other content is refused, and a link to a pipe is a file like any other.
    trace("trace.csv");
    fs::write(place.path("trace.csv"), "other").unwrap();
    symlink(&pipe, place.path("link")).unwrap();
    for out in ["trace.csv", "link"] {
        let line = format!("link trace --kind steps --seconds 80 --out {out}");
        let exists = format!("{out} exists");
        place.splitsim(&line).failed(2, &[&exists, "--force"]);
    }
}

#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    let place = Workplace::new();
    let pipe = place.path("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    symlink(&pipe, place.path("settings.toml")).unwrap();
    let device = "a device, expected a regular file";
    let piped = "a pipe, expected a regular file; write what comes through it to a file";
    for (line, expected) in [
        (
            "codec decode --in /dev/zero --model model --out r.npy",
            device,
        ),
        ("codec decode --in pipe --model model --out r.npy", piped),
        (
            "model train-default --config settings.toml --work w --out m",
            piped,
        ),
        (
            "codec train --codec hyperprior --model model --source scenes:3:4 --validation 1 \
             --config settings.toml --work w",
            piped,
        ),
        (
            "model import --template settings.toml --backbone pipe --out m",
            piped,
        ),
    ] {
        let mut command = place.command(line);
        let output = command.timeout(Duration::from_secs(60)).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn a_folder_s_name_cannot_write_a_line_of_its_own() {
    let place = Workplace::new();
    let folder = "x\nerror: forged";
    splitsim_durable::rename(&place.path("model"), &place.path(folder)).unwrap();
    for (line, further) in [
        ("model info", &["./x\nerror: forged"][..]),
        (
            "scenes render --count 1 --seed 4 --size 32 --out",
            &["y\nerror: forged"],
        ),
        ("certs --out", &["z\nerror: forged"]),
        (
            "cfqa build --source scenes:3:1 --task cls --model",
            &["./x\nerror: forged", "--out", "set\nerror: forged"],
        ),
    ] {
        let said = place.splitsim_with(line, further).ok();
        let forged = said.lines().any(|line| line.starts_with("error: forged"));
        assert!(!forged, "{line}: {said}");
        assert!(said.contains("\\nerror: forged"), "{line}: {said}");
    }
}

#[test]
fn a_copy_does_not_lie_in_its_original() {
    let place = Workplace::new();
    symlink(place.path("model"), place.path("link")).unwrap();
    let before = names(&place.path("model"));
    for out in ["model/copy", "link/copy", "model/new/../copy", "model"] {
        let command = "codec fit-codebook --model model --task cls --source scenes:6:1 --bits 4";
        place
            .splitsim(&format!("{command} --out {out}"))
            .failed(2, &["--out", "the package itself or lies in it"]);
    }
    assert_eq!(names(&place.path("model")), before);
}

#[test]
fn two_outputs_of_a_command_are_two_files() {
    let place = Workplace::new();
    place
        .splitsim("features extract --model model --task cls --source scenes:1:1 --out f")
        .ok();
    let roundtrip =
        "codec roundtrip --codec hevc --model model --level 0 --task cls --in f/scene-1-0.npy";
    let bench = "codec bench --codec hevc --ladder 40 --task cls --model model --source scenes:7:1";
    for command in [
        format!("{roundtrip} --out r.npy --bitstream r.npy"),
        format!("{roundtrip} --out r.npy --bitstream ./f/../r.npy"),
        format!("{bench} --csv b --html b"),
        "cfqa table set --csv b --html ./b".to_owned(),
    ] {
        place.splitsim(&command).failed(2, &["name one file"]);
    }
    let render = "scenes render --count 2 --seed 4 --size 56 --out rs --contact-sheet";
    for sheet in ["rs/000001.png", "./rs/../rs/000000.mask.png"] {
        let refused = place.splitsim(&format!("{render} {sheet}"));
        refused.failed(2, &["a scene has this name"]);
    }
    for name in ["r.npy", "b", "rs"] {
        assert!(!place.path(name).exists(), "{name}");
    }
    place.splitsim(&format!("{render} rs/sheet.png")).ok();
}
