//! Parts: one feature by one codec at all of its levels, under a name made of everything it depends on.

use serde::Serialize;
use splitsim_feature::Task;
use splitsim_model::Digest;
use splitsim_source::{Item, Picture};
use splitsim_truth::GroundTruth;

use super::Identity;
use super::identity::CodecIdentity;

/// The inputs that a part depends on. Their digest is the part's name, so a part found under its name has
/// exactly the content that would be computed.
#[derive(Serialize)]
struct Address<'a> {
    format: u32,
    software: &'a str,
    model: &'a str,
    compute: &'a str,
    symbols: &'a str,
    metrics: &'a [String],
    bank: Option<String>,
    keep: &'a [super::Keep],
    codec: &'a CodecIdentity,
    index: usize,
    name: &'a str,
    picture: String,
}

/// The name of the part of an item by a codec.
///
/// The source's name is no part of it: a set over more pictures of the same source uses what there is.
pub(super) fn name(
    identity: &Identity,
    codec: &CodecIdentity,
    (index, item): (usize, &Item),
) -> serde_json::Result<String> {
    let bank = identity.bank.as_ref();
    let address = Address {
        format: identity.format,
        software: &identity.software,
        model: &identity.model_digest,
        compute: &identity.compute,
        symbols: &identity.symbols,
        metrics: &identity.metrics,
        bank: bank.map(|bank| format!("{} {}", bank.source, bank.margin)),
        keep: &identity.keep,
        codec,
        index,
        name: &item.name,
        picture: content(&item.picture, item.truth.as_ref()).to_string(),
    };
    let bytes = serde_json::to_vec(&address)?;
    Ok(format!("{}.parquet", Digest::of(&bytes)))
}

/// The digest of a picture and of its ground truth.
fn content(picture: &Picture, truth: Option<&GroundTruth>) -> Digest {
    let extent = picture.extent();
    let mut bytes = format!("{}x{}\n", extent.width(), extent.height()).into_bytes();
    bytes.extend_from_slice(picture.samples());
    match truth {
        None => {}
        Some(GroundTruth::Cls { label }) => {
            bytes.extend_from_slice(Task::Cls.name().as_bytes());
            bytes.extend(label.to_le_bytes());
        }
        Some(GroundTruth::Seg { mask }) => {
            bytes.extend_from_slice(Task::Seg.name().as_bytes());
            bytes.extend(mask.view());
        }
        Some(GroundTruth::Dpt { depth }) => {
            bytes.extend_from_slice(Task::Dpt.name().as_bytes());
            bytes.extend(depth.view().iter().flat_map(|metres| metres.to_le_bytes()));
        }
    }
    Digest::of(&bytes)
}
