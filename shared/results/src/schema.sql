-- Results of a run, schema 1. Columns are defined in docs/metrics.md.

CREATE TABLE runs (
    run_key          INTEGER PRIMARY KEY,
    run_id           TEXT NOT NULL,
    edge_id          TEXT NOT NULL,
    policy           TEXT NOT NULL,
    task             TEXT CHECK (task IN ('cls', 'seg', 'dpt')),
    model            TEXT NOT NULL,
    model_digest     TEXT NOT NULL,
    codec            TEXT NOT NULL,
    metric           TEXT,
    threshold        REAL,
    seed             TEXT NOT NULL, -- decimal: u64 does not fit SQLite's integers
    started_at       TEXT NOT NULL,
    software_version TEXT NOT NULL,
    host             TEXT NOT NULL CHECK (json_valid(host)),
    scenario         TEXT NOT NULL,
    UNIQUE (run_id, edge_id)
) STRICT;

CREATE TABLE frames (
    frame_key       INTEGER PRIMARY KEY,
    run_key         INTEGER NOT NULL REFERENCES runs,
    frame           INTEGER NOT NULL,
    task            TEXT NOT NULL CHECK (task IN ('cls', 'seg', 'dpt')),
    source          TEXT NOT NULL,
    verdict         TEXT NOT NULL CHECK (verdict IN ('ungated', 'passed', 'best-effort')),
    shipped_attempt INTEGER NOT NULL,
    shipped_level   INTEGER NOT NULL,
    feature_points  INTEGER NOT NULL CHECK (feature_points > 0),
    payload_bytes   INTEGER NOT NULL,
    container_bytes INTEGER NOT NULL,
    bpfp            REAL GENERATED ALWAYS AS (8.0 * container_bytes / feature_points) STORED,
    score_metric    TEXT,
    score           REAL,
    cloud_outcome   TEXT NOT NULL CHECK (json_valid(cloud_outcome)),
    received_at     TEXT NOT NULL,
    UNIQUE (run_key, frame, task)
) STRICT;

CREATE TABLE attempts (
    frame_key       INTEGER NOT NULL REFERENCES frames,
    attempt         INTEGER NOT NULL,
    level           INTEGER NOT NULL,
    label           TEXT NOT NULL,
    payload_bytes   INTEGER,
    container_bytes INTEGER,
    encode_ms       REAL,
    decode_ms       REAL,
    score_ms        REAL,
    scores          TEXT NOT NULL CHECK (json_valid(scores)),
    failed          TEXT,
    PRIMARY KEY (frame_key, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE distortions (
    frame_key   INTEGER PRIMARY KEY REFERENCES frames,
    original    REAL,
    received    REAL,
    distortion  REAL,
    feature_mse REAL
) STRICT;

-- What comes with the settlement is NULL until then: transfer, end to end, link counts.
CREATE TABLE stages (
    frame_key      INTEGER PRIMARY KEY REFERENCES frames,
    preprocess_ms  REAL NOT NULL,
    extract_ms     REAL NOT NULL,
    attempts_ms    REAL NOT NULL,
    queue_ms       REAL NOT NULL,
    transfer_ms    REAL,
    cloud_queue_ms REAL NOT NULL,
    decode_ms      REAL NOT NULL,
    head_ms        REAL NOT NULL,
    experiment_ms  REAL NOT NULL,
    end_to_end_ms  REAL,
    stream_bytes   INTEGER,
    udp_bytes      INTEGER,
    udp_datagrams  INTEGER,
    link_bytes     INTEGER,
    sends          INTEGER
) STRICT;
