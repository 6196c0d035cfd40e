//! Signed numbers in non-adjacent form.

use std::cmp::Ordering;
use std::ops::Neg;

use super::error::{MOST_TERMS, TooLarge};
use super::sparse::SparseNat;

/// A digit of a signed number: + or − 2^exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit {
    /// Exponent of the power of two.
    pub exponent: u64,
    /// Whether the power is subtracted.
    pub(crate) negative: bool,
}

impl Digit {
    fn value(self) -> i8 {
        if self.negative { -1 } else { 1 }
    }
}

/// A signed number as a sum of ± 2^e, no two exponents adjacent: the form is unique and no other has fewer digits, a
/// third of the bits on average and (n + 1)/2 + 1 of n bits at most (Reitwiesner, Advances in Computers 1, 1960).
/// 2^1000 − 1 is two digits here and a thousand terms of a [`SparseNat`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Naf {
    /// The lowest exponent; 0 for zero.
    offset: u64,
    /// The lowest first; exponents are relative to the offset.
    relative: Vec<Digit>,
}

impl Naf {
    pub(crate) fn zero() -> Naf {
        Naf::default()
    }

    fn of(mut digits: Vec<Digit>) -> Naf {
        let offset = digits.first().map_or(0, |digit| digit.exponent);
        digits.iter_mut().for_each(|digit| digit.exponent -= offset);
        Naf {
            offset,
            relative: digits,
        }
    }

    /// Digits, the lowest first.
    pub fn digits(&self) -> impl DoubleEndedIterator<Item = Digit> + Clone {
        self.relative.iter().map(|digit| Digit {
            exponent: digit.exponent + self.offset,
            ..*digit
        })
    }

    /// Digits that are not 0.
    pub fn weight(&self) -> usize {
        self.relative.len()
    }

    /// Whether it is zero.
    pub(crate) fn is_zero(&self) -> bool {
        self.relative.is_empty()
    }

    /// Whether it is below zero: the top digit decides.
    pub fn is_negative(&self) -> bool {
        self.relative.last().is_some_and(|digit| digit.negative)
    }

    /// The sum, O(w₁ + w₂) of the weights.
    ///
    /// # Errors
    /// If an exponent goes beyond 2⁶⁴ − 1.
    pub fn add(&self, other: &Naf) -> Result<Naf, TooLarge> {
        Naf::sum_of(self.digits(), other.digits())
    }

    /// The difference.
    ///
    /// # Errors
    /// As [`add`](Naf::add).
    pub fn sub(&self, other: &Naf) -> Result<Naf, TooLarge> {
        let minus = other.digits().map(|digit| Digit {
            negative: !digit.negative,
            ..digit
        });
        Naf::sum_of(self.digits(), minus)
    }

    /// Two sums of digits, exponents strictly increasing in each, adjacent or not. Every digit is chosen so that what is
    /// carried makes the next place even, and so empty.
    fn sum_of(
        a: impl Iterator<Item = Digit>,
        b: impl Iterator<Item = Digit>,
    ) -> Result<Naf, TooLarge> {
        let (mut a, mut b) = (a.peekable(), b.peekable());
        let mut out = Vec::new();
        let (mut carry, mut place) = (0i8, 0u64);
        loop {
            let next = [a.peek(), b.peek()].into_iter().flatten();
            let next = next.map(|digit| digit.exponent).min();
            if carry == 0 {
                match next {
                    Some(next) => place = next,
                    None => return Ok(Naf::of(out)),
                }
            }
            let here = |digit: &Digit| digit.exponent == place;
            let sum = carry
                + a.next_if(here).map_or(0, Digit::value)
                + b.next_if(here).map_or(0, Digit::value);
            let above = place.checked_add(1);
            let odd_above = [a.peek(), b.peek()]
                .into_iter()
                .flatten()
                .filter(|digit| Some(digit.exponent) == above)
                .count()
                % 2
                == 1;
            if sum % 2 == 0 {
                carry = sum / 2;
            } else {
                // Of the two carries that fit one is odd.
                let low = (sum - 1).div_euclid(2);
                carry = if (low % 2 != 0) == odd_above {
                    low
                } else {
                    low + 1
                };
                out.push(Digit {
                    exponent: place,
                    negative: sum - 2 * carry < 0,
                });
            }
            if carry != 0 {
                place = above.ok_or(TooLarge::Exponent)?;
            }
        }
    }

    /// Times 2^by, without touching a digit.
    ///
    /// # Errors
    /// If an exponent goes beyond 2⁶⁴ − 1.
    pub fn shift_up(mut self, by: u64) -> Result<Naf, TooLarge> {
        let top = self.digits().next_back().map(|digit| digit.exponent);
        if let Some(top) = top {
            top.checked_add(by).ok_or(TooLarge::Exponent)?;
            self.offset += by;
        }
        Ok(self)
    }

    /// ⌊self / 2^by⌋, also below zero.
    ///
    /// # Errors
    /// Never in effect: a number is not made larger.
    pub fn shift_down(mut self, by: u64) -> Result<Naf, TooLarge> {
        if self.is_zero() || self.offset >= by {
            self.offset = self.offset.saturating_sub(by);
            return Ok(self);
        }
        let digits = self.digits();
        let (kept, off): (Vec<Digit>, Vec<Digit>) = digits.partition(|digit| digit.exponent >= by);
        let kept = kept.into_iter().map(|digit| Digit {
            exponent: digit.exponent - by,
            ..digit
        });
        // What falls off is less than one; if it is below zero, rounding down takes one more.
        let one = off
            .last()
            .filter(|digit| digit.negative)
            .map(|digit| Digit {
                exponent: 0,
                ..*digit
            });
        Naf::sum_of(kept, one.into_iter())
    }

    /// The product, from w₁ w₂ digits.
    ///
    /// # Errors
    /// If these are more than [`MOST_TERMS`], or an exponent goes beyond 2⁶⁴ − 1.
    pub fn mul(&self, other: &Naf) -> Result<Naf, TooLarge> {
        let terms = self.weight() as u128 * other.weight() as u128;
        if terms > MOST_TERMS as u128 {
            return Err(TooLarge::Terms { terms });
        }
        let digits: Vec<Digit> = other.digits().collect();
        self.times(&digits)
    }

    /// By halves, so that sums are of numbers of like length.
    fn times(&self, digits: &[Digit]) -> Result<Naf, TooLarge> {
        match digits {
            [] => Ok(Naf::zero()),
            [digit] => {
                let shifted = self.clone().shift_up(digit.exponent)?;
                Ok(if digit.negative { -shifted } else { shifted })
            }
            _ => {
                let (low, high) = digits.split_at(digits.len() / 2);
                self.times(low)?.add(&self.times(high)?)
            }
        }
    }

    /// Its positive digits, and its negative ones: it is their difference.
    pub(crate) fn parts(&self) -> (SparseNat, SparseNat) {
        let (minus, plus): (Vec<Digit>, Vec<Digit>) =
            self.digits().partition(|digit| digit.negative);
        let sparse = |digits: Vec<Digit>| {
            SparseNat::from_increasing(digits.iter().map(|digit| digit.exponent).collect())
        };
        (sparse(plus), sparse(minus))
    }

    /// The difference of two natural numbers.
    ///
    /// # Errors
    /// If an exponent goes beyond 2⁶⁴ − 1.
    pub fn difference(plus: &SparseNat, minus: &SparseNat) -> Result<Naf, TooLarge> {
        let digits = |number: &SparseNat, negative| {
            let exponents: Vec<u64> = number.exponents().collect();
            exponents
                .into_iter()
                .map(move |exponent| Digit { exponent, negative })
        };
        Naf::sum_of(digits(plus, false), digits(minus, true))
    }
}

impl Neg for Naf {
    type Output = Naf;

    fn neg(mut self) -> Naf {
        for digit in &mut self.relative {
            digit.negative = !digit.negative;
        }
        self
    }
}

impl Ord for Naf {
    /// From the top: what lies below a place is less than two thirds of it, so the first digit that differs decides.
    fn cmp(&self, other: &Naf) -> Ordering {
        let (mut a, mut b) = (self.digits().rev(), other.digits().rev());
        loop {
            let (x, y) = (a.next(), b.next());
            if x == y {
                if x.is_none() {
                    return Ordering::Equal;
                }
                continue;
            }
            // The digit at the higher of both places, and what the other has there.
            let places = [x, y].into_iter().flatten();
            let place = places.map(|digit| digit.exponent).max();
            let at = |digit: Option<Digit>| {
                digit
                    .filter(|digit| Some(digit.exponent) == place)
                    .map_or(0, Digit::value)
            };
            return at(x).cmp(&at(y));
        }
    }
}

impl PartialOrd for Naf {
    fn partial_cmp(&self, other: &Naf) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
