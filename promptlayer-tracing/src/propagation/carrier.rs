//! Where the fields of a trace are read from, and where they are written to.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::process::Command;

use serde_json::{Map, Value};

/// Reads the fields of a trace: headers of a request, attributes of a message, or similar.
///
/// It is implemented for `http::HeaderMap` (with the feature `http`), for maps of strings, for JSON objects, and for
/// closures that look up a name. Names are in lower case; a map of strings is also searched without regard to case.
///
/// ```
/// use promptlayer_tracing::propagation::Extractor;
///
/// struct Message {
///     attributes: Vec<(String, String)>,
/// }
///
/// impl Extractor for Message {
///     fn get_all(&self, name: &str) -> Vec<String> {
///         let found = self.attributes.iter().filter(|(key, _)| key == name);
///         found.map(|(_, value)| value.clone()).collect()
///     }
/// }
/// ```
pub trait Extractor {
    /// Returns all values of a field, in order. Of most carriers, that is at most one.
    fn get_all(&self, name: &str) -> Vec<String>;
}

/// Takes the fields of a trace: headers of a request, attributes of a message, or similar.
///
/// It is implemented for `http::HeaderMap` (with the feature `http`), for maps of strings, for JSON objects, for
/// closures, and for [`Command`], whose child process receives them in its environment.
///
/// ```
/// use promptlayer_tracing::propagation::Injector;
///
/// struct Message {
///     attributes: Vec<(String, String)>,
/// }
///
/// impl Injector for Message {
///     fn set(&mut self, name: &'static str, value: String) {
///         self.remove(name);
///         self.attributes.push((name.to_owned(), value));
///     }
///
///     fn remove(&mut self, name: &'static str) {
///         self.attributes.retain(|(key, _)| key != name);
///     }
/// }
/// ```
pub trait Injector {
    /// Sets a field, and replaces its earlier values.
    fn set(&mut self, name: &'static str, value: String);

    /// Removes a field that belongs to another trace. A carrier that is always new need not do anything.
    fn remove(&mut self, _name: &'static str) {}
}

/// Looks up a name in a map of strings.
fn in_map<'a>(
    exact: Option<&'a String>,
    entries: impl Iterator<Item = (&'a String, &'a String)>,
    name: &str,
) -> Vec<String> {
    let mut entries = entries.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    exact.or_else(|| entries.next()).cloned().into_iter().collect()
}

impl<S: BuildHasher> Extractor for HashMap<String, String, S> {
    fn get_all(&self, name: &str) -> Vec<String> {
        in_map(self.get(name), self.iter(), name)
    }
}

impl<S: BuildHasher> Injector for HashMap<String, String, S> {
    fn set(&mut self, name: &'static str, value: String) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
        self.insert(name.to_owned(), value);
    }

    fn remove(&mut self, name: &'static str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

impl Extractor for BTreeMap<String, String> {
    fn get_all(&self, name: &str) -> Vec<String> {
        in_map(self.get(name), self.iter(), name)
    }
}

impl Injector for BTreeMap<String, String> {
    fn set(&mut self, name: &'static str, value: String) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
        self.insert(name.to_owned(), value);
    }

    fn remove(&mut self, name: &'static str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

/// A value that is not text is no field of a trace.
impl Extractor for Map<String, Value> {
    fn get_all(&self, name: &str) -> Vec<String> {
        self.get(name).and_then(Value::as_str).map(str::to_owned).into_iter().collect()
    }
}

impl Injector for Map<String, Value> {
    fn set(&mut self, name: &'static str, value: String) {
        self.insert(name.to_owned(), value.into());
    }

    fn remove(&mut self, name: &'static str) {
        Map::remove(self, name);
    }
}

impl<F: Fn(&str) -> Option<String>> Extractor for F {
    fn get_all(&self, name: &str) -> Vec<String> {
        self(name).into_iter().collect()
    }
}

impl<F: FnMut(&'static str, String)> Injector for F {
    fn set(&mut self, name: &'static str, value: String) {
        self(name, value);
    }
}

/// The child process receives the fields in its environment, under names in upper case.
impl Injector for Command {
    fn set(&mut self, name: &'static str, value: String) {
        self.env(name.to_ascii_uppercase(), value);
    }

    fn remove(&mut self, name: &'static str) {
        self.env_remove(name.to_ascii_uppercase());
    }
}

#[cfg(feature = "http")]
impl Extractor for http::HeaderMap {
    fn get_all(&self, name: &str) -> Vec<String> {
        // A value that is not text stands for itself, so that it counts as a second `traceparent`.
        let values = http::HeaderMap::get_all(self, name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }
}

#[cfg(feature = "http")]
impl Injector for http::HeaderMap {
    fn set(&mut self, name: &'static str, value: String) {
        // The values are made of visible characters.
        if let Ok(value) = http::HeaderValue::try_from(value) {
            self.insert(name, value);
        }
    }

    fn remove(&mut self, name: &'static str) {
        http::HeaderMap::remove(self, name);
    }
}
