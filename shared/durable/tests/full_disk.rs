//! A disk that is full for a while.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, Rlimit, setrlimit};
use splitsim_durable::{Journal, replace};

/// Set in the process whose files cannot grow: the folder that it writes in.
const FOLDER: &str = "SPLITSIM_FULL_DISK_FOLDER";

/// Limits the files of this process to this many bytes from now on. All of them share the limit, so
/// the test has a process of its own.
fn room(bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    setrlimit(Resource::Fsize, limit).unwrap();
}

#[test]
fn a_line_that_found_no_room_is_not_glued_to_the_next() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_without_room(Path::new(&folder));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "a_line_that_found_no_room_is_not_glued_to_the_next";
    // A write beyond the limit is an error where the signal for it is ignored.
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(FOLDER, folder.path())
        .status();
    assert!(status.unwrap().success());
    let journal = std::fs::read_to_string(folder.path().join("a.jsonl")).unwrap();
    assert_eq!(journal, "\"first\"\n\"third\"\n\"fourth\"\n");
    let kept = std::fs::read_to_string(folder.path().join("b")).unwrap();
    assert_eq!(kept, "before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

fn write_without_room(folder: &Path) {
    let (path, other) = (folder.join("a.jsonl"), folder.join("b"));
    let (mut journal, _) = Journal::<String>::open(&path, "remove it").unwrap();
    journal.append(&"first".to_owned()).unwrap();
    replace(&other, "before").unwrap();
    room(Some(12));
    let error = journal.append(&"second".to_owned()).unwrap_err();
    assert!(error.to_string().contains("a.jsonl"), "{error}");
    replace(&other, "more than there is room for").unwrap_err();
    room(None);
    journal.append(&"third".to_owned()).unwrap();
    drop(journal);
    // The next process goes on.
    let (mut journal, lines) = Journal::<String>::open(&path, "remove it").unwrap();
    assert_eq!(lines, ["first", "third"]);
    journal.append_synced(&"fourth".to_owned()).unwrap();
}
