//! The fields of a span.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The fields of a span.
///
/// The thread that runs the span only lists them. They are put in order by name where they are read.
#[derive(Debug, Clone)]
pub(crate) enum Fields {
    /// As they were recorded. If a name occurs more than once, the last value counts.
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
    /// Adds fields that were recorded later.
    pub(crate) fn record(&mut self, later: Vec<(&'static str, Value)>) {
        match self {
            Self::Listed(fields) if fields.is_empty() => *fields = later,
            Self::Listed(fields) => fields.extend(later),
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
            Self::Listed(fields) => fields.iter().rev().find(|(of, _)| *of == name).map(|(_, value)| value),
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

fn owned(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn last_value_of_a_name_counts_however_the_fields_are_kept() {
        let mut listed = Fields::default();
        listed.record(vec![("b", 1.into()), ("a", "x".into())]);
        let mut by_name = Fields::from(listed.clone().into_by_name());
        for fields in [&mut listed, &mut by_name] {
            fields.record(vec![("b", 2.into())]);
            assert_eq!((fields.get("b"), fields.get("c")), (Some(&json!(2)), None));
            assert_eq!(Value::Object(fields.by_name().into_owned()), json!({"a": "x", "b": 2}));
        }
        assert_eq!(listed.by_name_mut(), by_name.by_name_mut());
        assert_eq!(listed.into_by_name(), by_name.into_by_name());
    }
}
