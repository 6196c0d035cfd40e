//! Files that a user names: regular ones only, since a pipe may never end and a device never does.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Opens `path` to read it.
///
/// # Errors
/// If it cannot be opened or is not a regular file.
pub(crate) fn open(path: &Path) -> Result<File> {
    // Before it is opened: opening a pipe waits for its writer.
    regular(std::fs::metadata(path)?.is_file())?;
    let file = File::open(path)?;
    regular(file.metadata()?.is_file())?;
    Ok(file)
}

fn regular(is_file: bool) -> Result<()> {
    if is_file {
        return Ok(());
    }
    let what = "it is not a regular file; name a file, or write what a pipe brings to one first";
    Err(Error::new(ErrorKind::InvalidInput, what))
}

/// The text of `path`, which has at most `most` bytes.
///
/// # Errors
/// As `open`; if it is longer, or not UTF-8.
pub fn read(path: &Path, most: u64) -> Result<String> {
    let mut text = String::new();
    let read = open(path)?.take(most + 1).read_to_string(&mut text);
    if text.len() as u64 > most || (read.is_err() && std::fs::metadata(path)?.len() > most) {
        let what = format!("it is longer than {most} bytes; name the right file");
        return Err(Error::new(ErrorKind::InvalidData, what));
    }
    read.map(|_| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_or_is_too_long_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("file");
        std::fs::write(&file, "text").expect("written");
        assert_eq!(read(&file, 4).expect("read"), "text");
        let said = read(&file, 3).expect_err("too long").to_string();
        assert!(said.contains("longer than 3 bytes"), "{said}");
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("a pipe");
        for path in [&pipe, Path::new("/dev/zero"), dir.path()] {
            let said = read(path, 4).expect_err("refused").to_string();
            assert!(said.contains("not a regular file"), "{said}");
        }
        std::fs::write(&file, b"\xff").expect("written");
        assert!(read(&file, 4).is_err(), "no text");
    }
}
