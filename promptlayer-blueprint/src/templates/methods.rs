//! The methods of Python's strings, lists and dictionaries for jinja2 templates.

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

use super::python;

/// Calls a method that the template engine does not provide.
pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => call_text(value.as_str().unwrap_or_default(), method, arguments),
        ValueKind::Map => call_map(state, value, method, arguments),
        ValueKind::Seq => call_list(value, method, arguments),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn call_map(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    match method {
        "items" => {
            () = from_args(arguments)?;
            state.apply_filter("items", std::slice::from_ref(value))
        }
        "keys" => {
            () = from_args(arguments)?;
            Ok(value.try_iter()?.collect())
        }
        "values" => {
            () = from_args(arguments)?;
            value.try_iter()?.map(|key| value.get_item(&key)).collect()
        }
        "get" => {
            let (key, default): (&Value, Option<Value>) = from_args(arguments)?;
            let found = value.get_item(key)?;
            let default = default.unwrap_or_else(|| Value::from(()));
            Ok(if found.is_undefined() { default } else { found })
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn call_list(value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (wanted,): (&Value,) = from_args(arguments)?;
    match method {
        "count" => Ok(value.try_iter()?.filter(|item| item == wanted).count().into()),
        "index" => value
            .try_iter()?
            .position(|item| item == *wanted)
            .map(Value::from)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "the value is not in the list")),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn call_text(text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    // Methods without arguments.
    let plain = match method {
        "upper" => Some(Value::from(text.to_uppercase())),
        "lower" => Some(Value::from(text.to_lowercase())),
        "title" => Some(Value::from(title(text))),
        "capitalize" => Some(Value::from(capitalize(text))),
        "isdigit" | "isnumeric" | "isdecimal" => Some(all(text, char::is_numeric).into()),
        "isalpha" => Some(all(text, char::is_alphabetic).into()),
        "isalnum" => Some(all(text, char::is_alphanumeric).into()),
        "isspace" => Some(all(text, char::is_whitespace).into()),
        "isupper" => Some((text.to_uppercase() == text && text.to_lowercase() != text).into()),
        "islower" => Some((text.to_lowercase() == text && text.to_uppercase() != text).into()),
        _ => None,
    };
    if let Some(result) = plain {
        () = from_args(arguments)?;
        return Ok(result);
    }
    match method {
        "strip" | "lstrip" | "rstrip" => {
            let (characters,): (Option<&str>,) = from_args(arguments)?;
            Ok(Value::from(strip(text, method, characters)))
        }
        "replace" => {
            let (old, new, count): (&str, &str, Option<i64>) = from_args(arguments)?;
            Ok(Value::from(match count.map(usize::try_from) {
                Some(Ok(count)) => text.replacen(old, new, count),
                _ => text.replace(old, new),
            }))
        }
        "split" => {
            let (separator, most): (Option<&str>, Option<i64>) = from_args(arguments)?;
            split(text, separator, most)
        }
        "splitlines" => {
            () = from_args(arguments)?;
            Ok(text.lines().collect())
        }
        "join" => {
            let (items,): (&Value,) = from_args(arguments)?;
            join(text, items)
        }
        "startswith" | "endswith" => {
            let (affixes,): (&Value,) = from_args(arguments)?;
            let has = |affix: &str| match method {
                "startswith" => text.starts_with(affix),
                _ => text.ends_with(affix),
            };
            Ok(Value::from(match affixes.as_str() {
                Some(affix) => has(affix),
                None => affixes.try_iter()?.any(|affix| affix.as_str().is_some_and(has)),
            }))
        }
        "find" => {
            let (wanted,): (&str,) = from_args(arguments)?;
            let before = text.find(wanted).and_then(|end| text.get(..end));
            Ok(before.map_or(Value::from(-1), |before| before.chars().count().into()))
        }
        "count" => {
            let (wanted,): (&str,) = from_args(arguments)?;
            Ok(text.matches(wanted).count().into())
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(arguments)?;
            Ok(Value::from(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(arguments)?;
            Ok(Value::from(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "center" => {
            let (width,): (usize,) = from_args(arguments)?;
            Ok(Value::from(center(text, width)))
        }
        "format" => format(FormatStyle::StrFormat, text, arguments).map(Value::from),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn all(text: &str, is: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(is)
}

/// Converts the first letter to upper case and all others to lower case.
pub(super) fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters.as_str().to_lowercase().chars()).collect()
}

/// Converts the first letter of each word to upper case and all others to lower case.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    for character in text.chars() {
        if in_word {
            out.extend(character.to_lowercase());
        } else {
            out.extend(character.to_uppercase());
        }
        in_word = character.is_alphabetic();
    }
    out
}

/// Centers the text in `width` characters. If the padding is odd, the extra space goes where Python puts it.
pub(super) fn center(text: &str, width: usize) -> String {
    let padding = width.min(10_000).saturating_sub(text.chars().count());
    let before = padding / 2 + (padding & width & 1);
    format!("{}{text}{}", " ".repeat(before), " ".repeat(padding - before))
}

fn strip<'a>(text: &'a str, method: &str, characters: Option<&str>) -> &'a str {
    let strips = |character: char| match characters {
        Some(characters) => characters.contains(character),
        None => character.is_whitespace(),
    };
    match method {
        "lstrip" => text.trim_start_matches(strips),
        "rstrip" => text.trim_end_matches(strips),
        _ => text.trim_matches(strips),
    }
}

/// Splits at `separator`, or at white space, at most `most` times. A negative `most` means no limit.
fn split(text: &str, separator: Option<&str>, most: Option<i64>) -> Result<Value, Error> {
    let most = most.and_then(|most| usize::try_from(most).ok());
    match (separator, most) {
        (Some(""), _) => Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
        (Some(separator), Some(most)) => Ok(text.splitn(most.saturating_add(1), separator).collect()),
        (Some(separator), None) => Ok(text.split(separator).collect()),
        (None, None) => Ok(text.split_whitespace().collect()),
        (None, Some(most)) => {
            let mut parts = Vec::new();
            let mut rest = text.trim_start();
            while parts.len() < most && !rest.is_empty() {
                let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                parts.push(word);
                rest = after.trim_start();
            }
            if !rest.is_empty() {
                parts.push(rest);
            }
            Ok(parts.into_iter().collect())
        }
    }
}

fn join(separator: &str, items: &Value) -> Result<Value, Error> {
    let mut out = String::new();
    for (count, item) in items.try_iter()?.enumerate() {
        if count > 0 {
            out.push_str(separator);
        }
        if item.as_str().is_none() {
            return Err(Error::new(ErrorKind::InvalidOperation, "only texts can be joined"));
        }
        python::write_str(&mut out, &item);
    }
    Ok(Value::from(out))
}
