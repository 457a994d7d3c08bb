//! Pictures to features.

use std::time::Instant;

use splitsim_feature::{Feature, Task};
use splitsim_proto::{Digest, EdgeStages, ImageSize, Name, Reference, ReferenceTruth};
use splitsim_source::{ImageExtent, Item, Source};
use splitsim_truth::GroundTruth;
use splitsim_vision::{Engine, Extraction};

/// Turns a source's pictures into features.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) source: Source,
    pub(crate) engine: Engine,
    pub(crate) task: Task,
    /// `true` if the cloud is to have the original feature and the ground truth.
    pub(crate) references: bool,
}

/// A feature, and apart from it the courier's data of its frame.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) ticket: Ticket,
    pub(crate) feature: Feature,
}

/// The data of a frame that bypasses the gate.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) frame: u64,
    pub(crate) source: Name,
    pub(crate) image: ImageSize,
    pub(crate) picture_digest: Digest,
    /// The time at which the picture was ready.
    pub(crate) captured: Instant,
    /// Times of preprocessing and extraction.
    pub(crate) stages: EdgeStages,
    pub(crate) reference: Option<Reference>,
}

impl Capture {
    /// The feature of one frame, or what is wrong with its picture.
    pub(crate) fn take(&self, frame: u64) -> Result<Captured, String> {
        let index = usize::try_from(frame).map_err(|error| error.to_string())?;
        let item = self.source.item(index, self.task);
        let Item {
            name,
            picture,
            truth,
        } = item.map_err(|error| error.to_string())?;
        let extent = picture.extent();
        check_served(extent).map_err(|reason| format!("{name}: {reason}"))?;
        // Belongs to taking the picture: from here on latency counts.
        let picture_digest = Digest::new(picture.digest());
        let captured = Instant::now();
        let source = Name::new(name).map_err(|error| format!("name: {error}"))?;
        let image = image_size(extent)?;
        let extraction = self.engine.extract(self.task, picture);
        let Extraction {
            feature,
            preprocess,
            forward,
        } = extraction.map_err(|error| format!("{source}: {error}"))?;
        let reference = match self.references {
            true => {
                let reference = self.reference(frame, &feature, truth)?;
                Some(reference.of_picture(Some(picture_digest)))
            }
            false => None,
        };
        Ok(Captured {
            ticket: Ticket {
                frame,
                source,
                image,
                picture_digest,
                captured,
                stages: EdgeStages {
                    preprocess,
                    extract: forward,
                    ..EdgeStages::default()
                },
                reference,
            },
            feature,
        })
    }

    fn reference(
        &self,
        frame: u64,
        feature: &Feature,
        truth: Option<GroundTruth>,
    ) -> Result<Reference, String> {
        let truth = truth.as_ref().map(on_the_wire).transpose()?;
        Reference::new(frame, self.task, feature.clone(), truth)
            .map_err(|error| format!("reference: {error}"))
    }
}

fn on_the_wire(truth: &GroundTruth) -> Result<ReferenceTruth, String> {
    Ok(match truth {
        GroundTruth::Cls { label } => ReferenceTruth::Cls { label: *label },
        GroundTruth::Seg { mask } => ReferenceTruth::Seg {
            image: map_size(mask.size())?,
            mask: mask.view().iter().copied().collect(),
        },
        GroundTruth::Dpt { depth } => ReferenceTruth::Dpt {
            image: map_size(depth.size())?,
            depth_m: depth.view().iter().copied().collect(),
        },
    })
}

/// Clouds refuse larger pictures, which is too late: all work on them is done by then.
fn check_served(extent: ImageExtent) -> Result<(), String> {
    let (width, height) = (extent.width(), extent.height());
    let most = ImageExtent::MAX_SERVED_PIXELS;
    match (width * height) as u64 > most {
        true => Err(format!(
            "{width}x{height} pixels, at most {most} are served; make the picture smaller"
        )),
        false => Ok(()),
    }
}

fn image_size(extent: ImageExtent) -> Result<ImageSize, String> {
    map_size([extent.height(), extent.width()])
}

fn map_size([height, width]: [usize; 2]) -> Result<ImageSize, String> {
    let side = |extent: usize| u32::try_from(extent).unwrap_or(u32::MAX);
    ImageSize::new(side(width), side(height)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phones_picture_is_served_and_a_poster_is_not() {
        let served = |width, height| check_served(ImageExtent::new(width, height).unwrap());
        assert_eq!(served(4032, 3024), Ok(()));
        assert_eq!(served(4096, 4096), Ok(()));
        let expected = "8064x6048 pixels, at most 16777216 are served; make the picture smaller";
        assert_eq!(served(8064, 6048), Err(expected.to_owned()));
    }
}
