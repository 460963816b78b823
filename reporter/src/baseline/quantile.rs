//! Medians, quantiles, and how far counts stray by chance alone.

/// The middle of `values`, which are put into order; `None` of none.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get((values.len() / 2).checked_sub(1)?)?;
    Some(f64::midpoint(lower, upper))
}

/// The value below which a `share` of `sorted` lies, between neighbours by their distance; `None` of none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    let (low, high) = (*sorted.get(low)?, *sorted.get(high)?);
    Some(low + (high - low) * place.fract())
}

/// The least count that a Poisson variable of this mean exceeds with a chance of at most `alpha`.
pub(super) fn poisson(mean: f64, alpha: f64) -> f64 {
    count_model(alpha, (-mean).exp(), |k, chance| chance * mean / k, || normal(mean, mean, alpha))
}

/// The same of a negative binomial variable, whose variance is above its mean.
pub(super) fn negative_binomial(mean: f64, variance: f64, alpha: f64) -> f64 {
    if variance <= mean || mean <= 0.0 {
        return poisson(mean, alpha);
    }
    let p = mean / variance;
    let r = mean * p / (1.0 - p);
    count_model(
        alpha,
        p.powf(r),
        |k, chance| chance * (k + r - 1.0) / k * (1.0 - p),
        || normal(mean, variance, alpha),
    )
}

fn count_model(alpha: f64, none: f64, next: impl Fn(f64, f64) -> f64, large: impl FnOnce() -> f64) -> f64 {
    // So unlikely that it is not a number any more: then the mean is large, and a normal variable is as good.
    if none < f64::MIN_POSITIVE {
        return large();
    }
    let (mut chance, mut sum, mut k) = (none, none, 0.0);
    while sum < 1.0 - alpha && k < COUNT_MAX {
        k += 1.0;
        chance = next(k, chance);
        sum += chance;
    }
    k
}

fn normal(mean: f64, variance: f64, alpha: f64) -> f64 {
    // Abramowitz and Stegun 26.2.23, good to 0.00045.
    let t = (-2.0 * alpha.clamp(1e-12, 0.5).ln()).sqrt();
    let z = t
        - (2.515_517 + 0.802_853 * t + 0.010_328 * t * t)
            / (1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t * t * t);
    (mean + z * variance.sqrt()).ceil()
}

/// How many a week there are in the long run when `count` were seen in `weeks`: 95 % of the time within these.
pub(super) fn rate_interval(count: f64, weeks: f64) -> (f64, f64) {
    let z = 1.96_f64;
    let weeks = weeks.max(f64::MIN_POSITIVE);
    let low = if count <= 0.0 {
        0.0
    } else {
        count * (1.0 - 1.0 / (9.0 * count) - z / (3.0 * count.sqrt())).max(0.0).powi(3)
    };
    let more = count + 1.0;
    let high = more * (1.0 - 1.0 / (9.0 * more) + z / (3.0 * more.sqrt())).powi(3);
    (low / weeks, high / weeks)
}

/// No count is looked for beyond.
const COUNT_MAX: f64 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [41., 38., 44., 40., 39., 210., 42., 37.]), Some(40.5));
        assert_eq!(median(&mut [3., 1., 2.]), Some(2.0));
    }

    #[test]
    fn models_give_the_tables() {
        // Of the specification: Poisson with mean 0.375, one in ten thousand.
        assert_eq!(poisson(0.375, 1e-4), 4.0);
        assert_eq!(poisson(10.0, 0.05), 15.0);
        assert!((poisson(1e4, 0.001) - 10_309.0).abs() < 3.0);
        assert!(negative_binomial(10.0, 40.0, 0.01) > poisson(10.0, 0.01));
        // Summed up by hand, with r = 10/3 and p = 1/4: up to 29 it is just short of 99 %.
        assert_eq!(negative_binomial(10.0, 40.0, 0.01), 30.0);
    }

    #[test]
    fn rates_have_an_interval() {
        let (low, high) = rate_interval(10.0, 2.0);
        assert!((low - 2.4).abs() < 0.05 && (high - 9.2).abs() < 0.05, "{low} {high}");
        assert_eq!(rate_interval(0.0, 2.0).0, 0.0);
    }
}
