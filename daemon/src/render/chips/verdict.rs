//! The chips and cores that differ, in sentences.

use thermine_reservoir::describe::Outlier;

use super::counts::{grouped, rounded};
use thermine_lab::chips::fit::Fit;
use thermine_lab::chips::measured::{Group, Measured, Needed};

/// The places that differ, in one sentence for chips and one for cores.
pub fn verdict(of: &Measured) -> String {
    if let Some(fit) = of.fit.as_ref().filter(|fit| !fit.fits()) {
        return misfit(&of.layout.name, fit);
    }
    if of.chips.is_none() && of.cores.is_none() {
        return match of.layout.chips + of.layout.cores {
            0 => format!(
                "Nothing can be said of single chips or cores: {}.",
                of.layout.source
            ),
            _ => "Nothing can be said of single chips or cores: no share names a known one.".into(),
        };
    }
    let mut said: Vec<String> = [&of.chips, &of.cores]
        .into_iter()
        .flatten()
        .map(group_verdict)
        .collect();
    if let Some(cells) = of.cells.as_ref().filter(|cells| !cells.few.is_empty()) {
        let shown: Vec<String> = (cells.few.iter().take(6))
            .map(|cell| format!("{}/{}", cell.chip, cell.core))
            .collect();
        let more = match cells.few.len().saturating_sub(shown.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        said.push(format!(
            "Cores of single chips that find too little, chip/core: {}{more}.",
            shown.join(", ")
        ));
    }
    said.join(" ")
}

/// Why there is no map, and which layouts to try.
fn misfit(name: &str, fit: &Fit) -> String {
    let others: Vec<String> = (fit.others.iter())
        .map(|(name, p)| format!("`{name}` (p {p:.2})"))
        .collect();
    let next = match others.is_empty() {
        true => "No other layout of the table fits either.".to_owned(),
        false => format!(
            "Not contradicted by these nonces, and to be tried with --layout: {}.",
            others.join(", ")
        ),
    };
    format!(
        "This layout does not fit these nonces, so no map is shown: `{name}`, {}; {} tests, each p times their number. {next}",
        fit.against.join("; "),
        fit.tests
    )
}

/// One sentence for the chips or the cores.
fn group_verdict(of: &Group) -> String {
    let what = of.what;
    let ten = of.needed.iter().find(|needed| needed.weakness == 0.1);
    let found: Vec<String> = of
        .places
        .outliers()
        .map(|(number, place)| match (place.outlier, place.ratio) {
            (Some(Outlier::Dead), _) | (_, None) => format!("{number} is dead"),
            (kind, Some(ratio)) => format!(
                "{number} is {} ({:.0} % of the others [{:.0}, {:.0}])",
                if kind == Some(Outlier::Hot) {
                    "hot"
                } else {
                    "weak"
                },
                100.0 * ratio.value,
                100.0 * ratio.low,
                100.0 * ratio.high
            ),
        })
        .collect();
    if !found.is_empty() {
        return format!(
            "{} of {} {what}s differ: {what} {}.",
            found.len(),
            of.places.places.len(),
            found.join(", ")
        );
    }
    let would = match ten {
        Some(Needed {
            shares: Some(shares),
            in_one_board,
            ..
        }) => {
            let one_board = in_one_board
                .map(|n| format!(", and {} if it is so on one board only", rounded(n)))
                .unwrap_or_default();
            format!(
                "; a {what} 10 % weak would need {}{one_board}",
                rounded(*shares)
            )
        }
        _ => String::new(),
    };
    format!(
        "No {what} differs at this number of shares ({}){would}.",
        grouped(of.places.n)
    )
}
