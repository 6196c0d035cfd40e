//! `thermine top`: a running daemon at a glance, in a terminal.

mod text;
mod view;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use thermine_units::printable::printable;

use self::view::View;
use crate::causes::chain;
use crate::lab::config::daemon::LONGEST_TOKEN;
use crate::web::Present;
use thermine_capture::secret_file;

/// Between questions to the daemon.
const EVERY: Duration = Duration::from_secs(1);
/// Time for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between drawings, so that ages run on.
const DRAW: Duration = Duration::from_millis(250);
/// Largest answer, in bytes: ten thousand units.
const ANSWER: usize = 128 << 20;

/// `thermine top`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the daemon's web server is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// File with the daemon's token, where it has one.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// What the asking thread says.
type Answer = Result<Present, String>;

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<()> {
    let question = Question::new(args)?;
    ensure!(
        std::io::stdout().is_terminal() && std::io::stdin().is_terminal(),
        "`thermine top` shows a table that changes, and needs a terminal; a script asks {} for the same",
        question.url
    );
    let (answers, heard) = sync_channel(1);
    // It ends with the program, or with its first answer that nobody takes.
    std::thread::Builder::new()
        .name("top-asks".into())
        .spawn(move || question.ask(&answers))?;
    let mut terminal = ratatui::try_init().context("cannot set the terminal up")?;
    let outcome = watch(&mut terminal, &heard, View::new(args.url.clone()));
    ratatui::try_restore().context("cannot set the terminal back: `reset` does")?;
    outcome
}

/// Draws what is heard until the user has seen enough.
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
        // Any other event is a new size: it is drawn anew in any case.
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

/// What is asked, of whom.
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

    /// Asks again and again, until nobody listens.
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
            .timeout(PATIENCE)
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

    async fn once(&self, client: &Client) -> Result<Present> {
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
