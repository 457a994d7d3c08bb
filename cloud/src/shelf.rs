use std::collections::BTreeMap;

use splitsim_results::FrameKey;

/// Things that wait for their frame, within a budget: the oldest make room for new ones.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    entries: BTreeMap<FrameKey, Entry<T>>,
    /// Keys by age.
    order: BTreeMap<u64, FrameKey>,
    next: u64,
    used: u64,
    budget: u64,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    cost: u64,
    age: u64,
}

/// The result of putting an entry on a shelf.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is there now; these made room for it.
    New(Vec<FrameKey>),
    /// The frame has one already, which stays.
    Duplicate,
    /// It alone exceeds the budget.
    TooLarge,
}

impl<T> Shelf<T> {
    /// An empty shelf for things that cost at most `budget` together.
    pub(crate) const fn new(budget: u64) -> Self {
        Self {
            entries: BTreeMap::new(),
            order: BTreeMap::new(),
            next: 0,
            used: 0,
            budget,
        }
    }

    pub(crate) fn put(&mut self, key: FrameKey, cost: u64, value: T) -> Placed {
        if self.entries.contains_key(&key) {
            return Placed::Duplicate;
        }
        if cost > self.budget {
            return Placed::TooLarge;
        }
        let mut evicted = Vec::new();
        while self.used > self.budget - cost {
            match self.order.pop_first() {
                Some((_, oldest)) => {
                    self.forget(&oldest);
                    evicted.push(oldest);
                }
                None => break,
            }
        }
        let age = self.next;
        self.next += 1;
        self.used += cost;
        self.order.insert(age, key.clone());
        self.entries.insert(key, Entry { value, cost, age });
        Placed::New(evicted)
    }

    pub(crate) fn get(&self, key: &FrameKey) -> Option<&T> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(crate) fn remove(&mut self, key: &FrameKey) -> Option<T> {
        let entry = self.forget(key)?;
        self.order.remove(&entry.age);
        Some(entry.value)
    }

    fn forget(&mut self, key: &FrameKey) -> Option<Entry<T>> {
        let entry = self.entries.remove(key)?;
        self.used -= entry.cost;
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use splitsim_feature::Task;

    use super::*;

    fn key(frame: u64) -> FrameKey {
        FrameKey {
            run_id: "run".to_owned(),
            edge_id: "edge".to_owned(),
            frame,
            task: Task::Cls,
        }
    }

    #[test]
    fn the_oldest_make_room() {
        let mut shelf = Shelf::new(10);
        assert_eq!(shelf.put(key(1), 4, 'a'), Placed::New(vec![]));
        assert_eq!(shelf.put(key(2), 4, 'b'), Placed::New(vec![]));
        assert_eq!(shelf.put(key(3), 2, 'c'), Placed::New(vec![]));
        assert_eq!(shelf.put(key(4), 5, 'd'), Placed::New(vec![key(1), key(2)]));
        assert_eq!(shelf.get(&key(2)), None);
        assert_eq!(shelf.get(&key(3)), Some(&'c'));
        assert_eq!(shelf.used, 7);
    }

    #[test]
    fn the_first_of_a_frame_stays_until_it_is_removed() {
        let mut shelf = Shelf::new(10);
        let _ = shelf.put(key(1), 4, 'a');
        assert_eq!(shelf.put(key(1), 4, 'b'), Placed::Duplicate);
        assert_eq!(shelf.remove(&key(1)), Some('a'));
        assert_eq!(shelf.remove(&key(1)), None);
        assert_eq!((shelf.used, shelf.order.len()), (0, 0));
        assert_eq!(shelf.put(key(1), 10, 'c'), Placed::New(vec![]));
    }

    #[test]
    fn what_never_fits_is_refused_and_nothing_leaves() {
        let mut shelf = Shelf::new(10);
        let _ = shelf.put(key(1), 4, 'a');
        assert_eq!(shelf.put(key(2), 11, 'b'), Placed::TooLarge);
        assert_eq!(shelf.get(&key(1)), Some(&'a'));
    }
}
