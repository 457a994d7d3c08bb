use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Divides `0..count` at random into `share` of it and the rest, both ascending.
///
/// `stream` tells apart the divisions of one seed.
#[must_use]
pub fn split(count: usize, share: f64, seed: u64, stream: u64) -> (Vec<usize>, Vec<usize>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut random);
    let first = (count as f64 * share).round() as usize;
    let mut rest = order.split_off(first.min(count));
    order.sort_unstable();
    rest.sort_unstable();
    (order, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_on_one_side() {
        let (first, rest) = split(10, 0.3, 7, 0);
        assert_eq!((first.len(), rest.len()), (3, 7));
        let mut all = [first.clone(), rest].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        assert_eq!(split(10, 0.3, 7, 0).0, first);
        assert!((1..20).any(|stream| split(10, 0.3, 7, stream).0 != first));
    }
}
