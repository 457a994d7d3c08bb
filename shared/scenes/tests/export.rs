//! Written files read back as what was rendered.

use splitsim_scenes::{
    ImageSize, Quality, RenderedScene, SceneError, SceneId, contact_sheet, render_scene,
    write_scene,
};

fn picture(index: u64, width: u32, height: u32) -> RenderedScene {
    let size = ImageSize::new(width, height).expect("a valid size");
    render_scene(SceneId { seed: 1, index }, size, Quality::Draft)
}

#[test]
fn pictures_and_labels_read_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let scene = picture(37, 48, 32);
    let paths = write_scene(&dir.path().join("deep/er"), &scene).expect("written files");
    assert!(paths.mask.ends_with("deep/er/000037.mask.png"));
    let open = |path| image::open(path).expect("a readable picture");
    assert_eq!(open(&paths.rgb).to_rgb8().into_raw(), scene.rgb);
    assert_eq!(open(&paths.mask).to_luma8().into_raw(), scene.mask);
    let depth = open(&paths.depth).to_luma16().into_raw();
    for (millimetres, metres) in depth.into_iter().zip(&scene.depth_m) {
        assert!((f32::from(millimetres) / 1000.0 - metres).abs() <= 0.000_51);
    }
}

#[test]
fn the_description_names_the_scene() {
    let dir = tempfile::tempdir().expect("a directory");
    let scene = picture(2, 32, 32);
    let paths = write_scene(dir.path(), &scene).expect("written files");
    let text = std::fs::read_to_string(paths.description).expect("a description");
    let json: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    assert_eq!(json["id"]["index"], 2);
    assert_eq!(json["class"], scene.class);
    assert_eq!(json["width"], 32);
    assert_eq!(json["objects"][0]["role"], "main");
    assert_eq!(
        json["objects"].as_array().map(Vec::len),
        Some(scene.objects.len())
    );
}

#[test]
fn planes_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    for change in [-1_i32, 1] {
        let mut scene = picture(0, 16, 16);
        let length = scene.mask.len().saturating_add_signed(change as isize);
        scene.mask.resize(length, 0);
        let error = write_scene(dir.path(), &scene).expect_err("a refusal");
        assert!(matches!(
            error,
            SceneError::PlaneLength { plane: "mask", expected: 256, found } if found == length
        ));
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_reported() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let error = write_scene(file.path(), &picture(0, 16, 16)).expect_err("a refusal");
    assert!(matches!(error, SceneError::Io { path, .. } if path == file.path()));
}

#[test]
fn sizes_are_checked() {
    for (width, height) in [(15, 16), (16, 4097), (0, 0), (u32::MAX, 64)] {
        let error = ImageSize::new(width, height).expect_err("a refusal");
        assert!(matches!(error, SceneError::ImageSize { .. }));
    }
    let size = ImageSize::new(16, 4096).expect("the extremes");
    assert_eq!(
        (size.width(), size.height(), size.pixels()),
        (16, 4096, 65_536)
    );
}

#[test]
fn a_contact_sheet_places_pictures_row_by_row() {
    let scenes = [picture(0, 32, 16), picture(1, 16, 24), picture(2, 32, 16)];
    let sheet = contact_sheet(&scenes, 2);
    assert_eq!(sheet.dimensions(), (64, 48));
    assert_eq!(sheet.pixel(0, 0).unwrap(), scenes[0].rgb[..3]);
    assert_eq!(sheet.pixel(32, 0).unwrap(), scenes[1].rgb[..3]);
    assert_eq!(sheet.pixel(0, 24).unwrap(), scenes[2].rgb[..3]);
    assert_eq!(contact_sheet(&[], 0).dimensions(), (0, 0));
}
