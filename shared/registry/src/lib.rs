//! Things that a program knows by name, such as policies.
//!
//! The crate that owns a kind of thing lists the built-in ones in a [`Registry`], one line each. Another
//! crate adds its own before anything is looked up, for example at the start of `main`:
//!
//! ```
//! use splitsim_registry::{Entry, Registry};
//!
//! struct Unit {
//!     name: &'static str,
//!     metres: f64,
//! }
//!
//! impl Entry for Unit {
//!     fn name(&self) -> &'static str {
//!         self.name
//!     }
//! }
//!
//! static KILOMETRE: Unit = Unit { name: "km", metres: 1000.0 };
//! static UNITS: Registry<Unit> = Registry::new(&[&KILOMETRE]);
//!
//! static MILE: Unit = Unit { name: "mile", metres: 1609.344 };
//! UNITS.add(&MILE)?;
//! assert_eq!(UNITS.names(), ["km", "mile"]);
//! assert_eq!(UNITS.get("mile").map(|unit| unit.metres), Some(1609.344));
//! assert!(UNITS.add(&MILE).is_err());
//! # Ok::<(), splitsim_registry::NameTaken>(())
//! ```

use std::sync::{PoisonError, RwLock};

/// Something with a name that is unique among its kind.
pub trait Entry: Sync + 'static {
    /// The name in command lines, files and results: lower-case letters, digits and hyphens.
    fn name(&self) -> &'static str;
}

/// All entries of one kind: the built-in ones, then those that were added.
#[derive(Debug)]
pub struct Registry<T: 'static> {
    built_in: &'static [&'static T],
    added: RwLock<Vec<&'static T>>,
}

/// An entry was not added, because another one has its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name '{0}' is taken")]
pub struct NameTaken(&'static str);

impl<T: Entry> Registry<T> {
    /// A registry of built-in entries, whose names must differ.
    #[must_use]
    pub const fn new(built_in: &'static [&'static T]) -> Self {
        Self {
            built_in,
            added: RwLock::new(Vec::new()),
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When an entry has the name already.
    pub fn add(&self, entry: &'static T) -> Result<(), NameTaken> {
        let mut added = self.added.write().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.built_in.iter().chain(added.iter());
        if known.any(|other| other.name() == entry.name()) {
            return Err(NameTaken(entry.name()));
        }
        added.push(entry);
        Ok(())
    }

    /// Every entry.
    #[must_use]
    pub fn all(&self) -> Vec<&'static T> {
        let added = self.added.read().unwrap_or_else(PoisonError::into_inner);
        self.built_in.iter().chain(added.iter()).copied().collect()
    }

    /// The names of all entries.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.all().into_iter().map(T::name).collect()
    }

    /// The entry of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static T> {
        self.all().into_iter().find(|entry| entry.name() == name)
    }
}
