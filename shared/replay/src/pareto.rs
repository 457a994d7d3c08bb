/// Marks the points that no other point dominates. A point dominates another if it is at most as large in both
/// coordinates and smaller in one: less is better.
#[must_use]
pub fn pareto_front(points: &[(f64, f64)]) -> Vec<bool> {
    let dominates =
        |a: &(f64, f64), b: &(f64, f64)| a.0 <= b.0 && a.1 <= b.1 && (a.0 < b.0 || a.1 < b.1);
    let alone = |point| !points.iter().any(|other| dominates(other, point));
    points.iter().map(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_what_nothing_beats_in_both() {
        let points = [
            (1.0, 9.0),
            (2.0, 5.0),
            (2.0, 6.0),
            (3.0, 5.0),
            (4.0, 1.0),
            (1.0, 9.0),
        ];
        assert_eq!(
            pareto_front(&points),
            [true, true, false, false, true, true]
        );
    }
}
