//! The proof of each formula: names of theorems in `lean/`.

/// A formula or claim, and the theorem that proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proved {
    /// The formula or claim, in words.
    pub claim: &'static str,
    /// The theorem's full name.
    pub theorem: &'static str,
    /// Its file below `lean/Thermine`, without ending.
    pub(crate) file: &'static str,
}

macro_rules! proved {
    ($($claim:literal, $theorem:literal, $file:literal;)*) => {
        &[$(Proved { claim: $claim, theorem: concat!("Thermine.", $theorem), file: $file }),*]
    };
}

/// Theorems about the account of a filter.
pub const ACCOUNT: &[Proved] = proved! {
    "raw saving ≤ 1 − k/n", "Energy.rawSaving_le", "Energy/Abort";
    "… = only if nothing is kept and m = 0", "Energy.rawSaving_eq_bound_iff", "Energy/Abort";
    "92.19 % = 59/64 is that bound", "Energy.rawSaving_le_59_64", "Energy/Abort";
    "a filter on finished hashes saves no rounds", "Energy.rawSaving_of_share_filter", "Energy/Abort";
    "ρ is rounds per found share, relative to no filter", "Energy.costPerShare_eq_account", "Energy/CostPerShare";
    "independence gives r = c", "Energy.recall_eq_keepShare_of_independent", "Energy/CostPerShare";
    "… and so ρ ≥ 1", "Energy.one_le_costPerShare_of_independent", "Energy/CostPerShare";
    "ρ of a coin", "Energy.costPerShare_of_random_keep", "Energy/CostPerShare";
    "ρ < 1 exactly if r > (k + (n−k)c + m)/n", "Energy.costPerShare_lt_one_iff", "Energy/CostPerShare";
    "savings multiply through their multipliers", "Energy.combined_saving", "Energy/Multiplier";
};

/// Theorems about the early exit.
pub const EARLY_EXIT: &[Proved] = proved! {
    "the header's first three rounds are free of the nonce", "Sha256.first_three_rounds_nonce_free", "Sha256/NonceFree";
    "two words of its schedule are, too", "Sha256.two_schedule_words_nonce_free", "Sha256/NonceFree";
    "hashing from the midstate is hashing", "Sha256.midstate_correct", "Sha256/NonceFree";
    "the last digest word is known after round 61", "Sha256.last_word_known_after_round_61", "Sha256/EarlyExit";
    "the early exit loses no share", "Sha256.early_exit_recall", "Sha256/EarlyExit";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_listed_among_the_proofs_and_stands_in_its_file() {
        let lean = concat!(env!("CARGO_MANIFEST_DIR"), "/../lean");
        let listed = std::fs::read_to_string(format!("{lean}/README.md")).expect("the list");
        for proved in ACCOUNT.iter().chain(EARLY_EXIT) {
            let row = format!("`{}` | `{}`", proved.theorem, proved.file);
            assert!(listed.contains(&row), "{row}");
            let file = format!("{lean}/Thermine/{}.lean", proved.file);
            let text = std::fs::read_to_string(file).expect("the file");
            let name = proved.theorem.rsplit('.').next().expect("a name");
            assert!(text.contains(&format!("theorem {name}")), "{name}");
        }
    }
}
