//! Writes an overview of scenes: `contact_sheet OUT.png [FIRST [COUNT [SIDE]]]`.

use std::error::Error;
use std::time::Instant;

use rayon::prelude::*;
use splitsim_scenes::{ImageSize, Quality, SceneId, class_name, contact_sheet, render_scene};

const COLUMNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("name the PNG to write")?;
    let mut number = |otherwise| arguments.next().map_or(Ok(otherwise), |text| text.parse());
    let (first, count): (u64, u64) = (number(0)?, number(25)?);
    let size = ImageSize::square(u32::try_from(number(224)?)?)?;
    let start = Instant::now();
    let scenes: Vec<_> = (first..first.saturating_add(count))
        .into_par_iter()
        .map(|index| render_scene(SceneId { seed: 0, index }, size, Quality::Standard))
        .collect();
    let seconds = start.elapsed().as_secs_f64();
    for row in scenes.chunks(COLUMNS) {
        let names: Vec<_> = row.iter().filter_map(|s| class_name(s.class)).collect();
        eprintln!("{}", names.join("  "));
    }
    eprintln!("{:.1} scenes/s", count as f64 / seconds);
    contact_sheet(&scenes, COLUMNS).save(out.as_ref())?;
    Ok(())
}
