//! A share of few with how far it can be trusted.

/// The Wilson interval of `hits` of `count` at 95 %; from 0 to 1 when there is nothing.
pub fn wilson(hits: u64, count: u64) -> (f64, f64) {
    if count == 0 {
        return (0.0, 1.0);
    }
    let (n, z) = (count as f64, 1.959_964);
    let share = hits as f64 / n;
    let middle = share + z * z / (2.0 * n);
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z * z / n;
    (((middle - half) / whole).max(0.0), ((middle + half) / whole).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification of reports.
    #[test]
    fn intervals_are_those_of_wilson() {
        for (hits, count, expected) in [(3, 1_200, (0.0009, 0.0073)), (47, 50, (0.838, 0.979))] {
            let (low, high) = wilson(hits, count);
            assert!((low - expected.0).abs() < 5e-4 && (high - expected.1).abs() < 5e-4, "{low} {high}");
        }
    }
}
