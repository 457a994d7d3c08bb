//! Checks a frame against the negotiated parameters before any work is spent on it.

use splitsim_codec::{CodecError, Container, Fault, FeatureCodec};
use splitsim_feature::units::Bytes;
use splitsim_proto::{FrameHeader, Hello, ImageSize, RequestError, RequestErrorKind};
use splitsim_source::ImageExtent;
use splitsim_transport::ReceivedFrame;

use crate::shared::Shared;

/// A frame whose header and container fit the hello, the model and each other.
pub(crate) struct Admitted<'a> {
    pub(crate) container: Container,
    pub(crate) extent: ImageExtent,
    pub(crate) codec: &'a dyn FeatureCodec,
}

pub(crate) fn admit<'a>(
    shared: &'a Shared,
    hello: &Hello,
    frame: &ReceivedFrame,
) -> Result<Admitted<'a>, RequestError> {
    let header = &frame.header;
    let codec = agreed_codec(shared, hello, header)?;
    let extent = extent(header.image, shared.limits.image_pixels)?;
    let container =
        Container::parse(&frame.container, &shared.limits.container).map_err(|error| {
            RequestError::new(RequestErrorKind::ContainerRefused, error.to_string())
        })?;
    matches_header(&container, header)?;
    matches_image(shared, &container, header, extent)?;
    Ok(Admitted {
        container,
        extent,
        codec,
    })
}

/// The decoder of a task and codec that the hello named.
fn agreed_codec<'a>(
    shared: &'a Shared,
    hello: &Hello,
    header: &FrameHeader,
) -> Result<&'a dyn FeatureCodec, RequestError> {
    let (task, codec) = (header.task, &header.codec);
    if !hello.tasks.contains(&task) {
        return Err(header_refused(format!(
            "task {task} is none of those that the hello named"
        )));
    }
    let agreed = hello
        .codecs
        .iter()
        .any(|offer| offer.task == task && offer.name == *codec);
    shared
        .decoders
        .get(codec, task)
        .filter(|_| agreed)
        .ok_or_else(|| {
            header_refused(format!(
                "codec '{codec}' for task {task} is none of those that the hello named"
            ))
        })
}

fn extent(image: ImageSize, max_pixels: u64) -> Result<ImageExtent, RequestError> {
    let (width, height) = (image.width(), image.height());
    if image.pixels() > max_pixels {
        return Err(RequestError::new(
            RequestErrorKind::TooLarge,
            format!("image of {width}x{height} pixels, at most {max_pixels} are served"),
        ));
    }
    ImageExtent::new(width as usize, height as usize).ok_or_else(|| {
        header_refused(format!(
            "image of {width}x{height} pixels, sides of 1 to {} are served",
            ImageExtent::MAX_SIDE
        ))
    })
}

/// Checks that the header's shipped attempt, which the log will record, agrees with the container.
fn matches_header(container: &Container, header: &FrameHeader) -> Result<(), RequestError> {
    let found = container.header();
    same("task", found.task, header.task)?;
    same("codec", found.codec.name(), header.codec.as_str())?;
    let shipped = header
        .shipped()
        .ok_or_else(|| header_refused("the shipped attempt is none of the attempts".to_owned()))?;
    same("level", u32::from(found.level.0), shipped.level)?;
    let payload: Bytes = container.payload_bytes();
    same("payload", payload, shipped.payload_bytes)
}

fn matches_image(
    shared: &Shared,
    container: &Container,
    header: &FrameHeader,
    extent: ImageExtent,
) -> Result<(), RequestError> {
    let expected = shared
        .engine
        .feature_shape(header.task, extent)
        .map_err(|error| header_refused(error.to_string()))?;
    let actual = container.header().shape;
    if actual == expected {
        return Ok(());
    }
    Err(container_refused(format!(
        "container holds a feature of {actual}, a {} feature of an image of {}x{} is {expected}",
        header.task,
        extent.width(),
        extent.height()
    )))
}

fn same<T: PartialEq + std::fmt::Display>(
    what: &str,
    container: T,
    header: T,
) -> Result<(), RequestError> {
    if container == header {
        return Ok(());
    }
    Err(container_refused(format!(
        "container has {what} {container}, its frame's header {header}"
    )))
}

/// Converts a decoder's failure into the error that the edge receives.
pub(crate) fn decode_error(error: &CodecError) -> RequestError {
    let kind = match error {
        error if error.fault() == Fault::Machine => RequestErrorKind::BrokeDown,
        CodecError::SymbolsDiffer { .. } => RequestErrorKind::DigestMismatch,
        CodecError::WrongCodec { .. }
        | CodecError::WrongTask { .. }
        | CodecError::WrongDepth { .. }
        | CodecError::TablesDiffer { .. }
        | CodecError::NoSuchLevel { .. }
        | CodecError::Layers { .. }
        | CodecError::PictureTooLarge { .. }
        | CodecError::UnknownCodebook { .. }
        | CodecError::CodebookDepth { .. }
        | CodecError::Container(_) => RequestErrorKind::ContainerRefused,
        CodecError::Model(_)
        | CodecError::Uncalibrated { .. }
        | CodecError::NoLadder { .. }
        | CodecError::Ladder { .. }
        | CodecError::InvalidLadder { .. }
        | CodecError::NeedsLibtorch { .. }
        | CodecError::Learned { .. }
        | CodecError::NoCodebook { .. }
        | CodecError::CodebookFile { .. }
        | CodecError::NoSuchCentre { .. }
        | CodecError::SymbolTooLarge { .. }
        | CodecError::Ffmpeg(_)
        | CodecError::Reference(_)
        | CodecError::EncodedSize { .. }
        | CodecError::Span { .. }
        | CodecError::Process { .. }
        | CodecError::DecodedSize { .. }
        | CodecError::Feature(_) => RequestErrorKind::DecodeFailed,
    };
    RequestError::new(kind, error.to_string())
}

fn header_refused(message: String) -> RequestError {
    RequestError::new(RequestErrorKind::HeaderRefused, message)
}

fn container_refused(message: String) -> RequestError {
    RequestError::new(RequestErrorKind::ContainerRefused, message)
}
