//! What the library logs, as lines.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::filter::LevelFilter;

/// Of the whole process: each test looks for lines that name its own ports.
static LINES: Mutex<String> = Mutex::new(String::new());
static ONCE: OnceLock<()> = OnceLock::new();

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged from one moment on: what came before may be of a port that another test had then.
#[derive(Clone, Copy)]
pub(crate) struct Ear {
    /// Bytes of `LINES` before that moment.
    from: usize,
}

/// Begins to listen, at the level that the program shows by itself and the spans that say who it is about.
pub(crate) fn listen() -> Ear {
    ONCE.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::INFO)
            .with_ansi(false)
            .with_writer(|| Writer)
            .init();
    });
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    Ear { from: lines.len() }
}

impl Ear {
    /// The warnings and errors since then in which all of `words` stand.
    pub(crate) fn complaints(self, words: &[&str]) -> Vec<String> {
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        lines[self.from..]
            .lines()
            .filter(|line| line.contains(" WARN ") || line.contains("ERROR "))
            .filter(|line| words.iter().all(|word| line.contains(word)))
            .map(str::to_owned)
            .collect()
    }
}
