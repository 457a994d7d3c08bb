//! Edges that do not belong here.

use splitsim_tests::raw::{RawEdge, Shows};
use splitsim_tests::{Cloud, EdgeRun, Lab, results};
use splitsim_transport::Channel;

/// Asserts that the cloud still serves an honest edge.
fn still_serves(lab: &Lab, cloud: Cloud) {
    let edge = lab.edge(cloud.address());
    edge.run().is_complete();
    let (code, report) = cloud.stop();
    assert_eq!(code, Some(0));
    assert_eq!(report["edges"], 1);
    results::are_whole(&lab.logged(), "edge", edge.frames);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_with_the_remedy_and_others_served() {
    let lab = Lab::new();
    lab.make_identities("others", &[]);
    let cloud = lab.cloud().start();
    let stranger = |identity| EdgeRun {
        identity,
        edge_id: "stranger".to_owned(),
        ..lab.edge(cloud.address())
    };
    let address = cloud.address().to_string();

    // It does not trust the cloud.
    let end = stranger(lab.path("others/edge")).run();
    end.failed_with(2, &[&address, "certificate", "splitsim certs"]);

    // Another authority signed it, which the edge sees before it goes to the cloud.
    let mixed = [
        ("cert.pem", "others/edge"),
        ("key.pem", "others/edge"),
        ("ca.pem", "identities/edge"),
    ];
    let mixed = lab.mix_identity("mixed", &mixed);
    let end = stranger(mixed.clone()).run();
    end.failed_with(
        2,
        &["mixed/cert.pem", "has not signed it", "splitsim certs"],
    );

    // It has none to show.
    let bare = lab.mix_identity("bare", &[("ca.pem", "identities/edge")]);
    let end = stranger(bare.clone()).run();
    end.failed_with(2, &["bare/cert.pem is missing"]);

    // An edge that goes there all the same learns why in TLS's words, RFC 8446 section 6.2: unknown_ca for
    // the former, certificate_required for the latter.
    for (identity, shows, alert) in [
        (mixed, Shows::Certificate, "error 48"),
        (bare, Shows::Nothing, "error 116"),
    ] {
        let alpn = Channel::Frames.alpn();
        let error = match RawEdge::connect(cloud.address(), &identity, shows, alpn).await {
            // In TLS 1.3 a client learns it after its own part of the handshake is done.
            Ok(raw) => raw.closed().await,
            Err(error) => error,
        };
        assert!(error.to_string().contains(alert), "{error}");
    }

    still_serves(&lab, cloud);
}

#[test]
fn another_model_is_refused_by_both_digests() {
    let lab = Lab::new();
    let other = lab.make_package("other", 2);
    let cloud = lab.cloud().start();
    let edge = EdgeRun {
        model: other.root().to_owned(),
        edge_id: "stranger".to_owned(),
        ..lab.edge(cloud.address())
    };
    let own = lab.package().digest().to_string();
    let digests = [own.as_str(), &other.digest().to_string()];
    assert_ne!(digests[0], digests[1]);
    edge.run().failed_with(2, &digests);
    still_serves(&lab, cloud);
}
