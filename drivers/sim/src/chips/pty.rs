//! A serial port without hardware: a pseudo-terminal, whose slave a client opens as it would a serial port.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustix::fs::OFlags;
use rustix::termios::{ioctl_tiocnxcl, tcgetattr};
use tokio_serial::{SerialPort, SerialStream};

/// Keeps the slave open, so that the master outlives clients that come and go, and knows its settings.
#[derive(Debug)]
pub(crate) struct Slave {
    file: File,
    path: PathBuf,
}

/// Opens a pseudo-terminal in raw mode; gives its master. To be called within a tokio runtime.
///
/// # Errors
/// If the system has none to give.
pub(crate) fn open() -> io::Result<(SerialStream, Slave)> {
    let (master, slave) = SerialStream::pair()?;
    let path = slave
        .name()
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other("a pseudo-terminal without a path"))?;
    // A handle of our own, because the other takes part in the clients' locks.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlags::NOCTTY | OFlags::NONBLOCK).bits().cast_signed())
        .open(&path)?;
    Ok((master, Slave { file, path }))
}

impl Slave {
    /// Path for a client to open.
    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Baud rate that the client has set; `None` if it cannot be told.
    pub(crate) fn baud(&self) -> Option<u32> {
        Some(tcgetattr(&self.file).ok()?.input_speed())
    }

    /// Lets the next client in. One that asked to be the only one leaves that mark behind, because the
    /// terminal is not closed when the client closes it.
    pub(crate) fn share(&self) {
        // It fails only on what is no terminal.
        let _ = ioctl_tiocnxcl(&self.file);
    }
}
