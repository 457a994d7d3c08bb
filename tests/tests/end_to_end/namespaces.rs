//! Edge and cloud in two network namespaces, which share nothing but a virtual cable.

use std::ffi::OsString;
use std::process::Command;

use splitsim_tests::{CloudRun, EdgeRun, Lab, results};

const CLOUD: &str = "10.77.0.1";
const EDGE: &str = "10.77.0.2";

/// Two namespaces and a cable between them, removed when this is dropped.
struct Cable {
    cloud: String,
    edge: String,
}

impl Cable {
    fn lay() -> Self {
        let process = std::process::id();
        let cable = Self {
            cloud: format!("splitsim-cloud-{process}"),
            edge: format!("splitsim-edge-{process}"),
        };
        let Self { cloud, edge } = &cable;
        for namespace in [cloud, edge] {
            ip(&format!("netns add {namespace}"));
        }
        ip(&format!(
            "link add cable netns {cloud} type veth peer name cable netns {edge}"
        ));
        for (namespace, address) in [(cloud, CLOUD), (edge, EDGE)] {
            ip(&format!(
                "-n {namespace} address add {address}/24 dev cable"
            ));
            ip(&format!("-n {namespace} link set cable up"));
        }
        cable
    }

    /// Returns the launcher that starts a program in the network namespace of one end.
    fn at(namespace: &str) -> Vec<OsString> {
        ["ip", "netns", "exec", namespace].map(Into::into).to_vec()
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for namespace in [&self.cloud, &self.edge] {
            // One that was never made cannot be removed.
            let _ = Command::new("ip")
                .args(["netns", "delete", namespace])
                .status();
        }
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .unwrap_or_else(|error| panic!("iproute2 is needed: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "ip {arguments}: {said}; this test needs root"
    );
}

#[test]
fn every_frame_crosses_from_one_namespace_to_the_other() {
    let cable = Cable::lay();
    let lab = Lab::new();
    lab.make_identities("far", &[CLOUD]);
    let cloud = CloudRun {
        launcher: Cable::at(&cable.cloud),
        listen: format!("{CLOUD}:4433").parse().unwrap(),
        identity: lab.path("far/cloud"),
        ..lab.cloud()
    }
    .start();
    let edge = EdgeRun {
        launcher: Cable::at(&cable.edge),
        identity: lab.path("far/edge"),
        frames: 6,
        ..lab.edge(cloud.address())
    };
    edge.run().is_complete();
    let (code, report) = cloud.stop();
    assert_eq!(code, Some(0));
    assert_eq!(report["errors"], 0);
    let logged = lab.logged();
    results::are_whole(&logged, "edge", edge.frames);
    results::are_settled(&logged);
}
