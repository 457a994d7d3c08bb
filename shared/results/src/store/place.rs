//! A file that is removed, replaced or protected while it is in use.

use std::fs;

use splitsim_feature::Task;

use super::*;
use crate::samples::{run, store};

fn is_gone(store: &Store, path: &Path, fate: &str) {
    match store.check_in_place() {
        Err(ResultsError::Gone {
            path: found,
            fate: actual,
        }) => assert_eq!((found.as_path(), actual), (path, fate)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_removed_or_replaced_file_is_noticed_until_it_is_back() {
    let (dir, mut store) = store();
    let path = store.path().to_owned();
    let _ = store.register_run(&run("gate", Task::Cls)).unwrap();
    store.check_in_place().unwrap();
    let aside = dir.path().join("aside");
    fs::rename(&path, &aside).unwrap();
    is_gone(&store, &path, "removed");
    fs::copy(&aside, &path).unwrap();
    is_gone(&store, &path, "replaced");
    fs::rename(&aside, &path).unwrap();
    store.check_in_place().unwrap();
}

/// The latest records are in the log only: without it, a reader finds an older state.
#[test]
fn a_removed_log_is_noticed() {
    let (dir, mut store) = store();
    let _ = store.register_run(&run("gate", Task::Cls)).unwrap();
    store.check_in_place().unwrap();
    let log = dir.path().join("results.sqlite-wal");
    fs::remove_file(&log).unwrap();
    is_gone(&store, &log, "removed");
}

#[test]
fn a_removed_folder_is_noticed() {
    let (dir, store) = store();
    let path = store.path().to_owned();
    dir.close().unwrap();
    is_gone(&store, &path, "removed");
}
