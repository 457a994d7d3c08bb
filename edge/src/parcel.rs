use bytes::Bytes;
use splitsim_proto::{FrameHeader, Reference};

use crate::timeline::Timeline;

/// A frame that is ready to be sent, with all that the courier needs for it.
///
/// Clones are cheap: container and feature are shared.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    /// Its waiting time is filled in when it is first sent.
    pub(crate) header: FrameHeader,
    /// The container that the cloud will decode.
    pub(crate) container: Bytes,
    /// Points of the feature, for the rate.
    pub(crate) points: u64,
    /// The reference, which goes over the reference channel first.
    pub(crate) reference: Option<Reference>,
    pub(crate) timeline: Timeline,
    /// `true` if the cloud has confirmed the reference.
    pub(crate) reference_known: bool,
    /// `true` if the frame is in the spool as well.
    pub(crate) spooled: bool,
    /// The number of times that the cloud broke down over it, or lacked its reference, in this process.
    pub(crate) setbacks: u32,
}

impl Parcel {
    pub(crate) const fn frame(&self) -> u64 {
        self.header.frame
    }
}
