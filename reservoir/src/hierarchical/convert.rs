//! Conversions between the kinds of number, and to decimal digits and bytes.

use std::fmt;
use std::str::FromStr;

use super::dense::HierNat;
use super::error::{MOST_BITS, ParseError, TooLarge};
use super::levels::LIMB_BITS;
use super::signed::Naf;
use super::sparse::SparseNat;

impl From<&HierNat> for SparseNat {
    fn from(number: &HierNat) -> SparseNat {
        let mut exponents = Vec::with_capacity(number.ones() as usize);
        for (limb, place) in number.limbs().iter().zip((0..).step_by(LIMB_BITS as usize)) {
            let mut rest = *limb;
            while rest != 0 {
                exponents.push(place + u64::from(rest.trailing_zeros()));
                rest &= rest - 1;
            }
        }
        SparseNat::from_increasing(exponents)
    }
}

impl TryFrom<&SparseNat> for HierNat {
    type Error = TooLarge;

    /// # Errors
    /// If it has more than [`MOST_BITS`] bits.
    fn try_from(number: &SparseNat) -> Result<HierNat, TooLarge> {
        let bits = number.highest().map_or(0, |top| top.saturating_add(1));
        if bits > MOST_BITS {
            return Err(TooLarge::Bits { bits });
        }
        let mut limbs = vec![0; bits.div_ceil(LIMB_BITS) as usize];
        for exponent in number.exponents() {
            limbs[(exponent / LIMB_BITS) as usize] |= 1 << (exponent % LIMB_BITS);
        }
        Ok(HierNat::from_limbs(limbs))
    }
}

impl SparseNat {
    /// Quotient, rounded down, and remainder, computed densely; `None` if the divisor is zero.
    ///
    /// # Errors
    /// If the span of either, without the factor of 2^e that both have, is beyond [`MOST_BITS`].
    pub fn div_rem(&self, divisor: &SparseNat) -> Result<Option<(SparseNat, SparseNat)>, TooLarge> {
        let Some(lowest) = divisor.lowest() else {
            return Ok(None);
        };
        if self < divisor {
            return Ok(Some((SparseNat::zero(), self.clone())));
        }
        let common = self.lowest().unwrap_or(0).min(lowest);
        let dense = |number: &SparseNat| HierNat::try_from(&number.clone().shift_down(common));
        let Some((quotient, rest)) = dense(self)?.div_rem(&dense(divisor)?) else {
            return Ok(None);
        };
        let rest = SparseNat::from(&rest).shift_up(common)?;
        Ok(Some((SparseNat::from(&quotient), rest)))
    }

    /// Decimal digits.
    ///
    /// # Errors
    /// If it has more than [`MOST_BITS`] bits.
    pub fn to_decimal(&self) -> Result<String, TooLarge> {
        Ok(HierNat::try_from(self)?.to_string())
    }

    /// Bytes, the lowest first, without leading zeros; empty for zero.
    ///
    /// # Errors
    /// If it has more than [`MOST_BITS`] bits.
    pub fn to_bytes_le(&self) -> Result<Vec<u8>, TooLarge> {
        Ok(HierNat::try_from(self)?.to_bytes_le())
    }

    /// Reads bytes, the lowest first.
    pub fn from_bytes_le(bytes: &[u8]) -> SparseNat {
        SparseNat::from(&HierNat::from_bytes_le(bytes))
    }
}

impl FromStr for SparseNat {
    type Err = ParseError;

    /// Decimal digits and nothing else.
    fn from_str(text: &str) -> Result<SparseNat, ParseError> {
        Ok(SparseNat::from(&text.parse::<HierNat>()?))
    }
}

/// A sign and a magnitude: the form of a [`Naf`] in decimal digits and bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Signed {
    /// Whether the number is below zero; false for zero.
    pub negative: bool,
    /// Absolute value.
    pub magnitude: HierNat,
}

impl Signed {
    /// A number with this sign; zero is never negative.
    pub fn new(negative: bool, magnitude: HierNat) -> Signed {
        Signed {
            negative: negative && !magnitude.is_zero(),
            magnitude,
        }
    }

    /// Quotient, rounded towards zero, and remainder, which has the sign of the dividend: as Rust's integers are
    /// divided. `None` if the divisor is zero.
    pub(crate) fn div_rem(&self, divisor: &Signed) -> Option<(Signed, Signed)> {
        let (quotient, rest) = self.magnitude.div_rem(&divisor.magnitude)?;
        Some((
            Signed::new(self.negative != divisor.negative, quotient),
            Signed::new(self.negative, rest),
        ))
    }

    /// Bytes in two's complement, the lowest first, as few as hold the sign; empty for zero.
    pub fn to_bytes_le(&self) -> Vec<u8> {
        let mut bytes = self.magnitude.to_bytes_le();
        if bytes.is_empty() {
            return bytes;
        }
        bytes.push(0);
        if self.negative {
            let mut carry = true;
            for byte in &mut bytes {
                (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
            }
        }
        // The top byte is redundant if the next byte holds the sign.
        let below = bytes[bytes.len() - 2];
        if (below >= 0x80) == self.negative {
            bytes.pop();
        }
        bytes
    }

    /// Reads bytes in two's complement, the lowest first.
    pub fn from_bytes_le(bytes: &[u8]) -> Signed {
        let negative = bytes.last().is_some_and(|top| *top >= 0x80);
        if !negative {
            return Signed::new(false, HierNat::from_bytes_le(bytes));
        }
        let flipped: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
        Signed::new(true, HierNat::from_bytes_le(&flipped).successor())
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.magnitude.to_string();
        f.pad_integral(!self.negative, "", &digits)
    }
}

impl FromStr for Signed {
    type Err = ParseError;

    /// Decimal digits, with a minus sign in front or without.
    fn from_str(text: &str) -> Result<Signed, ParseError> {
        match text.strip_prefix('-') {
            None => Ok(Signed::new(false, text.parse()?)),
            Some(digits) => match digits.parse() {
                Ok(magnitude) => Ok(Signed::new(true, magnitude)),
                Err(ParseError::Digit { found, place }) => Err(ParseError::Digit {
                    found,
                    place: place + 1,
                }),
                Err(error) => Err(error),
            },
        }
    }
}

impl TryFrom<&Naf> for Signed {
    type Error = TooLarge;

    /// # Errors
    /// If it has more than [`MOST_BITS`] bits.
    fn try_from(number: &Naf) -> Result<Signed, TooLarge> {
        let (plus, minus) = number.parts();
        let (plus, minus) = (HierNat::try_from(&plus)?, HierNat::try_from(&minus)?);
        Ok(match plus.checked_sub(&minus) {
            Some(magnitude) => Signed::new(false, magnitude),
            None => Signed::new(true, minus.checked_sub(&plus).unwrap_or_default()),
        })
    }
}

impl TryFrom<&Signed> for Naf {
    type Error = TooLarge;

    /// # Errors
    /// Never in effect: a dense number's exponents are small.
    fn try_from(number: &Signed) -> Result<Naf, TooLarge> {
        let magnitude = Naf::try_from(&SparseNat::from(&number.magnitude))?;
        Ok(if number.negative {
            -magnitude
        } else {
            magnitude
        })
    }
}

impl TryFrom<&SparseNat> for Naf {
    type Error = TooLarge;

    /// # Errors
    /// If the highest exponent is 2⁶⁴ − 1 and carries.
    fn try_from(number: &SparseNat) -> Result<Naf, TooLarge> {
        Naf::difference(number, &SparseNat::zero())
    }
}

impl TryFrom<&HierNat> for Naf {
    type Error = TooLarge;

    /// # Errors
    /// Never in effect: a dense number's exponents are small.
    fn try_from(number: &HierNat) -> Result<Naf, TooLarge> {
        Naf::try_from(&SparseNat::from(number))
    }
}

impl Naf {
    /// Sign and absolute value, the value as powers of two.
    ///
    /// # Errors
    /// If it has more than [`super::MOST_TERMS`] terms.
    pub fn to_sparse(&self) -> Result<(bool, SparseNat), TooLarge> {
        let (plus, minus) = self.parts();
        Ok(match plus.checked_sub(&minus)? {
            Some(magnitude) => (false, magnitude),
            None => (true, minus.checked_sub(&plus)?.unwrap_or_default()),
        })
    }

    /// Quotient, rounded towards zero, and remainder, computed densely; `None` if the divisor is zero.
    ///
    /// # Errors
    /// If either has more than [`MOST_BITS`] bits.
    pub fn div_rem(&self, divisor: &Naf) -> Result<Option<(Naf, Naf)>, TooLarge> {
        let divided = Signed::try_from(self)?.div_rem(&Signed::try_from(divisor)?);
        let Some((quotient, rest)) = divided else {
            return Ok(None);
        };
        Ok(Some((Naf::try_from(&quotient)?, Naf::try_from(&rest)?)))
    }
}
