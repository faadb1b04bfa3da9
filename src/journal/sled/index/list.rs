//! Ascending numbers, and their stored form: differences in as few bytes as they need.

/// Packs ascending numbers.
pub(super) fn render(numbers: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len());
    let mut last = 0;
    for number in numbers {
        let mut rest = number.wrapping_sub(last);
        last = *number;
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes
}

/// Reads `count` numbers back; none when the bytes are not those of ascending numbers.
pub(super) fn parse(bytes: &[u8], count: usize) -> Option<Vec<u32>> {
    // Each takes a byte at least, so a count that no bytes stand behind asks for no memory.
    let mut numbers = Vec::with_capacity(count.min(bytes.len()));
    let (mut last, mut difference, mut shift) = (0_u32, 0_u32, 0_u32);
    for byte in bytes {
        let part = u32::from(byte & 0x7f);
        difference |= part.checked_shl(shift).filter(|shifted| shifted >> shift == part)?;
        if byte & 0x80 != 0 {
            shift += 7;
            continue;
        }
        if difference == 0 && !numbers.is_empty() {
            return None;
        }
        last = last.checked_add(difference)?;
        numbers.push(last);
        (difference, shift) = (0, 0);
    }
    (numbers.len() == count && shift == 0).then_some(numbers)
}

/// What all lists have; none of no list.
pub(super) fn intersect(mut lists: Vec<Vec<u32>>) -> Option<Vec<u32>> {
    lists.sort_unstable_by_key(|list| std::cmp::Reverse(list.len()));
    let mut common = lists.pop()?;
    while let Some(next) = lists.pop() {
        let mut rest = next.as_slice();
        common.retain(|number| {
            // Looked for near the front first, because where both are long the next one is not far.
            let near = rest.len().min(16);
            let (front, _) = rest.split_at(near);
            let mut skipped = front.partition_point(|other| other < number);
            if skipped == near {
                skipped = rest.partition_point(|other| other < number);
            }
            rest = rest.get(skipped..).unwrap_or_default();
            rest.first() == Some(number)
        });
    }
    Some(common)
}

/// The part of a list from `low` on and below `high`.
pub(in crate::journal::sled) fn between(list: &[u32], low: u32, high: u32) -> &[u32] {
    let start = list.partition_point(|number| *number < low);
    let rest = list.get(start..).unwrap_or_default();
    rest.get(..rest.partition_point(|number| *number < high)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn lists_read_back_and_meet_as_sets_do(
            lists in proptest::collection::vec(proptest::collection::btree_set(0..300_u32, 0..120), 1..4),
            far in any::<u32>(),
        ) {
            for list in &lists {
                let list: Vec<u32> = list.iter().copied().chain((far > 300).then_some(far)).collect();
                prop_assert_eq!(parse(&render(&list), list.len()), Some(list.clone()));
                prop_assert_eq!(parse(&render(&list), list.len() + 1), None);
            }
            let common = lists.iter().cloned().reduce(|a, b| &a & &b).unwrap_or_default();
            let found = intersect(lists.iter().map(|list| list.iter().copied().collect()).collect());
            prop_assert_eq!(found.unwrap().into_iter().collect::<BTreeSet<_>>(), common);
        }

        #[test]
        fn any_bytes_end_in_an_ascending_list_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..60), count in 0..70_usize) {
            if let Some(list) = parse(&bytes, count) {
                prop_assert!(list.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
    }

    #[test]
    fn a_part_of_a_list_has_its_first_number_and_not_its_last() {
        assert_eq!(between(&[1, 5, 9, 12], 5, 12), [5, 9]);
        assert!(between(&[1, 5], 6, 90).is_empty() && between(&[], 0, 9).is_empty());
        assert_eq!(intersect(Vec::new()), None);
    }
}
