//! Plots as SVG: axes with units, lines or bars, a legend. No more than the reports need.

use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 55.0;

/// Okabe and Ito's colours: told apart by most colour-blind readers, and in grey.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// A plot under construction.
#[derive(Debug)]
pub(crate) struct Plot {
    title: String,
    x_label: String,
    y_label: String,
    x: (f64, f64),
    y: (f64, f64),
    is_logarithmic: bool,
    marks: String,
    legend: Vec<String>,
}

impl Plot {
    /// An empty plot over the ranges `x` and `y`; labels name the quantity and its unit.
    pub(crate) fn new(
        title: &str,
        x_label: &str,
        y_label: &str,
        x: (f64, f64),
        y: (f64, f64),
    ) -> Plot {
        Plot {
            title: title.to_string(),
            x_label: x_label.to_string(),
            y_label: y_label.to_string(),
            x: widened(x),
            y: widened(y),
            is_logarithmic: false,
            marks: String::new(),
            legend: Vec::new(),
        }
    }

    /// The same with a logarithmic x axis, where its range is positive.
    pub(crate) fn logarithmic(mut self) -> Plot {
        self.is_logarithmic = self.x.0 > 0.0;
        self
    }

    /// Adds a mark at each of `points`.
    pub(crate) fn points(&mut self, name: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let colour = self.name(name);
        for (x, y) in points {
            let (x, y) = (self.px(x), self.py(y));
            let _ = writeln!(
                self.marks,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{colour}"/>"#
            );
        }
    }

    /// Adds a line through `points`; those that are not finite are left out.
    pub(crate) fn line(&mut self, name: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let colour = self.name(name);
        let mut path = String::new();
        for (x, y) in points {
            if x.is_finite() && y.is_finite() {
                let command = if path.is_empty() { 'M' } else { 'L' };
                let _ = write!(path, "{command}{:.1} {:.1}", self.px(x), self.py(y));
            }
        }
        let _ = writeln!(
            self.marks,
            r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>"#
        );
    }

    /// Adds bars of `width` (in units of x) that begin at each point's x.
    pub(crate) fn bars(
        &mut self,
        name: &str,
        width: f64,
        bars: impl IntoIterator<Item = (f64, f64)>,
    ) {
        let colour = self.name(name);
        for (x, y) in bars {
            let (left, right) = (self.px(x), self.px(x + width));
            let (top, bottom) = (self.py(y), self.py(self.y.0.max(0.0)));
            let _ = writeln!(
                self.marks,
                r#"<rect x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}" fill="{colour}" fill-opacity="0.5"/>"#,
                (right - left - 1.0).max(0.5),
                (bottom - top).max(0.0),
            );
        }
    }

    /// The plot as an SVG document.
    pub(crate) fn render(&self) -> String {
        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
<text x="{LEFT}" y="20" font-size="15">{}</text>
<rect x="{LEFT}" y="{TOP}" width="{}" height="{}" fill="none" stroke="#888"/>
"##,
            escaped(&self.title),
            WIDTH - LEFT - RIGHT,
            HEIGHT - TOP - BOTTOM,
        );
        let x_ticks = if self.is_logarithmic {
            decades(self.x)
        } else {
            ticks(self.x)
        };
        for tick in x_ticks {
            let x = self.px(tick);
            let y = HEIGHT - BOTTOM;
            let _ = writeln!(
                svg,
                r##"<path d="M{x:.1} {y}v5" stroke="#888"/><text x="{x:.1}" y="{}" text-anchor="middle">{}</text>"##,
                y + 18.0,
                shown(tick)
            );
        }
        for tick in ticks(self.y) {
            let y = self.py(tick);
            let _ = writeln!(
                svg,
                r##"<path d="M{} {y:.1}h-5" stroke="#888"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"##,
                LEFT,
                LEFT - 8.0,
                y + 4.0,
                shown(tick)
            );
        }
        let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{}" text-anchor="middle">{}</text>
<text transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">{}</text>"#,
            (LEFT + WIDTH - RIGHT) / 2.0,
            HEIGHT - 12.0,
            escaped(&self.x_label),
            escaped(&self.y_label),
        );
        svg.push_str(&self.marks);
        for (i, name) in self.legend.iter().enumerate() {
            let width = (WIDTH - LEFT - RIGHT - 10.0) / self.legend.len() as f64;
            let x = LEFT + 10.0 + width.min(260.0) * i as f64;
            let _ = writeln!(
                svg,
                r#"<rect x="{x}" y="32" width="14" height="4" fill="{}"/><text x="{}" y="39">{}</text>"#,
                COLOURS[i % COLOURS.len()],
                x + 20.0,
                escaped(name)
            );
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn name(&mut self, name: &str) -> &'static str {
        self.legend.push(name.to_string());
        COLOURS[(self.legend.len() - 1) % COLOURS.len()]
    }

    fn px(&self, x: f64) -> f64 {
        let part = if self.is_logarithmic {
            (x / self.x.0).ln() / (self.x.1 / self.x.0).ln()
        } else {
            (x - self.x.0) / (self.x.1 - self.x.0)
        };
        LEFT + part * (WIDTH - LEFT - RIGHT)
    }

    fn py(&self, y: f64) -> f64 {
        HEIGHT - BOTTOM - (y - self.y.0) / (self.y.1 - self.y.0) * (HEIGHT - TOP - BOTTOM)
    }
}

/// The range, made wide enough to divide by.
fn widened((low, high): (f64, f64)) -> (f64, f64) {
    if low.is_finite() && high.is_finite() && high > low {
        (low, high)
    } else {
        (0.0, 1.0)
    }
}

/// Round numbers within the range, some six of them.
fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let rough = (high - low) / 6.0;
    let magnitude = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * magnitude)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// 1, 2 and 5 times the powers of ten within the range.
fn decades((low, high): (f64, f64)) -> Vec<f64> {
    let exponents = low.log10().floor() as i32..=high.log10().ceil() as i32;
    exponents
        .flat_map(|exponent| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(exponent)))
        .filter(|tick| (low..=high).contains(tick))
        .collect()
}

fn shown(tick: f64) -> String {
    // Twelve significant digits hide 0.30000000000000004.
    format!("{}", (tick * 1e12).round() / 1e12)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_fall_inside_the_frame_and_text_is_escaped() {
        let mut plot = Plot::new("a < b", "t in s", "y", (0.0, 10.0), (-1.0, 1.0));
        plot.line("line", [(0.0, -1.0), (10.0, 1.0), (5.0, f64::NAN)]);
        plot.bars("bars", 1.0, [(2.0, 0.5)]);
        let svg = plot.render();
        assert!(svg.contains("a &lt; b"));
        assert!(svg.contains(&format!("M{LEFT:.1} {:.1}", HEIGHT - BOTTOM)));
        assert!(svg.contains(&format!("L{:.1} {TOP:.1}", WIDTH - RIGHT)));
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(
            ticks((0.0, 1.0)),
            [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
        );
        assert_eq!(decades((3.0, 200.0)), [5.0, 10.0, 20.0, 50.0, 100.0, 200.0]);
        assert!(ticks((12.3, 97.0)).iter().all(|t| t % 20.0 == 0.0));
    }
}
