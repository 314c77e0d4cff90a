//! Drawing in SVG: what charts are put together from.

use std::fmt::Write as _;

use super::page::escape;

/// A drawing in the making. Colours come from classes of the page's style.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    /// The finished picture; `title` is read out in place of it.
    pub(super) fn finish(self, title: &str) -> String {
        let (w, h) = (number(self.width), number(self.height));
        let title = escape(title);
        format!(
            "<svg viewBox=\"0 0 {w} {h}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>{}</svg>\n",
            self.body
        )
    }

    fn push(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        _ = self.body.write_fmt(arguments);
    }

    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let (x1, y1, x2, y2) = (number(x1), number(y1), number(x2), number(y2));
        self.push(format_args!("<path class=\"{class}\" d=\"M{x1} {y1}L{x2} {y2}\"/>"));
    }

    pub(super) fn rectangle(&mut self, class: &str, (x, y): (f64, f64), (w, h): (f64, f64), title: &str) {
        let (x, y, w, h) = (number(x), number(y), number(w.max(0.0)), number(h.max(0.0)));
        self.push(format_args!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\""));
        match title {
            "" => self.push(format_args!("/>")),
            title => self.push(format_args!("><title>{}</title></rect>", escape(title))),
        }
    }

    /// Through these points; `None` interrupts it.
    pub(super) fn curve(&mut self, class: &str, points: &[Option<(f64, f64)>]) {
        let mut d = String::new();
        let mut is_down = false;
        for point in points {
            if let Some((x, y)) = point {
                _ = write!(d, "{}{} {}", if is_down { 'L' } else { 'M' }, number(*x), number(*y));
            }
            is_down = point.is_some();
        }
        if !d.is_empty() {
            self.push(format_args!("<path class=\"{class}\" d=\"{d}\"/>"));
        }
    }

    /// Between two curves over the same x: x, low, high.
    pub(super) fn band(&mut self, class: &str, points: &[Option<(f64, f64, f64)>]) {
        for piece in points.split(Option::is_none) {
            let mut d = String::new();
            let piece = || piece.iter().flatten();
            for (i, (x, low, _)) in piece().enumerate() {
                _ = write!(d, "{}{} {}", if i == 0 { 'M' } else { 'L' }, number(*x), number(*low));
            }
            for (x, _, high) in piece().rev() {
                _ = write!(d, "L{} {}", number(*x), number(*high));
            }
            if !d.is_empty() {
                self.push(format_args!("<path class=\"{class}\" d=\"{d}Z\"/>"));
            }
        }
    }

    pub(super) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (x, y, text) = (number(x), number(y), escape(text));
        self.push(format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{anchor}>{text}</text>"));
    }

    /// Along the left side, read from below.
    pub(super) fn text_upwards(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        let (x, y, text) = (number(x), number(y), escape(text));
        self.push(format_args!(
            "<text class=\"{class}\" transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\">{text}</text>"
        ));
    }

    /// A mark whose shape tells the case, as its colour does.
    pub(super) fn mark(&mut self, class: &str, (x, y): (f64, f64), shape: usize) {
        let at = |points: &[(f64, f64)]| -> String {
            let text: Vec<String> =
                points.iter().map(|(dx, dy)| format!("{} {}", number(x + dx), number(y + dy))).collect();
            format!("M{}Z", text.join("L"))
        };
        let d = match shape % 7 {
            0 => {
                let (x, y) = (number(x), number(y));
                return self.push(format_args!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>"));
            }
            1 => at(&[(-4.6, -4.6), (4.6, -4.6), (4.6, 4.6), (-4.6, 4.6)]),
            2 => at(&[(0.0, -6.2), (5.6, 4.2), (-5.6, 4.2)]),
            3 => at(&[(0.0, -6.4), (6.4, 0.0), (0.0, 6.4), (-6.4, 0.0)]),
            4 => at(&[(0.0, 6.2), (5.6, -4.2), (-5.6, -4.2)]),
            5 => at(&[
                (-6.0, -2.0),
                (-2.0, -2.0),
                (-2.0, -6.0),
                (2.0, -6.0),
                (2.0, -2.0),
                (6.0, -2.0),
                (6.0, 2.0),
                (2.0, 2.0),
                (2.0, 6.0),
                (-2.0, 6.0),
                (-2.0, 2.0),
                (-6.0, 2.0),
            ]),
            _ => at(&[(-3.2, -5.6), (3.2, -5.6), (6.4, 0.0), (3.2, 5.6), (-3.2, 5.6), (-6.4, 0.0)]),
        };
        self.push(format_args!("<path class=\"{class}\" d=\"{d}\"/>"));
    }
}

/// To a tenth, as short as it can be.
fn number(x: f64) -> String {
    if !x.is_finite() {
        return "0".to_owned();
    }
    let tenths = libm::rint(x * 10.0) as i64;
    if tenths % 10 == 0 { format!("{}", tenths / 10) } else { format!("{:.1}", tenths as f64 / 10.0) }
}

/// From numbers to a place on paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// `low` is at `from`, `high` at `to`; if they are the same, there is room made around them.
    pub(super) fn new((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        let room = if high > low { 0.0 } else { (low.abs() * 0.05).max(1e-3) };
        Self { low: low - room, high: high.max(low) + room, from, to }
    }

    /// The same, widened to the ticks around it.
    pub(super) fn nice(range: (f64, f64), paper: (f64, f64), ticks: usize) -> Self {
        let mut scale = Self::new(range, paper);
        let step = scale.step(ticks);
        scale.low = libm::floor(scale.low / step + 1e-9) * step;
        scale.high = libm::ceil(scale.high / step - 1e-9) * step;
        scale
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// A round number that divides the scale into about `ticks`.
    pub(super) fn step(&self, ticks: usize) -> f64 {
        let rough = (self.high - self.low) / ticks.max(1) as f64;
        let magnitude = libm::pow(10.0, libm::floor(libm::log10(rough)));
        let times = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|t| t * magnitude >= rough * 0.999_999);
        times.unwrap_or(10.0) * magnitude
    }

    /// Round numbers on the scale, and how far apart they are.
    pub(super) fn ticks(&self, ticks: usize) -> (Vec<f64>, f64) {
        let step = self.step(ticks);
        let first = libm::ceil(self.low / step - 1e-9) as i64;
        let last = libm::floor(self.high / step + 1e-9) as i64;
        ((first..=last.min(first + 100)).map(|i| i as f64 * step).collect(), step)
    }
}

/// How wide a text of this size will be at most, about: as in a wide font.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let of = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | '|' | '\'' | ' ' | 'f' | 'I' => 0.34,
        't' | 'r' | '-' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' => 0.97,
        c if c.is_ascii_uppercase() => 0.72,
        c if (c as u32) < 0x2e80 => 0.63,
        _ => 1.0,
    };
    text.chars().map(of).sum::<f64>() * size
}

/// As much of a text as fits.
pub(super) fn shortened(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if width(&out, size) + size > room {
            break;
        }
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers() {
        let check = |range, expected: &[f64]| {
            let (ticks, _) = Scale::new(range, (0.0, 1.0)).ticks(4);
            assert!(
                ticks.len() == expected.len() && ticks.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9),
                "{range:?}: {ticks:?}"
            );
        };
        check((0.0, 100.0), &[0.0, 25.0, 50.0, 75.0, 100.0]);
        check((0.93, 0.98), &[0.94, 0.96, 0.98]);
        check((-3.0, 17.0), &[0.0, 5.0, 10.0, 15.0]);
    }

    #[test]
    fn a_scale_of_one_value_has_room() {
        let scale = Scale::nice((5.0, 5.0), (0.0, 100.0), 4);
        assert!(scale.low < 5.0 && scale.high > 5.0);
        assert!((Scale::nice((0.0, 0.0), (0.0, 100.0), 4).at(0.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_too_long_is_shortened() {
        assert_eq!(shortened("short", 12.0, 100.0), "short");
        assert!(width(&shortened(&"long ".repeat(20), 12.0, 100.0), 12.0) <= 110.0);
    }
}
