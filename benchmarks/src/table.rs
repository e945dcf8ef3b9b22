//! Tables in Markdown, and what goes into their cells.

/// A table with one row for each thing and one column for each subject.
pub(crate) struct Table {
    columns: usize,
    text: String,
}

impl Table {
    pub(crate) fn new(title: &str, columns: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut table = Self { columns: 0, text: format!("### {title}\n\n") };
        let columns: Vec<_> = columns.into_iter().collect();
        table.columns = columns.len();
        table.line(columns.iter().map(AsRef::as_ref));
        table.line(std::iter::once("---").chain(std::iter::repeat_n("---:", columns.len() - 1)));
        table
    }

    fn line<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        for cell in cells {
            self.text += &format!("| {cell} ");
        }
        self.text += "|\n";
    }

    /// Adds a row. `None` is a cell without a figure.
    pub(crate) fn row(&mut self, title: &str, cells: impl IntoIterator<Item = Option<String>>) {
        let cells: Vec<_> = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "–".to_owned())).collect();
        assert_eq!(cells.len() + 1, self.columns, "a row has a cell for each column");
        self.line(std::iter::once(title).chain(cells.iter().map(String::as_str)));
    }

    pub(crate) fn print(&self) {
        println!("{}", self.text);
    }
}

/// The median and the best of several measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    /// The lowest.
    pub(crate) best: f64,
}

impl Summary {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Some(Self { median: *values.get(values.len() / 2)?, best: *values.first()? })
    }

    pub(crate) fn shown(self) -> String {
        format!("{} ({})", number(self.median), number(self.best))
    }
}

/// Returns a number with three significant digits at least, and commas between thousands.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        below if below < 10.0 => 2,
        below if below < 100.0 => 1,
        _ => return thousands(value),
    };
    let text = format!("{value:.decimals$}");
    text.strip_suffix(&format!(".{}", "0".repeat(decimals))).unwrap_or(&text).to_owned()
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (1.234, "1.23"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1234.0, "1,234"),
            (1_234_567.0, "1,234,567"),
            (-1234.0, "-1,234"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn median_and_best_do_not_depend_on_the_order() {
        assert_eq!(Summary::of([3.0, 1.0, 2.0]), Some(Summary { median: 2.0, best: 1.0 }));
        assert_eq!(Summary::of([]), None);
    }
}
