//! Resource limits for programs that decode untrusted input.

use std::io;
use std::process::Child;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use splitsim_feature::units::Bytes;

/// Limits of one program: beyond them the system refuses it memory, or ends it. They are applied on Linux only;
/// elsewhere programs run without limits.
///
/// They are set right after the program was started and before it is given any input. A program that reads
/// files itself may have begun by then: resources that it took in those microseconds count as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResourceLimits {
    /// Address space, in bytes. It counts all that is mapped, so it is larger than what the program needs.
    pub memory_bytes: Option<u64>,
    /// The longest file that the program may write, in bytes.
    pub file_bytes: Option<u64>,
}

/// The address space of a decoder with its libraries and the stacks of its threads: ffmpeg needs a quarter of it.
const BASE_BYTES: u64 = 1 << 30;
/// A decoder's memory for each sample: several pictures in 16 bits, motion and coding data beside them. ffmpeg
/// takes some 20, VTM some 100.
const BYTES_PER_SAMPLE: u64 = 128;

impl ResourceLimits {
    /// For decoding a picture of so many samples, or bytes of samples.
    #[must_use]
    pub const fn for_decoding(samples: u64) -> Self {
        Self {
            memory_bytes: Some(BASE_BYTES + samples.saturating_mul(BYTES_PER_SAMPLE)),
            file_bytes: None,
        }
    }

    /// With another limit to memory, if one is given.
    #[must_use]
    pub fn or_memory(self, memory: Option<Bytes>) -> Self {
        Self {
            memory_bytes: memory.map(|bytes| bytes.0).or(self.memory_bytes),
            ..self
        }
    }

    /// `true` if there is no limit to set.
    pub(crate) const fn is_none(self) -> bool {
        self.memory_bytes.is_none() && self.file_bytes.is_none()
    }

    /// Sets them for a child, which must not have been waited for. Its time on all processors is limited too, in
    /// case this process ends before it can end the child; and it leaves no core file.
    pub(crate) fn apply(self, child: &Child, time_limit: Duration) -> io::Result<()> {
        if self.is_none() || !cfg!(target_os = "linux") {
            return Ok(());
        }
        let seconds = time_limit
            .as_secs()
            .saturating_add(1)
            .saturating_mul(PROCESSORS);
        let limits = [
            (Resource::As, self.memory_bytes),
            (Resource::Fsize, self.file_bytes),
            (Resource::Cpu, Some(seconds)),
            (Resource::Core, Some(0)),
        ];
        let pid = Pid::from_child(child);
        for (resource, limit) in limits {
            let Some(limit) = limit else { continue };
            let limit = Rlimit {
                current: Some(limit),
                maximum: Some(limit),
            };
            match prlimit(Some(pid), resource, limit) {
                // It has ended already.
                Ok(_) | Err(Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Threads that a decoder may keep busy for its whole time.
const PROCESSORS: u64 = 4;
