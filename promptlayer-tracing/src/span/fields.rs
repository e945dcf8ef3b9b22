//! The fields of a span.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The fields of a span.
///
/// The thread that runs the span only lists them. They are put in order by name where they are read.
#[derive(Debug, Clone)]
pub(crate) enum Fields {
    /// In the order in which they were recorded first. Each name is there once.
    Listed(Vec<(&'static str, Value)>),
    /// By name.
    ByName(Map<String, Value>),
}

impl Default for Fields {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(fields: Map<String, Value>) -> Self {
        Self::ByName(fields)
    }
}

impl Fields {
    /// Adds fields, each of which is there once. A field that is recorded again replaces the one before.
    pub(crate) fn record(&mut self, later: Vec<(&'static str, Value)>) {
        match self {
            Self::Listed(fields) if fields.is_empty() => *fields = later,
            Self::Listed(fields) => later.into_iter().for_each(|(name, value)| put(fields, name, value)),
            Self::ByName(fields) => fields.extend(owned(later)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Listed(fields) => fields.is_empty(),
            Self::ByName(fields) => fields.is_empty(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Listed(fields) => fields.iter().find(|(of, _)| *of == name).map(|(_, value)| value),
            Self::ByName(fields) => fields.get(name),
        }
    }

    /// Returns the fields by name.
    pub(crate) fn by_name(&self) -> Cow<'_, Map<String, Value>> {
        match self {
            Self::Listed(fields) => Cow::Owned(owned(fields.iter().cloned())),
            Self::ByName(fields) => Cow::Borrowed(fields),
        }
    }

    /// Returns the fields by name, to change them.
    pub(crate) fn by_name_mut(&mut self) -> &mut Map<String, Value> {
        if let Self::Listed(fields) = self {
            *self = Self::ByName(owned(std::mem::take(fields)));
        }
        match self {
            Self::ByName(fields) => fields,
            Self::Listed(_) => unreachable!("it was replaced"),
        }
    }

    pub(crate) fn into_by_name(self) -> Map<String, Value> {
        match self {
            Self::Listed(fields) => owned(fields),
            Self::ByName(fields) => fields,
        }
    }

    /// Returns the approximate size in bytes.
    pub(crate) fn size(&self) -> usize {
        let of = |name: &str, value: &Value| name.len() + value.as_str().map_or(size_of::<Value>(), str::len);
        match self {
            Self::Listed(fields) => fields.iter().map(|(name, value)| of(name, value)).sum(),
            Self::ByName(fields) => fields.iter().map(|(name, value)| of(name, value)).sum(),
        }
    }
}

/// Adds a field to a list. It replaces one of the same name. A span has at most 32 fields, so the list stays short.
pub(crate) fn put(fields: &mut Vec<(&'static str, Value)>, name: &'static str, value: Value) {
    match fields.iter_mut().find(|(known, _)| *known == name) {
        Some((_, before)) => *before = value,
        None => fields.push((name, value)),
    }
}

fn owned(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn last_value_of_a_name_replaces_the_ones_before() {
        let mut listed = Fields::default();
        listed.record(vec![("b", 1.into()), ("a", "x".into())]);
        let mut by_name = Fields::from(listed.clone().into_by_name());
        let size = listed.size();
        for fields in [&mut listed, &mut by_name] {
            fields.record(vec![("b", 3.into())]);
            fields.record(vec![("b", 2.into())]);
            assert_eq!(fields.size(), size);
            assert_eq!((fields.get("b"), fields.get("c")), (Some(&json!(2)), None));
            assert_eq!(Value::Object(fields.by_name().into_owned()), json!({"a": "x", "b": 2}));
        }
        assert_eq!(listed.by_name_mut(), by_name.by_name_mut());
        assert_eq!(listed.into_by_name(), by_name.into_by_name());
    }
}
