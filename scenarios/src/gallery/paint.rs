//! From head outputs to pictures.

use anyhow::Result;
use ndarray::{ArrayView2, Zip};
use splitsim_report::{Exhibit, Picture as Shown};
use splitsim_source::Picture;
use splitsim_truth::{DepthMap, GroundTruth, HeadOutput, Logits, Mask};

use super::raster::Raster;

/// A frame's picture, its ground truth, and the head's answers to the original and the arrived feature.
pub(super) struct Seen<'a> {
    pub(super) picture: &'a Picture,
    pub(super) truth: Option<&'a GroundTruth>,
    /// The source's names of the classes of its labels.
    pub(super) class_names: Option<&'a [String]>,
    pub(super) original: &'a HeadOutput,
    pub(super) arrived: &'a HeadOutput,
}

pub(super) fn exhibit(heading: String, about: String, seen: &Seen<'_>) -> Result<Exhibit> {
    let picture = photograph(seen.picture)?;
    match (seen.original, seen.arrived) {
        (HeadOutput::Cls(original), HeadOutput::Cls(arrived)) => {
            let words = ranking(seen, original, arrived);
            Ok(Exhibit::new(heading, format!("{about} {words}")).picture(picture))
        }
        (HeadOutput::Seg(original), HeadOutput::Seg(arrived)) => {
            let truth = match seen.truth {
                Some(GroundTruth::Seg { mask }) => Some(mask),
                _ => None,
            };
            let exhibit = Exhibit::new(heading, about).picture(picture);
            masks(exhibit, truth, [original.mask(), arrived.mask()])
        }
        (HeadOutput::Dpt(original), HeadOutput::Dpt(arrived)) => {
            let truth = match seen.truth {
                Some(GroundTruth::Dpt { depth }) => Some(depth),
                _ => None,
            };
            depths(
                Exhibit::new(heading, about).picture(picture),
                truth,
                [original, arrived],
            )
        }
        _ => anyhow::bail!("the head answered another task"),
    }
}

fn photograph(picture: &Picture) -> Result<Shown> {
    let extent = picture.extent();
    let (pixels, _) = picture.samples().as_chunks();
    let image = Raster::from_fn([extent.width(), extent.height()], |x, y| {
        pixels[y * extent.width() + x]
    });
    let bytes = image.averaged().jpeg()?;
    Ok(Shown::jpeg(
        "picture",
        "the picture as the edge captured it",
        &bytes,
    ))
}

/// The best classes of both, and the true one.
fn ranking(seen: &Seen<'_>, original: &Logits, arrived: &Logits) -> String {
    let classes = Classes::of(seen.class_names, original.values().len());
    let label = match seen.truth {
        Some(GroundTruth::Cls { label }) => {
            let class = usize::try_from(*label).map(|label| classes.name(label));
            class.map_or_else(|_| String::new(), |class| format!("True: {class}. "))
        }
        _ => String::new(),
    };
    format!(
        "{label}Original: {}. Arrived: {}.",
        best(original.values().iter().copied(), &classes),
        best(arrived.values().iter().copied(), &classes)
    )
}

/// The names of the head's classes, by class number; empty if they are not known.
struct Classes<'a>(&'a [String]);

impl<'a> Classes<'a> {
    /// Names of the source's classes are those of a head's if there are as many: else the head was made
    /// for other labels.
    fn of(names: Option<&'a [String]>, classes: usize) -> Self {
        Self(names.filter(|names| names.len() == classes).unwrap_or(&[]))
    }

    fn name(&self, class: usize) -> String {
        match self.0.get(class) {
            Some(name) => format!("{name} (class {class})"),
            None => format!("class {class}"),
        }
    }
}

/// The three most probable classes, with the softmax of all logits.
fn best(logits: impl Iterator<Item = f32>, called: &Classes<'_>) -> String {
    let mut classes: Vec<(usize, f64)> = logits.map(f64::from).enumerate().collect();
    classes.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let most = classes.first().map_or(0.0, |(_, logit)| *logit);
    let total: f64 = classes.iter().map(|(_, logit)| (logit - most).exp()).sum();
    let named = classes.iter().take(3).map(|(class, logit)| {
        let percent = (logit - most).exp() / total * 100.0;
        format!("{} {percent:.0} %", called.name(*class))
    });
    named.collect::<Vec<_>>().join(", ")
}

fn masks(
    exhibit: Exhibit,
    truth: Option<&Mask>,
    [original, arrived]: [&Mask; 2],
) -> Result<Exhibit> {
    let painted = |mask: &Mask| coloured(mask.view(), |class| class_colour(*class));
    let changed = Zip::from(original.view())
        .and(arrived.view())
        .map_collect(|one, other| one != other);
    let share = changed.iter().filter(|&&changed| changed).count() as f64 / changed.len() as f64;
    let difference = coloured(changed.view(), |&changed| match changed {
        true => [0xd9, 0x4a, 0x1e],
        false => [0xe6, 0xea, 0xee],
    });
    let mut exhibit = exhibit;
    if let Some(truth) = truth {
        exhibit = exhibit.picture(png(
            "truth",
            "the true class of every pixel",
            &painted(truth),
        )?);
    }
    Ok(exhibit
        .picture(png(
            "from the original",
            "classes that the head finds in the original feature",
            &painted(original),
        )?)
        .picture(png(
            "from what arrived",
            "classes that the head finds in the feature that arrived",
            &painted(arrived),
        )?)
        .picture(png(
            &format!("changed, {:.1} %", share * 100.0),
            &format!("{:.1} % of the pixels changed their class", share * 100.0),
            &difference,
        )?))
}

fn depths(
    exhibit: Exhibit,
    truth: Option<&DepthMap>,
    [original, arrived]: [&DepthMap; 2],
) -> Result<Exhibit> {
    let all = [Some(original), Some(arrived), truth];
    let metres = || {
        all.into_iter()
            .flatten()
            .flat_map(|map| map.view().into_iter())
    };
    let near = metres()
        .copied()
        .filter(|&m| m > 0.0)
        .fold(f32::INFINITY, f32::min);
    let far = metres().copied().fold(0.0, f32::max);
    let span = (far - near).max(f32::EPSILON);
    let painted = |map: &DepthMap| {
        coloured(map.view(), |&metres| match metres > 0.0 {
            // Near is bright.
            true => scale(colorous::VIRIDIS, f64::from(1.0 - (metres - near) / span)),
            false => [0, 0, 0],
        })
    };
    let errors = Zip::from(original.view())
        .and(arrived.view())
        .map_collect(|one, other| (one - other).abs());
    let worst = errors.iter().copied().fold(0.0, f32::max);
    let difference = coloured(errors.view(), |&error| {
        scale(colorous::MAGMA, f64::from(error / worst.max(f32::EPSILON)))
    });
    let range = format!("{near:.2} m bright to {far:.2} m dark");
    let mut exhibit = exhibit;
    if let Some(truth) = truth {
        let alt = format!("true depth, {range}");
        exhibit = exhibit.picture(png(&format!("truth, {range}"), &alt, &painted(truth))?);
    }
    Ok(exhibit
        .picture(png(
            "from the original",
            &format!("depth that the head finds in the original feature, {range}"),
            &painted(original),
        )?)
        .picture(png(
            "from what arrived",
            &format!("depth that the head finds in the feature that arrived, {range}"),
            &painted(arrived),
        )?)
        .picture(png(
            &format!("changed, up to {worst:.2} m"),
            &format!("how far the two are apart, at most {worst:.2} m"),
            &difference,
        )?))
}

fn coloured<T>(map: ArrayView2<'_, T>, colour: impl Fn(&T) -> [u8; 3]) -> Raster {
    let (height, width) = map.dim();
    Raster::from_fn([width, height], |x, y| colour(&map[[y, x]]))
}

/// Background is dark, unjudged pixels are white, classes are far apart around the circle of hues.
fn class_colour(class: u8) -> [u8; 3] {
    /// The golden ratio's fractional part: successive multiples fill the circle evenly.
    const TURN: f64 = 0.618_034;
    match class {
        0 => [0x2a, 0x31, 0x3a],
        Mask::IGNORE => [0xff, 0xff, 0xff],
        class => scale(colorous::SINEBOW, (f64::from(class) * TURN).fract()),
    }
}

fn scale(gradient: colorous::Gradient, at: f64) -> [u8; 3] {
    let colorous::Color { r, g, b } = gradient.eval_continuous(at.clamp(0.0, 1.0));
    [r, g, b]
}

fn png(caption: &str, alt: &str, image: &Raster) -> Result<Shown> {
    Ok(Shown::png(caption, alt, &image.picked().png()?))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_most_probable_classes_are_named_with_their_share() {
        let logits = [0.0, 3.0_f32.ln(), f32::MIN, 0.0];
        let names = ["cube/wood", "cube/dots", "cone/wood", "cone/dots"].map(str::to_owned);
        let told = |names: Option<&[String]>| best(logits.into_iter(), &Classes::of(names, 4));
        assert_eq!(told(None), "class 1 60 %, class 0 20 %, class 3 20 %");
        assert_eq!(
            told(Some(&names)),
            "cube/dots (class 1) 60 %, cube/wood (class 0) 20 %, cone/dots (class 3) 20 %"
        );
        // Names of other classes than the head's would be worse than none.
        assert_eq!(told(Some(&names[..3])), told(None));
    }

    #[test]
    fn classes_have_their_own_colours() {
        let all: std::collections::BTreeSet<[u8; 3]> = (0..21).map(class_colour).collect();
        assert_eq!(all.len(), 21);
        let mask = Mask::new(array![[0, 255], [1, 1]]).unwrap();
        let image = coloured(mask.view(), |class| class_colour(*class));
        assert_eq!(image.pixel(1, 0), [255, 255, 255]);
        assert_eq!(image.pixel(0, 1), image.pixel(1, 1));
    }
}
