//! Python's format specification mini-language: the part after the colon in `{x:>8.2f}`.

use std::fmt::Write as _;

use minijinja::value::Serde;
use serde_json::{Number, Value};

use super::Failure::{self, Invalid};
use super::python;

/// The maximum width and precision, so that a template cannot request gigabytes of output.
const MAX_WIDTH: usize = 10_000;

/// Appends `format(value, spec)`.
pub(super) fn format(out: &mut String, value: &Value, spec: &str) -> Result<(), Failure> {
    if spec.is_empty() {
        python::write_str(out, &minijinja::Value::from(Serde(value)));
        return Ok(());
    }
    match value {
        Value::String(text) => format_text(out, text, &Spec::parse(spec, '<')?),
        Value::Bool(value) => format_integer(out, i128::from(*value), &Spec::parse(spec, '>')?),
        Value::Number(number) => {
            let spec = Spec::parse(spec, '>')?;
            match integer(number) {
                Some(integer) => format_integer(out, integer, &spec),
                None => format_float(out, number.as_f64().ok_or(Invalid)?, &spec),
            }
        }
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Invalid),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// A parsed format specification.
struct Spec {
    fill: char,
    align: char,
    sign: Option<char>,
    /// `z`: no minus sign for a number that is rounded to zero.
    positive_zero: bool,
    /// `#`: always with the prefix of the base, or with a decimal point.
    alternate: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Spec {
    fn parse(text: &str, default_align: char) -> Result<Self, Failure> {
        let is_align = |character| matches!(character, '<' | '>' | '=' | '^');
        let mut rest = text;
        let mut characters = text.chars();
        let (first, second) = (characters.next(), characters.next());
        let (mut fill, mut align) = (None, None);
        if let Some(second) = second.filter(|second| is_align(*second)) {
            (fill, align) = (first, Some(second));
            rest = characters.as_str();
        } else if let Some(first) = first.filter(|first| is_align(*first)) {
            align = Some(first);
            rest = text.get(1..).unwrap_or_default();
        }
        let sign = take(&mut rest, &['+', '-', ' ']);
        let positive_zero = take(&mut rest, &['z']).is_some();
        let alternate = take(&mut rest, &['#']).is_some();
        if fill.is_none() && take(&mut rest, &['0']).is_some() {
            fill = Some('0');
            if align.is_none() && default_align == '>' {
                align = Some('=');
            }
        }
        let width = take_number(&mut rest)?.unwrap_or_default();
        let grouping = take(&mut rest, &[',', '_']);
        let precision = match take(&mut rest, &['.']) {
            Some(_) => Some(take_number(&mut rest)?.ok_or(Invalid)?),
            None => None,
        };
        let mut characters = rest.chars();
        let kind = characters.next();
        if characters.next().is_some() {
            return Err(Invalid);
        }
        let groups = match kind {
            None | Some('d' | 'e' | 'f' | 'g' | 'E' | 'F' | 'G' | '%') => true,
            Some('b' | 'o' | 'x' | 'X') => grouping != Some(','),
            Some(_) => false,
        };
        if grouping.is_some() && !groups {
            return Err(Invalid);
        }
        Ok(Self {
            fill: fill.unwrap_or(' '),
            align: align.unwrap_or(default_align),
            sign,
            positive_zero,
            alternate,
            width,
            grouping,
            precision,
            kind,
        })
    }

    /// Appends a number. `digits` are grouped, and `tail` (the fraction or the exponent) is not.
    fn write_number(&self, out: &mut String, negative: bool, prefix: &str, digits: &str, tail: &str) {
        let sign = match (negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            (false, _) => "",
        };
        let others = sign.len() + prefix.len() + tail.len();
        // Zeros between the sign and the digits count as digits and are grouped with them.
        let least = if self.fill == '0' && self.align == '=' { self.width.saturating_sub(others) } else { 0 };
        let digits = self.group(digits, least);
        let padding = self.width.saturating_sub(others + digits.len());
        let (before, between, after) = match self.align {
            '<' => (0, 0, padding),
            '^' => (padding / 2, 0, padding - padding / 2),
            '=' => (0, padding, 0),
            _ => (padding, 0, 0),
        };
        fill(out, self.fill, before);
        out.push_str(sign);
        out.push_str(prefix);
        fill(out, self.fill, between);
        out.push_str(&digits);
        out.push_str(tail);
        fill(out, self.fill, after);
    }

    /// Inserts separators between groups of digits, and leading zeros up to the width `least`. The result may
    /// be one character longer, so that it does not start with a separator.
    fn group(&self, digits: &str, least: usize) -> String {
        let size = match (self.grouping, self.kind) {
            (None, _) => return format!("{digits:0>least$}"),
            (Some(_), Some('b' | 'o' | 'x' | 'X')) => 4,
            (Some(_), _) => 3,
        };
        let mut reversed = String::new();
        let mut left = digits.chars().rev().peekable();
        let mut in_group = 0;
        while left.peek().is_some() || reversed.len() < least {
            if in_group == size {
                reversed.extend(self.grouping);
                in_group = 0;
            }
            reversed.push(left.next().unwrap_or('0'));
            in_group += 1;
        }
        reversed.chars().rev().collect()
    }
}

fn take(rest: &mut &str, wanted: &[char]) -> Option<char> {
    let found = rest.chars().next().filter(|character| wanted.contains(character))?;
    *rest = rest.get(1..).unwrap_or_default();
    Some(found)
}

/// Takes a number from the start of `rest`, if there is one.
fn take_number(rest: &mut &str) -> Result<Option<usize>, Failure> {
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    if digits.is_empty() {
        return Ok(None);
    }
    *rest = after;
    match digits.parse() {
        Ok(number) if number <= MAX_WIDTH => Ok(Some(number)),
        _ => Err(Invalid),
    }
}

fn fill(out: &mut String, character: char, count: usize) {
    out.extend(std::iter::repeat_n(character, count));
}

fn format_text(out: &mut String, text: &str, spec: &Spec) -> Result<(), Failure> {
    let is_text = matches!(spec.kind, None | Some('s'));
    let numbers_only = spec.sign.is_some()
        || spec.positive_zero
        || spec.alternate
        || spec.grouping.is_some()
        || spec.align == '=';
    if !is_text || numbers_only {
        return Err(Invalid);
    }
    let text: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
    let padding = spec.width.saturating_sub(text.chars().count());
    let before = match spec.align {
        '>' => padding,
        '^' => padding / 2,
        _ => 0,
    };
    fill(out, spec.fill, before);
    out.push_str(&text);
    fill(out, spec.fill, padding - before);
    Ok(())
}

fn format_integer(out: &mut String, number: i128, spec: &Spec) -> Result<(), Failure> {
    let magnitude = number.unsigned_abs();
    let (prefix, digits) = match spec.kind {
        None | Some('d' | 'n') => ("", magnitude.to_string()),
        Some('b') => ("0b", format!("{magnitude:b}")),
        Some('o') => ("0o", format!("{magnitude:o}")),
        Some('x') => ("0x", format!("{magnitude:x}")),
        Some('X') => ("0X", format!("{magnitude:X}")),
        Some('c') => return format_character(out, number, spec),
        // Formatted as a float. The cast loses the same digits that Python loses.
        #[allow(clippy::cast_precision_loss)]
        Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => {
            return format_float(out, number as f64, spec);
        }
        Some(_) => return Err(Invalid),
    };
    if spec.precision.is_some() || spec.positive_zero {
        return Err(Invalid);
    }
    let prefix = if spec.alternate { prefix } else { "" };
    spec.write_number(out, number < 0, prefix, &digits, "");
    Ok(())
}

fn format_character(out: &mut String, number: i128, spec: &Spec) -> Result<(), Failure> {
    if spec.precision.is_some() || spec.positive_zero || spec.sign.is_some() || spec.alternate {
        return Err(Invalid);
    }
    let character = u32::try_from(number).ok().and_then(char::from_u32).ok_or(Invalid)?;
    let padding = spec.width.saturating_sub(1);
    let before = match spec.align {
        '<' => 0,
        '^' => padding / 2,
        _ => padding,
    };
    fill(out, spec.fill, before);
    out.push(character);
    fill(out, spec.fill, padding - before);
    Ok(())
}

fn format_float(out: &mut String, number: f64, spec: &Spec) -> Result<(), Failure> {
    let kind = spec.kind.unwrap_or('r');
    let scaled = if kind == '%' { number.abs() * 100.0 } else { number.abs() };
    if !scaled.is_finite() {
        return Err(Invalid);
    }
    let precision = spec.precision.unwrap_or(6);
    let mut text = match kind {
        'f' | 'F' | '%' => format!("{scaled:.precision$}"),
        'e' | 'E' => two_digit_exponent(&format!("{scaled:.precision$e}")),
        'g' | 'G' | 'n' => general(scaled, precision.max(1), spec.alternate, false),
        'r' => match spec.precision {
            Some(precision) => general(scaled, precision.max(1), spec.alternate, true),
            None => python::float(scaled),
        },
        _ => return Err(Invalid),
    };
    let digits_end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    if spec.alternate && !text.contains('.') {
        text.insert(digits_end, '.');
    }
    if kind == '%' {
        text.push('%');
    }
    if matches!(kind, 'E' | 'G') {
        text.make_ascii_uppercase();
    }
    let is_zero =
        !text.split(['e', 'E']).next().unwrap_or_default().contains(|digit| matches!(digit, '1'..='9'));
    let negative = number.is_sign_negative() && !(spec.positive_zero && is_zero);
    let (digits, tail) = text.split_at(digits_end);
    spec.write_number(out, negative, "", digits, tail);
    Ok(())
}

/// Formats with `precision` significant digits, in scientific notation if the number is very large or very
/// small. If `point` is set, the output ends in `.0` where it would have no decimal point.
fn general(number: f64, precision: usize, alternate: bool, point: bool) -> String {
    let scientific = format!("{number:.*e}", precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i64 = exponent.parse().unwrap_or_default();
    // The conversion does not fail: the precision is limited, and the exponent of a float is small.
    let precision = i64::try_from(precision).unwrap_or(i64::MAX);
    let trim = |text: &str| {
        if alternate || !text.contains('.') {
            return text.to_owned();
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if exponent < -4 || exponent >= precision - i64::from(point) {
        let mut text = trim(mantissa);
        // Writing to a string cannot fail.
        let _ = write!(text, "e{exponent}");
        return two_digit_exponent(&text);
    }
    let decimals = usize::try_from(precision - 1 - exponent).unwrap_or_default();
    let mut text = trim(&format!("{number:.decimals$}"));
    if point && !text.contains('.') {
        text.push_str(".0");
    }
    text
}

/// Formats an exponent as Python does: with a sign and at least two digits.
fn two_digit_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}
