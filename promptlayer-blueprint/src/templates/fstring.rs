//! f-string templates: Python's `str.format`, with names looked up as `PromptLayer` does.
//!
//! What stands between braces is looked up whole among the variables first, and counts as empty if
//! it is not there; so `{ x }` is the variable ` x `, and a missing variable leaves nothing behind.
//! Only then is the text formatted, with what was found: `{a[0]}` asks for `a`, which was not looked
//! up unless it stands in braces of its own, and so fails.

use std::{borrow::Cow, collections::HashMap};

use minijinja::value::Serde;
use serde_json::{Map, Value};

use super::{format_spec, python};

/// That a text is no valid template, or cannot be rendered with these variables. It says no more:
/// such a text is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Invalid;

/// How deep a format may hold formats: Python's limit.
const MAX_DEPTH: u32 = 2;

/// What a missing variable counts as.
static EMPTY: Value = Value::String(String::new());

pub(super) fn render(template: &str, variables: &Map<String, Value>) -> Result<String, Invalid> {
    let mut resolved = HashMap::new();
    let mut rest = template;
    while let Some((_, field)) = next_part(&mut rest)? {
        if let Some(field) = field
            && !field.name.is_empty()
        {
            let value = match variables.get(field.name) {
                None | Some(Value::Null) => &EMPTY,
                Some(value) => value,
            };
            resolved.insert(field.name, value);
        }
    }
    format(template, &resolved, MAX_DEPTH)
}

fn format(template: &str, resolved: &HashMap<&str, &Value>, depth: u32) -> Result<String, Invalid> {
    if depth == 0 {
        return Err(Invalid);
    }
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((literal, field)) = next_part(&mut rest)? {
        out.push_str(literal);
        let Some(field) = field else { continue };
        let value = look_up(field.name, resolved)?;
        let spec = if field.spec.contains('{') {
            format(field.spec, resolved, depth - 1)?
        } else {
            field.spec.to_owned()
        };
        match field.conversion {
            None => format_spec::format(&mut out, &value, &spec)?,
            Some(conversion) => {
                let converted = Value::String(convert(&value, conversion)?);
                format_spec::format(&mut out, &converted, &spec)?;
            }
        }
    }
    Ok(out)
}

/// `!s`, `!r` and `!a`.
fn convert(value: &Value, conversion: char) -> Result<String, Invalid> {
    let value = minijinja::Value::from(Serde(value));
    let mut text = String::new();
    match conversion {
        's' => python::write_str(&mut text, &value),
        'r' | 'a' => python::write_repr(&mut text, &value),
        _ => return Err(Invalid),
    }
    Ok(if conversion == 'a' { python::to_ascii(&text) } else { text })
}

/// What stands between a pair of braces.
struct Field<'a> {
    name: &'a str,
    conversion: Option<char>,
    spec: &'a str,
}

/// Takes the next literal text from `rest`, and the field after it if there is one. `None` at the
/// end.
fn next_part<'a>(rest: &mut &'a str) -> Result<Option<(&'a str, Option<Field<'a>>)>, Invalid> {
    if rest.is_empty() {
        return Ok(None);
    }
    let Some((literal, brace, after)) = split_at(rest, |character| matches!(character, '{' | '}')) else {
        return Ok(Some((std::mem::take(rest), None)));
    };
    if let Some(after) = after.strip_prefix(brace) {
        // A brace that is written twice is one brace of the literal.
        let with_brace = rest.get(..=literal.len()).ok_or(Invalid)?;
        *rest = after;
        return Ok(Some((with_brace, None)));
    }
    if brace == '}' || after.is_empty() {
        return Err(Invalid);
    }
    let (field, after) = read_field(after)?;
    *rest = after;
    Ok(Some((literal, Some(field))))
}

/// Reads a field and its closing brace.
fn read_field(text: &str) -> Result<(Field<'_>, &str), Invalid> {
    let (name_length, end, after) = end_of_name(text)?;
    let name = text.get(..name_length).ok_or(Invalid)?;
    let field = |conversion, spec| Field { name, conversion, spec };
    let (conversion, after) = match end {
        '}' => return Ok((field(None, ""), after)),
        '!' => {
            let mut characters = after.chars();
            let conversion = characters.next().ok_or(Invalid)?;
            let after = characters.as_str();
            if let Some(after) = after.strip_prefix('}') {
                return Ok((field(Some(conversion), ""), after));
            }
            (Some(conversion), after.strip_prefix(':').ok_or(Invalid)?)
        }
        _ => (None, after),
    };
    let mut open = 1;
    for (index, character) in after.char_indices() {
        match character {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            let (spec, closing) = after.split_at(index);
            return Ok((field(conversion, spec), closing.get(1..).unwrap_or_default()));
        }
    }
    Err(Invalid)
}

/// The length of a field's name, the character that ends it, and what comes after that. What stands
/// in square brackets is part of the name, whatever it is.
fn end_of_name(text: &str) -> Result<(usize, char, &str), Invalid> {
    let mut in_brackets = false;
    for (index, character) in text.char_indices() {
        match character {
            ']' => in_brackets = false,
            _ if in_brackets => {}
            '[' => in_brackets = true,
            '{' => return Err(Invalid),
            '}' | ':' | '!' => {
                let after = text.get(index + 1..).unwrap_or_default();
                return Ok((index, character, after));
            }
            _ => {}
        }
    }
    Err(Invalid)
}

/// Splits around the first character that is `wanted`.
fn split_at(text: &str, wanted: impl Fn(char) -> bool) -> Option<(&str, char, &str)> {
    let (index, character) = text.char_indices().find(|(_, character)| wanted(*character))?;
    let after = text.get(index + character.len_utf8()..)?;
    Some((text.get(..index)?, character, after))
}

/// Finds what a field's name refers to: a name, and perhaps elements of it in square brackets.
fn look_up<'a>(name: &str, resolved: &HashMap<&str, &'a Value>) -> Result<Cow<'a, Value>, Invalid> {
    let (first, mut path) = match split_at(name, |character| matches!(character, '.' | '[')) {
        Some((first, ..)) => name.split_at(first.len()),
        None => (name, ""),
    };
    // An empty name or a number is an argument by position, of which there are none.
    if first.is_empty() || first.chars().all(|character| character.is_ascii_digit()) {
        return Err(Invalid);
    }
    let mut value = Cow::Borrowed(*resolved.get(first).ok_or(Invalid)?);
    while !path.is_empty() {
        // Values of JSON have no attributes, only elements.
        let (key, after) = path.strip_prefix('[').ok_or(Invalid)?.split_once(']').ok_or(Invalid)?;
        value = match value {
            Cow::Borrowed(value) => element(value, key),
            Cow::Owned(value) => element(&value, key).map(|found| Cow::Owned(found.into_owned())),
        }
        .ok_or(Invalid)?;
        path = after;
    }
    Ok(value)
}

/// `value[key]`, where a key of digits is a number and no name.
fn element<'a>(value: &'a Value, key: &str) -> Option<Cow<'a, Value>> {
    let is_number = !key.is_empty() && key.chars().all(|character| character.is_ascii_digit());
    match value {
        Value::Array(items) if is_number => items.get(key.parse::<usize>().ok()?).map(Cow::Borrowed),
        Value::Object(fields) if !is_number => fields.get(key).map(Cow::Borrowed),
        Value::String(text) if is_number => {
            let character = text.chars().nth(key.parse().ok()?)?;
            Some(Cow::Owned(Value::String(character.into())))
        }
        _ => None,
    }
}
