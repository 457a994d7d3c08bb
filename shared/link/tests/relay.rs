//! The relay between real sockets. What depends on the machine's timing is not asserted here but
//! measured by the example `blaster`.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use splitsim_feature::units::BitRate;
use splitsim_link::{
    Direction, Event, LinkConfig, Loss, PipeConfig, Relay, RelayConfig, RelayError, Service,
};

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    socket
}

fn link(up: PipeConfig, down: PipeConfig) -> LinkConfig {
    LinkConfig { up, down, seed: 9 }
}

fn client(relay: &Relay) -> UdpSocket {
    let client = socket();
    client.connect(relay.local_addr()).unwrap();
    client
}

#[test]
fn every_client_gets_the_answers_to_its_own_packets() {
    let server = socket();
    let both = link(PipeConfig::transparent(), PipeConfig::transparent());
    let config = RelayConfig::loopback(server.local_addr().unwrap(), both);
    let relay = Relay::start(&config).unwrap();
    let clients: Vec<_> = (0..5).map(|_| client(&relay)).collect();
    for round in 0..3_u8 {
        for (number, client) in (0_u8..).zip(&clients) {
            client.send(&[number, round]).unwrap();
        }
        for _ in &clients {
            let mut buffer = [0; 16];
            let (bytes, from) = server.recv_from(&mut buffer).unwrap();
            buffer[bytes] = 99;
            server.send_to(&buffer[..=bytes], from).unwrap();
        }
        for (number, client) in (0_u8..).zip(&clients) {
            let mut buffer = [0; 16];
            let bytes = client.recv(&mut buffer).unwrap();
            assert_eq!(buffer[..bytes], [number, round, 99]);
        }
    }
    let report = relay.stop().unwrap();
    assert_eq!((report.up.delivered, report.down.delivered), (15, 15));
    assert_eq!(report.unsent, 0);
    // 2 and 3 bytes of payload with 28 of headers.
    assert_eq!(report.up.arrived_bytes.0, 15 * 30);
    assert_eq!(report.down.arrived_bytes.0, 15 * 31);
}

#[test]
fn packets_take_the_time_of_rate_and_delay_at_least() {
    let server = socket();
    let slow = PipeConfig::constant(BitRate(1_000_000), Duration::from_millis(30));
    let config = RelayConfig {
        sample_every: Some(Duration::from_millis(5)),
        ..RelayConfig::loopback(
            server.local_addr().unwrap(),
            link(slow, PipeConfig::transparent()),
        )
    };
    let relay = Relay::start(&config).unwrap();
    let client = client(&relay);
    let start = Instant::now();
    // Ten packets of 10 kbit.
    for _ in 0..10 {
        client.send(&[0; 1250 - 28]).unwrap();
    }
    for _ in 0..10 {
        server.recv(&mut [0; 2000]).unwrap();
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(130), "{took:?}");
    let samples = relay.take_samples();
    let up = || {
        samples
            .iter()
            .filter(|sample| sample.direction == Direction::Up)
    };
    assert!(up().all(|sample| sample.rate == Some(BitRate(1_000_000))));
    assert!(up().any(|sample| sample.queued_packets > 0));
    assert!(samples.windows(3).all(|of| of[2].at > of[0].at));
    assert_eq!(relay.stop().unwrap().up.delivered, 10);
}

#[test]
fn what_is_lost_does_not_arrive_and_the_log_says_why() {
    let server = socket();
    server
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let all_lost = PipeConfig {
        loss: Loss::Iid { probability: 1.0 },
        ..PipeConfig::transparent()
    };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("packets.csv");
    let config = RelayConfig {
        packet_log: Some(log.clone()),
        ..RelayConfig::loopback(
            server.local_addr().unwrap(),
            link(all_lost, PipeConfig::transparent()),
        )
    };
    let relay = Relay::start(&config).unwrap();
    client(&relay).send(b"gone").unwrap();
    assert!(server.recv(&mut [0; 16]).is_err());
    assert_eq!(relay.stop().unwrap().up.lost, 1);
    let text = std::fs::read_to_string(log).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "seconds,direction,event,bytes,waited_ms");
    assert!(lines[1].ends_with(",up,arrived,32,"), "{text}");
    assert!(lines[2].ends_with(",up,served,32,0.000"), "{text}");
    assert!(lines[3].ends_with(",up,lost,32,"), "{text}");
}

#[test]
fn what_cannot_be_started_is_told() {
    let taken = socket();
    let address = taken.local_addr().unwrap();
    let both = link(PipeConfig::transparent(), PipeConfig::transparent());
    let config = RelayConfig {
        listen: address,
        ..RelayConfig::loopback(address, both.clone())
    };
    let message = Relay::start(&config).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("cannot listen on {address}")),
        "{message}"
    );

    let rate = Event::Rate {
        at: Duration::ZERO,
        rate: BitRate(1),
    };
    let contradictory = PipeConfig {
        service: Service::Unlimited,
        events: vec![rate],
        ..PipeConfig::transparent()
    };
    let config = RelayConfig::loopback(address, link(contradictory, both.down.clone()));
    assert!(matches!(
        Relay::start(&config),
        Err(RelayError::Config {
            direction: Direction::Up,
            ..
        })
    ));

    let nowhere = RelayConfig {
        packet_log: Some("/nowhere/packets.csv".into()),
        ..RelayConfig::loopback(address, both)
    };
    assert!(matches!(
        Relay::start(&nowhere),
        Err(RelayError::Log { .. })
    ));
}
