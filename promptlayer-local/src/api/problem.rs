//! The problems of a request, each with its location. A 422 response lists them.

use std::fmt;

use serde::Serialize;

/// The maximum length of a message, and of a field name in a location, in characters. Both can quote text
/// from the client.
const MESSAGE_LIMIT: usize = 2000;

/// A location in a request: the body, a field of it, or an item of a list. It is on the stack and is
/// converted to text only for a problem.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    pub(crate) const BODY: Place<'static> = Place { parent: None, step: Step::Field("body") };
    pub(crate) const PATH: Place<'static> = Place { parent: None, step: Step::Field("path") };
    pub(crate) const QUERY: Place<'static> = Place { parent: None, step: Step::Field("query") };

    pub(crate) fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Field(name) }
    }

    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Item(index) }
    }

    fn spelled_out(&self) -> Vec<Location> {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(here) = place {
            steps.push(match here.step {
                Step::Field(name) => Location::Field(shortened(name.to_owned())),
                Step::Item(index) => Location::Item(index),
            });
            place = here.parent;
        }
        steps.reverse();
        steps
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Location {
    Field(String),
    Item(usize),
}

/// One problem, as a 422 response contains it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    loc: Vec<Location>,
    msg: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Writes the location and the message.
impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.loc.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            match step {
                Location::Field(name) => write!(formatter, "{dot}{name}")?,
                Location::Item(item) => write!(formatter, "{dot}{item}")?,
            }
        }
        write!(formatter, ": {}", self.msg)
    }
}

impl Problem {
    pub(super) fn into_message(self) -> String {
        self.msg
    }
}

/// The problems of a request, up to a limit at which checking stops.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// The maximum number of problems. A body of 64 MiB can have millions of problems, and the response must
    /// be smaller than the request.
    const MOST: usize = 10_000;

    pub(crate) fn add(&mut self, place: &Place<'_>, kind: &'static str, message: impl Into<String>) {
        self.add_with(place, kind, || message.into());
    }

    /// Adds a problem. Formats the message only if there is room for the problem.
    pub(crate) fn add_with(
        &mut self,
        place: &Place<'_>,
        kind: &'static str,
        message: impl FnOnce() -> String,
    ) {
        if !self.is_full() {
            self.0.push(Problem { loc: place.spelled_out(), msg: shortened(message()), kind });
        }
    }

    /// Returns `true` if the list accepts no more problems. The caller can then stop checking.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= Self::MOST
    }

    pub(crate) fn append(&mut self, other: Self) {
        let room = Self::MOST.saturating_sub(self.0.len());
        self.0.extend(other.0.into_iter().take(room));
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_inner(self) -> Vec<Problem> {
        self.0
    }
}

/// Shortens a text that quotes the client, so that the response is not longer than the request.
pub(super) fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_LIMIT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_LIMIT, shortened};

    #[test]
    fn long_message_is_cut_between_characters() {
        assert_eq!(shortened("short".to_owned()), "short");
        let exact = "ü".repeat(MESSAGE_LIMIT);
        assert_eq!(shortened(exact.clone()), exact);
        assert_eq!(shortened(format!("{exact}ü")), format!("{exact}…"));
    }
}
