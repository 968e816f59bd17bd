//! Central differences, for the tests of the layers.

/// Numbers without a pattern, in about -1 to 1.
pub(crate) fn numbers(count: usize, seed: u64) -> Vec<f32> {
    (0..count as u64)
        .map(|index| {
            let bits = crate::dropout::mix(seed ^ crate::dropout::mix(index)) >> 40;
            bits as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// The sum of `weights · values`, in double precision.
pub(crate) fn weighted(values: &[f32], weights: &[f32]) -> f64 {
    let pairs = values.iter().zip(weights);
    pairs.map(|(v, w)| f64::from(*v) * f64::from(*w)).sum()
}

/// Asserts that `gradient` is the slope of `objective` at `point`, at every
/// `stride`-th element.
pub(crate) fn check(
    name: &str,
    point: &[f32],
    gradient: &[f32],
    stride: usize,
    objective: impl Fn(&[f32]) -> f64,
) {
    check_near(name, point, gradient, (stride, 1.0 / 128.0), objective);
}

/// [`check`] with its own step, for objectives that bend strongly.
pub(crate) fn check_near(
    name: &str,
    point: &[f32],
    gradient: &[f32],
    (stride, step): (usize, f32),
    objective: impl Fn(&[f32]) -> f64,
) {
    assert_eq!(point.len(), gradient.len());
    let largest = gradient.iter().fold(0.0f32, |a, b| a.max(b.abs()));
    assert!(largest > 0.0, "{name}: no gradient at all");
    let mut moved = point.to_vec();
    for index in (0..point.len()).step_by(stride) {
        let mut at = |offset: f32| {
            moved[index] = point[index] + offset;
            objective(&moved)
        };
        // The error of the difference is of fourth order in the step.
        let near = (at(step) - at(-step)) / f64::from(2.0 * step);
        let far = (at(2.0 * step) - at(-2.0 * step)) / f64::from(4.0 * step);
        let slope = (4.0 * near - far) / 3.0;
        at(0.0);
        let error = (slope - f64::from(gradient[index])).abs();
        let allowed = 1e-3 * f64::from(largest) + 2e-3 * slope.abs();
        assert!(
            error < allowed,
            "{name}[{index}]: {} where the slope is {slope}",
            gradient[index]
        );
    }
}
