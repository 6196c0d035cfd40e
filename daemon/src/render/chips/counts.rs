//! Counts as text.

/// A count to three digits: shares needed go up and down by some parts in a thousand with the steps of a count.
pub(super) fn rounded(n: u64) -> String {
    let unit = 10u64.pow(n.checked_ilog10().unwrap_or(0).saturating_sub(2));
    grouped((n + unit / 2) / unit * unit)
}

/// A count with its thousands apart.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_string();
    for (i, digit) in digits[first..].chars().enumerate() {
        if i % 3 == 0 && !text.is_empty() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_set_in_threes_and_rounded_to_three_digits() {
        let shown = [0, 7, 490, 1_572, 153_410, 5_719_688].map(|n| (grouped(n), rounded(n)));
        let shown = shown.map(|(all, three)| format!("{all} {three}"));
        assert_eq!(
            shown,
            [
                "0 0",
                "7 7",
                "490 490",
                "1,572 1,570",
                "153,410 153,000",
                "5,719,688 5,720,000"
            ]
        );
    }
}
