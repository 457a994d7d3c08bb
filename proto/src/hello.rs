use std::fmt;

use splitsim_feature::Task;
use splitsim_feature::units::Bytes;

use crate::check;
use crate::message::InvalidMessage;
use crate::names::{Explanation, Id, Name};
use crate::{Digest, wire};

/// The version of the messages and of their order. Any change that an older peer would misread raises it.
pub const PROTOCOL_VERSION: u32 = 1;

/// The most tasks or codecs that one side may name.
const MAX_OFFERS: usize = 256;

/// The identity of the model that a side runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelIdentity {
    /// The package's name.
    pub name: Name,
    /// The digest of manifest and weights.
    pub digest: Digest,
}

impl fmt::Display for ModelIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' ({})", self.name, self.digest)
    }
}

/// A codec as set up for one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecTables {
    /// The codec's name.
    pub name: Name,
    /// The task that the tables are for.
    pub task: Task,
    /// The digest of all that a decoder needs beside the container.
    pub tables_digest: Digest,
}

/// The first message of an edge on every connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The edge's [`PROTOCOL_VERSION`].
    pub protocol_version: u32,
    /// The run that the frames belong to.
    pub run_id: Id,
    /// The edge, unique within the run.
    pub edge_id: Id,
    /// The decision policy and its settings, as a label.
    pub policy: Name,
    /// The model that made the features.
    pub model: ModelIdentity,
    /// The tasks whose features will come.
    pub tasks: Vec<Task>,
    /// The codecs that the containers will be of.
    pub codecs: Vec<CodecTables>,
    /// The edge's software and its version.
    pub software_version: Name,
    /// `true` if the edge will open a reference connection too.
    pub references: bool,
    /// The largest container that the edge will send.
    pub max_container_bytes: Bytes,
    /// The digest of all settings that decide on the content of frames, the same whenever an edge continues
    /// its run. `None` from edges that do not compute one.
    pub settings_digest: Option<Digest>,
    /// The pictures, as the edge's command line or scenario names them. `None` from edges that do not say.
    pub source: Option<Name>,
}

/// The limits on what a cloud accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest container.
    pub max_container_bytes: Bytes,
    /// The largest reference: feature and ground truth together.
    pub max_reference_bytes: Bytes,
    /// The maximum number of frames under way on one connection.
    pub max_frames_in_flight: u32,
}

/// The cloud's side of a negotiation: its model, codecs and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudSide {
    /// The model whose heads it runs.
    pub model: ModelIdentity,
    /// The tasks it has heads for.
    pub tasks: Vec<Task>,
    /// The codecs it decodes.
    pub codecs: Vec<CodecTables>,
    /// The limits on what it accepts.
    pub limits: Limits,
    /// The cloud's software and its version.
    pub software_version: Name,
}

/// The cloud's consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The cloud's [`PROTOCOL_VERSION`].
    pub protocol_version: u32,
    /// The model whose heads it runs.
    pub model: ModelIdentity,
    /// The tasks it has heads for.
    pub tasks: Vec<Task>,
    /// The codecs it decodes.
    pub codecs: Vec<CodecTables>,
    /// The limits of this connection.
    pub limits: Limits,
    /// The cloud's software and its version.
    pub software_version: Name,
}

/// The cloud's refusal: the two sides do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The kind of disagreement.
    pub kind: RefusalKind,
    /// Both sides' values, and the remedy.
    pub message: Explanation,
}

/// The kinds of disagreement between the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// They speak different versions.
    ProtocolVersion,
    /// They run different models.
    Model,
    /// The cloud has no head for a task.
    Task,
    /// The cloud does not decode a codec.
    Codec,
    /// They have different tables for a codec.
    CodecTables,
    /// The hello could not be read.
    Invalid,
    /// The cloud accepts no more edges now.
    Unavailable,
}

impl Refusal {
    /// A refusal of this kind.
    #[must_use]
    pub fn new(kind: RefusalKind, message: impl Into<Explanation>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

/// The cloud's answer to a [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelloReply {
    /// The edge may send.
    Welcome(Welcome),
    /// The edge may not, and the connection will be closed.
    Refusal(Refusal),
}

/// Compares an edge's hello with the cloud's side.
///
/// The container limit of the [`Welcome`] is the smaller of both sides'.
///
/// # Errors
/// The first mismatch, in the order protocol version, model, tasks, codecs, tables.
pub fn negotiate(hello: &Hello, cloud: &CloudSide) -> Result<Welcome, Refusal> {
    check_version(hello)?;
    check_model(hello, cloud)?;
    check_tasks(hello, cloud)?;
    hello
        .codecs
        .iter()
        .try_for_each(|codec| check_codec(codec, cloud))?;
    let limits = Limits {
        max_container_bytes: hello
            .max_container_bytes
            .min(cloud.limits.max_container_bytes),
        ..cloud.limits
    };
    Ok(Welcome {
        protocol_version: PROTOCOL_VERSION,
        model: cloud.model.clone(),
        tasks: cloud.tasks.clone(),
        codecs: cloud.codecs.clone(),
        limits,
        software_version: cloud.software_version.clone(),
    })
}

fn check_version(hello: &Hello) -> Result<(), Refusal> {
    if hello.protocol_version == PROTOCOL_VERSION {
        return Ok(());
    }
    let message = format!(
        "edge speaks protocol version {}, cloud {PROTOCOL_VERSION}; install the same release on both",
        hello.protocol_version
    );
    Err(Refusal::new(RefusalKind::ProtocolVersion, message))
}

fn check_model(hello: &Hello, cloud: &CloudSide) -> Result<(), Refusal> {
    if hello.model.digest == cloud.model.digest {
        return Ok(());
    }
    let message = format!(
        "edge runs model {}, cloud runs model {}; give both the same package",
        hello.model, cloud.model
    );
    Err(Refusal::new(RefusalKind::Model, message))
}

fn check_tasks(hello: &Hello, cloud: &CloudSide) -> Result<(), Refusal> {
    let Some(missing) = hello.tasks.iter().find(|task| !cloud.tasks.contains(task)) else {
        return Ok(());
    };
    let message = format!(
        "edge sends task {missing}, cloud has heads for {}",
        list(cloud.tasks.iter())
    );
    Err(Refusal::new(RefusalKind::Task, message))
}

fn check_codec(codec: &CodecTables, cloud: &CloudSide) -> Result<(), Refusal> {
    let same_task = |own: &&CodecTables| own.task == codec.task;
    let Some(own) = cloud
        .codecs
        .iter()
        .filter(same_task)
        .find(|own| own.name == codec.name)
    else {
        let message = format!(
            "edge sends codec '{}' for task {}, cloud decodes for that task: {}",
            codec.name,
            codec.task,
            list(cloud.codecs.iter().filter(same_task).map(|own| &own.name))
        );
        return Err(Refusal::new(RefusalKind::Codec, message));
    };
    if own.tables_digest == codec.tables_digest {
        return Ok(());
    }
    let message = format!(
        "codec '{}' for task {}: edge has tables {}, cloud has {}; give both the same package",
        codec.name, codec.task, codec.tables_digest, own.tables_digest
    );
    Err(Refusal::new(RefusalKind::CodecTables, message))
}

fn list<T: fmt::Display>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    match items.len() {
        0 => "none".to_owned(),
        _ => items.join(", "),
    }
}

impl From<&ModelIdentity> for wire::Model {
    fn from(model: &ModelIdentity) -> Self {
        Self {
            name: model.name.to_string(),
            digest: model.digest.bytes().to_vec(),
        }
    }
}

impl TryFrom<wire::Model> for ModelIdentity {
    type Error = InvalidMessage;

    fn try_from(wire: wire::Model) -> Result<Self, Self::Error> {
        Ok(Self {
            name: check::name("model name", wire.name)?,
            digest: check::digest("model digest", &wire.digest)?,
        })
    }
}

impl From<&CodecTables> for wire::CodecTables {
    fn from(codec: &CodecTables) -> Self {
        Self {
            name: codec.name.to_string(),
            task: check::task_to_wire(codec.task),
            tables_digest: codec.tables_digest.bytes().to_vec(),
        }
    }
}

impl TryFrom<wire::CodecTables> for CodecTables {
    type Error = InvalidMessage;

    fn try_from(wire: wire::CodecTables) -> Result<Self, Self::Error> {
        Ok(Self {
            name: check::name("codec name", wire.name)?,
            task: check::task("codec task", wire.task)?,
            tables_digest: check::digest("tables digest", &wire.tables_digest)?,
        })
    }
}

fn tasks(wire: &[i32]) -> Result<Vec<Task>, InvalidMessage> {
    check::count("tasks", wire.len(), (0, MAX_OFFERS))?;
    wire.iter().map(|&task| check::task("task", task)).collect()
}

fn tasks_to_wire(tasks: &[Task]) -> Vec<i32> {
    tasks.iter().copied().map(check::task_to_wire).collect()
}

fn codecs(wire: Vec<wire::CodecTables>) -> Result<Vec<CodecTables>, InvalidMessage> {
    check::count("codecs", wire.len(), (0, MAX_OFFERS))?;
    wire.into_iter().map(CodecTables::try_from).collect()
}

impl From<&Hello> for wire::Hello {
    fn from(hello: &Hello) -> Self {
        Self {
            protocol_version: hello.protocol_version,
            run_id: hello.run_id.to_string(),
            edge_id: hello.edge_id.to_string(),
            policy: hello.policy.to_string(),
            model: Some((&hello.model).into()),
            tasks: tasks_to_wire(&hello.tasks),
            codecs: hello.codecs.iter().map(Into::into).collect(),
            software_version: hello.software_version.to_string(),
            references: hello.references,
            max_container_bytes: hello.max_container_bytes.0,
            settings_digest: check::optional_digest_to_wire(hello.settings_digest),
            source: hello
                .source
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        }
    }
}

impl TryFrom<wire::Hello> for Hello {
    type Error = InvalidMessage;

    fn try_from(wire: wire::Hello) -> Result<Self, Self::Error> {
        Ok(Self {
            protocol_version: wire.protocol_version,
            run_id: check::id("run id", wire.run_id)?,
            edge_id: check::id("edge id", wire.edge_id)?,
            policy: check::name("policy", wire.policy)?,
            model: check::required("model", wire.model)?.try_into()?,
            tasks: tasks(&wire.tasks)?,
            codecs: codecs(wire.codecs)?,
            software_version: check::name("software version", wire.software_version)?,
            references: wire.references,
            max_container_bytes: Bytes(wire.max_container_bytes),
            settings_digest: check::optional_digest("settings digest", &wire.settings_digest)?,
            source: check::optional_name("source", wire.source)?,
        })
    }
}

impl From<&Welcome> for wire::Welcome {
    fn from(welcome: &Welcome) -> Self {
        Self {
            protocol_version: welcome.protocol_version,
            model: Some((&welcome.model).into()),
            tasks: tasks_to_wire(&welcome.tasks),
            codecs: welcome.codecs.iter().map(Into::into).collect(),
            limits: Some(wire::Limits {
                max_container_bytes: welcome.limits.max_container_bytes.0,
                max_reference_bytes: welcome.limits.max_reference_bytes.0,
                max_frames_in_flight: welcome.limits.max_frames_in_flight,
            }),
            software_version: welcome.software_version.to_string(),
        }
    }
}

impl TryFrom<wire::Welcome> for Welcome {
    type Error = InvalidMessage;

    fn try_from(wire: wire::Welcome) -> Result<Self, Self::Error> {
        let limits = check::required("limits", wire.limits)?;
        let in_flight = limits.max_frames_in_flight;
        check::expect(
            in_flight > 0,
            "max frames in flight",
            in_flight,
            "at least 1",
        )?;
        Ok(Self {
            protocol_version: wire.protocol_version,
            model: check::required("model", wire.model)?.try_into()?,
            tasks: tasks(&wire.tasks)?,
            codecs: codecs(wire.codecs)?,
            limits: Limits {
                max_container_bytes: Bytes(limits.max_container_bytes),
                max_reference_bytes: Bytes(limits.max_reference_bytes),
                max_frames_in_flight: in_flight,
            },
            software_version: check::name("software version", wire.software_version)?,
        })
    }
}

impl From<&Refusal> for wire::Refusal {
    fn from(refusal: &Refusal) -> Self {
        use wire::refusal::Kind;
        let kind = match refusal.kind {
            RefusalKind::ProtocolVersion => Kind::ProtocolVersion,
            RefusalKind::Model => Kind::Model,
            RefusalKind::Task => Kind::Task,
            RefusalKind::Codec => Kind::Codec,
            RefusalKind::CodecTables => Kind::CodecTables,
            RefusalKind::Invalid => Kind::Invalid,
            RefusalKind::Unavailable => Kind::Unavailable,
        };
        Self {
            kind: kind.into(),
            message: refusal.message.to_string(),
        }
    }
}

impl TryFrom<wire::Refusal> for Refusal {
    type Error = InvalidMessage;

    fn try_from(wire: wire::Refusal) -> Result<Self, Self::Error> {
        use wire::refusal::Kind;
        let kind = match Kind::try_from(wire.kind) {
            Ok(Kind::ProtocolVersion) => RefusalKind::ProtocolVersion,
            Ok(Kind::Model) => RefusalKind::Model,
            Ok(Kind::Task) => RefusalKind::Task,
            Ok(Kind::Codec) => RefusalKind::Codec,
            Ok(Kind::CodecTables) => RefusalKind::CodecTables,
            Ok(Kind::Invalid) => RefusalKind::Invalid,
            Ok(Kind::Unavailable) => RefusalKind::Unavailable,
            Ok(Kind::Unspecified) | Err(_) => {
                return Err(InvalidMessage::UnknownValue {
                    field: "refusal kind",
                    actual: wire.kind,
                });
            }
        };
        Ok(Self::new(kind, wire.message))
    }
}

impl From<&HelloReply> for wire::HelloReply {
    fn from(reply: &HelloReply) -> Self {
        use wire::hello_reply::Reply;
        let reply = match reply {
            HelloReply::Welcome(welcome) => Reply::Welcome(welcome.into()),
            HelloReply::Refusal(refusal) => Reply::Refusal(refusal.into()),
        };
        Self { reply: Some(reply) }
    }
}

impl TryFrom<wire::HelloReply> for HelloReply {
    type Error = InvalidMessage;

    fn try_from(wire: wire::HelloReply) -> Result<Self, Self::Error> {
        use wire::hello_reply::Reply;
        match check::required("reply", wire.reply)? {
            Reply::Welcome(welcome) => Ok(Self::Welcome(welcome.try_into()?)),
            Reply::Refusal(refusal) => Ok(Self::Refusal(refusal.try_into()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn codec(text: &str, byte: u8) -> CodecTables {
        CodecTables {
            name: name(text),
            task: Task::Cls,
            tables_digest: Digest::new([byte; 32]),
        }
    }

    fn hello() -> Hello {
        Hello {
            protocol_version: PROTOCOL_VERSION,
            run_id: Id::new("run-1").unwrap(),
            edge_id: Id::new("edge-1").unwrap(),
            policy: name("gate cosine 0.95"),
            model: ModelIdentity {
                name: name("tiny"),
                digest: Digest::new([1; 32]),
            },
            tasks: vec![Task::Cls],
            codecs: vec![codec("hevc", 2)],
            software_version: name("edge 0.1.0"),
            references: true,
            max_container_bytes: Bytes(1000),
            settings_digest: None,
            source: None,
        }
    }

    fn cloud() -> CloudSide {
        CloudSide {
            model: hello().model,
            tasks: vec![Task::Cls, Task::Seg],
            codecs: vec![codec("hevc", 2), codec("vvc", 3)],
            limits: Limits {
                max_container_bytes: Bytes(5000),
                max_reference_bytes: Bytes(9000),
                max_frames_in_flight: 4,
            },
            software_version: name("cloud 0.1.0"),
        }
    }

    fn check_refused(hello: &Hello, kind: RefusalKind, both_sides: [&str; 2]) {
        let refusal = negotiate(hello, &cloud()).unwrap_err();
        assert_eq!(refusal.kind, kind);
        for value in both_sides {
            assert!(refusal.to_string().contains(value), "{refusal}");
        }
    }

    #[test]
    fn sides_that_fit_agree_on_the_smaller_limit() {
        let welcome = negotiate(&hello(), &cloud()).unwrap();
        assert_eq!(welcome.limits.max_container_bytes, Bytes(1000));
        assert_eq!(welcome.limits.max_reference_bytes, Bytes(9000));
        assert_eq!(welcome.codecs, cloud().codecs);
    }

    #[test]
    fn every_mismatch_names_both_values() {
        let mut edge = hello();
        edge.protocol_version = 7;
        check_refused(&edge, RefusalKind::ProtocolVersion, ["7", "cloud 1"]);

        let mut edge = hello();
        edge.model.digest = Digest::new([0xab; 32]);
        check_refused(&edge, RefusalKind::Model, ["abababab", "01010101"]);

        let mut edge = hello();
        edge.tasks = vec![Task::Dpt];
        check_refused(&edge, RefusalKind::Task, ["dpt", "cls, seg"]);

        let mut edge = hello();
        edge.codecs.push(codec("hyperprior", 2));
        check_refused(&edge, RefusalKind::Codec, ["hyperprior", "hevc, vvc"]);

        let mut edge = hello();
        edge.codecs[0].task = Task::Seg;
        check_refused(&edge, RefusalKind::Codec, ["seg", "none"]);

        let mut edge = hello();
        edge.codecs.push(codec("vvc", 0xcd));
        check_refused(&edge, RefusalKind::CodecTables, ["cdcdcdcd", "03030303"]);
    }
}
