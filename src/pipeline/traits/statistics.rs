//! The few formulas behind the trait test: pure, each with its source.

/// The two-sided 99 % quantile of the normal distribution.
const Z_99: f64 = 2.575_829_303_548_901;

/// How many customers have a value in a group and in all: `k` of `n`, `big_k` of `big_n`; the group is part of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    /// Customers of the group that have the value.
    pub k: f64,
    /// Customers of the group.
    pub n: f64,
    /// Customers that have the value.
    pub big_k: f64,
    /// All customers.
    pub big_n: f64,
}

impl Cell {
    /// The share in the group.
    pub fn share(self) -> f64 {
        self.k / self.n
    }

    /// The share in all.
    pub fn share_overall(self) -> f64 {
        self.big_k / self.big_n
    }

    /// The first share over the second.
    pub fn lift(self) -> f64 {
        self.share() / self.share_overall()
    }

    /// The two-sided p-value of the group's share against that of everybody else, by the z-test of two proportions
    /// with a pooled variance; 1 where there is nobody else, or where all have the value.
    pub fn p_value(self) -> f64 {
        let others = self.big_n - self.n;
        let pooled = self.share_overall();
        let variance = pooled * (1.0 - pooled) * (1.0 / self.n + 1.0 / others);
        if others <= 0.0 || variance <= 0.0 {
            return 1.0;
        }
        two_sided((self.share() - (self.big_k - self.k) / others) / variance.sqrt())
    }

    /// A 99 % interval of the lift, on its logarithm as Katz et al. 1978 have it for a ratio of two shares.
    ///
    /// Theirs are of two groups apart. Here one is part of the other, so the variance is that of the group and of
    /// everybody else, by the delta method: it is 0 where only the group has the value, whose lift is then `N / n`.
    pub fn lift_interval(self) -> (f64, f64) {
        let (share, others) = (self.share(), self.big_n - self.n);
        if share <= 0.0 || others <= 0.0 {
            return (self.lift(), self.lift());
        }
        let share_of_others = (self.big_k - self.k) / others;
        let own_slope = 1.0 / share - self.n / self.big_k;
        let slope_of_others = others / self.big_k;
        let variance = share * (1.0 - share) / self.n * own_slope.powi(2)
            + share_of_others * (1.0 - share_of_others) / others * slope_of_others.powi(2);
        let reach = Z_99 * variance.max(0.0).sqrt();
        (self.lift() * (-reach).exp(), self.lift() * reach.exp())
    }
}

/// The lower end of the 99 % interval of a share, `k` of `n`.
pub(super) fn wilson_low(k: f64, n: f64) -> f64 {
    wilson_interval(k, n, Z_99).0
}

/// The score interval of a share, `k` of `n`, from below to above (Wilson 1927); `z` is the quantile of the normal
/// distribution that says how sure it is.
pub fn wilson_interval(k: f64, n: f64, z: f64) -> (f64, f64) {
    let (share, z2) = (k / n, z * z);
    let middle = share + z2 / (2.0 * n);
    let reach = z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((middle - reach) / (1.0 + z2 / n), (middle + reach) / (1.0 + z2 / n))
}

/// The two-sided p-value of a standard normal deviate.
pub(super) fn two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The complementary error function for `x ≥ 0`, with a relative error below 1.2e-7 (Press et al., Numerical Recipes,
/// section 6.2: a Chebyshev fit).
fn erfc(x: f64) -> f64 {
    const FIT: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x);
    let series = FIT.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    t * (series - x * x).exp()
}

/// A number's customers: ascending, each number once, with its customers in a group and in all.
pub(super) type Ranked<'a> = &'a [(f64, u64, u64)];

/// The two-sided p-value of the rank sum of a group against everybody else, by its normal approximation with a
/// correction for ties (Mann and Whitney 1947); 1 where one side is empty or all numbers are the same.
pub(super) fn rank_sum_p_value(numbers: Ranked<'_>) -> f64 {
    let (mut below, mut n, mut rank_sum, mut ties) = (0.0, 0.0, 0.0, 0.0);
    for &(_, own, all) in numbers {
        let (own, all) = (own as f64, all as f64);
        rank_sum += own * (below + f64::midpoint(all, 1.0));
        ties += all * (all * all - 1.0);
        n += own;
        below += all;
    }
    let (big_n, others) = (below, below - n);
    let variance = n * others / 12.0 * ((big_n + 1.0) - ties / (big_n * (big_n - 1.0)));
    if n <= 0.0 || others <= 0.0 || variance <= 0.0 || !variance.is_finite() {
        return 1.0;
    }
    two_sided((rank_sum - n * f64::midpoint(big_n, 1.0)) / variance.sqrt())
}

/// The quartiles of numbers in ascending order with their customers: the least number that so many have reached.
pub(super) fn quartiles(numbers: impl Iterator<Item = (f64, u64)> + Clone) -> Option<[f64; 3]> {
    let total: u64 = numbers.clone().map(|(_, customers)| customers).sum();
    let reached = move |quarters: u64| {
        let mut so_far = 0;
        numbers.clone().find_map(|(number, customers)| {
            so_far += customers;
            (customers > 0 && 4 * so_far >= quarters * total).then_some(number)
        })
    };
    (total > 0).then(|| Some([reached(1)?, reached(2)?, reached(3)?])).flatten()
}

/// The spread of numbers that outliers do not move: the interquartile range over 1.349, which for a normal
/// distribution is its standard deviation; that deviation itself where half of all have one number.
pub(super) fn robust_deviation(numbers: Ranked<'_>) -> f64 {
    const OF_A_NORMAL: f64 = 1.349;
    let all = numbers.iter().map(|&(number, _, customers)| (number, customers));
    let Some([low, _, high]) = quartiles(all.clone()) else { return 0.0 };
    if high > low {
        return (high - low) / OF_A_NORMAL;
    }
    let total: f64 = all.clone().map(|(_, customers)| customers as f64).sum();
    let mean = all.clone().map(|(number, customers)| number * customers as f64).sum::<f64>() / total;
    (all.map(|(number, customers)| (number - mean).powi(2) * customers as f64).sum::<f64>() / total).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6 * b.abs().max(1e-12)
    }

    #[test]
    fn formulas_agree_with_scipy_and_statsmodels() {
        // scipy.stats.norm.sf(z) * 2
        assert!(close(two_sided(1.959_963_984_540_054), 0.05), "{}", two_sided(1.96));
        assert!(close(two_sided(5.0), 5.733_031_437_583_866e-7), "{}", two_sided(5.0));
        // statsmodels.stats.proportion.proportion_confint(62, 80, alpha=0.01, method="wilson")[0]
        assert!(close(wilson_low(62.0, 80.0), 0.636_474_394_337_511_6), "{}", wilson_low(62.0, 80.0));
        // 62 of 80 against 40 of 120: statsmodels' proportions_ztest gives z = 6.121137.
        let cell = Cell { k: 62.0, n: 80.0, big_k: 102.0, big_n: 200.0 };
        assert!(close(cell.p_value(), two_sided(6.121_137_203_297_928)), "{}", cell.p_value());
    }

    #[test]
    fn a_value_that_only_the_group_has_has_one_possible_lift() {
        let cell = Cell { k: 50.0, n: 100.0, big_k: 50.0, big_n: 400.0 };
        let (low, high) = cell.lift_interval();
        assert!(close(low, 4.0) && close(high, 4.0), "{low} {high}");
    }

    #[test]
    fn a_rank_sum_counts_ties_and_weights_alike() {
        // scipy.stats.mannwhitneyu([1, 2, 2, 3], [2, 3, 4, 4, 5], use_continuity=False, method="asymptotic")
        let numbers = [(1.0, 1, 1), (2.0, 2, 3), (3.0, 1, 2), (4.0, 0, 2), (5.0, 0, 1)];
        assert!(close(rank_sum_p_value(&numbers), 0.059_451_093_311_553_63), "{}", rank_sum_p_value(&numbers));
        assert_eq!(rank_sum_p_value(&[(1.0, 4, 9)]), 1.0);
        assert_eq!(quartiles([(1.0, 1), (2.0, 2), (3.0, 1)].into_iter()), Some([1.0, 2.0, 2.0]));
    }
}
