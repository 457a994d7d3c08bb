use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use splitsim_codec::{CodecId, CodecOptions, Container};
use splitsim_feature::{Task, units};
use splitsim_model::{Digest, Package};
use splitsim_proto::{
    Ack, ClassScore, CloudSide, CloudStages, CodecTables, FrameHeader, FrameReply, FrameResult,
    Hello, Limits, ModelIdentity, Name, Outcome, Reference, ReferenceReply, RequestError,
    RequestErrorKind, Settlement, negotiate,
};
use splitsim_transport::{
    Channel, CloseCode, CloudEndpoint, CloudSession, Connection, Exchange, Identity, ReceivedFrame,
    ReceivedRequest, TransportError, TransportOptions,
};
use tokio::task::JoinHandle;

/// A cloud without a model: it keeps what it is sent, each frame once, and answers the same to all.
pub(crate) struct FakeCloud {
    endpoint: CloudEndpoint,
    listening: JoinHandle<()>,
    shared: Arc<Shared>,
}

/// The faults of a cloud, each of which happens once. Frames are counted as they come, from 1.
#[derive(Default)]
pub(crate) struct Faults {
    /// The connection breaks after this frame has come, before it is stored.
    pub(crate) break_before_storing: Option<usize>,
    /// The connection breaks after this frame is stored, before the reply.
    pub(crate) break_before_reply: Option<usize>,
    /// All references are forgotten when this frame has come.
    pub(crate) forget_references: Option<usize>,
    /// It runs another model.
    pub(crate) other_model: bool,
    /// The time that the answer to a frame takes.
    pub(crate) work: Duration,
    /// The treatment of frames that are not stored, by their count.
    pub(crate) odd: BTreeMap<usize, Odd>,
    /// The treatment of a frame of this number whenever it comes.
    pub(crate) always: Option<(u64, Odd)>,
}

/// The treatment of a frame that the cloud does not store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Odd {
    /// It takes it, and never answers.
    Silence,
    /// It answers, and says that it has not stored it.
    NotStored,
    /// It answers with an error.
    Refusal(RequestErrorKind),
}

/// The messages and connections that the cloud has received.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) hellos: Vec<Hello>,
    pub(crate) frames: BTreeMap<u64, (FrameHeader, Bytes)>,
    /// Frames in the order in which they came, again and again.
    pub(crate) arrivals: Vec<u64>,
    pub(crate) references: BTreeMap<u64, Reference>,
    pub(crate) references_taken: usize,
    pub(crate) settlements: BTreeMap<u64, Settlement>,
    /// Connections that ended because all was done.
    pub(crate) farewells: usize,
    /// The most frames that had come over one connection and were not answered.
    pub(crate) most_under_way: usize,
}

struct Shared {
    side: CloudSide,
    faults: Faults,
    kept: Mutex<Kept>,
}

impl FakeCloud {
    /// Frames that it allows on a connection at once.
    pub(crate) const MAX_IN_FLIGHT: u32 = 4;

    pub(crate) fn start(
        address: SocketAddr,
        identity: &Identity,
        package: &Package,
        faults: Faults,
    ) -> Self {
        let endpoint = bind(address, identity);
        let shared = Arc::new(Shared {
            side: side(package, &faults),
            faults,
            kept: Mutex::default(),
        });
        let (socket, serving) = (endpoint.clone(), Arc::clone(&shared));
        let listening = tokio::spawn(async move {
            while let Some(incoming) = socket.accept().await {
                let serving = Arc::clone(&serving);
                tokio::spawn(async move {
                    if let Ok(connection) = incoming.handshake().await {
                        serving.serve(connection).await;
                    }
                });
            }
        });
        Self {
            endpoint,
            listening,
            shared,
        }
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.shared.kept()
    }

    /// Goes away, and leaves its address to another. Returns the frames that it has.
    pub(crate) async fn stop(self) -> Vec<u64> {
        self.endpoint.close(CloseCode::Shutdown, "");
        self.endpoint.wait_idle().await;
        let frames = self.kept().frames.keys().copied().collect();
        self.listening.await.unwrap();
        frames
    }
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    async fn serve(self: Arc<Self>, connection: Connection) {
        let decide = |hello: &Hello| {
            self.kept().hellos.push(hello.clone());
            negotiate(hello, &self.side)
        };
        let Ok(session) = connection.answer_hello(decide).await else {
            return;
        };
        let session = Arc::new(session);
        // Frames that have come over it and are not answered.
        let under_way = Arc::new(AtomicUsize::new(0));
        while let Ok(next) = session.accept().await {
            match (next, session.connection().channel()) {
                (Some(exchange), Channel::Frames) => {
                    let (cloud, session) = (Arc::clone(&self), Arc::clone(&session));
                    let under_way = Arc::clone(&under_way);
                    tokio::spawn(async move { cloud.frame(&session, &under_way, exchange).await });
                }
                (Some(exchange), Channel::References) => self.request(exchange).await,
                (None, _) => {
                    self.kept().farewells += 1;
                    return;
                }
            }
        }
    }

    async fn frame(&self, session: &CloudSession, under_way: &AtomicUsize, mut exchange: Exchange) {
        // Another frame may break the connection.
        let Ok(frame) = exchange.recv_frame().await else {
            return;
        };
        let number = frame.header.frame;
        let arrivals = {
            let under_way = under_way.fetch_add(1, Ordering::Relaxed) + 1;
            let mut kept = self.kept();
            kept.most_under_way = kept.most_under_way.max(under_way);
            kept.arrivals.push(number);
            kept.arrivals.len()
        };
        self.answer(session, exchange, frame, arrivals).await;
        under_way.fetch_sub(1, Ordering::Relaxed);
    }

    async fn answer(
        &self,
        session: &CloudSession,
        exchange: Exchange,
        frame: ReceivedFrame,
        arrivals: usize,
    ) {
        if self.faults.break_before_storing == Some(arrivals) {
            session.connection().close(CloseCode::Failed, "broken");
            return;
        }
        if self.faults.forget_references == Some(arrivals) {
            self.kept().references.clear();
        }
        tokio::select! {
            () = tokio::time::sleep(self.faults.work) => {}
            _ = session.connection().closed() => return,
        }
        let odd = self.faults.odd.get(&arrivals).copied();
        let always = self.faults.always;
        let number = frame.header.frame;
        let reply = match odd.or(always.filter(|(of, _)| *of == number).map(|(_, odd)| odd)) {
            None => self.store(frame, session.hello().references),
            Some(Odd::Silence) => {
                session.connection().closed().await;
                return;
            }
            Some(Odd::NotStored) => FrameReply::Result(FrameResult {
                stored: false,
                ..answer(number, self.faults.work)
            }),
            Some(Odd::Refusal(kind)) => FrameReply::Failed(RequestError::new(kind, "odd")),
        };
        if self.faults.break_before_reply == Some(arrivals) {
            session.connection().close(CloseCode::Failed, "broken");
            return;
        }
        let _ = exchange.reply(&reply).await;
    }

    fn store(&self, frame: ReceivedFrame, references: bool) -> FrameReply {
        let mut kept = self.kept();
        let ReceivedFrame { header, container } = frame;
        let number = header.frame;
        if references && !kept.references.contains_key(&number) {
            let error = RequestError::new(RequestErrorKind::ReferenceMissing, "restarted");
            return FrameReply::Failed(error);
        }
        Container::parse(&container, &Default::default()).unwrap();
        let duplicate = kept.frames.contains_key(&number);
        kept.frames.entry(number).or_insert((header, container));
        FrameReply::Result(FrameResult {
            duplicate,
            ..answer(number, self.faults.work)
        })
    }

    async fn request(&self, mut exchange: Exchange) {
        let reply = match exchange.recv_request().await.unwrap() {
            ReceivedRequest::Reference(reference) => {
                let mut kept = self.kept();
                kept.references_taken += 1;
                let ack = ack(reference.frame(), reference.task());
                kept.references.insert(reference.frame(), reference);
                ReferenceReply::Reference(ack)
            }
            ReceivedRequest::Settlement(settlement) => {
                let ack = ack(settlement.frame, settlement.task);
                self.kept().settlements.insert(settlement.frame, settlement);
                ReferenceReply::Settlement(ack)
            }
        };
        exchange.reply(&reply).await.unwrap();
    }
}

/// The cloud's result for every frame.
fn answer(frame: u64, decode: Duration) -> FrameResult {
    FrameResult {
        frame,
        outcome: Outcome::Cls {
            ranked: vec![ClassScore {
                class: 3,
                score: 0.5,
            }],
        },
        stages: CloudStages {
            decode,
            ..CloudStages::default()
        },
        stored: true,
        duplicate: false,
    }
}

/// A predecessor on the address may need a moment to let go of it.
fn bind(address: SocketAddr, identity: &Identity) -> CloudEndpoint {
    for _ in 0..100 {
        match CloudEndpoint::bind(address, identity, &TransportOptions::default()) {
            Err(TransportError::Bind { .. }) => std::thread::sleep(Duration::from_millis(20)),
            outcome => return outcome.unwrap(),
        }
    }
    panic!("{address} is not let go of");
}

const fn ack(frame: u64, task: Task) -> Ack {
    Ack {
        frame,
        task,
        duplicate: false,
    }
}

fn side(package: &Package, faults: &Faults) -> CloudSide {
    let digest = match faults.other_model {
        true => Digest::of(b"another model"),
        false => package.digest(),
    };
    let tables = |task| {
        let codec = splitsim_codec::open(CodecId::Hevc, package, task, &CodecOptions::default());
        CodecTables {
            name: name("hevc"),
            task,
            tables_digest: wire(codec.unwrap().tables_digest()),
        }
    };
    CloudSide {
        model: ModelIdentity {
            name: name(&package.manifest().name),
            digest: wire(digest),
        },
        tasks: Task::ALL.to_vec(),
        codecs: Task::ALL.map(tables).to_vec(),
        limits: Limits {
            max_container_bytes: units::Bytes(8 << 20),
            max_reference_bytes: units::Bytes(64 << 20),
            max_frames_in_flight: FakeCloud::MAX_IN_FLIGHT,
        },
        software_version: name("fake cloud"),
    }
}

const fn wire(digest: Digest) -> splitsim_proto::Digest {
    splitsim_proto::Digest::new(*digest.bytes())
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}
