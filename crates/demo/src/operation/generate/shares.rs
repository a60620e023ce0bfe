//! Wholes split into parts that sum to them exactly.

/// Splits `whole` in proportion to `weights`: rounded down first, then one more for the largest remainders, so that
/// the parts sum to the whole. Of equal remainders the earlier comes first.
pub(super) fn apportion(whole: u64, weights: &[u64]) -> Vec<u64> {
    let sum = weights.iter().map(|weight| u128::from(*weight)).sum::<u128>().max(1);
    let exact = |weight: &u64| u128::from(whole) * u128::from(*weight);
    let mut parts: Vec<u64> =
        weights.iter().map(|weight| u64::try_from(exact(weight) / sum).unwrap_or(u64::MAX)).collect();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|index| std::cmp::Reverse(exact(&weights[*index]) % sum));
    let missing = whole - parts.iter().sum::<u64>();
    for index in by_remainder.into_iter().take(usize::try_from(missing).unwrap_or(usize::MAX)) {
        parts[index] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn larger_remainders_get_what_is_left() {
        assert_eq!(apportion(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(apportion(7, &[10, 20, 39]), [1, 2, 4]);
        assert_eq!(apportion(5, &[]), Vec::<u64>::new());
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole_and_none_is_off_by_one(
            whole in 0_u64..2_000_000, weights in prop::collection::vec(1_u64..1_000_000, 1..120),
        ) {
            let parts = apportion(whole, &weights);
            prop_assert_eq!(parts.iter().sum::<u64>(), whole);
            let sum: u64 = weights.iter().sum();
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!((whole * weight / sum..=whole * weight / sum + 1).contains(part));
            }
        }
    }
}
