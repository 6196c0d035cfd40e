//! `thermine top`: a running daemon at a glance, in a terminal.
