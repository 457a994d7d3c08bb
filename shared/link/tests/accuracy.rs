//! The relay's rate and delay on the machine's own clock, against the closed form.
//!
//! A packet that comes before its time is wrong on any machine. One that comes late may be so because
//! the machine was busy, so rates have a few attempts, of which a wrong emulation fails all, and of the
//! delays the least counts. Percentiles under load, and ten minutes, are measured by the example
//! `blaster`.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use splitsim_feature::units::{BitRate, Bytes};
use splitsim_link::trace::read::parse;
use splitsim_link::{
    Limit, LinkConfig, PipeConfig, QueueConfig, Relay, RelayConfig, Service, UDP_IPV4_HEADER_BYTES,
};

const PACKET_BYTES: u32 = 1480;
const ATTEMPTS: u32 = 20;
const BUFFER_BYTES: usize = 4 << 20;
const DELAY_TOLERANCE: Duration = Duration::from_millis(1);

struct Site {
    relay: Relay,
    receiver: UdpSocket,
}

impl Site {
    fn new(service: Service, delay: Duration) -> Self {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let patience = Some(Duration::from_millis(500));
        receiver.set_read_timeout(patience).unwrap();
        // What the relay has sent must not be lost while the receiver waits for a core. Where the system
        // allows less, it gives what it allows.
        if sockopt::set_socket_recv_buffer_size_force(&receiver, BUFFER_BYTES).is_err() {
            sockopt::set_socket_recv_buffer_size(&receiver, BUFFER_BYTES).unwrap();
        }
        let up = PipeConfig {
            service,
            delay,
            queue: QueueConfig {
                limit: Limit::Bytes(Bytes(1 << 20)),
                codel: None,
            },
            ..PipeConfig::transparent()
        };
        let link = LinkConfig {
            up,
            down: PipeConfig::transparent(),
            seed: 1,
        };
        let config = RelayConfig::loopback(receiver.local_addr().unwrap(), link);
        let relay = Relay::start(&config).unwrap();
        Self { relay, receiver }
    }

    /// Sends a tenth more than `rate` for `length`; returns the mean rate of the packets that arrive.
    fn saturated(&self, rate: f64, length: Duration) -> f64 {
        let address = self.relay.local_addr();
        let sender = thread::spawn(move || offer(address, rate * 1.1, length));
        let (mut first, mut last, mut packets) = (None, Instant::now(), 0_u32);
        while self.receiver.recv(&mut [0; 2048]).is_ok() {
            last = Instant::now();
            first.get_or_insert(last);
            packets += 1;
        }
        sender.join().unwrap();
        let took = last.duration_since(first.unwrap()).as_secs_f64();
        bits(packets - 1) / took
    }

    /// Returns the time that one packet takes over the idle link.
    fn probe(&self, sender: &UdpSocket) -> Duration {
        let start = Instant::now();
        sender.send(&payload()).unwrap();
        self.receiver.recv(&mut [0; 2048]).unwrap();
        start.elapsed()
    }
}

fn offer(to: SocketAddr, rate: f64, length: Duration) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < length {
        while bits(sent) < start.elapsed().as_secs_f64() * rate {
            socket.send(&payload()).unwrap();
            sent += 1;
        }
        thread::sleep(Duration::from_micros(500));
    }
}

fn bits(packets: u32) -> f64 {
    f64::from(packets) * f64::from(PACKET_BYTES) * 8.0
}

fn payload() -> Vec<u8> {
    vec![7; (PACKET_BYTES - UDP_IPV4_HEADER_BYTES) as usize]
}

fn constant(mbit: u64) -> Service {
    PipeConfig::constant(BitRate(mbit * 1_000_000), Duration::ZERO).service
}

fn check_rate(service: &Service, mbit: f64, length: Duration) {
    let mut ratios = Vec::new();
    for _ in 0..ATTEMPTS {
        let site = Site::new(service.clone(), Duration::from_millis(5));
        let ratio = site.saturated(mbit * 1e6, length) / (mbit * 1e6);
        ratios.push(ratio);
        if (0.98..1.02).contains(&ratio) {
            return;
        }
    }
    panic!("{mbit} Mbit/s: {ratios:?}");
}

#[test]
fn constant_rates_up_to_200_mbit_are_within_two_per_cent() {
    for mbit in [2, 20, 200] {
        check_rate(&constant(mbit), mbit as f64, Duration::from_secs(1));
    }
}

#[test]
fn opportunities_are_within_two_per_cent() {
    // Three packets in two milliseconds, over 1500-byte opportunities: packets of 1480 bytes share them.
    let trace = parse("1\n2\n2\n").unwrap();
    check_rate(&trace.into(), 18.0, Duration::from_secs(1));
}

#[test]
fn delays_are_within_a_millisecond() {
    for (mbit, ms) in [(10, 5), (200, 50)] {
        let delay = Duration::from_millis(ms);
        let expected = delay + Duration::from_nanos(u64::from(PACKET_BYTES) * 8000 / mbit);
        let site = Site::new(constant(mbit), delay);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(site.relay.local_addr()).unwrap();
        let probes: Vec<_> = (0..40).map(|_| site.probe(&sender)).collect();
        let least = probes.iter().min().copied().unwrap();
        assert!(least >= expected, "{least:?} of {expected:?}");
        let over = least - expected;
        assert!(over < DELAY_TOLERANCE, "{over:?} beyond {expected:?}");
    }
}
