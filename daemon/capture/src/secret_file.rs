//! Files that hold a secret: a token, a key, passwords. One that others can read is refused.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The text of `file`, which has at most `longest` bytes.
///
/// # Errors
/// If it cannot be read, is no file or too long, or others than its owner can read or change it. No error shows any of
/// it.
pub fn read(file: &Path, longest: u64) -> Result<String> {
    let cannot = || format!("cannot read {}", file.display());
    // Before it is opened, since opening a pipe waits for its writer.
    check(
        file,
        &std::fs::metadata(file).with_context(cannot)?,
        longest,
    )?;
    let opened = File::open(file).with_context(cannot)?;
    // Again of what was opened, so that what is checked is what is read.
    check(file, &opened.metadata().with_context(cannot)?, longest)?;
    let mut bytes = Vec::new();
    opened
        .take(longest)
        .read_to_end(&mut bytes)
        .with_context(cannot)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => bail!("cannot read {}: it is not UTF-8 text", file.display()),
    }
}

fn check(file: &Path, found: &Metadata, longest: u64) -> Result<()> {
    if !found.is_file() {
        bail!("cannot read {}: it is not a regular file", file.display());
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "cannot use {0}: other users can read or change it (mode {mode:03o}); run `chmod 600 {0}`, and make another \
             secret if somebody may have read this one",
            file.display()
        );
    }
    if found.len() > longest {
        bail!(
            "cannot use {}: it is longer than {longest} bytes; name the right file",
            file.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn a_file_that_others_can_use_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("secret");
        std::fs::write(&file, "5ecret\n").expect("written");
        for mode in [0o604, 0o640, 0o644, 0o602, 0o620, 0o666, 0o610] {
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("set");
            let said = format!("{:#}", read(&file, 100).expect_err("refused"));
            assert!(
                said.contains("chmod 600") && said.contains(&format!("{mode:o}")),
                "{said}"
            );
            assert!(!said.contains("5ecret"), "{said}");
        }
        for mode in [0o600, 0o400] {
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("set");
            assert_eq!(read(&file, 100).expect("its owner's"), "5ecret\n");
        }
        assert!(read(&file, 3).is_err(), "too long");
        assert!(read(dir.path(), 100).is_err(), "a folder");
        assert!(read(Path::new("/dev/zero"), 100).is_err(), "a device");
        assert!(read(&dir.path().join("none"), 100).is_err());
    }
}
