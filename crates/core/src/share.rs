//! How the places of one call to a registrar are shared among the customers who wait.

/// Shares `places` among customers with so many rows waiting each: nobody gets more than it has, nobody gets less
/// than another who has as much, and no place is left empty while a row waits.
///
/// The places that don't come out even go to the first ones from `start` on, which the caller moves on from call to
/// call, so that with fewer places than customers everybody's turn comes.
pub fn shares(waiting: &[usize], places: usize, start: usize) -> Vec<usize> {
    let mut given = vec![0; waiting.len()];
    let mut left = places;
    while left > 0 {
        let hungry: Vec<usize> =
            rotated(waiting.len(), start).filter(|index| given.get(*index) < waiting.get(*index)).collect();
        if hungry.is_empty() {
            break;
        }
        let each = (left / hungry.len()).max(1);
        for index in hungry {
            if let (Some(share), Some(has)) = (given.get_mut(index), waiting.get(index)) {
                let more = each.min(has.saturating_sub(*share)).min(left);
                *share += more;
                left -= more;
            }
        }
    }
    given
}

fn rotated(count: usize, start: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |step| (start + step) % count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_million_rows_leave_room_for_ten() {
        assert_eq!(shares(&[1_000_000, 10], 2_000, 0), [1_990, 10]);
        assert_eq!(shares(&[5, 5, 5], 2, 1), [0, 1, 1]);
        assert!(shares(&[], 10, 3).is_empty());
    }

    proptest! {
        #[test]
        fn fair_and_full(waiting in proptest::collection::vec(0usize..500, 0..20), places in 0usize..1000, start in 0usize..40) {
            let given = shares(&waiting, places, start);
            prop_assert!(given.iter().zip(&waiting).all(|(share, has)| share <= has));
            prop_assert_eq!(given.iter().sum::<usize>(), places.min(waiting.iter().sum()));
            for (a, has_a) in given.iter().zip(&waiting) {
                for (b, has_b) in given.iter().zip(&waiting) {
                    prop_assert!(a + 1 >= *b.min(has_a) || has_b < has_a && a >= has_a, "{given:?}");
                }
            }
        }
    }
}
