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
    /// What the cloud will decode.
    pub(crate) container: Bytes,
    /// Points of the feature, for the rate.
    pub(crate) points: u64,
    /// What goes over the reference channel first.
    pub(crate) reference: Option<Reference>,
    pub(crate) timeline: Timeline,
    /// Whether the cloud said that it has the reference.
    pub(crate) reference_known: bool,
    /// Whether the spool has it too.
    pub(crate) spooled: bool,
    /// How often the cloud broke down over it, or lacked its reference, since this process has it.
    pub(crate) setbacks: u32,
}

impl Parcel {
    pub(crate) const fn frame(&self) -> u64 {
        self.header.frame
    }
}
