//! Scenes per second.

use divan::counter::ItemsCount;
use splitsim_scenes::{ImageSize, Quality, Scene, SceneId, render_scene};

fn main() {
    divan::main();
}

fn id(index: u64) -> SceneId {
    SceneId { seed: 1, index }
}

#[divan::bench]
fn generate(bencher: divan::Bencher<'_, '_>) {
    let mut index = 0;
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        index += 1;
        Scene::generate(id(index))
    });
}

#[divan::bench(args = [(112, false), (112, true), (224, false), (224, true)])]
fn render(bencher: divan::Bencher<'_, '_>, (side, standard): (u32, bool)) {
    let Ok(size) = ImageSize::square(side) else {
        return;
    };
    let quality = if standard {
        Quality::Standard
    } else {
        Quality::Draft
    };
    let mut index = 0;
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        index += 1;
        render_scene(id(index), size, quality)
    });
}
