//! Views of `temps` and `fans`, in which Braiins OS and LuxOS keep what stock firmware has in `stats`.

use super::fields::Fields;
use thermine_units::quantity::{Celsius, Rpm};
use thermine_units::temperature::Sensors;

/// Boards and fans that are read; no unit has more.
pub(super) const MOST: usize = 16;

/// Keys of a `temps` row for the chips: the hottest of a board.
const CHIP: [&str; 1] = ["Chip"];

/// Keys for the circuit board: one sensor on Braiins OS, one in each corner on LuxOS.
const BOARD: [&str; 5] = ["Board", "TopLeft", "TopRight", "BottomLeft", "BottomRight"];

/// One row of `temps`: the sensors of one board.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Temps {
    /// Slot of the board, as `devs` has it.
    pub(crate) slot: Option<u8>,
    /// The hottest chip.
    pub(crate) chip_temp: Option<Celsius>,
    /// The hottest place of the circuit board.
    pub(crate) pcb_temp: Option<Celsius>,
    /// Sensors without a usable reading.
    pub(crate) failed_sensors: u8,
    /// Sensors that are listed.
    pub(crate) sensors: u8,
}

impl Temps {
    pub(super) fn read(row: Fields<'_>) -> Temps {
        let (mut chip, mut board) = (Sensors::default(), Sensors::default());
        CHIP.iter().for_each(|key| chip.read(row.value(key)));
        BOARD.iter().for_each(|key| board.read(row.value(key)));
        Temps {
            slot: slot(row, "TEMP"),
            chip_temp: chip.hottest,
            pcb_temp: board.hottest,
            failed_sensors: chip.failed.saturating_add(board.failed),
            sensors: chip.listed.saturating_add(board.listed),
        }
    }
}

/// `ID` is the slot on the unit; the other number counts the rows.
pub(super) fn slot(row: Fields<'_>, counter: &str) -> Option<u8> {
    let number = row.count("ID").or_else(|| row.count(counter))?;
    u8::try_from(number).ok()
}

/// The speed of one row of `fans`; 0 is a fan that stands still, or a plug without one.
pub(super) fn fan(row: Fields<'_>) -> Option<Rpm> {
    row.number("RPM").filter(|rpm| *rpm >= 0.0).map(Rpm)
}

#[cfg(test)]
mod tests {
    use super::super::Reply;
    use super::*;

    #[test]
    fn the_sensors_of_each_board_and_the_fans_are_read() {
        let reply = Reply::parse(
            br#"{"TEMPS":[{"Board":55.0,"Chip":72.0,"ID":6,"TEMP":0},
                {"Board":"x","Chip":160,"ID":7,"TEMP":1},
                {"BottomLeft":53,"BottomRight":54,"TopLeft":60.5,"TopRight":0,"TEMP":2}],
                "FANS":[{"FAN":0,"ID":0,"RPM":4200,"Speed":70},{"FAN":1,"RPM":"0"},{"FAN":2}]}"#,
        )
        .expect("JSON");
        let [six, seven, two] = &reply.temps()[..] else {
            panic!("three boards")
        };
        assert_eq!((six.slot, six.sensors, six.failed_sensors), (Some(6), 2, 0));
        assert_eq!(six.chip_temp, Some(Celsius(72.0)));
        assert_eq!(six.pcb_temp, Some(Celsius(55.0)));
        assert_eq!(seven.chip_temp, Some(Celsius(160.0)));
        assert_eq!((seven.pcb_temp, seven.failed_sensors), (None, 1));
        assert_eq!(two.pcb_temp, Some(Celsius(60.5)));
        assert_eq!((two.slot, two.sensors, two.failed_sensors), (Some(2), 4, 1));
        assert_eq!(reply.fans(), [Rpm(4200.0), Rpm(0.0)]);
    }
}
