//! Line plots, as SVG that needs nothing else.
//!
//! The horizontal axis has named places at equal distances (1, 2, 4, 8 processes; 0, 1 k,
//! 10 k messages). The vertical axis begins at zero, so that a line that is twice as high
//! is twice as much. A bar at each point spans its smallest and largest run.

use std::fmt::Write as _;

use pages::svg::Svg;

use crate::stats::{Sample, Unit, shown};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 42.0;
const BOTTOM: f64 = 48.0;
const INK: &str = "#333333";
/// Distinguishable for colour-blind readers too.
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#777777"];

/// One line of a plot.
pub(crate) struct Line<'a> {
    /// What it shows.
    pub(crate) name: &'a str,
    /// A sample for each place of the horizontal axis, or for the first of them.
    pub(crate) points: Vec<&'a Sample>,
}

/// Draws lines over named places.
pub(crate) fn plot(title: &str, across: &str, places: &[String], lines: &[Line<'_>]) -> String {
    let unit = lines.iter().flat_map(|line| line.points.first()).next();
    let unit = unit.map_or(Unit::Times, |sample| sample.unit);
    let highest = lines
        .iter()
        .flat_map(|line| line.points.iter().map(|sample| sample.spread().1))
        .fold(0.0, f64::max);
    let scale = Scale::new(highest, places.len());
    let mut svg = Svg::default();
    let all = &"100%";
    svg.shape(
        "rect",
        &[("width", all), ("height", all), ("fill", &"#ffffff")],
    );
    heading(&mut svg, title);
    axes(&mut svg, &scale, unit, across, places);
    for (index, line) in lines.iter().enumerate() {
        draw(&mut svg, &scale, line, index);
    }
    svg.document(
        &[
            ("viewBox", &format_args!("0 0 {WIDTH} {HEIGHT}")),
            ("font-family", &"sans-serif"),
            ("font-size", &12),
        ],
        "",
    )
}

/// Where numbers lie on the picture.
struct Scale {
    step: f64,
    top: f64,
    places: usize,
}

impl Scale {
    fn new(highest: f64, places: usize) -> Self {
        let step = step(highest);
        let top = (highest / step).ceil().max(1.0) * step;
        Self { step, top, places }
    }

    fn x(&self, place: usize) -> f64 {
        let gaps = self.places.saturating_sub(1).max(1) as f64;
        LEFT + 20.0 + (WIDTH - LEFT - RIGHT - 40.0) * place as f64 / gaps
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top
    }
}

/// The distance of grid lines: 1, 2 or 5 times a power of ten, four to eight of them.
fn step(highest: f64) -> f64 {
    if highest <= 0.0 {
        return 1.0;
    }
    let rough = highest / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let fitting = [5.0, 2.0].into_iter().find(|times| power * times <= rough);
    power * fitting.unwrap_or(1.0)
}

fn heading(svg: &mut Svg, words: &str) {
    svg.text(
        &[
            ("x", &LEFT),
            ("y", &22),
            ("fill", &INK),
            ("font-weight", &"bold"),
        ],
        words,
    );
}

fn text(svg: &mut Svg, (x, y): (f64, f64), anchor: &str, words: &str) {
    svg.text(
        &[
            ("x", &format_args!("{x:.0}")),
            ("y", &format_args!("{y:.0}")),
            ("fill", &INK),
            ("text-anchor", &anchor),
        ],
        words,
    );
}

fn axes(svg: &mut Svg, scale: &Scale, unit: Unit, across: &str, places: &[String]) {
    let right = WIDTH - RIGHT;
    let lines = (scale.top / scale.step).round() as usize;
    for line in 0..=lines {
        let value = line as f64 * scale.step;
        let y = scale.y(value);
        let level = format!("M{LEFT} {y:.1}H{right}");
        svg.shape("path", &[("d", &level), ("stroke", &"#dddddd")]);
        text(svg, (LEFT - 8.0, y + 4.0), "end", &shown(unit, value));
    }
    for (index, place) in places.iter().enumerate() {
        let below = HEIGHT - BOTTOM + 18.0;
        text(svg, (scale.x(index), below), "middle", place);
    }
    let middle = f64::midpoint(LEFT, right);
    text(svg, (middle, HEIGHT - 10.0), "middle", across);
}

fn draw(svg: &mut Svg, scale: &Scale, line: &Line<'_>, index: usize) {
    let colour = COLOURS[index % COLOURS.len()];
    let mut path = String::new();
    for (place, sample) in line.points.iter().enumerate() {
        let (x, y) = (scale.x(place), scale.y(sample.median()));
        let _ = write!(path, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
        bar(svg, scale, x, sample, colour);
        dot(svg, (x, y), colour);
    }
    svg.shape(
        "path",
        &[
            ("d", &path),
            ("fill", &"none"),
            ("stroke", &colour),
            ("stroke-width", &2),
        ],
    );
    name(svg, line.name, index, colour);
}

/// From the smallest run of a sample to its largest.
fn bar(svg: &mut Svg, scale: &Scale, x: f64, sample: &Sample, colour: &str) {
    let (low, high) = sample.spread();
    let (low, high) = (scale.y(low), scale.y(high));
    let path = format!("M{x:.1} {low:.1}V{high:.1}");
    svg.shape(
        "path",
        &[("d", &path), ("stroke", &colour), ("opacity", &0.5)],
    );
}

fn dot(svg: &mut Svg, (x, y): (f64, f64), colour: &str) {
    svg.shape(
        "circle",
        &[
            ("cx", &format_args!("{x:.1}")),
            ("cy", &format_args!("{y:.1}")),
            ("r", &3),
            ("fill", &colour),
        ],
    );
}

/// What a line is called, beside the plot.
fn name(svg: &mut Svg, name: &str, index: usize, colour: &str) {
    let (x, y) = (WIDTH - RIGHT + 12.0, TOP + 18.0 * index as f64);
    svg.shape(
        "rect",
        &[
            ("x", &format_args!("{x:.0}")),
            ("y", &format_args!("{:.0}", y - 9.0)),
            ("width", &10),
            ("height", &10),
            ("fill", &colour),
        ],
    );
    text(svg, (x + 16.0, y), "start", name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_lines_are_round_and_neither_few_nor_many() {
        assert_eq!(step(0.0), 1.0);
        assert_eq!(step(10.0), 2.0);
        assert_eq!(step(7.9), 1.0);
        assert_eq!(step(2_100.0), 500.0);
        for highest in [0.003, 0.7, 1.0, 9.9, 123.0, 99_999.0] {
            let lines = (highest / step(highest)).ceil();
            assert!((4.0..=10.0).contains(&lines), "{lines} lines to {highest}");
        }
    }

    #[test]
    fn a_plot_begins_at_zero_and_has_every_line_and_place() {
        let low = Sample {
            unit: Unit::Rate,
            runs: vec![10.0],
        };
        let high = Sample {
            unit: Unit::Rate,
            runs: vec![20.0, 40.0, 30.0],
        };
        let places = ["1".to_owned(), "2".to_owned()];
        let lines = [Line {
            name: "ours & theirs",
            points: vec![&low, &high],
        }];
        let svg = plot("Rates", "processes", &places, &lines);
        assert!(svg.contains(">0.00/s</text>"), "{svg}");
        assert!(svg.contains(">ours &amp; theirs</text>"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 2);
        // The bar of the second point goes from a half of the axis to its top.
        let (half, top) = ((HEIGHT - BOTTOM + TOP) / 2.0, TOP);
        assert!(svg.contains(&format!(" {half:.1}V{top:.1}")), "{svg}");
    }
}
