//! Heat maps as SVG: one rectangle per cell, a colour per value, grey where there is none.

use std::fmt::Write;

const LEFT: f64 = 80.0;
const TOP: f64 = 60.0;
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;

/// Ends and middle of the scale: blue, white, orange; told apart by colour-blind readers.
const SCALE: [[f64; 3]; 3] = [
    [0.0, 114.0, 178.0],
    [247.0, 247.0, 247.0],
    [213.0, 94.0, 0.0],
];

/// A map of values over two axes.
#[derive(Debug)]
pub(crate) struct HeatMap<'a> {
    /// What is shown, with its unit.
    pub(crate) title: &'a str,
    /// Name of the horizontal axis with its unit, and its values.
    pub(crate) x: (&'a str, &'a [f64]),
    /// The same of the vertical axis; the first value is at the bottom.
    pub(crate) y: (&'a str, &'a [f64]),
    /// Values, x by x within y by y; `None` where there is none.
    pub(crate) values: &'a [Option<f64>],
    /// Values of the two ends of the scale.
    pub(crate) range: (f64, f64),
}

impl HeatMap<'_> {
    /// As an SVG document.
    pub(crate) fn render(&self) -> String {
        self.render_marked(&[])
    }

    /// The same with `marks`: the cell of each, by its place among the values, is outlined and bears its word.
    pub(crate) fn render_marked(&self, marks: &[(usize, &str)]) -> String {
        let (columns, rows) = (self.x.1.len().max(1), self.y.1.len().max(1));
        let (w, h) = (WIDTH / columns as f64, HEIGHT / rows as f64);
        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 460" font-family="sans-serif" font-size="11">
<rect width="860" height="460" fill="white"/>
<text x="{LEFT}" y="30" font-size="15">{}</text>
"##,
            escaped(self.title)
        );
        for (index, value) in self.values.iter().take(columns * rows).enumerate() {
            let x = LEFT + w * (index % columns) as f64;
            let y = TOP + HEIGHT - h * (index / columns + 1) as f64;
            let shown = value.filter(|value| value.is_finite());
            let colour = shown.map_or_else(|| "#bbbbbb".into(), |value| self.colour(value));
            let _ = writeln!(
                svg,
                r#"<rect x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" fill="{colour}"><title>{}</title></rect>"#,
                shown.map_or_else(|| "no value".into(), |value| format!("{value:.4}")),
            );
            if let Some(value) = shown.filter(|_| w >= 30.0) {
                let _ = writeln!(
                    svg,
                    r#"<text x="{:.1}" y="{:.1}" text-anchor="middle" font-size="9">{}</text>"#,
                    x + w / 2.0,
                    y + h / 2.0 + 3.0,
                    short(value)
                );
            }
        }
        for (index, word) in marks.iter().filter(|(index, _)| *index < columns * rows) {
            let x = LEFT + w * (index % columns) as f64;
            let y = TOP + HEIGHT - h * (index / columns + 1) as f64;
            let _ = writeln!(
                svg,
                r#"<rect x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" fill="none" stroke="black" stroke-width="2"/><text x="{:.1}" y="{:.1}" text-anchor="middle" font-weight="bold">{}</text>"#,
                x + w / 2.0,
                y + h / 4.0 + 4.0,
                escaped(word)
            );
        }
        for (i, value) in self.x.1.iter().enumerate() {
            let x = LEFT + w * (i as f64 + 0.5);
            let _ = writeln!(
                svg,
                r#"<text x="{x:.1}" y="{}" text-anchor="middle">{value}</text>"#,
                TOP + HEIGHT + 15.0
            );
        }
        for (i, value) in self.y.1.iter().enumerate() {
            let y = TOP + HEIGHT - h * (i as f64 + 0.5) + 4.0;
            let _ = writeln!(
                svg,
                r#"<text x="{}" y="{y:.1}" text-anchor="end">{value}</text>"#,
                LEFT - 6.0
            );
        }
        let middle = TOP + HEIGHT / 2.0;
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{}" text-anchor="middle">{}</text>
<text transform="translate(20 {middle}) rotate(-90)" text-anchor="middle">{}</text>"#,
            LEFT + WIDTH / 2.0,
            TOP + HEIGHT + 38.0,
            escaped(self.x.0),
            escaped(self.y.0),
        );
        self.legend(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn legend(&self, svg: &mut String) {
        let (low, high) = self.range;
        for i in 0..=10 {
            let value = low + (high - low) * f64::from(i) / 10.0;
            let y = TOP + HEIGHT * f64::from(10 - i) / 11.0;
            let _ = writeln!(
                svg,
                r#"<rect x="{}" y="{y:.1}" width="18" height="{:.1}" fill="{}"/><text x="{}" y="{:.1}">{}</text>"#,
                LEFT + WIDTH + 20.0,
                HEIGHT / 11.0,
                self.colour(value),
                LEFT + WIDTH + 44.0,
                y + 18.0,
                short(value)
            );
        }
        let _ = writeln!(
            svg,
            r##"<rect x="{}" y="{}" width="18" height="14" fill="#bbbbbb"/><text x="{}" y="{}">no value</text>"##,
            LEFT + WIDTH + 20.0,
            TOP + HEIGHT + 10.0,
            LEFT + WIDTH + 44.0,
            TOP + HEIGHT + 21.0
        );
    }

    /// Colour of a value; beyond the ends that of the end.
    fn colour(&self, value: f64) -> String {
        let (low, high) = self.range;
        let place = if high > low {
            ((value - low) / (high - low)).clamp(0.0, 1.0) * 2.0
        } else {
            1.0
        };
        let (from, to) = if place < 1.0 { (0, 1) } else { (1, 2) };
        let part = place - from as f64;
        let mix =
            |i: usize| (SCALE[from][i] + (SCALE[to][i] - SCALE[from][i]) * part).round() as u8;
        format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
    }
}

fn short(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.fract() == 0.0 {
        format!("{value}")
    } else {
        format!("{value:.2}")
    }
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
    fn every_cell_has_its_colour_and_missing_ones_are_grey() {
        let map = HeatMap {
            title: "z < 2",
            x: ("clock, MHz", &[200.0, 300.0]),
            y: ("voltage, V", &[7.0, 8.0]),
            values: &[Some(-2.0), Some(0.0), None, Some(f64::NAN)],
            range: (-2.0, 2.0),
        };
        let svg = map.render();
        assert!(svg.contains("z &lt; 2") && !svg.contains("NaN"));
        assert_eq!(map.colour(-9.0), "#0072b2");
        assert_eq!(map.colour(0.0), "#f7f7f7");
        assert_eq!(map.colour(9.0), "#d55e00");
        assert_eq!(svg.matches("<title>no value</title>").count(), 2);
        assert_eq!(svg.matches("<title>").count(), 4);
    }
}
