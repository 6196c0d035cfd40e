//! `thermine top` on a real pseudo-terminal of 80 by 24.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::patience::found;
use crate::rack::rack;
use crate::serve::{now_ms, serve, settings};

#[test]
fn top_shows_the_rack_and_leaves_the_terminal_as_it_was() {
    let runtime = crate::runtime();
    let served = runtime.block_on(serve(rack(12, now_ms()), settings(), "127.0.0.1:0"));
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&controller).expect("granted");
    unlockpt(&controller).expect("unlocked");
    let name = ptsname(&controller, Vec::new()).expect("a name");
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&controller, size).expect("set");
    let path = name.to_str().expect("a path");
    let end = || {
        Stdio::from(
            File::options()
                .read(true)
                .write(true)
                .open(path)
                .expect("opened"),
        )
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_thermine"))
        .args(["top", "--url", &format!("http://{}", served.address)])
        .env("TERM", "xterm-256color")
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .expect("started");

    let mut controller = File::from(controller);
    let mut read = controller.try_clone().expect("cloned");
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(n @ 1..) = read.read(&mut bytes) {
            if said
                .send(String::from_utf8_lossy(&bytes[..n]).into_owned())
                .is_err()
            {
                return;
            }
        }
    });
    let mut text = String::new();
    let mut wait_for = |words: &str| {
        found(&format!("the terminal shows {words:?}"), || {
            text.extend(heard.try_iter());
            let words_only = plain(&text);
            if text.contains(words) || words_only.contains(words) {
                Ok(())
            } else {
                Err(words_only)
            }
        });
    };
    wait_for("\u{1b}[?1049h");
    wait_for("Antminer S9, simulated, well");
    controller.write_all(b"\x1b[B").expect("sent");
    wait_for("Lucky Miner");
    controller.write_all(b"q").expect("sent");
    wait_for("\u{1b}[?1049l");
    assert!(child.wait().expect("ended").success());
    served.shutdown.cancel();
}

/// The words of `text`, each after the other: where the cursor was sent instead of blanks, a blank.
fn plain(text: &str) -> String {
    let mut words = String::new();
    for part in text.split("\u{1b}[") {
        let end = part.find(|letter: char| letter.is_ascii_alphabetic());
        // A part without an end is the beginning of the text, or cut off.
        let (code, rest) = end.map_or(("", part), |end| part.split_at(end + 1));
        if code.ends_with('H') {
            words.push(' ');
        }
        words.push_str(rest);
    }
    words
}

#[test]
fn top_says_what_it_needs() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_thermine"))
            .arg("top")
            .args(args)
            .stdin(Stdio::null())
            .output();
        let output = output.expect("started");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(run(&[]).contains("needs a terminal"));
    assert!(run(&["--url", "https://127.0.0.1"]).contains("plain HTTP"));
    assert!(run(&["--token-file", "/nowhere/token"]).contains("cannot read /nowhere/token"));
}
