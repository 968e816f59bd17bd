//! A map bounded by bytes: what was not put for long is forgotten first.

use std::borrow::Borrow;
use std::hash::Hash;

use rpds::HashTrieMapSync;

/// How much memory an entry takes, by and large. It depends on the content
/// alone, so that a replay forgets what was forgotten before.
pub trait Footprint {
    /// Bytes.
    fn bytes(&self) -> usize;
}

/// A persistent map of two generations. What is put goes to the newer one;
/// when that has grown to half of the limit it becomes the older one, and what
/// was the older one is forgotten. So the map never takes much more than its
/// limit (`LIMIT` bytes), and what was put within the last half of it is there.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentMap<K: Eq + Hash, V, const LIMIT: usize> {
    newer: Generation<K, V>,
    older: Generation<K, V>,
}

/// A map that knows how much it takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Generation<K: Eq + Hash, V> {
    entries: HashTrieMapSync<K, V>,
    bytes: usize,
}

impl<K: Eq + Hash, V> Default for Generation<K, V> {
    fn default() -> Self {
        Self {
            entries: HashTrieMapSync::new_sync(),
            bytes: 0,
        }
    }
}

impl<K: Eq + Hash + Footprint, V: Footprint> Generation<K, V> {
    fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        self.bytes += key.bytes() + value.bytes();
        self.entries.insert_mut(key, value);
    }

    fn remove<Q: ?Sized + Eq + Hash>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some((key, value)) = self.entries.get_key_value(key) {
            self.bytes -= key.bytes() + value.bytes();
        } else {
            return;
        }
        self.entries.remove_mut(key);
    }
}

impl<K: Eq + Hash, V, const LIMIT: usize> Default for RecentMap<K, V, LIMIT> {
    fn default() -> Self {
        Self {
            newer: Generation::default(),
            older: Generation::default(),
        }
    }
}

impl<K: Eq + Hash + Footprint, V: Footprint, const LIMIT: usize> RecentMap<K, V, LIMIT> {
    /// The value of `key`, unless it was forgotten.
    pub fn get<Q: ?Sized + Eq + Hash>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let newer = self.newer.entries.get(key);
        newer.or_else(|| self.older.entries.get(key))
    }

    /// Whether there is a value of `key`.
    pub fn contains_key<Q: ?Sized + Eq + Hash>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// The keys with their values, in no certain order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.newer.entries.iter().chain(self.older.entries.iter())
    }

    /// The keys, in no certain order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// The values, in no certain order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.newer.entries.size() + self.older.entries.size()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much memory the entries take, by and large.
    pub fn bytes(&self) -> usize {
        self.newer.bytes + self.older.bytes
    }

    /// How much they take at most.
    pub fn limit(&self) -> usize {
        LIMIT
    }

    /// Puts `value` under `key`, where it is as good as new.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.older.remove(&key);
        self.newer.insert(key, value);
        if self.newer.bytes > LIMIT / 2 {
            self.older = std::mem::take(&mut self.newer);
        }
    }

    /// The two generations, the newer one first, for writing them down.
    pub(crate) fn generations(&self) -> [&HashTrieMapSync<K, V>; 2] {
        [&self.newer.entries, &self.older.entries]
    }

    /// Puts back what one of [`RecentMap::generations`] held.
    pub(crate) fn restore(&mut self, generation: usize, key: K, value: V) {
        match generation {
            0 => self.newer.insert(key, value),
            _ => self.older.insert(key, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Footprint for u32 {
        fn bytes(&self) -> usize {
            10
        }
    }

    #[test]
    fn it_stays_within_its_limit_and_forgets_the_oldest() {
        let mut map = RecentMap::<_, _, 2_000>::default();
        for key in 0..10_000_u32 {
            map.insert(key, key);
            // One that is put again and again stays.
            map.insert(7, key);
            assert!(map.bytes() <= 2_000 + 20, "{}", map.bytes());
            assert_eq!(map.bytes(), 20 * map.len());
        }
        assert_eq!(map.get(&7), Some(&9_999));
        assert_eq!(map.get(&9_960), Some(&9_960));
        assert_eq!(map.get(&5_000), None);
        let mut keys: Vec<_> = map.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), map.len());
    }
}
