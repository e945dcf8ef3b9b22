//! f-string templates: Python's `str.format`, with PromptLayer's lookup of names.
//!
//! First, the whole text between each pair of braces is looked up in the variables. A name that is not found
//! counts as empty. So `{ x }` is the variable ` x `, and a missing variable is rendered as nothing. Then the
//! text is formatted with only the values that were found. So `{a[0]}` fails unless `{a}` is also in the
//! template, because only then `a` was looked up.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use minijinja::value::Serde;
use serde_json::{Map, Value};

use super::Failure::{self, Invalid, TooLong};
use super::{format_spec, python};

/// The maximum nesting of format specifications, as in Python.
const MAX_DEPTH: u32 = 2;

/// The value of a missing variable.
static EMPTY: Value = Value::String(String::new());

pub(super) fn render(
    template: &str,
    variables: &Map<String, Value>,
    limit: usize,
) -> Result<String, Failure> {
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
    format(template, &resolved, MAX_DEPTH, limit)
}

/// Returns the names of the variables.
pub(super) fn variables(template: &str) -> Result<BTreeSet<String>, Failure> {
    let mut names = BTreeSet::new();
    collect(template, MAX_DEPTH, &mut names)?;
    Ok(names)
}

fn collect(template: &str, depth: u32, names: &mut BTreeSet<String>) -> Result<(), Failure> {
    if depth == 0 {
        return Err(Invalid);
    }
    let mut rest = template;
    while let Some((_, field)) = next_part(&mut rest)? {
        let Some(field) = field else { continue };
        let (name, _) = split_name(field.name)?;
        names.insert(name.to_owned());
        if field.spec.contains('{') {
            collect(field.spec, depth - 1, names)?;
        }
    }
    Ok(())
}

fn format(
    template: &str,
    resolved: &HashMap<&str, &Value>,
    depth: u32,
    limit: usize,
) -> Result<String, Failure> {
    if depth == 0 {
        return Err(Invalid);
    }
    let mut out = String::with_capacity(template.len());
    let check = |length: usize| if length <= limit { Ok(()) } else { Err(TooLong) };
    let mut rest = template;
    while let Some((literal, field)) = next_part(&mut rest)? {
        out.push_str(literal);
        check(out.len())?;
        let Some(field) = field else { continue };
        let value = look_up(field.name, resolved)?;
        let spec = if field.spec.contains('{') {
            format(field.spec, resolved, depth - 1, limit)?
        } else {
            field.spec.to_owned()
        };
        if spec.is_empty()
            && let Value::String(text) = &*value
        {
            // Checked first, so that `out` does not grow for a value that is too long.
            check(out.len().saturating_add(text.len()))?;
        }
        match field.conversion {
            None => format_spec::format(&mut out, &value, &spec)?,
            Some(conversion) => {
                let converted = Value::String(convert(&value, conversion)?);
                format_spec::format(&mut out, &converted, &spec)?;
            }
        }
        check(out.len())?;
    }
    Ok(out)
}

/// Applies the conversion `!s`, `!r` or `!a`.
fn convert(value: &Value, conversion: char) -> Result<String, Failure> {
    let value = minijinja::Value::from(Serde(value));
    let mut text = String::new();
    match conversion {
        's' => python::write_str(&mut text, &value),
        'r' | 'a' => python::write_repr(&mut text, &value),
        _ => return Err(Invalid),
    }
    Ok(if conversion == 'a' { python::to_ascii(&text) } else { text })
}

/// A replacement field: the part between a pair of braces.
struct Field<'a> {
    name: &'a str,
    conversion: Option<char>,
    spec: &'a str,
}

/// Takes the next literal text from `rest`, and the field after it if there is one. Returns `None` at the
/// end.
fn next_part<'a>(rest: &mut &'a str) -> Result<Option<(&'a str, Option<Field<'a>>)>, Failure> {
    if rest.is_empty() {
        return Ok(None);
    }
    let Some((literal, brace, after)) = split_at(rest, |character| matches!(character, '{' | '}')) else {
        return Ok(Some((std::mem::take(rest), None)));
    };
    if let Some(after) = after.strip_prefix(brace) {
        // A doubled brace is one literal brace.
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

/// Parses a field and its closing brace.
fn read_field(text: &str) -> Result<(Field<'_>, &str), Failure> {
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

/// Returns the length of a field's name, the character that ends it, and the text after that. Everything
/// inside square brackets is part of the name.
fn end_of_name(text: &str) -> Result<(usize, char, &str), Failure> {
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

/// Splits the text around the first character that `wanted` accepts.
fn split_at(text: &str, wanted: impl Fn(char) -> bool) -> Option<(&str, char, &str)> {
    let (index, character) = text.char_indices().find(|(_, character)| wanted(*character))?;
    let after = text.get(index + character.len_utf8()..)?;
    Some((text.get(..index)?, character, after))
}

/// Splits a field's name into the name of the variable, and the elements after it.
fn split_name(name: &str) -> Result<(&str, &str), Failure> {
    let (first, path) = match split_at(name, |character| matches!(character, '.' | '[')) {
        Some((first, ..)) => name.split_at(first.len()),
        None => (name, ""),
    };
    // An empty name or a number refers to a positional argument, and there are none.
    if first.is_empty() || first.chars().all(|character| character.is_ascii_digit()) {
        return Err(Invalid);
    }
    Ok((first, path))
}

/// Resolves a field's name: a variable name, optionally followed by elements in square brackets.
fn look_up<'a>(name: &str, resolved: &HashMap<&str, &'a Value>) -> Result<Cow<'a, Value>, Failure> {
    let (first, mut path) = split_name(name)?;
    let mut value = Cow::Borrowed(*resolved.get(first).ok_or(Invalid)?);
    while !path.is_empty() {
        // JSON values have elements but no attributes.
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

/// Returns `value[key]`. A key that consists of digits is a number and not a name.
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
