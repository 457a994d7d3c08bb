//! A killed cloud sends nothing; a restarted one resets the connections of the killed one.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::time::{Duration, Instant};

use splitsim_transport::{CloudEndpoint, EdgeEndpoint, Target, TransportError, TransportOptions};
use support::{Identities, container, header, hello, loopback, options, serve_frames};

/// A runtime that can be ended silently, like a killed process.
fn process() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_restarted_cloud_ends_the_connections_of_the_killed_one() {
    let identities = Identities::create();
    let first = process();
    let bind = |address| CloudEndpoint::bind(address, &identities.cloud(), &options()).unwrap();
    let cloud = first.block_on(async { bind(loopback()) });
    let target = Target {
        address: cloud.local_addr().unwrap(),
        server_name: "localhost".to_owned(),
    };
    first.spawn(serve_frames(cloud));

    let here = process();
    let edge_options = TransportOptions {
        keep_alive: Duration::from_millis(200),
        ..options()
    };
    let (_edge, session) = here.block_on(async {
        let edge = EdgeEndpoint::toward(target.address, &identities.edge(), &edge_options).unwrap();
        let session = edge.connect_frames(&target, &hello()).await.unwrap();
        let sent = session.send_frame(&header(0, 100), container(100)).await;
        sent.unwrap();
        (edge, session)
    });
    first.shutdown_timeout(Duration::from_secs(5));

    let second = process();
    let cloud = second.block_on(async {
        let start = Instant::now();
        // The killed one's socket is closed a moment later.
        loop {
            match CloudEndpoint::bind(target.address, &identities.cloud(), &options()) {
                Ok(cloud) => break cloud,
                Err(error) if start.elapsed() > Duration::from_secs(5) => panic!("{error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    second.spawn(serve_frames(cloud));
    let start = Instant::now();
    let error = here.block_on(session.connection().closed());
    assert!(matches!(error, TransportError::Lost { .. }), "{error}");
    assert!(error.is_transient());
    // The idle timeout is two minutes.
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}
