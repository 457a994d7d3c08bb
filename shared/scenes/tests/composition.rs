//! The composition rules that every scene obeys.

use std::collections::BTreeMap;

use proptest::prelude::*;
use splitsim_scenes::{
    CLASSES, ImageSize, MASK_CLASSES, MATERIALS, Quality, RenderedScene, Role, SHAPES, Scene,
    SceneId, class_name, render_scene,
};

fn scenes(seed: u64, count: u64) -> impl Iterator<Item = Scene> {
    (0..count).map(move |index| Scene::generate(SceneId { seed, index }))
}

fn share(values: &[u8], chosen: impl Fn(u8) -> bool) -> f32 {
    values.iter().filter(|value| chosen(**value)).count() as f32 / values.len() as f32
}

#[test]
fn every_block_of_indices_holds_each_class_once() {
    let ids = (0..600).map(|index| SceneId { seed: 9, index });
    let classes: Vec<_> = ids.map(|id| Scene::generate(id).class()).collect();
    let mut counts = BTreeMap::new();
    for block in classes.chunks(CLASSES) {
        let mut sorted = block.to_vec();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..CLASSES as u16));
        *counts.entry(block.to_vec()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 10, "every block has an order of its own");
}

#[test]
fn the_main_object_is_large_central_and_in_sight() {
    let mut occluded = 0;
    for scene in scenes(3, 300) {
        let composition = scene.composition();
        let context = format!("{:?}: {composition:?}", scene.id());
        assert!((0.085..=0.23).contains(&composition.coverage), "{context}");
        assert!(composition.visible_share >= 0.7, "{context}");
        assert!(composition.off_centre < 0.15, "{context}");
        assert!(
            composition.largest_clutter <= 0.5 * composition.coverage,
            "{context}"
        );
        occluded += usize::from(composition.visible_share < 0.95);
    }
    assert!(
        (30..150).contains(&occluded),
        "{occluded} of 300 are partly hidden"
    );
}

#[test]
fn scenes_hold_one_main_object_and_some_clutter() {
    let mut sparse = 0;
    for scene in scenes(4, 300) {
        let objects = scene.objects();
        assert!(objects.len() <= 7);
        sparse += usize::from(objects.len() < 3);
        let name = format!("{}/{}", objects[0].shape, objects[0].material);
        assert_eq!(class_name(scene.class()), Some(name));
        assert_eq!(objects[0].role, Role::Main);
        assert!(
            objects[1..]
                .iter()
                .all(|object| object.role == Role::Clutter)
        );
    }
    assert!(
        sparse <= 3,
        "{sparse} of 300 scenes found no room for clutter"
    );
}

#[test]
fn the_composition_holds_at_other_sizes() {
    let size = ImageSize::square(90).expect("a valid side");
    for scene in scenes(6, 30) {
        let picture = scene.render(size, Quality::Draft);
        let coverage = share(&picture.main, |main| main == 1);
        let expected = scene.composition().coverage;
        assert!(
            (coverage - expected).abs() < 0.012,
            "{coverage} for {expected}"
        );
    }
}

fn assert_planes_agree(picture: &RenderedScene) {
    let pixels = picture.size.pixels();
    assert_eq!(picture.rgb.len(), pixels * 3);
    assert_eq!(picture.depth_m.len(), pixels);
    assert!(
        picture
            .depth_m
            .iter()
            .all(|depth| (0.3..10.0).contains(depth))
    );
    for ((&mask, &material), &main) in picture
        .mask
        .iter()
        .zip(&picture.material)
        .zip(&picture.main)
    {
        assert!(usize::from(mask) < MASK_CLASSES);
        assert!(usize::from(material) <= MATERIALS.len());
        assert_eq!(mask == 0, material == 0);
        if main == 1 {
            let class = (u16::from(mask) - 1) * MATERIALS.len() as u16 + u16::from(material) - 1;
            assert_eq!(class, picture.class);
        }
    }
}

#[test]
fn planes_agree_and_depth_stays_in_range() {
    let size = ImageSize::square(40).expect("a valid side");
    for index in 0..120 {
        let picture = render_scene(SceneId { seed: 8, index }, size, Quality::Draft);
        assert_planes_agree(&picture);
    }
}

#[test]
fn pictures_are_neither_dark_nor_blown_out() {
    let size = ImageSize::square(32).expect("a valid side");
    for index in 0..120 {
        let picture = render_scene(SceneId { seed: 12, index }, size, Quality::Draft);
        let mean =
            picture.rgb.iter().map(|&v| f32::from(v)).sum::<f32>() / picture.rgb.len() as f32;
        assert!((80.0..200.0).contains(&mean), "scene {index}: mean {mean}");
        assert!(share(&picture.rgb, |v| v == u8::MAX) < 0.2, "scene {index}");
    }
}

#[test]
fn every_shape_and_material_is_seen() {
    let size = ImageSize::square(32).expect("a valid side");
    let (mut shapes, mut materials) = ([false; MASK_CLASSES], [false; MATERIALS.len() + 1]);
    for scene in scenes(2, CLASSES as u64) {
        let picture = scene.render(size, Quality::Draft);
        picture
            .mask
            .iter()
            .for_each(|&m| shapes[usize::from(m)] = true);
        picture
            .material
            .iter()
            .for_each(|&m| materials[usize::from(m)] = true);
    }
    assert_eq!(shapes, [true; SHAPES.len() + 1]);
    assert_eq!(materials, [true; MATERIALS.len() + 1]);
}

#[test]
fn classes_have_names() {
    assert_eq!(class_name(0).as_deref(), Some("sphere/plain"));
    assert_eq!(class_name(26).as_deref(), Some("torus/checker"));
    assert_eq!(class_name(59).as_deref(), Some("stairs/marble"));
    assert_eq!(class_name(60), None);
    assert_eq!(class_name(u16::MAX), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_aspect_renders_in_range(
        seed: u64,
        index: u64,
        width in 16_u32..200,
        height in 16_u32..200,
    ) {
        let size = ImageSize::new(width, height).expect("sides in range");
        assert_planes_agree(&render_scene(SceneId { seed, index }, size, Quality::Draft));
    }
}
