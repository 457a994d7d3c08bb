-- Schema 2 adds how the link and the connections were, sampled in time.

CREATE TABLE link_samples (
    sample_key      INTEGER PRIMARY KEY,
    run_id          TEXT NOT NULL,
    link            TEXT NOT NULL,
    direction       TEXT NOT NULL CHECK (direction IN ('up', 'down')),
    sampled_at      TEXT NOT NULL,
    at_ms           REAL NOT NULL,
    rate_bps        INTEGER,
    queued_packets  INTEGER NOT NULL,
    queued_bytes    INTEGER NOT NULL,
    in_flight_bytes INTEGER NOT NULL,
    arrived         INTEGER NOT NULL,
    delivered       INTEGER NOT NULL,
    delivered_bytes INTEGER NOT NULL,
    dropped_full    INTEGER NOT NULL,
    dropped_codel   INTEGER NOT NULL,
    dropped_down    INTEGER NOT NULL,
    lost            INTEGER NOT NULL
) STRICT;

CREATE INDEX link_samples_of_run ON link_samples (run_id, link, direction, at_ms);

CREATE TABLE connection_samples (
    sample_key        INTEGER PRIMARY KEY,
    run_key           INTEGER NOT NULL REFERENCES runs,
    sampled_at        TEXT NOT NULL,
    rtt_ms            REAL NOT NULL,
    min_rtt_ms        REAL NOT NULL,
    window_bytes      INTEGER NOT NULL,
    mtu_bytes         INTEGER NOT NULL,
    sent_packets      INTEGER NOT NULL,
    sent_bytes        INTEGER NOT NULL,
    lost_packets      INTEGER NOT NULL,
    lost_bytes        INTEGER NOT NULL,
    congestion_events INTEGER NOT NULL
) STRICT;

CREATE INDEX connection_samples_of_run ON connection_samples (run_key, sampled_at);
