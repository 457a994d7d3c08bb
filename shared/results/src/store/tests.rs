use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use rusqlite::Connection;
use splitsim_feature::Task;
use splitsim_feature::units::{BitRate, Bytes};

use super::*;
use crate::samples::{attempts, distortion, frame, run, settlement, stages, store};
use crate::{Cell, LoggedFrame, StageRecord, TableName};

fn record(store: &mut Store, frame: &FrameRecord) -> Result<Recorded, ResultsError> {
    store.record_frame(
        frame,
        &attempts(2),
        Some(&distortion(1.0, 3.0, 2.0)),
        &stages(),
    )
}

#[test]
fn what_was_written_is_read_back() {
    let (_dir, mut store) = store();
    let run = run("gate", Task::Cls);
    let first = frame(&run, 0);
    let mut second = frame(&run, u64::MAX >> 1);
    second.score = None;
    let mut failed = attempts(2);
    failed[1] = AttemptRecord {
        payload_bytes: None,
        container_bytes: None,
        encode_ms: None,
        decode_ms: None,
        score_ms: None,
        scores: Vec::new(),
        failed: Some("encoder ended with status 1".to_owned()),
        ..failed[1].clone()
    };
    assert_eq!(store.register_run(&run).unwrap(), Recorded::New);
    assert_eq!(record(&mut store, &first).unwrap(), Recorded::New);
    let recorded = store.record_frame(&second, &failed, None, &stages());
    assert_eq!(recorded.unwrap(), Recorded::New);
    assert_eq!(
        store.settle(&settlement(&first, 10.0)).unwrap(),
        Recorded::New
    );

    assert_eq!(store.runs().unwrap(), [run]);
    let unsettled = StageRecord {
        preprocess_ms: 1.0,
        extract_ms: 20.0,
        attempts_ms: 16.0,
        queue_ms: 0.25,
        transfer_ms: None,
        cloud_queue_ms: 0.5,
        decode_ms: 2.0,
        head_ms: 3.0,
        experiment_ms: 7.0,
        end_to_end_ms: None,
        stream_bytes: None,
        udp_bytes: None,
        udp_datagrams: None,
        link_bytes: None,
        sends: None,
    };
    let settled = StageRecord {
        transfer_ms: Some(10.0),
        experiment_ms: 8.0,
        end_to_end_ms: Some(52.75),
        stream_bytes: Some(Bytes(300)),
        udp_bytes: Some(Bytes(400)),
        udp_datagrams: Some(2),
        link_bytes: Some(Bytes(456)),
        sends: Some(1),
        ..unsettled
    };
    let expected = [
        LoggedFrame {
            frame: first,
            attempts: attempts(2),
            distortion: Some(distortion(1.0, 3.0, 2.0)),
            stages: settled,
        },
        LoggedFrame {
            frame: second,
            attempts: failed,
            distortion: None,
            stages: unsettled,
        },
    ];
    assert_eq!(store.frames().unwrap(), expected);
}

#[test]
fn plain_rows_carry_the_rate_and_null_for_the_unknown() {
    let (_dir, mut store) = store();
    let run = run("gate", Task::Cls);
    let _ = store.register_run(&run).unwrap();
    let _ = record(&mut store, &frame(&run, 0)).unwrap();
    let cell = |table, column: &str| {
        let rows = store.rows(table).unwrap();
        let index = rows.columns.iter().position(|name| name == column).unwrap();
        rows.rows[0][index].clone()
    };
    assert_eq!(cell(TableName::Frames, "bpfp"), Cell::Real(2.0));
    assert_eq!(cell(TableName::Stages, "link_bytes"), Cell::Null);
    assert_eq!(
        cell(TableName::Runs, "seed"),
        Cell::Text(u64::MAX.to_string())
    );
    assert_eq!(store.rows(TableName::Attempts).unwrap().rows.len(), 2);
    assert_eq!(store.rows(TableName::Distortions).unwrap().rows.len(), 1);
}

#[test]
fn every_measured_column_is_defined_in_the_docs() {
    let (_dir, store) = store();
    let docs = include_str!("../../../../docs/metrics.md");
    let measured = ["_ms", "_bytes", "_datagrams", "bpfp", "sends", "_mse"];
    let columns = TableName::ALL
        .into_iter()
        .flat_map(|table| store.rows(table).unwrap().columns)
        .filter(|column| measured.iter().any(|suffix| column.ends_with(suffix)));
    let undefined: Vec<String> = columns
        .filter(|column| !docs.contains(column.as_str()))
        .collect();
    assert_eq!(undefined, [""; 0]);
}

#[test]
fn a_repeated_frame_or_settlement_changes_nothing() {
    let (dir, mut store) = store();
    let run = run("gate", Task::Cls);
    let original = frame(&run, 5);
    let _ = store.register_run(&run).unwrap();
    let _ = record(&mut store, &original).unwrap();
    let _ = store.settle(&settlement(&original, 10.0)).unwrap();
    let before = store.frames().unwrap();
    drop(store);

    // The cloud restarts; the edge reconnects and sends everything again, an attempt richer.
    let mut store = Store::open(&dir.path().join(Store::FILE_NAME)).unwrap();
    let mut retried = original.clone();
    retried.container_bytes = Bytes(999);
    retried.shipped_attempt = 1;
    assert!(store.contains(&original.key).unwrap());
    for other in [
        FrameKey {
            frame: 6,
            ..original.key.clone()
        },
        FrameKey {
            task: Task::Seg,
            ..original.key.clone()
        },
        FrameKey {
            edge_id: "edge-1".to_owned(),
            ..original.key.clone()
        },
    ] {
        assert!(!store.contains(&other).unwrap(), "{other}");
    }
    assert_eq!(store.register_run(&run).unwrap(), Recorded::Duplicate);
    assert_eq!(record(&mut store, &retried).unwrap(), Recorded::Duplicate);
    let again = store.settle(&settlement(&original, 99.0));
    assert_eq!(again.unwrap(), Recorded::Duplicate);
    assert_eq!(store.frames().unwrap(), before);
}

#[test]
fn run_edge_frame_and_task_each_make_another_frame() {
    let (_dir, mut store) = store();
    let first = run("gate", Task::Cls);
    let mut other_edge = first.clone();
    other_edge.edge_id = "edge-1".to_owned();
    let other_run = run("fixed", Task::Cls);
    for run in [&first, &other_edge, &other_run] {
        let _ = store.register_run(run).unwrap();
    }
    let mut other_task = frame(&first, 0);
    other_task.key.task = Task::Seg;
    let frames = [
        frame(&first, 0),
        frame(&first, 1),
        frame(&other_edge, 0),
        frame(&other_run, 0),
        other_task,
    ];
    for frame in &frames {
        assert_eq!(record(&mut store, frame).unwrap(), Recorded::New);
    }
    assert_eq!(store.frames().unwrap().len(), frames.len());
}

#[test]
fn a_run_id_belongs_to_one_experiment() {
    let (_dir, mut store) = store();
    let registered = run("gate", Task::Cls);
    let _ = store.register_run(&registered).unwrap();
    let mut restarted = registered.clone();
    restarted.started_at = "2026-11-21T10:00:00Z".to_owned();
    assert_eq!(store.register_run(&restarted).unwrap(), Recorded::Duplicate);
    let mut other = registered;
    other.threshold = Some(0.5);
    assert_eq!(
        store.register_run(&other).unwrap_err().to_string(),
        "run 'run-gate' of edge 'edge-0' is registered with threshold '0.98', not '0.5'; \
         choose another run id"
    );
}

#[test]
fn a_refused_frame_leaves_nothing_behind() {
    let (_dir, mut store) = store();
    let run = run("gate", Task::Cls);
    let good = frame(&run, 0);
    let error = record(&mut store, &good).unwrap_err();
    assert!(matches!(error, ResultsError::UnknownRun { .. }), "{error}");
    let _ = store.register_run(&run).unwrap();

    let error = store.settle(&settlement(&good, 1.0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "frame 0 (cls) of run 'run-gate', edge 'edge-0' is not recorded; \
         record it before its settlement"
    );
    let mut unattempted = good.clone();
    unattempted.shipped_attempt = 2;
    let error = record(&mut store, &unattempted).unwrap_err();
    assert!(matches!(error, ResultsError::Attempts { shipped: 2, .. }));
    let mut too_far = good.clone();
    too_far.key.frame = u64::MAX;
    assert!(record(&mut store, &too_far).is_err());
    // The last statement of the transaction refuses: the frame's rows before it must go.
    let late = CloudStages {
        experiment_ms: f64::NAN,
        ..stages()
    };
    let error = store.record_frame(&good, &attempts(1), None, &late);
    assert_eq!(
        error.unwrap_err().to_string(),
        "experiment_ms is NaN, expected milliseconds between 0 and one year"
    );

    assert_eq!(store.frames().unwrap(), []);
    assert_eq!(store.rows(TableName::Attempts).unwrap().rows.len(), 0);
    assert_eq!(record(&mut store, &good).unwrap(), Recorded::New);
}

#[test]
fn other_connections_see_a_frame_once_it_is_recorded() {
    let (_dir, mut store) = store();
    let reader = Connection::open(store.path()).unwrap();
    let run = run("gate", Task::Cls);
    let _ = store.register_run(&run).unwrap();
    for number in 0..3 {
        let _ = record(&mut store, &frame(&run, number)).unwrap();
        let seen: u64 = reader
            .query_row("SELECT count(*) FROM frames", [], |row| {
                row.get::<_, i64>(0)
            })
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(seen, number + 1);
    }
    let synchronous: i64 = store
        .connection
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .unwrap();
    let mode: String = reader
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!((synchronous, mode.as_str()), (2, "wal"), "2 is FULL");
}

#[test]
fn a_closed_store_is_one_file() {
    let (dir, mut store) = store();
    let _ = store.register_run(&run("gate", Task::Cls)).unwrap();
    store.close().unwrap();
    let names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, [Store::FILE_NAME]);
}

#[test]
fn a_full_disk_loses_nothing_and_the_store_goes_on() {
    let (_dir, mut store) = store();
    let run = run("gate", Task::Cls);
    let _ = store.register_run(&run).unwrap();
    // SQLite reports its own page limit as it reports a full disk: SQLITE_FULL.
    let pages: i64 = store
        .connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    let limit = |store: &Store, pages: i64| {
        store
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
    };
    limit(&store, pages + 2);
    let large = |number| {
        let mut frame = frame(&run, number);
        frame.cloud_outcome = serde_json::json!("x".repeat(2000));
        frame
    };
    let (number, error) = (0..100)
        .find_map(|number| Some((number, record(&mut store, &large(number)).err()?)))
        .unwrap();
    assert!(matches!(error, ResultsError::Disk { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("cannot record a frame: no space left for ")
    );
    assert!(error.to_string().contains(Store::FILE_NAME));
    assert!(number > 0, "the limit leaves room for one frame");
    assert_whole(&store, number);

    limit(&store, 1 << 20);
    assert_eq!(record(&mut store, &large(number)).unwrap(), Recorded::New);
    assert_whole(&store, number + 1);
}

#[test]
fn a_locked_file_says_so() {
    let (_dir, mut store) = store();
    store
        .connection
        .busy_timeout(Duration::from_millis(20))
        .unwrap();
    let other = Connection::open(store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = run("gate", Task::Cls);
    let error = store.register_run(&run).unwrap_err();
    assert!(matches!(error, ResultsError::Locked { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "cannot register a run: {} is locked by another process; stop it, then retry",
            store.path().display()
        )
    );
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.register_run(&run).unwrap(), Recorded::New);
}

#[test]
fn other_files_are_refused_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other");
    let open = || Store::open_or_create(&path).unwrap_err();

    std::fs::write(
        &path,
        "frames, bytes, ms and more text than a header has\n".repeat(40),
    )
    .unwrap();
    let text = std::fs::read(&path).unwrap();
    assert!(matches!(open(), ResultsError::NotResults { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), text);
    std::fs::remove_file(&path).unwrap();

    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE frames (a)").unwrap();
    drop(other);
    let database = std::fs::read(&path).unwrap();
    assert!(matches!(open(), ResultsError::NotResults { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), database);
}

/// A file as the first release wrote it: its own statements and marks.
#[test]
fn results_of_schema_1_get_the_tables_that_they_lack() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(Store::FILE_NAME);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../schema.sql")).unwrap();
    let id = i32::from_be_bytes(*b"spsr");
    old.pragma_update(None, "application_id", id).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    old.execute_batch(
        "INSERT INTO runs VALUES (1, 'r', 'e', 'p', 'cls', 'm', 'd', 'c', NULL, NULL, '4', 't',
             'v', '{}', 's');
         INSERT INTO frames (frame_key, run_key, frame, task, source, verdict, shipped_attempt,
             shipped_level, feature_points, payload_bytes, container_bytes, cloud_outcome, received_at)
             VALUES (1, 1, 0, 'cls', 'a', 'ungated', 0, 0, 1, 1, 1, '{}', 't');
         INSERT INTO stages VALUES (1, 1, 1, 1, 1, NULL, 1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL,
             NULL);
         INSERT INTO distortions VALUES (1, 2, 3, 1, 0.5)",
    )
    .unwrap();
    drop(old);
    for _ in 0..2 {
        let store = Store::open(&path).unwrap();
        assert_eq!(store.runs().unwrap().len(), 1);
        assert!(store.rows(TableName::LinkSamples).unwrap().rows.is_empty());
        let truth = store.frames().unwrap()[0].distortion.unwrap();
        assert_eq!((truth.distortion, truth.agreement), (Some(1.0), None));
        let version = store
            .connection
            .pragma_query_value(None, "user_version", |row| row.get(0));
        assert_eq!(version, Ok(crate::SCHEMA_VERSION));
    }
}

#[test]
fn samples_are_kept_as_they_were() {
    let (_dir, mut store) = store();
    let run = run("gate", Task::Cls);
    assert_eq!(store.register_run(&run).unwrap(), Recorded::New);
    let link = LinkSampleRecord {
        run_id: run.run_id.clone(),
        link: "uplink".to_owned(),
        direction: "up".to_owned(),
        sampled_at: "2026-11-21T09:00:01.5Z".to_owned(),
        at_ms: 100.5,
        rate: None,
        queued_packets: 3,
        queued: Bytes(4000),
        in_flight: Bytes(1500),
        arrived: 20,
        delivered: 10,
        delivered_bytes: Bytes(14_000),
        dropped_full: 1,
        dropped_codel: 2,
        dropped_down: 3,
        lost: 4,
    };
    store
        .record_link_samples(std::slice::from_ref(&link))
        .unwrap();
    let rows = store.rows(TableName::LinkSamples).unwrap();
    let cell = |name: &str| {
        let column = rows.columns.iter().position(|column| column == name);
        rows.rows[0][column.unwrap()].clone()
    };
    assert_eq!(cell("rate_bps"), Cell::Null);
    assert_eq!(cell("at_ms"), Cell::Real(100.5));
    assert_eq!(cell("dropped_down"), Cell::Integer(3));
    let limited = LinkSampleRecord {
        rate: Some(BitRate(2_000_000)),
        ..link.clone()
    };
    store
        .record_link_samples(std::slice::from_ref(&limited))
        .unwrap();
    assert_eq!(store.link_samples().unwrap(), [link.clone(), limited]);
    let sideways = LinkSampleRecord {
        direction: "sideways".to_owned(),
        ..link
    };
    assert!(store.record_link_samples(&[sideways]).is_err());

    let connection = ConnectionSampleRecord {
        run_id: run.run_id.clone(),
        edge_id: run.edge_id.clone(),
        sampled_at: "2026-11-21T09:00:01.5Z".to_owned(),
        rtt_ms: 41.5,
        min_rtt_ms: 40.0,
        window: Bytes(12_000),
        mtu: Bytes(1452),
        sent_packets: 9,
        sent: Bytes(10_000),
        lost_packets: 1,
        lost: Bytes(1452),
        congestion_events: 1,
    };
    let stray = ConnectionSampleRecord {
        edge_id: "nobody".to_owned(),
        ..connection.clone()
    };
    let refused = store.record_connection_samples(&[connection.clone(), stray]);
    assert!(matches!(refused, Err(ResultsError::UnknownRun { .. })));
    let none = store.rows(TableName::ConnectionSamples).unwrap();
    assert!(none.rows.is_empty(), "all or nothing");
    store.record_connection_samples(&[connection]).unwrap();
    assert_eq!(
        store.rows(TableName::ConnectionSamples).unwrap().rows.len(),
        1
    );
}

#[test]
fn another_schema_is_refused() {
    let (_dir, store) = store();
    let path = store.path().to_owned();
    store
        .connection
        .pragma_update(None, "user_version", crate::SCHEMA_VERSION + 1)
        .unwrap();
    drop(store);
    let error = Store::open(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: results of schema {}, but this program reads schema {}; \
             use the splitsim version that wrote them, or a newer one",
            path.display(),
            crate::SCHEMA_VERSION + 1,
            crate::SCHEMA_VERSION
        )
    );
}

#[test]
fn create_makes_and_open_finds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(Store::FILE_NAME);
    assert!(matches!(
        Store::open(&path),
        Err(ResultsError::Missing { .. })
    ));
    drop(Store::create(&path).unwrap());
    assert!(matches!(
        Store::create(&path),
        Err(ResultsError::Exists { .. })
    ));
    drop(Store::open(&path).unwrap());
    drop(Store::open_or_create(&path).unwrap());
    let nowhere = dir.path().join("missing").join(Store::FILE_NAME);
    assert!(matches!(
        Store::create(&nowhere),
        Err(ResultsError::Create { .. })
    ));
}

#[test]
fn an_interrupted_creation_is_completed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(Store::FILE_NAME);
    File::create_new(&path).unwrap();
    assert!(matches!(
        Store::open(&path),
        Err(ResultsError::NotResults { .. })
    ));
    let mut store = Store::open_or_create(&path).unwrap();
    let recorded = store.register_run(&run("gate", Task::Cls));
    assert_eq!(recorded.unwrap(), Recorded::New);
}

#[test]
fn values_that_we_never_write_are_damage() {
    let (_dir, mut store) = store();
    let _ = store.register_run(&run("gate", Task::Cls)).unwrap();
    store
        .connection
        .execute("UPDATE runs SET seed = 'many'", [])
        .unwrap();
    let error = store.runs().unwrap_err();
    assert!(matches!(error, ResultsError::Damaged { .. }), "{error}");
}

#[test]
fn a_killed_writer_leaves_only_whole_frames() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(Store::FILE_NAME);
    let mut recorded = 0;
    // Each round kills at another moment of the write that follows the acknowledged one.
    for pause_us in [0, 150, 400, 1000, 2500] {
        let mut child = writer(&path, "").spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let acknowledged = acknowledged(output.lines().map(Result::unwrap), 8);
        std::thread::sleep(Duration::from_micros(pause_us));
        child.kill().unwrap();
        child.wait().unwrap();

        let store = Store::open(&path).unwrap();
        let frames = store.frames().unwrap().len() as u64;
        assert!(
            acknowledged > recorded,
            "the writer goes on where the last one was killed"
        );
        assert!(
            frames >= acknowledged,
            "{frames} frames, {acknowledged} acknowledged"
        );
        assert_whole(&store, frames);
        recorded = frames;
    }
}

#[cfg(unix)]
#[test]
fn a_failing_disk_leaves_only_whole_frames() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(Store::FILE_NAME);
    // A file size limit makes the kernel refuse writes, as a quota or a broken disk does. The
    // limit is above the tables' size, so that some frames fit.
    let output = writer(&path, "trap '' XFSZ; ulimit -f 256;")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let error = text
        .lines()
        .find(|line| line.contains("cannot record a frame"));
    assert!(
        error.is_some_and(|line| line.contains("no space left for")),
        "{text}"
    );

    let acknowledged = acknowledged(text.lines().map(str::to_owned), usize::MAX);
    let mut store = Store::open(&path).unwrap();
    assert!(acknowledged > 0);
    assert_whole(&store, acknowledged);
    let next = frame(&run("gate", Task::Cls), acknowledged);
    assert_eq!(record(&mut store, &next).unwrap(), Recorded::New);
}

/// Number of frames up to the `limit`-th acknowledgement.
fn acknowledged(lines: impl Iterator<Item = String>, limit: usize) -> u64 {
    lines
        .filter_map(|line| line.strip_prefix("recorded ")?.parse().ok())
        .take(limit)
        .last()
        .map_or(0, |last: u64| last + 1)
}

/// This test program, running [`writes_frames_until_stopped`] on `path` after a shell `prelude`.
fn writer(path: &Path, prelude: &str) -> Command {
    let program = std::env::current_exe().unwrap();
    let test = "store::tests::writes_frames_until_stopped";
    let arguments = ["--exact", test, "--ignored", "--nocapture"];
    let mut command = if prelude.is_empty() {
        Command::new(program)
    } else {
        let mut shell = Command::new("sh");
        let script = format!("{prelude} exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(program);
        shell
    };
    command
        .args(arguments)
        .env(WRITE_TO, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

const WRITE_TO: &str = "SPLITSIM_RESULTS_TEST_WRITE_TO";

#[test]
#[ignore = "a child process of the tests above, which stop it"]
fn writes_frames_until_stopped() {
    let path = PathBuf::from(std::env::var_os(WRITE_TO).unwrap());
    let mut store = Store::open_or_create(&path).unwrap();
    let run = run("gate", Task::Cls);
    let _ = store.register_run(&run).unwrap();
    let mut out = std::io::stdout();
    // The harness has begun a line of its own.
    writeln!(out).unwrap();
    let begin = store.frames().unwrap().len() as u64;
    for number in begin.. {
        match record(&mut store, &frame(&run, number)) {
            Ok(_) => writeln!(out, "recorded {number}").unwrap(),
            Err(error) => return writeln!(out, "{error}").unwrap(),
        }
        out.flush().unwrap();
    }
}

/// The file is sound and holds `frames` frames, each with all of its rows.
fn assert_whole(store: &Store, frames: u64) {
    let check: String = store
        .connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let rows = |table| store.rows(table).unwrap().rows.len() as u64;
    let counts = TableName::ALL.map(rows);
    assert_eq!(counts, [1, frames, 2 * frames, frames, frames, 0, 0]);
}

#[test]
fn links_and_devices_are_no_results() {
    let (dir, store) = store();
    let link = dir.path().join("link.sqlite");
    std::os::unix::fs::symlink(store.path(), &link).unwrap();
    for path in [link.as_path(), Path::new("/dev/null")] {
        for opened in [Store::open(path), Store::open_or_create(path)] {
            assert!(
                matches!(opened, Err(ResultsError::NoFile { .. })),
                "{opened:?}"
            );
        }
    }
}
