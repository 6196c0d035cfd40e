//! One address: what answers there, on which wires.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, timeout};

use super::classify::{Answers, Cgminer, axeos, classify, goldshell, short};
use super::http::{self, NoPage, Page};
use super::targets::Target;
use crate::axeos::Info;
use crate::cgminer::{self, Failure};
use crate::goldshell::http_client;
use thermine_units::model::{Model, Wire};
use thermine_units::unit::Identity;

/// Longest reply to `version` that is taken. The longest known has less than 1 kB.
const VERSION_BYTES: usize = 16 * 1024;

/// How addresses are asked. Times are wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Port of the cgminer API.
    pub cgminer_port: u16,
    /// Port of the web page.
    pub http_port: u16,
    /// For one address in all.
    pub timeout: Duration,
    /// Addresses asked at once.
    pub parallel: usize,
    /// For the whole search.
    pub total: Duration,
}

impl Default for Settings {
    /// The usual ports, 3 s, 64 addresses at once and an hour in all: the largest list, 65,536 addresses none of
    /// which answers, takes 51 minutes.
    fn default() -> Settings {
        Settings {
            cgminer_port: 4028,
            http_port: 80,
            timeout: Duration::from_secs(3),
            parallel: 64,
            total: Duration::from_secs(3600),
        }
    }
}

/// What answers at an address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The address, with its port if it was asked for with one.
    #[serde(serialize_with = "as_text")]
    pub address: Target,
    /// The wires that it speaks and where; none if it is no miner.
    pub wires: Vec<(Wire, SocketAddr)>,
    /// The model, if it is one that can be driven.
    pub model: Option<Model>,
    /// What it says of itself.
    pub identity: Identity,
    /// What else is worth saying.
    pub remark: Option<String>,
}

impl Found {
    /// Whether it speaks a miner's wire.
    pub fn is_miner(&self) -> bool {
        !self.wires.is_empty()
    }
}

fn as_text<S: serde::Serializer>(target: &Target, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(target)
}

/// Asks addresses. Clones share what can be shared.
#[derive(Debug, Clone)]
pub struct Prober {
    http: reqwest::Client,
    settings: Settings,
}

/// What one wire's port says.
enum Said<T> {
    /// The wire is spoken.
    Yes(T),
    /// Something else is there.
    Remark(String),
    /// Nothing is there.
    Nothing,
}

/// Whose a web server is.
enum Web {
    Goldshell(Identity),
    AxeOs(Box<Info>),
    /// Of no known miner, and what is to be said of it.
    Other(String),
}

impl Prober {
    /// A prober with `settings`.
    ///
    /// # Errors
    /// If the system gives no sockets to work with.
    pub fn new(settings: Settings) -> Result<Prober, reqwest::Error> {
        let http = http_client(connect(&settings))?;
        Ok(Prober { http, settings })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks `target` for `version` of the cgminer API and, at the same time, for the pages of a Goldshell unit
    /// and then of AxeOS. `None` if nothing accepts a connection. Takes no longer than the settings say.
    pub async fn probe(&self, target: Target) -> Option<Found> {
        let at = |port| SocketAddr::new(target.ip, target.port.unwrap_or(port));
        let api = at(self.settings.cgminer_port);
        let web = at(self.settings.http_port);
        let (cgminer, page) = tokio::join!(self.ask_cgminer(api), self.ask_web(web));
        let mut answers = Answers::default();
        let mut wires = Vec::new();
        let mut remarks = Vec::new();
        match cgminer {
            Said::Yes(cgminer) => {
                answers.cgminer = Some(cgminer);
                wires.push((Wire::Cgminer, api));
            }
            Said::Remark(remark) => remarks.push(remark),
            Said::Nothing => {}
        }
        match page {
            Said::Yes(Web::Goldshell(identity)) => {
                answers.goldshell = Some(identity);
                wires.push((Wire::Goldshell, web));
            }
            Said::Yes(Web::AxeOs(info)) => {
                answers.axeos = Some(*info);
                wires.push((Wire::AxeOs, web));
            }
            // It tells more than what is not understood.
            Said::Yes(Web::Other(remark)) => remarks.insert(0, remark),
            Said::Remark(remark) => remarks.push(remark),
            Said::Nothing => {}
        }
        if api == web {
            // One port was asked in two languages: that it does not know one of them is no news.
            remarks.truncate(usize::from(wires.is_empty()));
        }
        if wires.is_empty() && remarks.is_empty() {
            return None;
        }
        answers.remarks = remarks;
        let verdict = classify(&answers);
        Some(Found {
            address: target,
            wires,
            model: verdict.model,
            identity: verdict.identity,
            remark: verdict.remark,
        })
    }

    async fn ask_cgminer(&self, addr: SocketAddr) -> Said<Cgminer> {
        let connect = connect(&self.settings);
        let limits = cgminer::Limits {
            connect,
            reply: self.settings.timeout.saturating_sub(connect),
            bytes: VERSION_BYTES,
        };
        let port = addr.port();
        let failure = match limits.query(addr, "version", None).await {
            Ok(reply) => {
                return match Cgminer::read(&reply) {
                    Some(cgminer) => Said::Yes(cgminer),
                    None => {
                        Said::Remark(format!("port {port} answers with JSON that is no miner's"))
                    }
                };
            }
            Err(error) => error.failure,
        };
        Said::Remark(match failure {
            Failure::Status(status) => return Said::Yes(Cgminer::refused(&status)),
            Failure::Refused | Failure::Unreachable(_) => return Said::Nothing,
            Failure::TimedOut { .. } if !failure.is_of_an_open_port() => return Said::Nothing,
            Failure::TimedOut { .. } => {
                format!("port {port} accepts connections and sends no complete reply")
            }
            Failure::Incomplete { received: 0 } => format!("port {port} hangs up without a word"),
            Failure::Incomplete { received } => {
                format!("port {port} breaks off after {received} bytes")
            }
            Failure::TooLarge { .. } => format!("port {port} sends without end"),
            Failure::NotJson { start, .. } => {
                format!("port {port} says \"{}\"", short(&start))
            }
        })
    }

    async fn ask_web(&self, addr: SocketAddr) -> Said<Web> {
        let begun = Instant::now();
        let total = self.settings.timeout;
        let half = total / 2;
        let asked = async {
            // The second page has its half even if the first has taken all of its own.
            let first = self.get(addr, "/mcb/status", half).await;
            match &first {
                Ok(page) => {
                    if let Some(identity) = goldshell(&page.body) {
                        return Said::Yes(Web::Goldshell(identity));
                    }
                }
                Err(NoPage::Unreachable) => return Said::Nothing,
                Err(NoPage::Strange(_)) => {}
            }
            let left = total.saturating_sub(begun.elapsed());
            let second = self.get(addr, "/api/system/info", left).await;
            if let Ok(page) = &second
                && let Some(info) = axeos(&page.body)
            {
                return Said::Yes(Web::AxeOs(Box::new(info)));
            }
            match (first, second) {
                (Ok(page), _) | (_, Ok(page)) => {
                    Said::Yes(Web::Other(stranger(addr.port(), &page)))
                }
                (Err(NoPage::Strange(what)), _) => {
                    Said::Remark(format!("port {} {what}", addr.port()))
                }
                (Err(NoPage::Unreachable), _) => Said::Nothing,
            }
        };
        let late = |_| Said::Remark(format!("port {} takes too long", addr.port()));
        timeout(total, asked).await.unwrap_or_else(late)
    }

    async fn get(&self, addr: SocketAddr, path: &str, total: Duration) -> Result<Page, NoPage> {
        http::get(&self.http, addr, path, total).await
    }
}

/// For a connection: a third of the time, and 1 s at most, after which TCP itself asks a second time.
fn connect(settings: &Settings) -> Duration {
    (settings.timeout / 3).min(Duration::from_secs(1))
}

/// What is to be said of a web server that is no known miner's.
fn stranger(port: u16, page: &Page) -> String {
    match &page.server {
        Some(server) => format!("port {port} is a web server, {server:?}, and no known miner's"),
        None => format!(
            "port {port} is a web server that answers {} and is no known miner's",
            page.status
        ),
    }
}
