//! The terminal, and the thread that asks the daemon.

use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use thermine_units::printable::printable;

use super::args::Args;
use super::view::View;
use crate::live::snapshot::TimedSnapshot;
use thermine_capture::error_chain::chain;
use thermine_capture::secret_file;
use thermine_lab::config::daemon::LONGEST_TOKEN;

/// Between questions to the daemon.
const EVERY: Duration = Duration::from_secs(1);
/// Time for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Between drawings, so that ages run on.
const DRAW: Duration = Duration::from_millis(250);
/// Largest answer, in bytes: ten thousand units.
const ANSWER: usize = 128 << 20;

/// From the thread that asks.
type Answer = Result<TimedSnapshot, String>;

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<()> {
    let question = Question::new(args)?;
    ensure!(
        std::io::stdout().is_terminal() && std::io::stdin().is_terminal(),
        "`thermine top` shows a table that changes, and needs a terminal; a script asks {} for the same",
        question.url
    );
    let (answers, heard) = sync_channel(1);
    // The thread ends with the program, or at its first answer after the view has ended.
    std::thread::Builder::new()
        .name("top-asks".into())
        .spawn(move || question.ask(&answers))?;
    let mut terminal = ratatui::try_init().context("cannot set the terminal up")?;
    let outcome = watch(&mut terminal, &heard, View::new(args.url.clone()));
    ratatui::try_restore().context("cannot set the terminal back: `reset` does")?;
    outcome
}

/// Draws what is heard until the user quits.
fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    heard: &Receiver<Answer>,
    mut view: View,
) -> Result<()> {
    let began = Instant::now();
    loop {
        if let Ok(answer) = heard.try_recv() {
            view.hear(answer, began.elapsed());
        }
        terminal.draw(|frame| view.draw(frame, began.elapsed()))?;
        if !event::poll(DRAW)? {
            continue;
        }
        // Any other event is a new size: the next drawing has it.
        let Event::Key(key) = event::read()? else {
            continue;
        };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let interrupted = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
        if interrupted || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
            return Ok(());
        }
        view.key(key.code);
    }
}

struct Question {
    url: String,
    token: Option<HeaderValue>,
}

impl Question {
    fn new(args: &Args) -> Result<Question> {
        let url = args.url.trim_end_matches('/');
        ensure!(
            url.starts_with("http://"),
            "--url {url}: the daemon speaks plain HTTP, so this must begin with http://; over an untrusted network, \
             tunnel it"
        );
        let token = match &args.token_file {
            None => None,
            Some(path) => {
                let word = secret_file::read(path, LONGEST_TOKEN).context("--token-file")?;
                let mut value = HeaderValue::from_str(&format!("Bearer {}", word.trim()))
                    .ok()
                    .with_context(|| {
                        format!(
                            "the token file {} holds more than one line of text",
                            path.display()
                        )
                    })?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Question {
            url: format!("{url}/api/v1/snapshot"),
            token,
        })
    }

    /// Asks again and again, until the answers are no longer taken.
    fn ask(self, answers: &SyncSender<Answer>) {
        let runtime = match tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = answers.send(Err(error.to_string()));
                return;
            }
        };
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        loop {
            let answer = match &client {
                Ok(client) => runtime
                    .block_on(self.once(client))
                    .map_err(|error| chain(&error)),
                Err(error) => Err(error.to_string()),
            };
            if let Err(TrySendError::Disconnected(_)) = answers.try_send(answer) {
                return;
            }
            std::thread::sleep(EVERY);
        }
    }

    async fn once(&self, client: &Client) -> Result<TimedSnapshot> {
        let mut request = client.get(&self.url);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let mut response = request.send().await.with_context(|| {
            format!(
                "{} does not answer: see whether `thermine run` runs, and where it listens",
                self.url
            )
        })?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => bail!(
                "{} asks for a token: name its file with --token-file",
                self.url
            ),
            status => bail!("{} answers {status}: is it a thermine daemon?", self.url),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            ensure!(
                body.len() + chunk.len() <= ANSWER,
                "the answer is longer than {ANSWER} bytes"
            );
            body.extend_from_slice(&chunk);
        }
        let answer = serde_json::from_slice(&body).map(printable_strings);
        answer.and_then(serde_json::from_value).with_context(|| {
            format!(
                "{} answers with something else: is it a daemon of this version?",
                self.url
            )
        })
    }
}

/// `value` with every text in it as a terminal may show it.
fn printable_strings(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(printable(&text)),
        Value::Array(all) => all.into_iter().map(printable_strings).collect(),
        Value::Object(all) => all
            .into_iter()
            .map(|(key, value)| (key, printable_strings(value)))
            .collect(),
        other => other,
    }
}
