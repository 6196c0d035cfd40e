//! The plot of `where_heat_ends`: scores with their spread against the number of states, on a logarithmic axis.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 54.0;

/// Ranges of the axes.
const X: (f64, f64) = (0.9, 600.0);
const Y: (f64, f64) = (0.0, 1.0);

/// Okabe and Ito's colours: told apart by most colour-blind readers, and in grey.
const COLOURS: [&str; 5] = ["#d55e00", "#cc79a7", "#0072b2", "#009e73", "#000000"];

/// Dashes beside the colours.
const DASHES: [&str; 5] = ["", "6 3", "", "6 3", ""];

/// A named row of points.
#[derive(Debug)]
pub(crate) struct Curve {
    name: String,
    /// Number of states, mean score, its standard deviation.
    points: Vec<(f64, f64, f64)>,
}

impl Curve {
    /// Of points that are rounded as the table prints them, so that the plot shows what the table says.
    pub(crate) fn new(name: &str, points: Vec<(f64, f64, f64)>) -> Curve {
        let printed = |value: f64| (1e3 * value).round() / 1e3;
        let points = points.into_iter();
        Curve {
            name: name.to_owned(),
            points: points
                .map(|(x, y, sd)| (x, printed(y), printed(sd)))
                .collect(),
        }
    }
}

fn px(x: f64) -> f64 {
    let part = (x / X.0).ln() / (X.1 / X.0).ln();
    LEFT + part * (WIDTH - LEFT - RIGHT)
}

fn py(y: f64) -> f64 {
    let part = (y - Y.0) / (Y.1 - Y.0);
    HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
}

/// The plot as an SVG document. Its white ground makes it readable on a dark page too.
pub(crate) fn draw(curves: &[Curve]) -> String {
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">
<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="white"/>
<text x="{LEFT}" y="20" font-size="15">Where heat ends: NARMA-10 without noise</text>
<text x="{LEFT}" y="36" fill="#555">mean and standard deviation of seeds 1 to 10, chosen on other seeds; in the legend: the last point</text>
"##
    );
    for tick in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 444.0] {
        let (x, bottom) = (px(tick), HEIGHT - BOTTOM);
        let _ = writeln!(
            svg,
            r##"<path d="M{x:.1} {TOP}V{bottom}" stroke="#e4e4e4"/><text x="{x:.1}" y="{}" text-anchor="middle">{tick}</text>"##,
            bottom + 18.0
        );
    }
    for tenth in 0..=5 {
        let tick = 0.2 * f64::from(tenth);
        let y = py(tick);
        let _ = writeln!(
            svg,
            r##"<path d="M{LEFT} {y:.1}H{}" stroke="#e4e4e4"/><text x="{}" y="{:.1}" text-anchor="end">{tick:.1}</text>"##,
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0
        );
    }
    let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
    let _ = writeln!(
        svg,
        r#"<text x="{}" y="{}" text-anchor="middle">integrators, taps or temperatures</text>
<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">NRMSE (the mean scores 1)</text>"#,
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 14.0
    );
    for (number, curve) in curves.iter().enumerate() {
        let (colour, dash) = (COLOURS[number % 5], DASHES[number % 5]);
        mark(&mut svg, curve, colour, dash);
        label(&mut svg, curve, colour, number, dash);
    }
    svg.push_str("</svg>\n");
    svg
}

fn mark(svg: &mut String, curve: &Curve, colour: &str, dash: &str) {
    let mut path = String::new();
    for (i, (x, y, sd)) in curve.points.iter().enumerate() {
        let command = if i == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.1} {:.1}", px(*x), py(*y));
        let _ = writeln!(
            svg,
            r#"<path d="M{x:.1} {:.1}V{:.1}" stroke="{colour}"/><circle cx="{x:.1}" cy="{:.1}" r="3" fill="{colour}"/>"#,
            py(y - sd),
            py(y + sd),
            py(*y),
            x = px(*x)
        );
    }
    let _ = writeln!(
        svg,
        r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dash}"/>"#
    );
}

/// Line `number` of the legend.
fn label(svg: &mut String, curve: &Curve, colour: &str, number: usize, dash: &str) {
    let (x, y) = (px(36.0), py(0.94) + 19.0 * number as f64);
    let last = curve.points.last().map_or(f64::NAN, |(_, score, _)| *score);
    let _ = writeln!(
        svg,
        r#"<path d="M{x:.1} {y:.1}h26" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dash}"/><circle cx="{:.1}" cy="{y:.1}" r="3" fill="{colour}"/>
<text x="{:.1}" y="{:.1}">{}: {last:.3}</text>"#,
        x + 13.0,
        x + 34.0,
        y + 4.0,
        curve.name
    );
}
