//! Bar charts over time as SVG, in which each bar leads to its requests.

use std::error::Error;
use std::fmt::Write;

use plotters::prelude::*;

const WIDTH: u32 = 560;
const HEIGHT: u32 = 180;

/// The colors of a chart. The style sheet replaces them, so that a chart follows the color scheme of the reader.
const COLORS: [(RGBColor, &str); 5] = [
    (TEXT, "var(--faint)"),
    (GRID, "var(--line)"),
    (MAIN, "var(--bar)"),
    (BAD, "var(--bad)"),
    (PALE, "var(--pale)"),
];
const TEXT: RGBColor = RGBColor(1, 0, 0);
const GRID: RGBColor = RGBColor(2, 0, 0);
const MAIN: RGBColor = RGBColor(3, 0, 0);
const BAD: RGBColor = RGBColor(4, 0, 0);
const PALE: RGBColor = RGBColor(5, 0, 0);

/// A bar: its parts from the axis up, and the page with its requests.
pub(super) struct Bar {
    /// The upper ends of the parts, in the order in which they are drawn.
    pub(super) parts: Vec<(Part, f64)>,
    pub(super) label: String,
    /// What the bar shows, for the reader who points at it.
    pub(super) title: String,
    pub(super) address: String,
}

/// The color of a part of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Main,
    Bad,
    Pale,
}

impl Part {
    const fn color(self) -> RGBColor {
        match self {
            Self::Main => MAIN,
            Self::Bad => BAD,
            Self::Pale => PALE,
        }
    }
}

/// Draws a chart. Returns `None` if there are no bars, or if they cannot be drawn.
pub(super) fn draw(bars: &[Bar], unit: &dyn Fn(f64) -> String) -> Option<String> {
    if bars.is_empty() {
        return None;
    }
    let mut svg = String::new();
    let links = paint(&mut svg, bars, unit).ok()?;
    for (color, variable) in COLORS {
        let RGBColor(red, green, blue) = color;
        svg = svg.replace(&format!("#{red:02X}{green:02X}{blue:02X}"), variable);
    }
    let end = svg.rfind("</svg>")?;
    svg.insert_str(end, &links);
    // The style sheet gives the size.
    let size = format!("width=\"{WIDTH}\" height=\"{HEIGHT}\" ");
    Some(svg.replacen(&size, "", 1))
}

/// Paints the axes and the bars. Returns the links over the bars.
fn paint(svg: &mut String, bars: &[Bar], unit: &dyn Fn(f64) -> String) -> Result<String, Box<dyn Error>> {
    let count = i32::try_from(bars.len())?;
    let highest = bars.iter().flat_map(|bar| &bar.parts).map(|(_, end)| *end).fold(0.0, f64::max);
    let root = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let mut chart = ChartBuilder::on(&root)
        .margin(4)
        .margin_right(12)
        .x_label_area_size(22)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..f64::from(count), 0.0..if highest > 0.0 { highest * 1.05 } else { 1.0 })
        .map_err(|error| failed(&error))?;
    let label = |x: &f64| {
        // A label stands at the begin of a bar.
        let index = bars.iter().zip(0..count).find(|(_, index)| (f64::from(*index) - *x).abs() < 0.01);
        index.map(|(bar, _)| bar.label.clone()).unwrap_or_default()
    };
    let font = ("sans-serif", 12).into_font().color(&TEXT);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(font)
        .x_labels(5)
        .y_labels(4)
        .x_label_formatter(&label)
        .y_label_formatter(&|value: &f64| unit(*value))
        .draw()
        .map_err(|error| failed(&error))?;

    let mut links = String::new();
    for (bar, index) in bars.iter().zip(0..count) {
        let (left, right) = (f64::from(index) + 0.08, f64::from(index) + 0.92);
        for (part, end) in bar.parts.iter().filter(|(_, end)| *end > 0.0) {
            let shape = Rectangle::new([(left, 0.0), (right, *end)], part.color().filled());
            chart.draw_series([shape]).map_err(|error| failed(&error))?;
        }
        if bar.parts.iter().all(|(_, end)| *end <= 0.0) {
            continue;
        }
        let area = chart.plotting_area();
        let (x, top) = area.map_coordinate(&(f64::from(index), highest * 1.05));
        let (x_end, bottom) = area.map_coordinate(&(f64::from(index) + 1.0, 0.0));
        write!(
            links,
            "<a href=\"{}\"><title>{}</title><rect class=\"hit\" x=\"{x}\" y=\"{top}\" width=\"{}\" height=\"{}\"/></a>",
            escaped(&bar.address),
            escaped(&bar.title),
            x_end - x,
            bottom - top,
        )?;
    }
    root.present().map_err(|error| failed(&error))?;
    drop(chart);
    drop(root);
    Ok(links)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{Bar, Part, draw};

    fn bar(end: f64, address: &str) -> Bar {
        Bar {
            parts: vec![(Part::Pale, end), (Part::Main, end / 2.0)],
            label: "10:00".to_owned(),
            title: "<1 & 2>".to_owned(),
            address: address.to_owned(),
        }
    }

    #[test]
    fn chart_has_a_link_for_each_bar_and_no_fixed_color() {
        let svg = draw(&[bar(3.0, "/?a=1&b=2"), bar(0.0, "/none"), bar(5.0, "/?\"x")], &|value| {
            format!("{value} u")
        })
        .unwrap();
        assert_eq!(svg.matches("<a href=").count(), 2, "{svg}");
        assert!(
            svg.contains("/?a=1&amp;b=2") && svg.contains("/?&quot;x") && svg.contains("&lt;1 &amp; 2&gt;"),
            "{svg}"
        );
        assert!(svg.contains("fill=\"var(--bar)\"") && svg.contains("fill=\"var(--pale)\""), "{svg}");
        assert!(!svg.contains("=\"#") && !svg.contains("style="), "{svg}");
        assert!(svg.starts_with("<svg viewBox=") || svg.contains("<svg viewBox="), "{svg}");
        assert!(svg.contains("10:00") && svg.contains(" u"), "{svg}");
    }

    #[test]
    fn chart_without_values_is_drawn_and_without_bars_is_not() {
        assert!(draw(&[bar(0.0, "/")], &|value| value.to_string()).is_some());
        assert!(draw(&[], &|value| value.to_string()).is_none());
    }
}
