//! View of `stats`: the boards, their sensors and the fans.

use std::time::Duration;

use super::fields::Fields;
use super::summary::{rate, uptime};
use thermine_units::quantity::{HashRate, MegaHertz, Rpm};
use thermine_units::temperature::Sensors;
use thermine_units::unit::Board;

/// Slots that bmminer lists, used or not. An S9 has its boards in 6, 7 and 8.
const SLOTS: std::ops::RangeInclusive<u8> = 1..=16;

/// Fans that any known firmware lists.
const FANS: std::ops::RangeInclusive<u8> = 1..=16;

/// Sensors and boards at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Time since the miner started.
    pub(crate) uptime: Option<Duration>,
    /// Hash rate over the short window.
    pub(crate) hash_rate: Option<HashRate>,
    /// Hash rate since the start.
    pub(crate) hash_rate_average: Option<HashRate>,
    /// Clock that is configured; the boards' true mean is in [`Board::frequency`].
    pub(crate) frequency: Option<MegaHertz>,
    /// Fans that the firmware counts.
    pub fan_count: Option<u64>,
    /// Speeds of the fans that turn. A fan that has stopped reads 0, like a connector without a fan, and
    /// is not listed: compare with [`fan_count`](Stats::fan_count) and with what the model has.
    pub(crate) fans: Vec<Rpm>,
    /// Boards that are present, in slot order.
    pub boards: Vec<Board>,
    /// Answers of the chips that failed the unit's own check, `no_matching_work`.
    pub(crate) hardware_errors: Option<u64>,
}

impl Stats {
    pub(super) fn read(row: Fields<'_>) -> Stats {
        Stats {
            uptime: uptime(row, "Elapsed"),
            hash_rate: rate(row, ["5s", "20s"]),
            hash_rate_average: rate(row, ["av", "av"]),
            frequency: positive(row, "frequency").map(MegaHertz),
            fan_count: row.count("fan_num"),
            fans: FANS
                .filter_map(|n| positive(row, &format!("fan{n}")).map(Rpm))
                .collect(),
            boards: SLOTS.filter_map(|slot| board(row, slot)).collect(),
            hardware_errors: row.count("no_matching_work"),
        }
    }
}

/// The board in `slot`, if anything says that there is one.
fn board(row: Fields<'_>, slot: u8) -> Option<Board> {
    let chips = row.count(&format!("chain_acn{slot}"));
    let marks = row.text(&format!("chain_acs{slot}"));
    let rate_key = format!("chain_rate{slot}");
    let rate = row.number(&rate_key).filter(|rate| *rate >= 0.0);
    // An empty slot has the rate "", a dead board the rate "0.00000"; where rates are numbers, an empty
    // slot has 0.
    let rate_is_text = row.0.get(&rate_key).is_some_and(|rate| rate.is_string());
    let is_present = chips.is_some_and(|chips| chips > 0)
        || marks.is_some()
        || rate.is_some_and(|rate| rate > 0.0 || rate_is_text);
    if !is_present {
        return None;
    }

    let field = |name: &str| row.value(&format!("{name}{slot}"));
    // Firmware of the S9's successors lists several readings of a board as text, under names of its own.
    let mut pcb = Sensors::default();
    pcb.read(field("temp"));
    pcb.read(field("temp_pcb"));
    let mut chip = Sensors::default();
    chip.read(field("temp2_"));
    // Most boards have no third sensor and healthy ones report 0 for it, so 0 is no failure there.
    chip.read_optional(field("temp3_"), &[0.0]);
    chip.read(field("temp_chip"));

    Some(Board {
        slot,
        pcb_temp: pcb.hottest,
        chip_temp: chip.hottest,
        regulator_temp: None,
        frequency: positive(row, &format!("freq_avg{slot}")).map(MegaHertz),
        hash_rate: rate.map(HashRate::from_ghs).and_then(HashRate::credible),
        chips: chips.and_then(|chips| u16::try_from(chips).ok()),
        failing_chips: marks.map(|marks| failing(&marks)),
        hardware_errors: row.count(&format!("chain_hw{slot}")),
        failed_sensors: pcb.failed.saturating_add(chip.failed),
        sensors: pcb.listed.saturating_add(chip.listed),
    })
}

fn positive(row: Fields<'_>, key: &str) -> Option<f64> {
    row.number(key).filter(|number| *number > 0.0)
}

/// Chips marked `x` in a status line such as ` oooooooo ooooxooo`.
fn failing(marks: &str) -> u16 {
    let count = marks
        .chars()
        .filter(|mark| matches!(mark, 'x' | 'X'))
        .count();
    u16::try_from(count).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Reply;
    use super::*;
    use thermine_units::quantity::Celsius;

    fn stats(body: &str) -> Stats {
        let text = format!(r#"{{"STATS":[{{"Type":"Antminer S9"}}{{"STATS":0,{body}}}]}}"#);
        Reply::parse(text.as_bytes()).expect("JSON").stats()
    }

    #[test]
    fn temperatures_that_cannot_be_meant_are_dropped_and_counted_and_high_ones_are_kept() {
        let stats = stats(
            r#""chain_acn6":63,"temp6":0,"temp2_6":-83,"temp3_6":0,
               "chain_acn7":63,"temp7":-1,"temp2_7":255,"temp3_7":151,
               "chain_acn8":63,"temp8":"61","temp2_8":75,"temp3_8":77"#,
        );
        let [six, seven, eight] = &stats.boards[..] else {
            panic!("{stats:?}")
        };
        assert_eq!(
            (six.pcb_temp, six.chip_temp, six.failed_sensors),
            (None, None, 2)
        );
        assert_eq!(
            (seven.pcb_temp, seven.chip_temp, seven.failed_sensors),
            (None, Some(Celsius(255.0)), 1)
        );
        assert_eq!(eight.pcb_temp, Some(Celsius(61.0)));
        assert_eq!(eight.chip_temp, Some(Celsius(77.0)));
        assert_eq!(eight.failed_sensors, 0);
    }

    #[test]
    fn a_slot_counts_as_a_board_if_anything_says_so() {
        let stats = stats(
            r#""chain_acn1":0,"chain_acs1":"","chain_rate1":"","temp1":0,
               "chain_acn2":5,"chain_acs3":" oox","chain_rate4":"0.00000","chain_rate5":0,
               "chain_rate9":12.5"#,
        );
        let slots: Vec<u8> = stats.boards.iter().map(|board| board.slot).collect();
        assert_eq!(slots, [2, 3, 4, 9]);
        assert_eq!(stats.boards[1].failing_chips, Some(1));
        assert_eq!(stats.boards[2].hash_rate, Some(HashRate(0.0)));
    }

    #[test]
    fn one_bad_field_spoils_no_other() {
        let stats = stats(
            r#""Elapsed":"soon","frequency":650,"fan_num":2,"fan3":{},"fan6":"3720","chain_acn6":"63",
               "chain_acs6":7,"chain_rate6":[],"temp6":null,"temp2_6":"hot","chain_hw6":-4"#,
        );
        assert_eq!(stats.uptime, None);
        assert_eq!(stats.frequency, Some(MegaHertz(650.0)));
        assert_eq!(stats.fans, [Rpm(3720.0)]);
        let board = &stats.boards[0];
        assert_eq!(board.chips, Some(63));
        assert_eq!(
            (board.hash_rate, board.pcb_temp, board.hardware_errors),
            (None, None, None)
        );
        assert_eq!((board.failed_sensors, board.sensors), (2, 2));
    }

    #[test]
    fn readings_joined_in_one_text_are_read_as_sensors_of_their_board() {
        let stats = stats(
            r#""chain_acn6":63,"temp_chip6":"55-60-62-59","temp_pcb6":"50-49-51-50",
               "chain_acn7":63,"temp_chip7":"55-160-62-59","temp_pcb7":"50",
               "chain_acn8":63,"temp_chip8":"0-0-0-0","temp_pcb8":"50-NaN""#,
        );
        let read = |i: usize| {
            let board = &stats.boards[i];
            let celsius = |t: Option<Celsius>| t.map(|t| t.0);
            (
                celsius(board.pcb_temp),
                celsius(board.chip_temp),
                board.failed_sensors,
                board.sensors,
            )
        };
        assert_eq!(read(0), (Some(51.0), Some(62.0), 0, 8));
        assert_eq!(read(1), (Some(50.0), Some(160.0), 0, 5));
        assert_eq!(read(2), (Some(50.0), None, 5, 6));
    }
}
