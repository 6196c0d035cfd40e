//! The host's own baud rate.

use std::io;
use std::path::Path;

use tokio::io::DuplexStream;
use tokio_serial::{SerialPort, SerialStream};

use super::register::{RESET_DIVIDER, baud_rate};

/// Opens the serial port at `path` as chips out of reset expect it: 115,741 baud, 8 data bits, no parity, one
/// stop bit. To be called within a tokio runtime.
///
/// # Errors
/// If there is no such port, or it belongs to another program or user.
pub fn open(path: &Path) -> io::Result<SerialStream> {
    let rate = baud_rate(RESET_DIVIDER);
    let settings = tokio_serial::new(path.to_string_lossy(), rate);
    SerialStream::open(&settings).map_err(io::Error::from)
}

/// A port whose baud rate can be set.
pub trait Baud {
    /// Sends and receives at `rate` from now on. What has been sent must have left.
    ///
    /// # Errors
    /// If the port cannot do this rate.
    fn set_baud_rate(&mut self, rate: u32) -> io::Result<()>;
}

impl Baud for SerialStream {
    fn set_baud_rate(&mut self, rate: u32) -> io::Result<()> {
        SerialPort::set_baud_rate(self, rate).map_err(io::Error::from)
    }
}

/// A pipe in memory has no rate.
impl Baud for DuplexStream {
    fn set_baud_rate(&mut self, _: u32) -> io::Result<()> {
        Ok(())
    }
}
