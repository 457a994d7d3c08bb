//! Measures the accuracy of the emulated link on this machine: UDP through a real relay.
//!
//! ```text
//! cargo run --release -p splitsim-link --example blaster -- 200 10      Mbit/s, seconds
//! ```
//!
//! First, packets of 1480 bytes exceed the link's rate by a tenth. The example prints the rate at which they arrive,
//! and the deviation of the last arrival from the time predicted by the first arrival and the rate. Then single
//! packets cross the idle link; it prints their delay beyond service and propagation.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use splitsim_feature::units::{BitRate, Bytes};
use splitsim_link::{
    Limit, LinkConfig, PipeConfig, QueueConfig, Relay, RelayConfig, RelayReport,
    UDP_IPV4_HEADER_BYTES,
};

const PACKET_BYTES: u32 = 1480;
const DELAY: Duration = Duration::from_millis(20);
const PROBES: u32 = 500;
const BUFFER_BYTES: usize = 8 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default| {
        arguments
            .next()
            .map_or(Ok(default), |text| text.parse::<f64>())
    };
    let (mbit, seconds) = (next(200.0)?, next(10.0)?);
    let rate = BitRate((mbit * 1e6) as u64);
    println!("link of {rate}, {DELAY:?}, packets of {PACKET_BYTES} bytes");
    saturate(rate, Duration::from_secs_f64(seconds))?;
    probe(rate)
}

fn saturate(rate: BitRate, length: Duration) -> Result<(), Box<dyn Error>> {
    let (relay, receiver) = link(rate)?;
    let address = relay.local_addr();
    let sender = thread::spawn(move || send(address, BitRate(rate.0 / 10 * 11), length));
    let (mut first, mut last, mut packets) = (None, Instant::now(), 0_u64);
    let mut buffer = [0; 2048];
    while receiver.recv(&mut buffer).is_ok() {
        last = Instant::now();
        first.get_or_insert(last);
        packets += 1;
    }
    let sent = sender.join().map_err(|_| "the sender broke down")??;
    let report = relay.stop()?;
    let took = last
        .duration_since(first.ok_or("nothing came")?)
        .as_secs_f64();
    let bits = (packets - 1) as f64 * f64::from(PACKET_BYTES) * 8.0;
    let exact = bits / rate.0 as f64;
    println!("  sent {sent}, received {packets} in {took:.3} s");
    println!(
        "  rate {:.3} Mbit/s, {:+.3} %; the last packet is {:+.3} ms off its time",
        bits / took / 1e6,
        (exact / took - 1.0) * 100.0,
        (took - exact) * 1000.0
    );
    tell(report);
    Ok(())
}

fn probe(rate: BitRate) -> Result<(), Box<dyn Error>> {
    let (relay, receiver) = link(rate)?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    sender.connect(relay.local_addr())?;
    let service = f64::from(PACKET_BYTES * 8) / rate.0 as f64;
    let expected = DELAY + Duration::from_secs_f64(service);
    let mut buffer = [0; 2048];
    let mut over: Vec<f64> = Vec::new();
    for _ in 0..PROBES {
        let start = Instant::now();
        sender.send(&payload())?;
        receiver.recv(&mut buffer)?;
        over.push((start.elapsed().as_secs_f64() - expected.as_secs_f64()) * 1000.0);
    }
    over.sort_by(f64::total_cmp);
    let at = |share: f64| over[(over.len() as f64 * share) as usize];
    println!(
        "  delay beyond {expected:?}: median {:+.3} ms, p99 {:+.3} ms, least {:+.3} ms",
        at(0.5),
        at(0.99),
        at(0.0)
    );
    tell(relay.stop()?);
    Ok(())
}

fn link(rate: BitRate) -> Result<(Relay, UdpSocket), Box<dyn Error>> {
    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    receiver.set_read_timeout(Some(Duration::from_secs(2)))?;
    // What the link has delivered must not be lost while the receiver waits for a core.
    if sockopt::set_socket_recv_buffer_size_force(&receiver, BUFFER_BYTES).is_err() {
        sockopt::set_socket_recv_buffer_size(&receiver, BUFFER_BYTES)?;
    }
    let up = PipeConfig {
        queue: QueueConfig {
            limit: Limit::Bytes(Bytes(1 << 20)),
            codel: None,
        },
        ..PipeConfig::constant(rate, DELAY)
    };
    let link = LinkConfig {
        up,
        down: PipeConfig::transparent(),
        seed: 1,
    };
    let config = RelayConfig::loopback(receiver.local_addr()?, link);
    Ok((Relay::start(&config)?, receiver))
}

/// Packets at a rate, a few at a time.
fn send(to: SocketAddr, rate: BitRate, length: Duration) -> std::io::Result<u64> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(to)?;
    let (payload, start) = (payload(), Instant::now());
    let mut sent = 0_u64;
    while start.elapsed() < length {
        let bits = start.elapsed().as_secs_f64() * rate.0 as f64;
        let due = (bits / f64::from(PACKET_BYTES * 8)) as u64;
        while sent < due {
            socket.send(&payload)?;
            sent += 1;
        }
        thread::sleep(Duration::from_micros(500));
    }
    Ok(sent)
}

fn payload() -> Vec<u8> {
    vec![7; (PACKET_BYTES - UDP_IPV4_HEADER_BYTES) as usize]
}

fn tell(report: RelayReport) {
    let RelayReport {
        up, late, latest, ..
    } = report;
    println!(
        "  link: {} arrived, {} dropped, {late} sent over 1 ms late, at most {:.3} ms",
        up.arrived,
        up.dropped(),
        latest.as_secs_f64() * 1000.0
    );
}
