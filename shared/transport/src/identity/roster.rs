//! The edges that a cloud admits.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use splitsim_proto::Id;
use splitsim_text::Text;

use super::{Certified, IdentityError, invalid};

/// The file `edges` in a cloud's identity: one edge id per line, besides blank lines and lines that begin with
/// `#`. Edges that are not listed are refused, and so is a certificate for any edge. Without the file, every edge is
/// admitted whose certificate the authority has signed.
///
/// The file is read for every check, so that an edit needs no signal to the process and a revocation holds at once.
///
/// A list that was seen once and is gone admits nobody: an editor that replaces it, or a slip, does not open the cloud to
/// every edge. Clones share the memory of it.
#[derive(Debug, Clone)]
pub struct Roster {
    path: PathBuf,
    seen: Arc<AtomicBool>,
}

/// The reason why an edge is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// Its id is not on the list.
    #[error("edge '{id}' is not in {path}, the list of edges that this cloud admits")]
    NotListed {
        /// The edge.
        id: Id,
        /// The list.
        path: PathBuf,
    },
    /// Its certificate names no edge, but there is a list.
    #[error(
        "certificate is for any edge, but {path} lists the edges that this cloud admits; make one for this \
         edge with `splitsim certs --edge ID`"
    )]
    Shared {
        /// The list.
        path: PathBuf,
    },
    /// The list was there, and is gone.
    #[error(
        "no edge is admitted: {path}, the list of edges that this cloud admits, is gone; put it back, or restart the \
         cloud to admit every edge of its authority"
    )]
    Gone {
        /// The list.
        path: PathBuf,
    },
    /// The list cannot be read.
    #[error("no edge is admitted: {0}")]
    Unreadable(#[from] IdentityError),
}

const FILE: &str = "edges";
/// The longest list: some 8,000 edges of the longest id.
const MAX_BYTES: u64 = 1 << 20;

impl Roster {
    /// The list of the identity in `directory`.
    #[must_use]
    pub fn of(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let seen = Arc::new(AtomicBool::new(path.symlink_metadata().is_ok()));
        Self { path, seen }
    }

    /// Checks that an edge with this certificate is admitted.
    ///
    /// # Errors
    /// If it is not, or the list cannot be read.
    pub fn admit(&self, certified: &Certified) -> Result<(), NotAdmitted> {
        let path = || self.path.clone();
        match (self.read()?, certified) {
            (None, _) if self.seen.load(Ordering::Relaxed) => {
                Err(NotAdmitted::Gone { path: path() })
            }
            (None, _) => Ok(()),
            (Some(_), Certified::Shared { .. }) => Err(NotAdmitted::Shared { path: path() }),
            (Some(ids), Certified::Edge(id)) if ids.contains(id) => Ok(()),
            (Some(_), Certified::Edge(id)) => Err(NotAdmitted::NotListed {
                id: id.clone(),
                path: path(),
            }),
        }
    }

    /// The ids listed; `None` where there is no list.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is no id.
    pub fn read(&self) -> Result<Option<BTreeSet<Id>>, IdentityError> {
        let Some(text) = self.text()? else {
            return Ok(None);
        };
        self.seen.store(true, Ordering::Relaxed);
        ids(&text)
            .map(Some)
            .map_err(|(line, reason)| invalid(&self.path, &format!("line {line}: {reason}")))
    }

    /// Adds ids that are not there yet.
    pub(super) fn extend(&self, ids: &[Id]) -> Result<(), IdentityError> {
        let mut listed = self.read()?.unwrap_or_default();
        if ids.iter().all(|id| listed.contains(id)) && self.path.exists() {
            return Ok(());
        }
        let new = ids.iter().filter(|&id| listed.insert(id.clone()));
        let mut text = self.text()?.map_or(HEAD.to_owned(), String::from);
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        new.for_each(|id| text.extend([id.as_str(), "\n"]));
        super::create::write_public(&self.path, &text)
    }

    fn text(&self) -> Result<Option<Text>, IdentityError> {
        Ok(Text::read_if_there(&self.path, MAX_BYTES)?)
    }
}

const HEAD: &str = "\
# The edges that this cloud admits, an id per line. Take a line out, and its edge is admitted no more.
";

fn ids(text: &Text) -> Result<BTreeSet<Id>, (usize, String)> {
    text.entries()
        .map(|line| Id::new(line.text.trim()).map_err(|error| (line.number, error.to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(id: &str) -> Certified {
        Certified::Edge(Id::new(id).unwrap())
    }

    fn shared() -> Certified {
        Certified::Shared {
            default: Id::new("edge-01234567").unwrap(),
        }
    }

    #[test]
    fn an_edge_taken_off_the_list_is_admitted_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let roster = Roster::of(directory.path());
        assert!(roster.admit(&edge("a")).is_ok() && roster.admit(&shared()).is_ok());

        let list = directory.path().join("edges");
        std::fs::write(&list, "\u{feff}# ours\r\na\r\n\r\n  b  \r\n").unwrap();
        assert!(roster.admit(&edge("a")).is_ok() && roster.admit(&edge("b")).is_ok());
        assert!(matches!(
            roster.admit(&shared()),
            Err(NotAdmitted::Shared { .. })
        ));
        std::fs::write(&list, "b\n").unwrap();
        let error = roster.admit(&edge("a")).unwrap_err().to_string();
        assert!(error.contains("'a' is not in"), "{error}");
    }

    #[test]
    fn a_list_that_is_gone_admits_nobody_until_it_is_back() {
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join("edges");
        let roster = Roster::of(directory.path());
        assert!(roster.admit(&edge("a")).is_ok(), "there never was one");
        std::fs::write(&list, "a\n").unwrap();
        assert!(roster.admit(&edge("a")).is_ok());
        let at_start = Roster::of(directory.path());
        std::fs::remove_file(&list).unwrap();
        for roster in [&roster, &roster.clone(), &at_start] {
            for certified in [edge("a"), edge("b"), shared()] {
                let refused = roster.admit(&certified).unwrap_err();
                assert!(matches!(refused, NotAdmitted::Gone { .. }), "{refused}");
            }
        }
        std::fs::write(&list, "a\n").unwrap();
        assert!(roster.admit(&edge("a")).is_ok() && roster.admit(&edge("b")).is_err());
    }

    #[test]
    fn a_list_is_read_as_editors_leave_it() {
        let directory = tempfile::tempdir().unwrap();
        let roster = Roster::of(directory.path());
        let (a, b) = (edge("a"), edge("b"));
        let text = "# ours\r\na\r\n";
        let utf16: Vec<u8> = ['\u{feff}']
            .into_iter()
            .chain(text.chars())
            .flat_map(|c| (c as u16).to_le_bytes())
            .collect();
        for bytes in [utf16, text.replace("\r\n", "\r").into_bytes()] {
            std::fs::write(directory.path().join("edges"), &bytes).unwrap();
            assert!(roster.admit(&a).is_ok(), "{bytes:?}");
            assert!(roster.admit(&b).is_err());
            roster.extend(&[Id::new("b").unwrap()]).unwrap();
            assert!(roster.admit(&a).is_ok() && roster.admit(&b).is_ok());
        }
    }

    #[test]
    fn a_list_that_cannot_be_read_admits_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let roster = Roster::of(directory.path());
        std::fs::write(directory.path().join("edges"), "a\nb c\n").unwrap();
        let error = roster.admit(&edge("a")).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        std::fs::remove_file(directory.path().join("edges")).unwrap();
        std::fs::create_dir(directory.path().join("edges")).unwrap();
        assert!(roster.admit(&edge("a")).is_err());
        std::fs::remove_dir(directory.path().join("edges")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", directory.path().join("edges")).unwrap();
        let error = roster.admit(&edge("a")).unwrap_err().to_string();
        assert!(error.contains("edges: a device"), "{error}");
    }

    #[test]
    fn an_empty_list_admits_nobody() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("edges"), "").unwrap();
        assert!(Roster::of(directory.path()).admit(&edge("a")).is_err());
    }

    #[test]
    fn ids_are_added_once_and_what_else_is_there_stays() {
        let directory = tempfile::tempdir().unwrap();
        let roster = Roster::of(directory.path());
        let ids = ["a", "b"].map(|id| Id::new(id).unwrap());
        let text = || std::fs::read_to_string(directory.path().join("edges")).unwrap();
        roster.extend(&ids[..1]).unwrap();
        roster.extend(&ids).unwrap();
        assert_eq!(text(), format!("{HEAD}a\nb\n"));
        std::fs::write(directory.path().join("edges"), "# gone: a\nb").unwrap();
        roster.extend(&ids).unwrap();
        assert_eq!(text(), "# gone: a\nb\na\n");
    }
}
