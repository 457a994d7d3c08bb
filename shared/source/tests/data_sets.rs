//! Data sets in miniature: what their readers give, and what they refuse, by file and line.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::path::{Path, PathBuf};

use image::{GrayImage, ImageBuffer, Luma, RgbImage};
use splitsim_feature::Task;
use splitsim_source::{Source, SourceError, SourceSpec};
use splitsim_truth::{GroundTruth, Mask};
use tempfile::TempDir;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn text(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn picture(&self, name: &str, width: u32, height: u32) {
        let pixel = |x, y| image::Rgb([x as u8, y as u8, 9]);
        RgbImage::from_fn(width, height, pixel)
            .save(self.path(name))
            .unwrap();
    }

    fn open(&self, kind: &str, rest: &str) -> Result<Source, SourceError> {
        let text = format!("{kind}:{}{rest}", self.0.path().display());
        Source::open(&text.parse::<SourceSpec>().unwrap())
    }

    /// The message with which a source is refused, the folder's name left out.
    fn refusal(&self, kind: &str) -> String {
        self.shortened(self.open(kind, "").unwrap_err())
    }

    fn shortened(&self, error: SourceError) -> String {
        let message = error.to_string();
        message.replace(&format!("{}/", self.0.path().display()), "")
    }
}

/// A palette PNG of these indices, eight bits each unless `bits` says otherwise.
fn palette(path: &Path, rows: &[&[u8]], depth: png::BitDepth) {
    let (width, height) = (rows[0].len() as u32, rows.len() as u32);
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(depth);
    encoder.set_palette(
        (0..=255u8)
            .flat_map(|i| [i, 255 - i, 7])
            .take(3 << depth as usize)
            .collect::<Vec<u8>>(),
    );
    let per_byte = 8 / depth as usize;
    let pack = |row: &&[u8]| -> Vec<u8> {
        row.chunks(per_byte)
            .map(|chunk| {
                let shifted = chunk.iter().enumerate();
                shifted.fold(0, |byte, (at, class)| {
                    byte | class << (8 - (at + 1) * depth as usize)
                })
            })
            .collect()
    };
    let packed: Vec<u8> = rows.iter().flat_map(pack).collect();
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&packed)
        .unwrap();
}

#[test]
fn imagenet_is_read_in_the_order_of_its_labels() {
    let place = Place::new();
    place.picture("n01/b.png", 20, 15);
    place.picture("n02/a.JPEG", 20, 15);
    place.picture("c.png", 20, 15);
    place.text("labels.txt", "c.png 3\n\nb n01 7\na.JPEG n02 word 999\n");
    let source = place.open("imagenet", "").unwrap();
    assert!(source.has_truth(Task::Cls) && !source.has_truth(Task::Seg));
    let item = |index| source.item(index, Task::Cls).unwrap();
    let named: Vec<_> = (0..source.count())
        .map(|index| (item(index).name, item(index).truth))
        .collect();
    let expected = [("c", 3), ("b", 7), ("a", 999)];
    let expected =
        expected.map(|(name, label)| (name.to_owned(), Some(GroundTruth::Cls { label })));
    assert_eq!(named, expected);
    assert_eq!(source.item(0, Task::Dpt).unwrap().truth, None);

    place.text("elsewhere.txt", "c 1\nb 1\na 1\n");
    let list = format!("?list={}", place.path("elsewhere.txt").display());
    assert_eq!(
        place
            .open("imagenet", &list)
            .unwrap()
            .item(0, Task::Cls)
            .unwrap()
            .name,
        "c"
    );
}

#[test]
fn imagenet_labels_that_do_not_fit_the_folder_are_refused() {
    let place = Place::new();
    assert!(
        place
            .refusal("imagenet")
            .contains("labels.txt: No such file")
    );
    let check = |labels: &str, expected: &str| {
        place.text("labels.txt", labels);
        let message = place.refusal("imagenet");
        assert!(message.contains(expected), "{message}");
    };
    check(" \n\n", "labels.txt: no line that names a picture");
    check("a 1\n", "no .png, .jpg or .jpeg file in this folder");
    place.picture("a.png", 20, 15);
    place.picture("x/b.png", 20, 15);
    check(
        "a 1\n\nmissing.png 2\n",
        "labels.txt:3: no picture 'missing' in",
    );
    check("a 1\n", "x/b.png: no line of labels.txt gives its label");
    check(
        "a 1\nb two\n",
        "labels.txt:2: label 'two' is no class number",
    );
    check("a 1\nb\n", "labels.txt:2: expected NAME … LABEL");
    check("a 1\na 2\n", "labels.txt:2: 'a' has a label in line 1");
    std::fs::write(place.path("labels.txt"), [0xff, 0xfe]).unwrap();
    assert!(place.refusal("imagenet").contains("labels.txt: "));
    place.picture("y/b.png", 20, 15);
    check("a 1\nb 2\n", "x/b.png and y/b.png are both called 'b'");
}

#[test]
fn label_files_are_read_as_peoples_tools_leave_them() {
    let place = Place::new();
    for name in ["IMG 2024 0.jpg.png", "IMG 2024.png", "b.png", "c.d.png"] {
        place.picture(name, 20, 15);
    }
    // Side files of macOS and pictures of other formats have no line.
    place.text("._b.png", "\0\u{5}\u{16}\u{7}");
    place.text("scan.tiff", "II*\0");
    let read = |labels: &[u8]| -> Vec<(String, u32)> {
        std::fs::write(place.path("labels.txt"), labels).unwrap();
        let source = place.open("imagenet", "").unwrap();
        let left_out = source.left_out().unwrap();
        assert_eq!(
            left_out.paths().collect::<Vec<_>>(),
            [place.path("scan.tiff")]
        );
        let items = (0..source.count()).map(|index| source.item(index, Task::Cls).unwrap());
        items
            .map(|item| match item.truth {
                Some(GroundTruth::Cls { label }) => (item.name, label),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let expected = [("IMG 2024 0.jpg", 1), ("IMG 2024", 0), ("b", 2), ("c.d", 3)];
    let expected = expected.map(|(name, label)| (name.to_owned(), label));
    let tabs = "IMG 2024 0.jpg.png\t1\nIMG 2024.png\t0\nb.png\t2\nc.d.png\t3\n";
    for labels in [
        tabs.to_owned(),
        tabs.replace('\t', " "),
        tabs.replace('\t', ","),
        tabs.replace(".png", ""),
        tabs.replace('\t', " n01440764 "),
        tabs.replace('\n', "\r\n"),
        format!("\u{feff}# name, label\n\n{tabs}\n  \n"),
        "\"IMG 2024 0.jpg.png\" 1\n\"IMG 2024.png\" 0\nx/b.png 2\n./c.d.png 3".to_owned(),
    ] {
        assert_eq!(read(labels.as_bytes()), expected, "{labels}");
    }
    let utf16: Vec<u8> = format!("\u{feff}{tabs}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(read(&utf16), expected);
    place.text("labels.txt", "scan.tiff 1\n");
    let message = place.refusal("imagenet");
    assert!(
        message.contains("labels.txt:1: 'scan.tiff' is TIFF; convert it"),
        "{message}"
    );
}

/// A data set of one picture, 5×2, with the mask that `mask` writes.
fn voc(mask: impl FnOnce(&Path)) -> Place {
    let place = Place::new();
    place.text("ImageSets/Segmentation/val.txt", "2007_000033\n");
    let file = std::fs::File::create(place.path("JPEGImages/2007_000033.jpg")).unwrap();
    let encoder = image::codecs::jpeg::JpegEncoder::new(file);
    RgbImage::new(5, 2).write_with_encoder(encoder).unwrap();
    mask(&place.path("SegmentationClass/2007_000033.png"));
    place
}

#[test]
fn voc_masks_are_palette_indices_of_any_depth() {
    let rows: [&[u8]; 2] = [&[0, 1, 1, 0, 1], &[1, 0, 0, 1, 1]];
    let many: [&[u8]; 2] = [&[0, 20, 255, 3, 1], &[15, 0, 255, 1, 20]];
    let read = |place: &Place| {
        let source = place.open("voc", "").unwrap();
        let item = source.item(0, Task::Seg).unwrap();
        assert_eq!(
            (item.name.as_str(), source.has_truth(Task::Seg)),
            ("2007_000033", true)
        );
        let Some(GroundTruth::Seg { mask }) = item.truth else {
            panic!("no mask");
        };
        mask.view().iter().copied().collect::<Vec<u8>>()
    };
    for depth in [png::BitDepth::One, png::BitDepth::Two, png::BitDepth::Four] {
        assert_eq!(
            read(&voc(|path| palette(path, &rows, depth))),
            rows.concat()
        );
    }
    let place = voc(|path| palette(path, &many, png::BitDepth::Eight));
    assert_eq!(read(&place), many.concat());
    assert!(many.concat().contains(&Mask::IGNORE));
    let grey = voc(|path| {
        GrayImage::from_raw(5, 2, many.concat())
            .unwrap()
            .save(path)
            .unwrap()
    });
    assert_eq!(read(&grey), many.concat());
}

#[test]
fn voc_masks_that_do_not_fit_are_refused() {
    let refused = |place: &Place| {
        let item = place.open("voc", "").unwrap().item(0, Task::Seg);
        place.shortened(item.unwrap_err())
    };
    let small: [&[u8]; 1] = [&[0, 1]];
    let place = voc(|path| palette(path, &small, png::BitDepth::Eight));
    assert_eq!(
        refused(&place),
        "ImageSets/Segmentation/val.txt:1: SegmentationClass/2007_000033.png is 2x1, its picture \
         JPEGImages/2007_000033.jpg 5x2"
    );
    let colours = voc(|path| RgbImage::new(5, 2).save(path).unwrap());
    assert!(refused(&colours).contains("Rgb of 8 bits; a mask is a palette PNG"));
    let text = voc(|path| std::fs::write(path, "no pixels").unwrap());
    assert!(refused(&text).contains("2007_000033.png: not a readable image"));
    let deep = voc(|path| depth_png(path, 5, 2));
    assert!(refused(&deep).contains("Grayscale of 16 bits; a mask is a palette PNG"));
    let lossy = voc(|path| {
        let file = std::fs::File::create(path).unwrap();
        let encoder = image::codecs::jpeg::JpegEncoder::new(file);
        GrayImage::new(5, 2).write_with_encoder(encoder).unwrap();
    });
    assert!(refused(&lossy).contains("2007_000033.png: not a readable image: JPEG; a mask is"));
}

/// 255 is not judged; any other class that the head lacks speaks for another data set.
#[test]
fn classes_that_the_head_lacks_are_refused_by_file_and_number() {
    let rows: [&[u8]; 2] = [&[0, 20, 255, 3, 20], &[15, 0, 255, 1, 20]];
    let place = voc(|path| palette(path, &rows, png::BitDepth::Eight));
    let item = |classes: Option<usize>| {
        let heads = classes.map(|classes| (Task::Seg, classes));
        let source = place.open("voc", "").unwrap().for_heads(heads);
        source
            .item(0, Task::Seg)
            .map_err(|error| place.shortened(error))
    };
    assert!(item(None).is_ok());
    assert!(item(Some(21)).is_ok());
    assert_eq!(
        item(Some(5)).unwrap_err(),
        "SegmentationClass/2007_000033.png: the mask's class 20 (3 pixels) is none of the head's 5 \
         classes, 0 to 4; 255 marks pixels that are not judged"
    );

    let place = Place::new();
    place.picture("a.png", 20, 15);
    place.text("labels.txt", "a 60\n");
    let source = place
        .open("imagenet", "")
        .unwrap()
        .for_heads([(Task::Cls, 60), (Task::Seg, 5)]);
    assert_eq!(
        place.shortened(source.item(0, Task::Cls).unwrap_err()),
        "a.png: label 60 has no logit, the head has 60 classes"
    );
}

#[test]
fn voc_lists_are_read_as_peoples_tools_leave_them() {
    let rows: [&[u8]; 2] = [&[0, 1, 1, 0, 1], &[1, 0, 0, 1, 1]];
    let place = voc(|path| palette(path, &rows, png::BitDepth::Eight));
    let name = "2007_000033";
    let absolute = place
        .path("JPEGImages/2007_000033.jpg")
        .display()
        .to_string();
    for list in [
        "\u{feff}2007_000033\r\n\r\n".to_owned(),
        "# names\n\n  2007_000033  \n".to_owned(),
        "2007_000033.jpg\n".to_owned(),
        "JPEGImages/2007_000033.jpg\n".to_owned(),
        "./JPEGImages/2007_000033\n".to_owned(),
        "/JPEGImages/2007_000033.jpg /SegmentationClass/2007_000033.png\n".to_owned(),
        format!("{absolute}\n"),
    ] {
        place.text("ImageSets/Segmentation/val.txt", &list);
        let source = place.open("voc", "").unwrap();
        let item = source.item(0, Task::Seg).unwrap();
        assert_eq!((item.name.as_str(), source.count()), (name, 1), "{list}");
    }
    let folder = |name: &str| place.path(name);
    std::fs::rename(
        folder("JPEGImages/2007_000033.jpg"),
        folder("JPEGImages/two words.JPG"),
    )
    .unwrap();
    std::fs::rename(
        folder("SegmentationClass/2007_000033.png"),
        folder("SegmentationClass/two words.png"),
    )
    .unwrap();
    place.text("ImageSets/Segmentation/val.txt", "two words\n");
    let item = place.open("voc", "").unwrap().item(0, Task::Seg).unwrap();
    assert_eq!(item.name, "two words");
}

/// Frames of a video, whose numbers are no endings.
#[test]
fn numbers_behind_a_stop_are_part_of_a_name() {
    let rows: [&[u8]; 2] = [&[0, 1, 1, 0, 1], &[1, 0, 0, 1, 1]];
    let place = voc(|path| palette(path, &rows, png::BitDepth::Eight));
    for name in ["frame.0", "frame.1"] {
        for (from, to) in [
            (
                "JPEGImages/2007_000033.jpg",
                format!("JPEGImages/{name}.jpg"),
            ),
            (
                "SegmentationClass/2007_000033.png",
                format!("SegmentationClass/{name}.png"),
            ),
        ] {
            std::fs::copy(place.path(from), place.path(&to)).unwrap();
        }
    }
    for list in ["frame.0\nframe.1\n", "frame.0.jpg\nframe.1.jpg\n"] {
        place.text("ImageSets/Segmentation/val.txt", list);
        let source = place.open("voc", "").unwrap();
        let names: Vec<String> = (0..source.count())
            .map(|index| source.item(index, Task::Seg).unwrap().name)
            .collect();
        assert_eq!(names, ["frame.0", "frame.1"], "{list}");
    }
}

/// The mask alone does not tell which of the two pictures it belongs to.
#[test]
fn of_two_pictures_of_a_name_the_list_says_which() {
    let rows: [&[u8]; 2] = [&[0, 1, 1, 0, 1], &[1, 0, 0, 1, 1]];
    let place = voc(|path| palette(path, &rows, png::BitDepth::Eight));
    let other = place.path("JPEGImages/2007_000033.png");
    RgbImage::from_pixel(5, 2, image::Rgb([200, 0, 0]))
        .save(&other)
        .unwrap();
    let red = |line: &str| {
        place.text("ImageSets/Segmentation/val.txt", line);
        let item = place.open("voc", "").unwrap().item(0, Task::Seg).unwrap();
        item.picture.samples()[0] == 200
    };
    assert!(red("2007_000033.png") && !red("2007_000033.jpg"));
    assert!(red("JPEGImages/2007_000033.png"));
    place.text("ImageSets/Segmentation/val.txt", "2007_000033");
    assert_eq!(
        place.refusal("voc"),
        "ImageSets/Segmentation/val.txt:1: both JPEGImages/2007_000033.jpg and \
         JPEGImages/2007_000033.png are there; name the one that is meant with its ending"
    );
    std::fs::remove_file(place.path("JPEGImages/2007_000033.jpg")).unwrap();
    std::os::unix::fs::symlink("2007_000033.png", place.path("JPEGImages/2007_000033.jpg"))
        .unwrap();
    assert!(red("2007_000033"), "one picture under two names");
}

#[test]
fn voc_lists_that_do_not_fit_the_folder_are_refused() {
    let place = voc(|path| std::fs::write(path, "").unwrap());
    let check = |list: &str, expected: &str| {
        place.text("ImageSets/Segmentation/val.txt", list);
        assert_eq!(
            place.refusal("voc"),
            format!("ImageSets/Segmentation/val.txt{expected}")
        );
    };
    check("", ": no line that names a picture");
    check(
        "2007_000033\n2007_000999",
        ":2: no file JPEGImages/2007_000999.jpg",
    );
    check("2007_000033 1", ":1: expected one name per line");
    check("2007_000033\n2007_000033", ":2: '2007_000033' stands twice");
    std::fs::remove_file(place.path("SegmentationClass/2007_000033.png")).unwrap();
    check(
        "2007_000033",
        ":1: no file SegmentationClass/2007_000033.png",
    );
}

fn depth_png(path: &Path, width: u32, height: u32) {
    scaled_depth_png(path, width, height, 1000.0);
}

/// Writes depths from 1 m on, one millimetre more per column and row, with `per_metre` samples per
/// metre.
fn scaled_depth_png(path: &Path, width: u32, height: u32, per_metre: f32) {
    let metres = |x, y| (1000 + x + y) as f32 / 1000.0;
    let sample = |x, y| Luma([(metres(x, y) * per_metre).round() as u16]);
    ImageBuffer::from_fn(width, height, sample)
        .save(path)
        .unwrap();
}

#[test]
fn nyu_depths_are_metres_inside_the_eigen_crop() {
    let place = Place::new();
    place.picture("bathroom/rgb_00045.png", 640, 480);
    depth_png(&place.path("bathroom/sync_depth_00045.png"), 640, 480);
    place.text(
        "nyu_test.txt",
        "/bathroom/rgb_00045.png /bathroom/sync_depth_00045.png 518.8579\n",
    );
    let source = place.open("nyu", "").unwrap();
    let item = source.item(0, Task::Dpt).unwrap();
    assert_eq!(item.name, "bathroom_rgb_00045");
    let Some(GroundTruth::Dpt { depth }) = item.truth else {
        panic!("no depth");
    };
    assert_eq!(depth.view()[[100, 200]], 1.3);
    assert_eq!(
        (depth.view()[[44, 200]], depth.view()[[100, 601]]),
        (0.0, 0.0)
    );
}

#[test]
fn nyu_lists_and_depths_that_do_not_fit_are_refused() {
    let place = Place::new();
    let check = |list: &str, expected: &str| {
        place.text("nyu_test.txt", list);
        let message = match place.open("nyu", "") {
            Ok(source) => place.shortened(source.item(0, Task::Dpt).unwrap_err()),
            Err(error) => place.shortened(error),
        };
        assert!(message.contains(expected), "{message}");
    };
    place.picture("r/a.png", 640, 480);
    depth_png(&place.path("r/d.png"), 640, 480);
    depth_png(&place.path("r/small.png"), 64, 48);
    place.picture("r/tiny.png", 64, 48);
    check("r/a.png\n", "nyu_test.txt:1: expected IMAGE DEPTH");
    check("r/a.png None 518.8\n", "nyu_test.txt:1: no file None");
    check("r/b.png r/d.png\n", "nyu_test.txt:1: no file r/b.png");
    check("r/a.png r/d.png\nr/a.png r/d.png\n", "both called 'r_a'");
    check(
        "\nr/a.png r/small.png\n",
        "nyu_test.txt:2: r/small.png is 64x48, its picture r/a.png 640x480",
    );
    check(
        "r/a.png r/a.png\n",
        "r/a.png: not a readable image: a depth map is a 16-bit grey PNG",
    );
    check(
        "r/tiny.png r/small.png\n",
        "the eigen crop is defined for 480x640 images",
    );
}

/// Samples that are hardly millimetres are refused with what they likely are, unless the scale is said.
#[test]
fn depths_of_another_unit_are_refused_until_it_is_named() {
    let place = Place::new();
    place.picture("r/a.png", 640, 480);
    place.text("nyu_test.txt", "r/a.png r/d.png\n");
    let item = |options: &str| place.open("nyu", options).unwrap().item(0, Task::Dpt);
    for (per_metre, complaint, likely) in [
        (1.0, "half of the depths are below", 1),
        (100.0, "half of the depths are below", 100),
        (5000.0, "all samples are multiples of 5", 5000),
        (6500.0, "% of the depths are beyond 10 m", 5000),
    ] {
        scaled_depth_png(&place.path("r/d.png"), 640, 480, per_metre);
        let message = place.shortened(item("").unwrap_err());
        let remedy =
            format!("likely {likely} samples per metre; say so with depth-scale={likely} if");
        assert!(message.starts_with("r/d.png: "), "{message}");
        assert!(
            message.contains(complaint) && message.contains(&remedy),
            "{message}"
        );
        let item = item(&format!("?depth-scale={per_metre}")).unwrap();
        let Some(GroundTruth::Dpt { depth }) = item.truth else {
            panic!("no depth");
        };
        let (read, expected) = (depth.view()[[200, 300]], 1.5);
        assert!(
            (read - expected).abs() <= 0.5 / per_metre,
            "{per_metre}: {read}"
        );
    }
    scaled_depth_png(&place.path("r/d.png"), 640, 480, 1000.0);
    assert!(item("").is_ok());
}

/// Streets of up to 80 m are rooms of up to 20 m, read as millimetres.
#[test]
fn depths_of_a_laser_scanner_are_refused_until_their_unit_is_named() {
    let place = Place::new();
    place.picture("r/a.png", 640, 480);
    place.text("nyu_test.txt", "r/a.png r/d.png\n");
    let write = |one_in: u32, per_metre: f32| {
        let metres = |x: u32, y: u32| 2.0 + 18.0 * (x + y) as f32 / 1120.0;
        let sample = |x, y| match (x + 3 * y) % one_in {
            0 => Luma([(metres(x, y) * per_metre) as u16]),
            _ => Luma([0]),
        };
        let depth = ImageBuffer::from_fn(640, 480, sample);
        depth.save(place.path("r/d.png")).unwrap();
    };
    let item = |options: &str| place.open("nyu", options).unwrap().item(0, Task::Dpt);
    write(5, 256.0);
    let message = place.shortened(item("").unwrap_err());
    let expected = "r/d.png: not a readable image: as millimetres, 20 % of the pixels have a depth, as from \
                    a laser scanner: likely 256 samples per metre; say so with depth-scale=256 if";
    assert!(message.starts_with(expected), "{message}");
    let Some(GroundTruth::Dpt { depth }) = item("?depth-scale=256").unwrap().truth else {
        panic!("no depth");
    };
    // Row 100, column 200; beyond 10 m nothing is judged.
    assert!((depth.view()[[100, 200]] - (2.0 + 18.0 * 300.0 / 1120.0)).abs() < 0.01);
    assert!(
        item("?depth-scale=1000").is_ok(),
        "what is named is not doubted"
    );
    // Cameras leave holes too.
    write(2, 256.0);
    assert!(item("").is_ok());
}
