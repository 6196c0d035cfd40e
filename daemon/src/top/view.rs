//! What is on the terminal. Made for 80 by 24, and wider where there is room.

use std::time::Duration;

use ratatui::Frame;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table, TableState, Wrap};

use super::text::{algorithm, all_from, interval, rate, span};
use crate::live::snapshot::{
    Estimate, Health, Job, Progress, Proxy, Snapshot, TimedSnapshot, Unit,
};

/// What is not known.
const NONE: &str = "–";
/// Lines below the table.
const BELOW: u16 = 9;
/// Rows that a page of the table is taken to have.
const PAGE: usize = 10;

/// What is known, and which unit is looked at.
pub(super) struct View {
    url: String,
    known: Option<TimedSnapshot>,
    /// When it was heard, on the clock of this program.
    heard: Duration,
    problem: Option<String>,
    table: TableState,
}

impl View {
    pub(super) fn new(url: String) -> View {
        View {
            url,
            known: None,
            heard: Duration::ZERO,
            problem: None,
            table: TableState::new().with_selected(0),
        }
    }

    /// Takes an answer that came at `now`. What was known before stays when there is none.
    pub(super) fn hear(&mut self, answer: Result<TimedSnapshot, String>, now: Duration) {
        match answer {
            Ok(present) => {
                self.known = Some(present);
                self.heard = now;
                self.problem = None;
            }
            Err(problem) => self.problem = Some(problem),
        }
    }

    pub(super) fn key(&mut self, key: KeyCode) {
        let last = self
            .known
            .as_ref()
            .map_or(0, |present| present.known.units.len().saturating_sub(1));
        let at = self.table.selected().unwrap_or(0);
        let to = match key {
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => at + 1,
            KeyCode::PageUp => at.saturating_sub(PAGE),
            KeyCode::PageDown => at + PAGE,
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => return,
        };
        self.table.select(Some(to.min(last)));
    }

    /// Draws everything as it is at `now`.
    pub(super) fn draw(&mut self, frame: &mut Frame, now: Duration) {
        let [top, table, below, keys] = Layout::vertical([
            Constraint::Length(2 + self.more_sums()),
            Constraint::Min(3),
            Constraint::Length(BELOW),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let old = now.saturating_sub(self.heard);
        frame.render_widget(self.summary(old), top);
        let mut chosen = self.table.selected().unwrap_or(0);
        if let Some(TimedSnapshot { at_ms, known }) = &self.known {
            chosen = chosen.min(known.units.len().saturating_sub(1));
            self.table.select(Some(chosen));
            frame.render_stateful_widget(
                units(known, at_ms.saturating_add(old.as_millis() as u64)),
                table,
                &mut self.table,
            );
            frame.render_widget(detail(known, known.units.get(chosen)), below);
        } else {
            waiting(frame, table, &self.url);
        }
        let quiet = Style::new().add_modifier(Modifier::DIM);
        frame.render_widget(
            Line::styled(
                "q quit  ↑↓ PgUp PgDn Home End: unit  from: dev(ice), unv(erified), sim(ulated), rep(layed)",
                quiet,
            ),
            keys,
        );
    }

    /// Lines for the hash rates of units that hash by different algorithms.
    fn more_sums(&self) -> u16 {
        let sums = self
            .known
            .as_ref()
            .map_or(0, |it| it.known.hash_rates().len());
        if sums > 1 { sums as u16 } else { 0 }
    }

    /// The lines above the table.
    fn summary(&self, old: Duration) -> Paragraph<'_> {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let mut first = vec![Span::styled("thermine", bold)];
        let mut more = Vec::new();
        if let Some(TimedSnapshot { known, .. }) = &self.known {
            let well = known
                .units
                .iter()
                .filter(|unit| unit.health == Health::Well)
                .count();
            first.push(Span::raw(format!(
                "  {well} of {} units well",
                known.units.len()
            )));
            let sums = known.hash_rates();
            let is_mixed = sums.len() > 1;
            for (of, sum) in sums {
                let from = all_from(known.units.iter().filter(|unit| unit.algorithm == of));
                let name = match is_mixed {
                    true => format!("{} ", algorithm(of)),
                    false => String::new(),
                };
                let value = format!("  {name}{} {} ", rate(sum.value), interval(&sum));
                let note = format!("95 %, n = {}, {from}", sum.n);
                let quiet = Style::new().add_modifier(Modifier::DIM);
                let spans = [Span::raw(value), Span::styled(note, quiet)];
                // One line each: two do not fit beside the count of units.
                if is_mixed {
                    more.push(Line::from(spans.to_vec()));
                } else {
                    first.extend(spans);
                }
            }
        }
        let second = match &self.problem {
            Some(problem) if self.known.is_some() => Line::styled(
                format!(
                    "connection lost, what is shown is {} old: {problem}",
                    span(old.as_millis() as u64)
                ),
                Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
            ),
            Some(problem) => Line::styled(problem.as_str(), Style::new().fg(Color::Red)),
            None => Line::styled(
                format!("live from {}", self.url),
                Style::new().fg(Color::Green),
            ),
        };
        let mut lines = vec![Line::from(first)];
        lines.append(&mut more);
        lines.push(second);
        Paragraph::new(lines)
    }
}

fn waiting(frame: &mut Frame, area: Rect, url: &str) {
    frame.render_widget(Paragraph::new(format!("asking {url}")), area);
}

fn health(of: Health) -> (&'static str, Color) {
    let colour = match of {
        Health::Starting => Color::Blue,
        Health::Well => Color::Green,
        Health::Stale => Color::Yellow,
        Health::Lost => Color::Red,
        Health::Tripped => Color::Magenta,
    };
    (of.into(), colour)
}

/// The table, when the daemon's time is `now_ms`.
fn units(known: &Snapshot, now_ms: u64) -> Table<'static> {
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    let number = |value: Option<f64>, digits: usize| {
        right(value.map_or(NONE.into(), |value| format!("{value:.digits$}")))
    };
    let rows = known.units.iter().map(|unit| {
        let (word, colour) = health(unit.health);
        let hottest = unit
            .temperatures
            .iter()
            .map(|reading| reading.value)
            .reduce(f64::max);
        let slowest = unit
            .fans
            .iter()
            .map(|reading| reading.value)
            .reduce(f64::min);
        let age = unit.read_ms.map(|read| now_ms.saturating_sub(read));
        Row::new(vec![
            Cell::from(unit.name.clone()),
            Cell::from(Span::styled(
                word,
                Style::new().fg(colour).add_modifier(Modifier::BOLD),
            )),
            Cell::from(&unit.provenance.words()[..3]),
            right(
                unit.hash_rate_ghs
                    .map_or(NONE.into(), |estimate| rate(estimate.value)),
            ),
            right(unit.hash_rate_ghs.as_ref().map_or(String::new(), interval)),
            number(hottest, 1),
            number(slowest, 0),
            number(unit.watts, 0),
            right(unit.hardware_errors.map_or(NONE.into(), |n| n.to_string())),
            right(age.map_or(NONE.into(), span)),
        ])
    });
    let head = [
        ("unit", false),
        ("health", false),
        ("from", false),
        ("rate", true),
        ("[95 %]", true),
        ("°C", true),
        ("rpm", true),
        ("W", true),
        ("errs", true),
        ("age", true),
    ]
    .map(|(name, is_right)| {
        let line = Line::from(name);
        Cell::from(if is_right { line.right_aligned() } else { line })
    });
    let widths = [
        Constraint::Min(10),
        Constraint::Length(8),
        Constraint::Length(4),
        Constraint::Length(10),
        Constraint::Length(13),
        Constraint::Length(5),
        Constraint::Length(5),
        Constraint::Length(5),
        Constraint::Length(5),
        Constraint::Length(6),
    ];
    Table::new(rows, widths)
        .header(Row::new(head).style(Style::new().add_modifier(Modifier::UNDERLINED)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
}

/// The chosen unit, the proxy, the queue.
fn detail(known: &Snapshot, unit: Option<&Unit>) -> Paragraph<'static> {
    let mut lines = unit.map_or_else(Vec::new, of_unit);
    lines.extend(known.proxy.as_ref().map(of_proxy));
    lines.push(of_queue(&known.jobs));
    let title = unit.map_or("no unit".to_owned(), |unit| unit.name.clone());
    Paragraph::new(lines).wrap(Wrap { trim: true }).block(
        Block::new()
            .borders(Borders::TOP)
            .title(format!(" {title} ")),
    )
}

fn of_unit(unit: &Unit) -> Vec<Line<'static>> {
    let yellow = |text: String| Line::styled(text, Style::new().fg(Color::Yellow));
    let mut lines = vec![Line::from(format!(
        "{}, {}, {}, {}",
        unit.model,
        unit.provenance.words(),
        health(unit.health).0,
        unit.activity
    ))];
    lines.extend(unit.why.clone().map(yellow));
    let doubt = unit.doubt.as_ref();
    lines.extend(doubt.map(|doubt| yellow(format!("unverified device: {doubt}"))));
    lines.push(Line::from(rates(unit)));
    let shares = unit.shares;
    lines.push(Line::from(format!(
        "shares: {} accepted, {} stale, {} duplicate, {} refused",
        shares.accepted, shares.stale, shares.duplicate, shares.refused
    )));
    if let Some(learning) = &unit.learning {
        let say = |estimate: &Option<Estimate>| {
            estimate.as_ref().map_or(NONE.into(), |e| {
                format!("{:.3} [{:.3}, {:.3}] n = {}", e.value, e.low, e.high, e.n)
            })
        };
        lines.push(Line::from(format!(
            "{} NRMSE {}; control {}",
            learning.task,
            say(&learning.nrmse),
            say(&learning.control)
        )));
    }
    let verdict = unit.verdict.as_ref();
    lines.extend(verdict.map(|it| Line::from(format!("verdict: {}", it.sentence))));
    lines
}

fn of_proxy(proxy: &Proxy) -> Line<'static> {
    let percent =
        |share: Option<f64>| share.map_or(NONE.into(), |share| format!("{:.2} %", 100.0 * share));
    Line::from(format!(
        "proxy: idle {} (without queued work {}), {} units{}",
        percent(proxy.waiting),
        percent(proxy.waiting_without),
        proxy.units,
        match proxy.pool {
            Some(_) => "",
            None => ", no pool answers",
        }
    ))
}

fn of_queue(jobs: &[Job]) -> Line<'static> {
    let in_state = |progress| jobs.iter().filter(move |job| job.progress == progress);
    let running = in_state(Progress::Running).next();
    let runs = running.map_or("nothing runs".to_owned(), |job| {
        let steps = job.steps.map_or(String::new(), |(done, all)| {
            format!(" ({done} of {all} steps)")
        });
        format!("#{} {} on {}{steps}", job.id, job.command, job.unit)
    });
    let waiting = in_state(Progress::Waiting).count();
    Line::from(format!("queue: {runs}; {waiting} waiting"))
}

/// What the unit hashes, should hash and says it hashes.
fn rates(unit: &Unit) -> String {
    let ghs = |value: Option<f64>| value.map_or(NONE.into(), rate);
    let measured = unit.hash_rate_ghs.map(|estimate| estimate.value);
    let mut text = format!("rate {}", ghs(measured));
    if let (Some(expected), Some(duty)) = (unit.expected_ghs, unit.duty) {
        let percent = 100.0 * duty;
        text += &format!(", expected {} at duty {percent:.0} %", rate(expected));
    }
    text += &format!(", claims {}", ghs(unit.claimed_ghs));
    match unit.speed {
        Some(speed) if speed != 1.0 => text + &format!("; its time runs {speed} times as fast"),
        _ => text,
    }
}

#[cfg(test)]
#[path = "../../tests/page/rack.rs"]
mod rack;

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::rack::{BEGIN, rack};
    use super::*;

    fn present(n: usize) -> Result<TimedSnapshot, String> {
        Ok(TimedSnapshot {
            at_ms: BEGIN,
            known: rack(n, BEGIN).snapshot(),
        })
    }

    fn shown(view: &mut View, now: Duration) -> String {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a terminal");
        terminal.draw(|frame| view.draw(frame, now)).expect("drawn");
        let buffer = terminal.backend().buffer();
        buffer
            .content()
            .chunks(80)
            .map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>() + "\n")
            .collect()
    }

    #[test]
    fn all_that_matters_stands_in_80_by_24() {
        let mut view = View::new("http://127.0.0.1:8080".into());
        view.hear(present(12), Duration::from_secs(1));
        let text = shown(&mut view, Duration::from_secs(1));
        for words in [
            "8 of 12 units well",
            "TH/s",
            "simulated",
            "live from http://127.0.0.1:8080",
            "s9-01      well     sim",
            "°C",
            "rpm",
            "Antminer S9, simulated, well, narma10, live",
            "narma10 NRMSE 0.715 [0.659, 0.781]",
            "control 0.867",
            "idle 0.07 % (without queued work 22.10 %)",
            "queue: #17 train narma10 --steps 500 on s9-01 (212 of 500 steps); 1 waiting",
            "q quit",
        ] {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
    }

    #[test]
    fn keys_choose_a_unit_within_the_list_and_scroll_to_it() {
        let mut view = View::new("http://127.0.0.1:8080".into());
        view.key(KeyCode::Down);
        view.hear(present(40), Duration::ZERO);
        for _ in 0..3 {
            view.key(KeyCode::Down);
        }
        assert!(shown(&mut view, Duration::ZERO).contains(" s9-04 "));
        view.key(KeyCode::End);
        view.key(KeyCode::Down);
        assert!(shown(&mut view, Duration::ZERO).contains(" s9-40 "));
        view.key(KeyCode::Home);
        view.key(KeyCode::Up);
        let text = shown(&mut view, Duration::ZERO);
        assert!(
            text.contains(" s9-01 ") && !text.contains("s9-40"),
            "{text}"
        );
        // The list has become shorter.
        view.key(KeyCode::End);
        view.hear(present(2), Duration::ZERO);
        assert!(shown(&mut view, Duration::ZERO).contains(" lv06-02 "));
    }

    #[test]
    fn a_lost_connection_is_said_with_the_age_of_what_is_shown() {
        let mut view = View::new("http://127.0.0.1:8080".into());
        view.hear(Err("nobody there".into()), Duration::ZERO);
        assert!(shown(&mut view, Duration::ZERO).contains("nobody there"));
        view.hear(present(3), Duration::from_secs(1));
        view.hear(Err("nobody there".into()), Duration::from_secs(14));
        let text = shown(&mut view, Duration::from_secs(43));
        assert!(
            text.contains("what is shown is 42 s old: nobody there") && text.contains("s9-01"),
            "{text}"
        );
    }
}
