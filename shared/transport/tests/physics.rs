//! Frames over an emulated link take the time predicted from rate, distance, window and loss. Times are
//! long enough that the machine's own do not matter.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use splitsim_feature::units::{BitRate, Bytes};
use splitsim_link::{
    Event, Limit, LinkConfig, Loss, PipeConfig, QueueConfig, Relay, RelayConfig, Service,
};
use splitsim_transport::{
    CloudEndpoint, EdgeEndpoint, FrameSession, IpVersion, Priority, SentFrame, Target,
    TransportOptions,
};
use support::{Identities, cloud_side, container, header, hello, loopback, options, result};

/// An edge and a cloud with a link between them.
struct Site {
    edge: EdgeEndpoint,
    target: Target,
    _relay: Relay,
    _identities: Identities,
}

impl Site {
    fn new(link: LinkConfig, options: TransportOptions) -> Self {
        let identities = Identities::create();
        let cloud = CloudEndpoint::bind(loopback(), &identities.cloud(), &options).unwrap();
        let address = cloud.local_addr().unwrap();
        let relay = Relay::start(&RelayConfig::loopback(address, link)).unwrap();
        let target = Target {
            address: relay.local_addr(),
            server_name: "localhost".to_owned(),
        };
        tokio::spawn(serve(cloud));
        let edge = EdgeEndpoint::toward(target.address, &identities.edge(), &options).unwrap();
        Self {
            edge,
            target,
            _relay: relay,
            _identities: identities,
        }
    }

    async fn connect(&self) -> FrameSession {
        let connected = self.edge.connect_frames(&self.target, &hello()).await;
        connected.unwrap()
    }
}

/// Answers every frame of every connection.
async fn serve(cloud: CloudEndpoint) {
    while let Some(incoming) = cloud.accept().await {
        tokio::spawn(async move {
            let connection = incoming.handshake().await.unwrap();
            let negotiated = connection
                .answer_hello(|hello| splitsim_proto::negotiate(hello, &cloud_side()))
                .await;
            let session = negotiated.unwrap();
            while let Ok(Some(mut exchange)) = session.accept().await {
                tokio::spawn(async move {
                    let frame = exchange.recv_frame().await.unwrap();
                    let reply = result(&frame.header, &frame.container);
                    exchange.reply(&reply).await.unwrap();
                });
            }
        });
    }
}

async fn send(session: &FrameSession, frame: u64, bytes: usize) -> SentFrame {
    let sent = session
        .send_frame(&header(frame, bytes as u64), container(bytes))
        .await;
    sent.unwrap()
}

/// A link whose directions differ in the rate only.
fn link(up: Service, one_way: Duration) -> LinkConfig {
    let far = PipeConfig {
        delay: one_way,
        queue: QueueConfig {
            limit: Limit::Bytes(Bytes(4 << 20)),
            codel: None,
        },
        ..PipeConfig::transparent()
    };
    LinkConfig {
        up: PipeConfig {
            service: up,
            ..far.clone()
        },
        down: far,
        seed: 3,
    }
}

fn at(mbit: u64) -> Service {
    PipeConfig::constant(BitRate(mbit * 1_000_000), Duration::ZERO).service
}

const ONE_WAY: Duration = Duration::from_millis(100);
const RTT: Duration = Duration::from_millis(200);

fn in_rtts(span: Duration) -> f64 {
    span.as_secs_f64() / RTT.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_low_rate_a_frame_takes_its_bytes_over_the_rate_and_a_round_trip() {
    for (mbit, bytes) in [(1, 60_000), (2, 150_000), (4, 400_000)] {
        let one_way = Duration::from_millis(20);
        let site = Site::new(link(at(mbit), one_way), options());
        let session = site.connect().await;
        // The first frame finds the path's largest packets.
        send(&session, 0, 30_000).await;
        let counter = session.connection().link_counter();
        let took = send(&session, 1, bytes).await.transfer().as_secs_f64();
        let on_link = counter.usage().link_bytes(IpVersion::V4).0 as f64;
        let expected = on_link * 8.0 / (mbit as f64 * 1e6) + 0.04;
        let off = took / expected - 1.0;
        assert!(
            off.abs() < 0.05,
            "{mbit} Mbit/s: {took} s, expected {expected} s"
        );
        // Headers of QUIC, UDP and IP cost less than a tenth.
        assert!(on_link < bytes as f64 * 1.1);
    }
}

/// Two frames on a link of 2 Mbit/s, the newer one `later`. For each: the time from its stream to its reply, less the
/// round trip, divided by the link's time for its bytes alone.
async fn two_in_flight(priority: Priority, bytes: [usize; 2], later: Duration) -> [f64; 2] {
    let (rate, one_way) = (2e6, Duration::from_millis(10));
    let options = TransportOptions {
        in_flight: NonZeroU32::new(2).unwrap(),
        priority,
        ..options()
    };
    let site = Site::new(link(at(2), one_way), options);
    let session = site.connect().await;
    let counter = session.connection().link_counter();
    let (older, newer) = tokio::join!(send(&session, 1, bytes[0]), async {
        tokio::time::sleep(later).await;
        send(&session, 2, bytes[1]).await
    });
    let on_link = counter.usage().link_bytes(IpVersion::V4).0 as f64;
    let overhead = on_link / (bytes[0] + bytes[1]) as f64;
    assert!(overhead < 1.1, "{overhead}");
    [(older, bytes[0]), (newer, bytes[1])].map(|(sent, bytes)| {
        let took = sent.transfer().as_secs_f64() - 2.0 * one_way.as_secs_f64();
        took / (bytes as f64 * overhead * 8.0 / rate)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_frames_sent_at_once_the_first_by_priority_is_there_after_half_the_time() {
    let bytes = [200_000, 200_000];
    let [older, newer] = two_in_flight(Priority::OldestFirst, bytes, Duration::ZERO).await;
    assert!((0.9..1.15).contains(&older), "{older}");
    assert!((1.9..2.15).contains(&newer), "{newer}");

    let [older, newer] = two_in_flight(Priority::NewestFirst, bytes, Duration::ZERO).await;
    assert!((1.9..2.15).contains(&older), "{older}");
    assert!((0.9..1.15).contains(&newer), "{newer}");

    let [older, newer] = two_in_flight(Priority::Equal, bytes, Duration::ZERO).await;
    assert!((1.85..2.15).contains(&older), "{older}");
    assert!((1.85..2.15).contains(&newer), "{newer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_frame_overtakes_a_large_one_under_way() {
    // When the newer one comes, slow start has put at most 37 kB of the older one into the link's queue:
    // the first window of 12 kB, and what the link has delivered in 100 ms. Nothing overtakes these.
    let (bytes, later) = ([500_000, 150_000], Duration::from_millis(100));
    let [older, newer] = two_in_flight(Priority::NewestFirst, bytes, later).await;
    assert!((0.95..1.4).contains(&newer), "{newer}");
    assert!((1.25..1.45).contains(&older), "{older}");
    // By turns it takes twice its time, and behind the older one the rest of that as well.
    let [_, newer] = two_in_flight(Priority::Equal, bytes, later).await;
    assert!((1.8..2.5).contains(&newer), "{newer}");
    let [older, newer] = two_in_flight(Priority::OldestFirst, bytes, later).await;
    assert!((0.9..1.15).contains(&older), "{older}");
    assert!((3.5..4.5).contains(&newer), "{newer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_connection_pays_its_round_trips_and_slow_start() {
    let site = Site::new(link(Service::Unlimited, ONE_WAY), options());
    let start = Instant::now();
    let session = site.connect().await;
    let connected = in_rtts(start.elapsed());
    assert!(
        (2.0..2.6).contains(&connected),
        "handshake and hello: {connected}"
    );

    // Windows of 12, 24 and 48 kB carry 84 kB in three round trips, so 100 kB need a fourth; pacing
    // spreads each window over up to four fifths of one (quinn paces at 5/4 window per round trip).
    let cold = in_rtts(send(&session, 0, 100_000).await.transfer());
    assert!((4.0..5.0).contains(&cold), "cold: {cold}");
    // The window that this has opened carries it again within one, and the pacing of that.
    let warm = in_rtts(send(&session, 1, 100_000).await.transfer());
    assert!((1.0..2.3).contains(&warm), "warm: {warm}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_initial_window_spares_slow_start() {
    let large = TransportOptions {
        initial_window: Some(Bytes(256 << 10)),
        ..options()
    };
    let site = Site::new(link(Service::Unlimited, ONE_WAY), large);
    let session = site.connect().await;
    let took = in_rtts(send(&session, 0, 100_000).await.transfer());
    assert!((1.0..2.3).contains(&took), "{took}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_session_saves_the_round_trip_of_the_handshake() {
    let resuming = TransportOptions {
        zero_rtt: true,
        ..options()
    };
    let site = Site::new(link(Service::Unlimited, ONE_WAY), resuming);
    let connect = async || {
        let start = Instant::now();
        let session = site.connect().await;
        let took = in_rtts(start.elapsed());
        // Tickets come after the handshake; the answer to a frame comes after them.
        send(&session, 0, 100).await;
        session
            .connection()
            .close(splitsim_transport::CloseCode::Done, "");
        took
    };
    let first = connect().await;
    assert!((2.0..2.6).contains(&first), "{first}");
    let second = connect().await;
    assert!((1.0..1.6).contains(&second), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn loss_hurts() {
    let take = async |loss: Loss| {
        let mut link = link(at(20), Duration::from_millis(30));
        link.up.loss = loss;
        let site = Site::new(link, options());
        let session = site.connect().await;
        let took = send(&session, 0, 600_000).await.transfer();
        (took, session.connection().path())
    };
    let (clean, path) = take(Loss::None).await;
    assert_eq!((path.lost_packets, path.congestion_events), (0, 0));
    let (lossy, path) = take(Loss::Iid { probability: 0.04 }).await;
    assert!(path.lost_packets > 0 && path.congestion_events > 0);
    assert!(path.lost.0 > 0 && path.sent.0 > 600_000 + path.lost.0);
    // Confirmations of the last packets may still be on their way.
    let arrived = path.arrived.0;
    assert!(
        arrived > 580_000 && arrived + path.lost.0 <= path.sent.0,
        "{path:?}"
    );
    assert!(
        lossy > clean.mul_f64(1.5),
        "{lossy:?} with loss, {clean:?} without"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_loses_no_frame() {
    let mut link = link(at(10), Duration::from_millis(10));
    let outage = Event::Down {
        at: Duration::from_millis(1500),
        length: Duration::from_secs(3),
    };
    link.up.events.push(outage);
    link.down.events.push(outage);
    let site = Site::new(link, options());
    let session = site.connect().await;
    let (start, mut longest) = (Instant::now(), Duration::ZERO);
    let mut frame = 0;
    while start.elapsed() < Duration::from_secs(6) {
        longest = longest.max(send(&session, frame, 50_000).await.round_trip);
        frame += 1;
    }
    assert!(
        longest > Duration::from_secs(2),
        "nothing was out: {longest:?}"
    );
    assert!(frame > 20, "{frame} frames");
}
