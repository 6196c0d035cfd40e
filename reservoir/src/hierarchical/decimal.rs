//! Decimal digits of dense numbers, by divide and conquer, so that a long number costs little more than a few
//! products.

use std::fmt;
use std::str::FromStr;

use super::dense::HierNat;
use super::error::{MOST_BITS, ParseError, TooLarge};
use super::limbs::divide::by_limb;
use super::limbs::multiply_add;

/// Decimal digits that a limb holds.
const LIMB_DIGITS: usize = 19;

const LIMB_RADIX: u64 = 10_000_000_000_000_000_000;

/// Limbs up to which digits are made one limb at a time.
const SHORT: usize = 32;

/// 10^(19 · 2^k), k = 0, 1, …, until one is beyond half of `limbs`.
fn powers(limbs: usize) -> Vec<HierNat> {
    let mut powers = vec![HierNat::from(LIMB_RADIX)];
    while let Some(last) = powers.last()
        && 2 * last.limbs().len() <= limbs.max(2) + 1
    {
        powers.push(last * last);
    }
    powers
}

impl fmt::Display for HierNat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = String::new();
        let powers = powers(self.limbs().len());
        write_digits(self.clone(), &powers, 0, &mut digits);
        f.pad_integral(true, "", if digits.is_empty() { "0" } else { &digits })
    }
}

/// Appends the digits of `number`, padded with leading zeros to `width` digits unless `width` is zero.
fn write_digits(number: HierNat, powers: &[HierNat], width: usize, out: &mut String) {
    let place = powers.iter().rposition(|power| *power <= number);
    if let Some(place) = place
        && number.limbs().len() > SHORT
        && let Some((high, low)) = number.div_rem(&powers[place])
    {
        let below = LIMB_DIGITS << place;
        write_digits(high, &powers[..=place], width.saturating_sub(below), out);
        write_digits(low, &powers[..place], below, out);
        return;
    }
    let mut limbs = number.limbs().to_vec();
    let mut groups = Vec::new();
    while !limbs.is_empty() {
        groups.push(by_limb(&mut limbs, LIMB_RADIX));
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
    }
    let mut digits = groups.pop().map_or_else(String::new, |top| top.to_string());
    for group in groups.iter().rev() {
        digits += &format!("{group:019}");
    }
    for _ in digits.len()..width {
        out.push('0');
    }
    out.push_str(&digits);
}

impl FromStr for HierNat {
    type Err = ParseError;

    /// Decimal digits and nothing else.
    fn from_str(text: &str) -> Result<HierNat, ParseError> {
        if text.is_empty() {
            return Err(ParseError::Empty);
        }
        let digit = |(_, c): &(usize, char)| !c.is_ascii_digit();
        if let Some((place, found)) = text.char_indices().find(digit) {
            return Err(ParseError::Digit { found, place });
        }
        let digits = text.trim_start_matches('0').as_bytes();
        // log₂ 10 < 10/3, so a number that passes has few more bits than may be held.
        let bits = (digits.len() as u64).saturating_mul(10) / 3;
        if bits > MOST_BITS {
            return Err(TooLarge::Bits { bits }.into());
        }
        Ok(read_digits(digits, &powers(bits as usize / 64 + 1)))
    }
}

fn read_digits(digits: &[u8], powers: &[HierNat]) -> HierNat {
    let place = (0..powers.len()).rfind(|place| LIMB_DIGITS << place < digits.len());
    if let Some(place) = place
        && digits.len() > SHORT * LIMB_DIGITS
    {
        let (high, low) = digits.split_at(digits.len() - (LIMB_DIGITS << place));
        let high = read_digits(high, &powers[..=place]);
        return &(&high * &powers[place]) + &read_digits(low, &powers[..place]);
    }
    let mut limbs = Vec::new();
    for group in digits.rchunks(LIMB_DIGITS).rev() {
        let value = group
            .iter()
            .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
        let carry = multiply_add(&mut limbs, LIMB_RADIX, value);
        if carry > 0 {
            limbs.push(carry);
        }
    }
    HierNat::from_limbs(limbs)
}
