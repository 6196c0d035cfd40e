//! The host's own baud rate.

use std::io;

use tokio::io::DuplexStream;
use tokio_serial::{SerialPort, SerialStream};

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
