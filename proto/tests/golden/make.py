"""Writes the golden messages with Google's own protobuf implementation.

    pip install grpcio-tools==1.85.1 protobuf==7.36.2
    python make.py

protoc compiles ../../proto/splitsim.proto, and protobuf's Python runtime serialises. Neither shares code
with prost, by which the crate reads and writes.
"""

import pathlib
import sys
import tempfile

from google.protobuf import text_format
from grpc_tools import protoc

HERE = pathlib.Path(__file__).parent
DEFINITIONS = HERE / "../../proto"

MESSAGES = {
    "hello": ("Hello", r"""
        protocol_version: 1 run_id: "run-7" edge_id: "edge.a" policy: "gate cosine 0.95"
        model { name: "tiny-scenes" digest: "0123456789abcdef0123456789abcdef" }
        tasks: TASK_CLS tasks: TASK_DPT
        codecs { name: "hevc" task: TASK_CLS tables_digest: "fedcba9876543210fedcba9876543210" }
        software_version: "splitsim 0.1.0" references: true max_container_bytes: 4194304 """),
    "welcome": ("HelloReply", r"""
        welcome { protocol_version: 1
          model { name: "tiny-scenes" digest: "0123456789abcdef0123456789abcdef" }
          tasks: TASK_CLS tasks: TASK_SEG tasks: TASK_DPT
          codecs { name: "hevc" task: TASK_CLS tables_digest: "fedcba9876543210fedcba9876543210" }
          limits { max_container_bytes: 1000 max_reference_bytes: 5000000000 max_frames_in_flight: 4 }
          software_version: "splitsim 0.1.1" } """),
    "refusal": ("HelloReply", r"""
        refusal { kind: KIND_CODEC_TABLES message: "edge 1, cloud 2" } """),
    "frame_header": ("FrameHeader", r"""
        frame: 300 task: TASK_SEG source: "k\303\274che.png" image { width: 640 height: 480 }
        codec: "hevc" metric: "cosine"
        attempts { level: 0 label: "qp 46" failed: "encoder: no output" encode_us: 5 }
        attempts { level: 2 label: "qp 34" payload_bytes: 1000 container_bytes: 1064 encode_us: 81000
          decode_us: 12000 score_us: 900 scores { metric: "cosine" value: 0.9375 }
          scores { metric: "mse" value: 1e-300 } }
        shipped_attempt: 1 verdict: VERDICT_BEST_EFFORT
        stages { preprocess_us: 1 extract_us: 2 attempts_us: 3 queue_us: 4 } container_bytes: 1064 """),
    "reply_cls": ("FrameReply", r"""
        result { frame: 300 cls { ranked { class: 7 score: 2.5 } ranked { score: -0.5 } }
          stages { queue_us: 1 decode_us: 2 head_us: 3 experiment_us: 4 } stored: true } """),
    "reply_seg": ("FrameReply", r"""
        result { seg { classes { class: 0 pixels: 5000000000 } classes { class: 2 pixels: 1 } }
          stages { } duplicate: true } """),
    "reply_dpt": ("FrameReply", r"""
        result { frame: 1 dpt { min_m: 0.5 mean_m: 1.25 max_m: 9.75 } stages { head_us: 70000 } } """),
    "reply_error": ("FrameReply", r"""
        error { kind: KIND_DIGEST_MISMATCH message: "edge 12, cloud 34" } """),
    "reference": ("ReferenceRequest", r"""
        reference { frame: 9 task: TASK_DPT shape: 2 shape: 4 shape: 257 shape: 64
          dpt { image { width: 224 height: 200 } } feature_bytes: 526336 truth_bytes: 179200 } """),
    "settlement": ("ReferenceRequest", r"""
        settlement { frame: 9 task: TASK_DPT transfer_us: 35000 end_to_end_us: 400000
          stream_bytes: 1200 udp_tx_bytes: 1500 udp_tx_datagrams: 3 sends: 2 } """),
    # What earlier releases leave out.
    "hello_of_settings": ("Hello", r"""
        protocol_version: 1 run_id: "run-7" edge_id: "edge.a" policy: "gate cosine 0.95"
        model { name: "tiny-scenes" digest: "0123456789abcdef0123456789abcdef" }
        software_version: "splitsim 0.1.0" max_container_bytes: 4194304
        settings_digest: "0123456789abcdeffedcba9876543210" source: "k\303\274che/" """),
    "frame_header_of_picture": ("FrameHeader", r"""
        frame: 7 task: TASK_CLS source: "a.png" image { width: 64 height: 48 } codec: "hevc"
        attempts { label: "qp 34" payload_bytes: 100 container_bytes: 164 }
        verdict: VERDICT_UNGATED stages { } container_bytes: 164
        picture_digest: "fedcba98765432100123456789abcdef" """),
    "reference_of_picture": ("ReferenceRequest", r"""
        reference { frame: 9 task: TASK_CLS shape: 1 shape: 1 shape: 257 shape: 64 cls { label: 3 }
          feature_bytes: 65792 picture_digest: "fedcba98765432100123456789abcdef" } """),
    "settlement_with_path": ("ReferenceRequest", r"""
        settlement { frame: 9 task: TASK_DPT transfer_us: 35000 end_to_end_us: 400000
          stream_bytes: 1200 udp_tx_bytes: 1500 udp_tx_datagrams: 3 sends: 2
          path { age_us: 1 rtt_us: 21000 min_rtt_us: 20000 window_bytes: 12000 mtu_bytes: 1452
            sent_packets: 7 sent_bytes: 5000 lost_packets: 2 lost_bytes: 1300 congestion_events: 1 } } """),
    "reply_conflict": ("FrameReply", r"""
        error { kind: KIND_CONFLICT message: "a, not b" } """),
    "reply_broke_down": ("FrameReply", r"""
        error { kind: KIND_BROKE_DOWN message: "killed" } """),
    "reference_ack": ("ReferenceReply", "reference { frame: 9 task: TASK_DPT }"),
    "settlement_ack": ("ReferenceReply", "settlement { frame: 9 task: TASK_DPT duplicate: true }"),
}

with tempfile.TemporaryDirectory() as out:
    if protoc.main(["", f"-I{DEFINITIONS}", f"--python_out={out}", "splitsim.proto"]) != 0:
        sys.exit("protoc failed")
    sys.path.insert(0, out)
    import splitsim_pb2

    for name, (message, text) in MESSAGES.items():
        parsed = text_format.Parse(text, getattr(splitsim_pb2, message)())
        (HERE / f"{name}.bin").write_bytes(parsed.SerializeToString(deterministic=True))
