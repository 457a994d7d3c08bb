//! The same id gives the same bytes: on any number of threads, today and later.

use rayon::ThreadPoolBuilder;
use splitsim_scenes::{ImageSize, Quality, RenderedScene, Scene, SceneId, render_scene};

fn id(seed: u64, index: u64) -> SceneId {
    SceneId { seed, index }
}

fn size(side: u32) -> ImageSize {
    ImageSize::square(side).expect("a valid side")
}

fn rendered_on(threads: usize, index: u64, quality: Quality) -> RenderedScene {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a thread pool");
    pool.install(|| render_scene(id(11, index), size(64), quality))
}

#[test]
fn one_thread_and_many_give_the_same_bytes() {
    for (index, quality) in [
        (0, Quality::Draft),
        (1, Quality::Standard),
        (2, Quality::Draft),
    ] {
        let alone = rendered_on(1, index, quality);
        let together = rendered_on(5, index, quality);
        assert_eq!(alone, together, "scene {index}");
    }
}

#[test]
fn a_scene_does_not_depend_on_those_before_it() {
    let direct = render_scene(id(5, 7), size(32), Quality::Draft);
    for index in 0..7 {
        let _ = Scene::generate(id(5, index));
    }
    assert_eq!(render_scene(id(5, 7), size(32), Quality::Draft), direct);
}

#[test]
fn seeds_and_indices_give_different_scenes() {
    let masks: Vec<_> = [(1, 0), (1, 60), (2, 0), (2, 60)]
        .map(|(seed, index)| render_scene(id(seed, index), size(48), Quality::Draft).mask)
        .into();
    for (place, mask) in masks.iter().enumerate() {
        assert!(!masks[..place].contains(mask));
    }
}

/// A change here means that every data set drawn so far is out of date.
#[test]
fn ground_truth_is_what_it_was() {
    let mut hasher = blake3::Hasher::new();
    for index in [0, 1, 59, 60, 12_345, u64::MAX] {
        let scene = render_scene(id(42, index), size(56), Quality::Draft);
        hasher.update(&scene.class.to_le_bytes());
        hasher.update(&scene.mask);
        hasher.update(&scene.material);
        hasher.update(&scene.main);
    }
    assert_eq!(
        hasher.finalize().to_hex().as_str(),
        "0f7973fe2f41026c0df44fa019f5864b03a2c06677231b0e79327ed37f21a90f"
    );
}
