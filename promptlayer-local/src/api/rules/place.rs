//! Where in a request something is wrong, and what.

use serde::Serialize;

use crate::api::error::shortened;

/// A place in a request: its body, a field of it, an item of that. It lives on the stack; only problems spell it out.
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

/// One thing wrong, as an answer 422 tells it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    loc: Vec<Location>,
    msg: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Everything wrong with a request, up to a limit at which checking stops.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// A body of 64 MiB can be wrong in millions of places; the answer must stay smaller than the question.
    const MOST: usize = 10_000;

    pub(crate) fn add(&mut self, place: &Place<'_>, kind: &'static str, message: impl Into<String>) {
        self.add_with(place, kind, || message.into());
    }

    /// Adds a problem whose message is written only if there is room for it.
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

    /// Returns `true` if no further problem is kept, so that there is no need to look for one.
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
