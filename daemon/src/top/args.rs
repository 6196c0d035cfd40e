//! The flags of `thermine top`.

use std::path::PathBuf;

/// `thermine top`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the daemon's web server is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// File with the daemon's token, where it has one.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}
