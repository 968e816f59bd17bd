//! Which weights a step touches: all of them, or of the tables only the rows
//! of tokens that take part.

use std::ops::Range;

use crate::loss::IGNORE;
use crate::negative_sampling::SampledClasses;
use crate::sequence::Sequence;
use crate::transformer::Transformer;

/// Where the gradients of a step against sampled negatives may be other than 0: in
/// order and apart.
pub(super) fn touched(
    model: &Transformer,
    batch: &[Sequence],
    drawn: &SampledClasses,
) -> Vec<Range<usize>> {
    let total = model.trained().len();
    if model.trains_adapters() {
        return whole(total);
    }
    let (layout, width) = (&model.layout, model.config().width);
    let (embedding, head) = (&layout.embedding, &layout.head);
    let row = |start: usize| {
        move |token: u32| {
            let start = start + token as usize * width;
            start..start + width
        }
    };
    let inputs = batch.iter().flat_map(|sequence| &sequence.inputs);
    let targets = batch.iter().flat_map(|sequence| &sequence.targets);
    let scored = targets.filter(|target| **target != IGNORE);
    let outputs = scored.chain(&drawn.tokens).copied();
    let mut ranges = whole(embedding.weight.start);
    if head.index == embedding.index {
        ranges.push(embedding.weight.end..total);
    } else {
        ranges.push(embedding.weight.end..head.weight.start);
        ranges.push(head.weight.end..total);
    }
    ranges.extend(inputs.copied().map(row(embedding.weight.start)));
    ranges.extend(outputs.map(row(head.weight.start)));
    in_order(ranges)
}

/// All of so many weights, as ranges.
pub(crate) fn whole(count: usize) -> Vec<Range<usize>> {
    std::iter::once(0..count).collect()
}

/// The same elements as ranges that are in order, apart and not empty.
fn in_order(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// The ranges in as many even shares as there are threads, in their order.
pub(super) fn split(ranges: &[Range<usize>], threads: usize) -> Vec<Vec<Range<usize>>> {
    let count: usize = ranges.iter().map(Range::len).sum();
    let size = count.div_ceil(threads).max(1);
    let mut shares = vec![Vec::new()];
    let mut room = size;
    for range in ranges {
        let mut start = range.start;
        while start < range.end {
            if room == 0 {
                shares.push(Vec::new());
                room = size;
            }
            let end = range.end.min(start + room);
            if let Some(share) = shares.last_mut() {
                share.push(start..end);
            }
            room -= end - start;
            start = end;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged_and_shared_out() {
        let ranges = in_order(vec![8..10, 0..3, 2..4, 4..5, 7..7, 9..12]);
        assert_eq!(ranges, [0..5, 8..12]);
        assert_eq!(split(&ranges, 2), [&ranges[..1], &ranges[1..]]);
        let shares = split(&ranges, 3).into_iter().map(|share| {
            let ends = share.iter().map(|range| (range.start, range.end));
            ends.collect::<Vec<_>>()
        });
        let expected = [vec![(0, 3)], vec![(3, 5), (8, 9)], vec![(9, 12)]];
        assert_eq!(shares.collect::<Vec<_>>(), expected);
        assert!(split(&[], 4).concat().is_empty());
    }
}
