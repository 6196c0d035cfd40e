//! The folders below which a queued job may read: data files and captures.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Most rows of a data file: the most steps of one part of a run.
pub(crate) const MOST_ROWS: usize = 100_000;

/// Longest name, in bytes.
const LONGEST_NAME: usize = 1024;

/// Largest data file: a hundred columns for each of the most steps that a run may have.
const LARGEST_DATA: u64 = 64 << 20;

/// Longest name that is repeated in an error, in characters.
const SHOWN: usize = 200;

/// The folders that the daemon's configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Of data files, for `train` with a file.
    pub(crate) files: PathBuf,
    /// Folder of the captures that may be named.
    pub captures: PathBuf,
    /// Of the reports of earlier jobs, whose captures may be read too, under names that begin with `jobs/`.
    pub(crate) jobs: PathBuf,
}

impl Folders {
    /// The data file `name`: a regular file of bounded size below the folder of data files.
    ///
    /// # Errors
    /// If it is not that.
    pub(crate) fn data(&self, name: &str) -> Result<PathBuf, String> {
        let path = below(std::slice::from_ref(&self.files), name, "data file")?;
        match std::fs::metadata(&path) {
            Ok(about) if about.len() <= LARGEST_DATA => Ok(path),
            Ok(about) => Err(format!(
                "the data file {} has {} bytes: at most {LARGEST_DATA} can be queued",
                shown(name),
                about.len()
            )),
            Err(error) => Err(format!("the data file {}: {error}", shown(name))),
        }
    }

    /// The capture `name`, with `#` and the number of one of its runs if the name has it.
    ///
    /// # Errors
    /// If it is no regular file below the folder of captures or that of the jobs.
    pub fn capture(&self, name: &str) -> Result<PathBuf, String> {
        let mut roots = vec![self.captures.clone(), self.jobs.clone()];
        // `jobs/3-1/capture.sqlite`, as the queue names the folder of a job.
        roots.extend(self.jobs.parent().map(Path::to_path_buf));
        let within = |name: &str| {
            let path = below(&roots, name, "capture")?;
            let is_ours = [&self.captures, &self.jobs]
                .into_iter()
                .any(|root| root.canonicalize().is_ok_and(|root| path.starts_with(root)));
            if is_ours {
                Ok(path)
            } else {
                Err(missing("capture", name, &roots[..2]))
            }
        };
        match name.rsplit_once('#') {
            Some((file, run)) if run.parse::<u32>().is_ok() => {
                let mut path = within(file)?.into_os_string();
                path.push("#");
                path.push(run);
                Ok(path.into())
            }
            _ => within(name),
        }
    }

    /// Copies the data file `name` to `to`, so that the file which was checked is the one that is read.
    ///
    /// # Errors
    /// If it is not as `Folders::data` wants it, has too many lines, or cannot be copied.
    pub fn copy_data(&self, name: &str, to: &Path) -> Result<()> {
        let path = self.data(name).map_err(anyhow::Error::msg)?;
        let cannot = || {
            format!(
                "cannot copy the data file {} to the job's folder",
                shown(name)
            )
        };
        // Neither waits for the writer of a FIFO nor follows a link that has been put there since.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        let from = File::options()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
            .open(&path)
            .with_context(cannot)?;
        if !from.metadata().with_context(cannot)?.is_file() {
            bail!("the data file {} is no regular file", shown(name));
        }
        let mut bytes = Vec::new();
        from.take(LARGEST_DATA + 1)
            .read_to_end(&mut bytes)
            .with_context(cannot)?;
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        if bytes.len() as u64 > LARGEST_DATA || lines > MOST_ROWS + 1 {
            bail!(
                "the data file {} has {lines} lines in {} bytes: at most {MOST_ROWS} rows and {LARGEST_DATA} bytes can be \
                 queued",
                shown(name),
                bytes.len()
            );
        }
        File::create(to)
            .and_then(|mut file| file.write_all(&bytes))
            .with_context(cannot)
    }
}

/// The regular file `name` below one of `roots`. What is not there and what is elsewhere are not told apart: nobody
/// learns here which files exist.
fn below(roots: &[PathBuf], name: &str, what: &str) -> Result<PathBuf, String> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(format!(
            "the name of a {what} must have 1 to {LONGEST_NAME} bytes and no control characters"
        ));
    }
    for root in roots {
        let Ok(root) = root.canonicalize() else {
            continue;
        };
        // Follows every link and every `..`; an absolute name stays what it is.
        let Ok(path) = root.join(name).canonicalize() else {
            continue;
        };
        if !path.starts_with(&root) {
            continue;
        }
        if !path.is_file() {
            return Err(format!("the {what} {} is no regular file", shown(name)));
        }
        return Ok(path);
    }
    Err(missing(what, name, roots))
}

fn missing(what: &str, name: &str, roots: &[PathBuf]) -> String {
    let roots: Vec<String> = roots
        .iter()
        .take(2)
        .map(|root| root.display().to_string())
        .collect();
    format!(
        "there is no {what} {} below {}: put it there, and name it relative to that folder",
        shown(name),
        roots.join(" or ")
    )
}

/// A name for an error, shortened.
fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(SHOWN).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folders(dir: &Path) -> Folders {
        let folders = Folders {
            files: dir.join("files"),
            captures: dir.join("captures"),
            jobs: dir.join("data/jobs"),
        };
        for folder in [&folders.files, &folders.captures, &folders.jobs] {
            std::fs::create_dir_all(folder).expect("made");
        }
        folders
    }

    #[test]
    fn only_regular_files_below_the_folders_are_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path();
        let folders = folders(dir);
        std::fs::write(dir.join("secret.csv"), "a,b\n1,2\n").expect("written");
        std::fs::write(dir.join("files/mine.csv"), "u,y\n1,2\n").expect("written");
        symlink(dir.join("secret.csv"), dir.join("files/link.csv")).expect("linked");
        symlink(dir, dir.join("files/up")).expect("linked");
        symlink("/dev/zero", dir.join("files/zero")).expect("linked");
        let fifo = dir.join("files/fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.expect("mkfifo").success());
        let inside = folders.files.join("mine.csv");
        assert!(folders.data("mine.csv").is_ok());
        assert!(folders.data("./mine.csv").is_ok());
        assert!(folders.data(&inside.display().to_string()).is_ok());
        let outside = dir.join("secret.csv").display().to_string();
        let long = "x".repeat(LONGEST_NAME + 1);
        for name in [
            "",
            "absent.csv",
            "../secret.csv",
            "link.csv",
            "up/secret.csv",
            "zero",
            "fifo",
            "/dev/zero",
            "/etc/passwd",
            "mine.csv\0",
            "mine.csv\n",
            ".",
            "..",
            &outside,
            &long,
        ] {
            assert!(folders.data(name).is_err(), "{name:?}");
        }
        // A file that exists elsewhere is answered as one that does not.
        let told = |name: &str| {
            folders
                .data(name)
                .expect_err("refused")
                .replace(name, "NAME")
        };
        assert_eq!(told("/etc/passwd"), told("/etc/no-such-file"));
    }

    #[test]
    fn captures_are_found_among_the_captures_and_in_the_jobs_folders() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path();
        let folders = folders(dir);
        std::fs::create_dir(dir.join("data/jobs/3-1")).expect("made");
        for name in [
            "data/jobs/3-1/capture.sqlite",
            "captures/live.sqlite",
            "data/queue.sqlite",
        ] {
            std::fs::write(dir.join(name), "").expect("written");
        }
        for name in [
            "live.sqlite",
            "live.sqlite#2",
            "3-1/capture.sqlite",
            "jobs/3-1/capture.sqlite",
        ] {
            assert!(folders.capture(name).is_ok(), "{name}");
        }
        for name in [
            "queue.sqlite",
            "../data/queue.sqlite",
            "postgres://u@h/d",
            "live.sqlite#x",
        ] {
            assert!(folders.capture(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_data_file_with_too_many_rows_is_not_copied() {
        let dir = tempfile::tempdir().expect("a folder");
        let folders = folders(dir.path());
        std::fs::write(
            dir.path().join("files/long.csv"),
            "1\n".repeat(MOST_ROWS + 2),
        )
        .expect("written");
        let copied = folders.copy_data("long.csv", &dir.path().join("copy.csv"));
        assert!(copied.expect_err("refused").to_string().contains("rows"));
    }
}
