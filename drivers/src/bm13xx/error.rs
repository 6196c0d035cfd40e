//! What can go wrong with a chain.

use super::frame::Family;
use super::port::PortError;
use thermine_units::pow::Difficulty;
use thermine_units::record::RecorderClosed;

/// Why a chain cannot be brought up or driven.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Its port failed.
    #[error("{place}: {source}")]
    Port {
        /// Name of the port.
        place: String,
        /// What the port said.
        source: PortError,
    },
    /// Nothing answers.
    #[error(
        "{place}: no chip answers at {} baud: check that the board has power and is out of reset, that \
         transmit and receive are not swapped, and that it carries {family}",
        .rates.iter().map(u32::to_string).collect::<Vec<_>>().join(" or ")
    )]
    Silent {
        /// Name of the port.
        place: String,
        /// What was looked for.
        family: Family,
        /// Rates that were tried.
        rates: Vec<u32>,
    },
    /// Not as many chips as there should be.
    #[error(
        "{place}: {found} chips answer where {expected} are expected: check the chain's power and ribbon \
         cable, or correct the number expected"
    )]
    Count {
        /// Name of the port.
        place: String,
        /// Chips asked for.
        expected: usize,
        /// Chips that answered.
        found: usize,
    },
    /// More chips than can have addresses.
    #[error(
        "{place}: {found} answers, but a chain has at most {most} chips: is it another family?"
    )]
    TooMany {
        /// Name of the port.
        place: String,
        /// Number of chips that answered.
        found: usize,
        /// Chips that can have addresses.
        most: usize,
    },
    /// Chips of another kind.
    #[error(
        "{place}: a chip says that it is {id:08x}, not a {family}: set the family that the board carries"
    )]
    Foreign {
        /// Name of the port.
        place: String,
        /// What was looked for.
        family: Family,
        /// Its register of chip id and address.
        id: u32,
    },
    /// Chips that have not taken their address.
    #[error(
        "{place}: {answered} of {chips} chips answer under the address that they were given: the line loses \
         bytes, check cable and earth, or lower the baud rate"
    )]
    Addresses {
        /// Name of the port.
        place: String,
        /// Chips found before.
        chips: usize,
        /// Chips that answer as they should.
        answered: usize,
    },
    /// A setting that the chips or the protocol cannot have.
    #[error("{setting} {value}: {reason}")]
    Setting {
        /// The setting that is wrong.
        setting: &'static str,
        /// Its value as given.
        value: String,
        /// What it must be.
        reason: String,
    },
    /// Shares easier than what the chips report.
    #[error(
        "{place}: share difficulty {asked} is below the chips' ticket difficulty {ticket}, so most shares \
         would never be seen: bring the chain up with a lower ticket difficulty"
    )]
    BelowTicket {
        /// Name of the port.
        place: String,
        /// Difficulty of the job.
        asked: Difficulty,
        /// Difficulty that the chips report from.
        ticket: u32,
    },
    /// The capture has failed.
    #[error(transparent)]
    Recorder(#[from] RecorderClosed),
}
