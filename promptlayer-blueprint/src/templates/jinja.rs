//! jinja2 templates.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::sync::LazyLock;

use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, filters};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Map;

use super::{Failure, methods, python};

/// The characters that `urlencode` escapes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// The maximum length of a template in bytes: 4 MiB. Its syntax tree needs many times the memory of its text, and no
/// model reads a prompt of this length.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The maximum number of steps of a template, so that nested loops end within seconds.
const MAX_STEPS: u64 = 10_000_000;

/// The jinja2 sandbox as PromptLayer configures it: undefined values can be chained, nothing is escaped, and
/// values are formatted as in Python.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_fuel(Some(MAX_STEPS));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(|out, _, value| {
        let mut text = String::new();
        python::write_str(&mut text, value);
        out.write_str(&text).map_err(Error::from)
    });
    environment.set_unknown_method_callback(methods::call);
    environment.add_filter("capitalize", |text: &str| methods::capitalize(text));
    environment.add_filter("wordcount", |text: &str| text.split_whitespace().count());
    environment
        .add_filter("center", |text: &str, width: Option<usize>| methods::center(text, width.unwrap_or(80)));
    environment.add_filter("truncate", truncate);
    environment.add_filter("tojson", to_json);
    environment.add_filter("urlencode", |text: &str| utf8_percent_encode(text, ESCAPED).to_string());
    environment
});

pub(super) fn render(
    template: &str,
    variables: &Map<String, serde_json::Value>,
    limit: usize,
) -> Result<String, Failure> {
    if template.len() > MAX_BYTES {
        return Err(Failure::Invalid);
    }
    let template = ENVIRONMENT.template_from_str(template).map_err(|_| Failure::Invalid)?;
    let mut out = LimitedOutput { bytes: Vec::new(), limit, is_full: false };
    let rendered = template.render_captured_to(Serde(variables), &mut out).is_ok();
    if out.is_full {
        return Err(Failure::TooLong);
    }
    if !rendered {
        return Err(Failure::Invalid);
    }
    String::from_utf8(out.bytes).map_err(|_| Failure::Invalid)
}

/// Returns the names of the variables, without those that the template sets and without jinja2's functions.
pub(super) fn variables(template: &str) -> Result<BTreeSet<String>, Failure> {
    if template.len() > MAX_BYTES {
        return Err(Failure::Invalid);
    }
    let template = ENVIRONMENT.template_from_str(template).map_err(|_| Failure::Invalid)?;
    let names = template.undeclared_variables(false).into_iter();
    Ok(names.filter(|name| ENVIRONMENT.globals().all(|(global, _)| global != name)).collect())
}

/// The output of a template, up to a maximum length.
struct LimitedOutput {
    bytes: Vec<u8>,
    limit: usize,
    is_full: bool,
}

impl io::Write for LimitedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.limit {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The filter `tojson` of jinja2, which writes only ASCII, unlike the one of minijinja.
fn to_json(value: &Value, indent: Option<Value>, options: Kwargs) -> Result<String, Error> {
    let json = filters::tojson(value, indent, options)?;
    let mut out = String::new();
    for character in json.as_str().unwrap_or_default().chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    Ok(out)
}

/// The filter `truncate` of jinja2: keeps at most `length` characters and cuts at the end of a word, unless
/// `kill_words` is set. A text that is at most `leeway` characters longer is returned whole.
// A filter takes its options by value.
#[allow(clippy::needless_pass_by_value)]
fn truncate(
    text: &str,
    length: Option<usize>,
    kill_words: Option<bool>,
    end: Option<String>,
    named: Kwargs,
) -> Result<String, Error> {
    let length = length.or(named.get("length")?).unwrap_or(255);
    let kill_words = kill_words.or(named.get("killwords")?).unwrap_or(false);
    let end = end.or(named.get("end")?).unwrap_or_else(|| "...".to_owned());
    let leeway = named.get::<Option<usize>>("leeway")?.unwrap_or(5);
    named.assert_all_used()?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text.to_owned());
    }
    let kept = length
        .checked_sub(end.chars().count())
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "the end is longer than the length"))?;
    let kept: String = text.chars().take(kept).collect();
    let kept = match kept.rsplit_once(' ') {
        Some((words, _)) if !kill_words => words,
        _ => &kept,
    };
    Ok(format!("{kept}{end}"))
}
