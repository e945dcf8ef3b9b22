//! A parsed `Debug` output as JSON, in the form in which serde would write the value, as far as it is known.
//!
//! | `Debug` | JSON |
//! |---|---|
//! | `Some(1)`, `None`, `()` | `1`, `null`, `null` |
//! | a struct `Point { x: 1 }` | `{"x": 1}` |
//! | a unit variant `User` | `"User"` |
//! | `Text("a")`, `Pair(1, 2)` | `{"Text": "a"}`, `{"Pair": [1, 2]}` |
//! | a struct variant `Image { url: "b" }` | `{"Image": {"url": "b"}}` |
//! | `(1, 2)`, `[1, 2]`, a set `{1, 2}` | `[1, 2]` |
//! | a map `{"k": 1}` | `{"k": 1}` |
//! | `Object {"a": Number(1)}` of `serde_json` | `{"a": 1}` |
//!
//! `Debug` does not tell a struct from a struct variant. Such a value is a variant if its type has another name, or
//! if it is in a list with values of other names. A newtype stands for its content if its type has that name, or
//! if the name repeats the one of the field, as in `id: RequestId("a")`.
//!
//! Values whose names mark them as secrets are replaced, and so are HTTP headers.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::clients::Form;
use super::names::{camel_case, snake_case};
use super::parse::{MASK, Node};
use crate::capture::secret_names::{
    REDACTED, Within, is_of_headers, is_secret, is_secret_type, looks_like_a_secret,
};
use crate::capture::type_names::{last_name, paths};

/// Converts parsed `Debug` output.
pub(super) struct Converter<'a> {
    pub(super) form: &'static Form,
    /// The name of the type of the whole value.
    pub(super) type_name: &'a str,
}

/// The position of a value.
#[derive(Clone, Copy)]
struct Place<'a> {
    within: Within,
    /// The name of the field that contains the value.
    field: &'a str,
    /// `true` if the value is the whole one, or an item of it: its name may be that of the whole type.
    is_whole: bool,
    /// `true` for the items of a list.
    is_item: bool,
    /// `true` for the items of a list whose items have several names.
    is_variant: bool,
}

impl Converter<'_> {
    /// Converts the whole value.
    pub(super) fn convert(&self, node: Node<'_>) -> Value {
        let place =
            Place { within: Within::Settings, field: "", is_whole: true, is_item: false, is_variant: false };
        self.value(node, place)
    }

    fn value(&self, node: Node<'_>, place: Place<'_>) -> Value {
        match node {
            Node::Text(text) => Value::from(text),
            Node::Word(word) => self.word(word, place),
            Node::Tuple("", items) => self.pair_or_list(items, place),
            Node::Tuple(name, items) => self.tuple(name, items, place),
            Node::Struct(name, fields) => self.structure(name, fields, place),
            Node::List(_, items) => self.list(items, place),
            Node::Map(_, entries) => self.map(entries, place),
        }
    }

    fn word(&self, word: &str, place: Place<'_>) -> Value {
        match word {
            "None" | "Null" => return Value::Null,
            "true" => return Value::Bool(true),
            "false" => return Value::Bool(false),
            _ => {}
        }
        if let Some(number) = number(word) {
            return number;
        }
        if word.starts_with(MASK) && !place.is_item {
            return Value::from(word);
        }
        (self.form.rewrite)(word, &mut Value::Null).unwrap_or_else(|| {
            if self.form.is_amazon && is_name(word) {
                Value::from(snake_case(word))
            } else if self.form.is_known && place.field == "role" {
                Value::from(word.to_ascii_lowercase())
            } else {
                Value::from(word)
            }
        })
    }

    /// Converts a tuple without a name. A pair may be an entry of a list of headers.
    fn pair_or_list(&self, mut items: Vec<Node<'_>>, place: Place<'_>) -> Value {
        match items.as_mut_slice() {
            [] => Value::Null,
            [Node::Text(name), value] if hides(place.within, name, value) => {
                Value::from(vec![Value::from(name.as_ref()), Value::from(REDACTED)])
            }
            _ => self.list(items, Place { is_whole: false, ..place }),
        }
    }

    fn tuple(&self, name: &str, items: Vec<Node<'_>>, place: Place<'_>) -> Value {
        let inner = Place { is_item: false, is_variant: false, ..place };
        let mut items = items;
        if items.len() != 1 {
            let is_type = place.is_whole && self.is_type(name);
            let items = self.list(items, Place { is_whole: false, ..inner });
            return if is_type { items } else { tagged(self.key(name), items) };
        }
        let Some(only) = items.pop() else { return Value::Null };
        if name == "Some" || is_json(name, &only) {
            return self.value(only, Place { is_item: place.is_item, ..inner });
        }
        if is_secret_type(name)
            || (is_secret(name) && matches!(&only, Node::Text(text) if looks_like_a_secret(text)))
        {
            return Value::from(REDACTED);
        }
        let is_unit = matches!(only, Node::Word(word) if is_name(word));
        let is_type = place.is_whole && self.is_type(name);
        let mut content = self.value(only, Place { is_whole: false, ..inner });
        if let Some(rewritten) = (self.form.rewrite)(name, &mut content) {
            return rewritten;
        }
        if self.form.is_amazon {
            // The content of this variant is a struct without fields.
            let content = if is_unit { Value::Object(Map::new()) } else { content };
            return tagged(self.key(name), content);
        }
        if is_type || repeats(name, place.field) { content } else { tagged(self.key(name), content) }
    }

    fn structure(&self, name: &str, fields: Vec<(&str, Node<'_>)>, place: Place<'_>) -> Value {
        let mut object = Map::new();
        for (field, node) in fields {
            let is_private = self.form.is_amazon && field.starts_with('_');
            let is_marker = matches!(node, Node::Word(word) if word.starts_with("PhantomData<"));
            if is_private || is_marker {
                continue;
            }
            let value = match node {
                // Digits that are no number.
                Node::Word(bytes) if name == "Blob" => Value::from(bytes),
                node => self.field(field, node, place.within),
            };
            if !(self.form.is_amazon && value.is_null()) {
                object.insert(self.key(field).into_owned(), value);
            }
        }
        let mut object = Value::Object(object);
        if let Some(rewritten) = (self.form.rewrite)(name, &mut object) {
            return rewritten;
        }
        let is_variant = place.is_variant || (place.is_whole && !self.is_type(name));
        if is_variant && !self.form.is_known && !name.is_empty() {
            return tagged(Cow::Borrowed(name), object);
        }
        object
    }

    /// Converts the value of a field or of an entry of a map.
    fn field(&self, name: &str, node: Node<'_>, within: Within) -> Value {
        if hides(within, name, &node) {
            return Value::from(REDACTED);
        }
        let place = Place {
            within: within.then(name),
            field: name,
            is_whole: false,
            is_item: false,
            is_variant: false,
        };
        self.value(node, place)
    }

    fn list(&self, items: Vec<Node<'_>>, place: Place<'_>) -> Value {
        let mut names = items.iter().map(name_of);
        let first = names.next().flatten();
        let is_variant = first.is_some() && names.any(|name| name.is_some() && name != first);
        let place = Place { is_item: true, is_variant, ..place };
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let is_message = self.form.is_known && matches!(item, Node::Struct(..));
            match self.value(item, place) {
                // One struct may be several messages on the wire.
                Value::Array(several) if is_message => list.extend(several),
                value => list.push(value),
            }
        }
        Value::Array(list)
    }

    fn map(&self, entries: Vec<(Node<'_>, Node<'_>)>, place: Place<'_>) -> Value {
        let mut object = Map::new();
        for (key, node) in entries {
            let key = match key {
                Node::Text(key) => key.into_owned(),
                Node::Word(key) => key.to_owned(),
                other => self.value(other, Place { is_whole: false, ..place }).to_string(),
            };
            let value = self.field(&key, node, place.within);
            object.insert(key, value);
        }
        Value::Object(object)
    }

    /// Returns the name of a field or a variant on the wire.
    fn key<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.form.is_amazon { Cow::Owned(camel_case(name)) } else { Cow::Borrowed(name) }
    }

    /// Returns `true` if the type of the whole value has this name, itself or as a parameter.
    fn is_type(&self, name: &str) -> bool {
        let name = name.split('<').next().unwrap_or(name);
        self.type_name.is_empty() || paths(self.type_name).any(|path| path == name || last_name(path) == name)
    }
}

fn tagged(name: Cow<'_, str>, content: Value) -> Value {
    Value::Object(Map::from_iter([(name.into_owned(), content)]))
}

/// Returns `true` if the value of this name must not be logged: a secret or HTTP headers. A value that is absent
/// or a flag shows nothing.
fn hides(within: Within, name: &str, node: &Node<'_>) -> bool {
    match node {
        Node::Word("None" | "true" | "false") => false,
        Node::Map(_, entries) if entries.is_empty() => false,
        Node::Tuple("Some", items) => items.first().is_some_and(|inner| hides(within, name, inner)),
        Node::Map(..) | Node::Struct(..) if is_of_headers(name) => true,
        // A schema describes a value of this name.
        Node::Map(..) | Node::Struct(..) | Node::Tuple(..) if within == Within::Schema => false,
        Node::Text(text) => within.hides(name, Some(text)),
        Node::List(..) => within.hides(name, Some("")),
        _ => within.hides(name, None),
    }
}

/// Returns `true` if this is a value of `serde_json` or of a crate with the same names.
fn is_json(name: &str, content: &Node<'_>) -> bool {
    match (name, content) {
        ("String", Node::Text(_))
        | ("Array", Node::List(..))
        | ("Object", Node::Map(..))
        | ("Number", Node::Tuple("PosInt" | "NegInt" | "Float", _)) => true,
        ("Bool", Node::Word(word)) => matches!(*word, "true" | "false"),
        ("Number" | "PosInt" | "NegInt" | "Float", Node::Word(word)) => number(word).is_some(),
        _ => false,
    }
}

/// Returns the name of a value that may be a variant.
fn name_of<'t>(node: &Node<'t>) -> Option<&'t str> {
    match node {
        Node::Tuple(name, _) | Node::Struct(name, _) if !name.is_empty() && *name != "Some" => Some(*name),
        Node::Word(word) if is_name(word) => Some(*word),
        _ => None,
    }
}

/// Returns `true` if a word is the name of a variant or a unit struct.
fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && word.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !matches!(word, "None" | "Null" | "true" | "false" | "NaN" | "inf")
}

/// Returns the number that a word is. A number that JSON cannot hold stays a word.
fn number(word: &str) -> Option<Value> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let unsigned = word.parse::<u64>().map(Value::from);
        return unsigned.or_else(|_| word.parse::<i64>().map(Value::from)).ok();
    }
    let is_float =
        digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'));
    let float = word.parse::<f64>().ok().filter(|float| is_float && float.is_finite());
    float.map(Value::from)
}

/// Returns `true` if the name of a newtype says no more than the name of its field: `request_id: RequestId(…)`.
fn repeats(name: &str, field: &str) -> bool {
    !field.is_empty() && {
        let name = snake_case(name);
        name == field || name.strip_suffix(field).is_some_and(|before| before.ends_with('_'))
    }
}
