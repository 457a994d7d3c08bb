//! Frames that wait for the cloud, one file each, written whole or not at all.
//!
//! All integers are little-endian, times in microseconds since 1970.
//!
//! | bytes | field |
//! |---:|---|
//! | 8 | magic `SPLSPOOL` |
//! | 1 | version, 1 |
//! | 1 | 1 with a reference, 0 without |
//! | 4 | times sent |
//! | 8 | feature points |
//! | 8 | captured |
//! | 8 | chosen |
//! | 8 | first sent, 0 for never |
//! | 8 | microseconds of experiment's work since then, or since chosen |
//! | 8 | UDP payload sent for it |
//! | 8 | UDP datagrams sent for it |
//! | … | [`FrameHeader`], as on the wire, and the container |
//! | … | with a reference: its [`ReferenceRequest`], as on the wire, feature and truth |
//! | 4 | CRC-32C of everything before |

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use splitsim_proto::framing::{self, MAX_MESSAGE_BYTES, PREFIX_BYTES};
use splitsim_proto::{FrameHeader, Message, Reference, ReferenceRequest};
use splitsim_text::FileError;

use crate::outbox::{OutboxError, failed};
use crate::parcel::Parcel;
use crate::timeline::{Clock, StoredTimeline};

/// The directory of waiting frames. Clones are names of the same one.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    directory: PathBuf,
}

impl Spool {
    /// Opens or makes the directory; what a killed process left half written is removed.
    pub(crate) fn open(directory: &Path) -> Result<Self, OutboxError> {
        fs::create_dir_all(directory).map_err(failed("create", directory))?;
        let spool = Self {
            directory: directory.to_owned(),
        };
        splitsim_durable::remove_stale(directory)?;
        Ok(spool)
    }

    /// The file of a frame.
    pub(crate) fn path(&self, frame: u64) -> PathBuf {
        self.directory.join(format!("frame-{frame:012}.{WHOLE}"))
    }

    /// The frames that there are files of, in no order.
    pub(crate) fn frames(&self) -> Result<Vec<u64>, OutboxError> {
        Ok(self
            .files()?
            .iter()
            .filter_map(|path| number(path))
            .collect())
    }

    /// Writes a parcel, durably.
    pub(crate) fn put(&self, parcel: &Parcel, stored: StoredTimeline) -> Result<(), OutboxError> {
        let path = self.path(parcel.frame());
        let bytes = encode(parcel, stored).map_err(|reason| OutboxError::Damaged {
            path: path.clone(),
            reason,
        })?;
        Ok(splitsim_durable::replace(&path, bytes)?)
    }

    /// Reads a parcel. Its file stays until the frame is answered.
    pub(crate) fn take(&self, frame: u64) -> Result<Parcel, OutboxError> {
        let path = self.path(frame);
        let damaged = |reason| OutboxError::Damaged {
            path: path.clone(),
            reason,
        };
        let bytes = splitsim_text::read(&path, MAX_FILE_BYTES).map_err(|error| match error {
            FileError::Io { source, .. } => failed("read", &path)(source),
            other => damaged(other.reason()),
        })?;
        let parcel = decode(&bytes.into(), Clock::now()).map_err(damaged)?;
        match parcel.frame() {
            actual if actual == frame => Ok(parcel),
            actual => Err(damaged(format!("holds frame {actual}"))),
        }
    }

    /// Forgets a frame.
    pub(crate) fn remove(&self, frame: u64) -> Result<(), OutboxError> {
        let path = self.path(frame);
        fs::remove_file(&path).map_err(failed("remove", &path))
    }

    fn files(&self) -> Result<Vec<PathBuf>, OutboxError> {
        fs::read_dir(&self.directory)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(failed("read", &self.directory))
    }
}

/// The frame of a file's name.
fn number(path: &Path) -> Option<u64> {
    let stem = path
        .file_name()?
        .to_str()?
        .strip_suffix(WHOLE)?
        .strip_suffix('.')?;
    stem.strip_prefix("frame-")?.parse().ok()
}

pub(crate) fn encode(parcel: &Parcel, stored: StoredTimeline) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(MAGIC);
    bytes.push(VERSION);
    bytes.push(u8::from(parcel.reference.is_some()));
    bytes.extend_from_slice(&stored.sends.to_le_bytes());
    let numbers = [
        parcel.points,
        stored.captured_us,
        stored.chosen_us,
        stored.opened_us,
        stored.carried_us,
        stored.udp_bytes,
        stored.udp_datagrams,
    ];
    numbers
        .iter()
        .for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    bytes.extend_from_slice(&message(&parcel.header)?);
    bytes.extend_from_slice(&parcel.container);
    if let Some(reference) = &parcel.reference {
        bytes.extend_from_slice(&message(&ReferenceRequest::Reference(reference.header()))?);
        bytes.extend_from_slice(&reference.body());
    }
    Ok(with_checksum(bytes))
}

/// A file of this content.
pub(crate) fn with_checksum(mut content: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&content);
    content.extend_from_slice(&crc.to_le_bytes());
    content
}

fn message<M: Message>(message: &M) -> Result<Bytes, String> {
    framing::encode_frame(message).map_err(|error| error.to_string())
}

pub(crate) fn decode(bytes: &Bytes, clock: Clock) -> Result<Parcel, String> {
    let mut rest = Cursor {
        bytes: checked(bytes)?,
    };
    if rest.take(MAGIC.len())? != MAGIC.as_slice() {
        return Err("no spool file".to_owned());
    }
    let [version, has_reference] = rest.array::<2>()?;
    if version != VERSION {
        return Err(format!("version {version}, this edge reads {VERSION}"));
    }
    let sends = u32::from_le_bytes(rest.array()?);
    let points = rest.u64()?;
    let stored = StoredTimeline {
        captured_us: rest.u64()?,
        chosen_us: rest.u64()?,
        opened_us: rest.u64()?,
        carried_us: rest.u64()?,
        sends,
        udp_bytes: rest.u64()?,
        udp_datagrams: rest.u64()?,
    };
    let header: FrameHeader = rest.message()?;
    let container = rest.take_u64(header.container_bytes().0)?;
    let reference = match has_reference {
        0 => None,
        _ => Some(rest.reference()?),
    };
    match rest.bytes.len() {
        0 => Ok(Parcel {
            header,
            container,
            points,
            reference,
            timeline: stored.resume(clock),
            reference_known: false,
            spooled: true,
            setbacks: 0,
        }),
        extra => Err(format!("{extra} bytes beyond its end")),
    }
}

/// The bytes before the checksum, which must be theirs.
fn checked(bytes: &Bytes) -> Result<Bytes, String> {
    let end = bytes.len().checked_sub(CRC_BYTES).ok_or("truncated")?;
    let content = bytes.slice(..end);
    let actual = crc32c::crc32c(&content).to_le_bytes();
    match actual == bytes[end..] {
        true => Ok(content),
        false => Err("its checksum is wrong".to_owned()),
    }
}

/// The bytes of a spooled file that are left to read.
struct Cursor {
    bytes: Bytes,
}

impl Cursor {
    fn take(&mut self, length: usize) -> Result<Bytes, String> {
        match length <= self.bytes.len() {
            true => Ok(self.bytes.split_to(length)),
            false => Err("truncated".to_owned()),
        }
    }

    fn take_u64(&mut self, length: u64) -> Result<Bytes, String> {
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        <[u8; N]>::try_from(&taken[..]).map_err(|_| "truncated".to_owned())
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    fn message<M: Message>(&mut self) -> Result<M, String> {
        let prefix = self.array::<PREFIX_BYTES>()?;
        let length =
            framing::decode_prefix(prefix, MAX_MESSAGE_BYTES).map_err(|error| error.to_string())?;
        framing::decode_frame_body(&self.take(length)?).map_err(|error| error.to_string())
    }

    fn reference(&mut self) -> Result<Reference, String> {
        match self.message()? {
            ReferenceRequest::Reference(header) => {
                let body = self.take_u64(header.body_bytes().0)?;
                Reference::from_parts(&header, &body).map_err(|error| error.to_string())
            }
            ReferenceRequest::Settlement(_) => {
                Err("a settlement in place of a reference".to_owned())
            }
        }
    }
}

const MAGIC: &[u8; 8] = b"SPLSPOOL";
const VERSION: u8 = 1;
const CRC_BYTES: usize = 4;
const WHOLE: &str = "spool";
/// The largest feature of all is 640 MiB, its truth at most 1 GiB, and a container 64 MiB.
const MAX_FILE_BYTES: u64 = 2 << 30;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use splitsim_feature::{Feature, FeatureShape, Task, units};
    use splitsim_proto::{
        Attempt, Digest, EdgeStages, ImageSize, Name, ReferenceTruth, Score, Verdict,
    };

    use super::*;
    use crate::timeline::{ExperimentLog, Timeline};

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn parcel(frame: u64) -> Parcel {
        let container = Bytes::from_static(b"container");
        let attempt = Attempt {
            level: 1,
            label: name("qp 30"),
            payload_bytes: units::Bytes(4),
            container_bytes: units::Bytes::of(&container),
            encode: Duration::from_micros(10),
            decode: Duration::from_micros(20),
            score: Duration::from_micros(30),
            scores: vec![Score::new(name("cosine"), 0.5).unwrap()],
            failed: None,
        };
        let shape = FeatureShape::new(1, 1, 2, 2).unwrap();
        let feature = Feature::new(shape, vec![1.0, -2.0, 3.0, 4.5]).unwrap();
        let truth = ReferenceTruth::Seg {
            image: ImageSize::new(2, 1).unwrap(),
            mask: vec![3, 255],
        };
        let now = Instant::now();
        Parcel {
            header: FrameHeader {
                frame,
                task: Task::Seg,
                source: name("room.png"),
                image: ImageSize::new(2, 1).unwrap(),
                codec: name("hevc"),
                metric: Some(name("cosine")),
                attempts: vec![attempt],
                shipped_attempt: 0,
                verdict: Verdict::BestEffort,
                picture_digest: Some(Digest::new([7; 32])),
                stages: EdgeStages::default(),
            },
            container,
            points: 4,
            reference: Reference::new(frame, Task::Seg, feature, Some(truth))
                .map(|reference| reference.of_picture(Some(Digest::new([7; 32]))))
                .ok(),
            timeline: Timeline::new(now, now),
            reference_known: false,
            spooled: true,
            setbacks: 0,
        }
    }

    fn stored(parcel: &Parcel) -> StoredTimeline {
        parcel.timeline.store(Clock::now(), &ExperimentLog::new(1))
    }

    fn store(spool: &Spool, parcel: &Parcel) {
        spool.put(parcel, stored(parcel)).unwrap();
    }

    #[test]
    fn a_parcel_reads_back_with_container_reference_and_truth() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(&dir.path().join("spool")).unwrap();
        let parcel = parcel(7);
        store(&spool, &parcel);
        assert_eq!(spool.frames().unwrap(), [7]);
        let read = spool.take(7).unwrap();
        assert_eq!(read.header, parcel.header);
        assert_eq!(read.container, parcel.container);
        assert_eq!(read.reference, parcel.reference);
        assert_eq!((read.points, read.timeline.sends), (4, 0));
        spool.remove(7).unwrap();
        assert!(spool.frames().unwrap().is_empty());
    }

    #[test]
    fn damage_anywhere_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        store(&spool, &parcel(7));
        let path = spool.path(7);
        let whole = fs::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            assert!(
                matches!(spool.take(7), Err(OutboxError::Damaged { .. })),
                "byte {position}"
            );
            fs::write(&path, &whole[..position]).unwrap();
            assert!(matches!(spool.take(7), Err(OutboxError::Damaged { .. })));
        }
    }

    #[test]
    fn what_is_no_file_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        std::os::unix::fs::symlink("/dev/null", spool.path(7)).unwrap();
        let message = spool.take(7).unwrap_err().to_string();
        let expected = "is damaged: a device, expected a regular file";
        assert!(message.ends_with(expected), "{message}");
    }

    #[test]
    fn a_right_checksum_does_not_excuse_wrong_content() {
        let whole = encode(&parcel(7), stored(&parcel(7))).unwrap();
        for position in 0..whole.len() - CRC_BYTES {
            let mut damaged = whole[..whole.len() - CRC_BYTES].to_vec();
            damaged[position] = 0xff;
            // Some bytes may be anything; none may make the reader panic or take more than there is.
            let _ = decode(&with_checksum(damaged).into(), Clock::now());
        }
    }

    #[test]
    fn what_a_killed_process_left_half_written_goes() {
        let dir = tempfile::tempdir().unwrap();
        let half = dir.path().join(".splitsim-0123456789abcdef.partial");
        fs::write(&half, "half").unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        assert!(!half.exists());
        assert!(spool.frames().unwrap().is_empty());
    }

    #[test]
    fn a_spool_that_was_removed_is_reported_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(&dir.path().join("spool")).unwrap();
        fs::remove_dir(dir.path().join("spool")).unwrap();
        let path = spool.path(7);
        let error = spool.put(&parcel(7), stored(&parcel(7))).unwrap_err();
        let message = error.to_string();
        let expected = format!("cannot write {}: No such file", path.display());
        assert!(message.starts_with(&expected), "{message}");
    }
}
