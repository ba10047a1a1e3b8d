//! Exact fractions.

/// A fraction in lowest terms with a denominator above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fraction {
    top: i128,
    bottom: i128,
}

impl Fraction {
    /// A whole number.
    pub(super) const fn whole(number: i128) -> Self {
        Self { top: number, bottom: 1 }
    }

    /// `top / bottom`; nothing when `bottom` is 0 or a number does not fit.
    pub(super) fn new(top: i128, bottom: i128) -> Option<Self> {
        let divisor = greatest_common_divisor(top.checked_abs()?, bottom.checked_abs()?);
        let sign = if bottom < 0 { -1 } else { 1 };
        let divide = |number: i128| number.checked_div(divisor)?.checked_mul(sign);
        (bottom != 0).then_some(())?;
        Some(Self { top: divide(top)?, bottom: divide(bottom)? })
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let (left, right) = (self.top.checked_mul(other.bottom)?, other.top.checked_mul(self.bottom)?);
        Self::new(left.checked_add(right)?, self.bottom.checked_mul(other.bottom)?)
    }

    pub(super) fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { top: other.top.checked_neg()?, bottom: other.bottom })
    }

    pub(super) fn times(self, other: Self) -> Option<Self> {
        Self::new(self.top.checked_mul(other.top)?, self.bottom.checked_mul(other.bottom)?)
    }

    pub(super) fn over(self, other: Self) -> Option<Self> {
        Self::new(self.top.checked_mul(other.bottom)?, self.bottom.checked_mul(other.top)?)
    }

    pub(super) fn is_zero(self) -> bool {
        self.top == 0
    }

    pub(super) fn is_less_than(self, other: Self) -> Option<bool> {
        Some(self.minus(other)?.top < 0)
    }

    /// The greatest whole number that is not above it.
    pub(super) fn floor(self) -> i128 {
        self.top.div_euclid(self.bottom)
    }

    /// The least whole number that is not below it.
    pub(super) fn ceiling(self) -> Option<i128> {
        let floor = self.floor();
        if self.top.rem_euclid(self.bottom) == 0 { Some(floor) } else { floor.checked_add(1) }
    }
}

/// At least 1, so that it can be divided by. Both numbers are not negative.
fn greatest_common_divisor(mut one: i128, mut other: i128) -> i128 {
    while other != 0 {
        (one, other) = (other, one.checked_rem(other).unwrap_or(0));
    }
    one.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_exact_and_never_wrap() {
        let (third, half) = (Fraction::new(1, 3).unwrap(), Fraction::new(-1, -2).unwrap());
        assert_eq!(third.plus(half), Fraction::new(5, 6));
        assert_eq!(third.over(half).unwrap().times(Fraction::whole(3)), Some(Fraction::whole(2)));
        assert_eq!((half.floor(), half.ceiling()), (0, Some(1)));
        let minus_half = Fraction::whole(0).minus(half).unwrap();
        assert_eq!((minus_half.floor(), minus_half.ceiling()), (-1, Some(0)));
        let huge = Fraction::whole(i128::MAX);
        assert_eq!(huge.times(huge), None);
        assert_eq!(huge.plus(huge), None);
        assert_eq!(half.over(Fraction::whole(0)), None);
    }
}
