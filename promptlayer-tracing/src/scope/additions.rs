//! What the builder of a scope adds to the scope around it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use promptlayer_client::exporter::check_metadata;

use super::carried::{Carried, LayerExists};
use super::current::Handle;
use crate::error::Error;
use crate::hooks::subscription::Subscription;
use crate::prompt_link::PromptLink;
use crate::propagation::remote::Remote;
use crate::span::finished::Inherited;

/// What a scope adds to the scope around it. `None` is nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Additions(Option<Box<Added>>);

#[derive(Debug, Default)]
struct Added {
    inherited: Inherited,
    /// Those who wait for the ids of the calls inside.
    followers: Vec<Weak<Subscription>>,
    remote: Option<Arc<Remote>>,
    /// The first value that is invalid.
    refused: Option<Error>,
}

impl Clone for Added {
    /// The error is reported for the original.
    fn clone(&self) -> Self {
        Self {
            inherited: self.inherited.clone(),
            followers: self.followers.clone(),
            remote: self.remote.clone(),
            refused: None,
        }
    }
}

impl Additions {
    /// Returns `true` if something may read what is added.
    #[allow(clippy::unused_self, reason = "without the feature `export` it is another type")]
    pub(crate) fn is_of_use(&self) -> bool {
        LayerExists::any()
    }

    fn added(&mut self) -> &mut Added {
        self.0.get_or_insert_default()
    }

    pub(crate) fn tag(&mut self, tag: Cow<'static, str>) {
        let added = self.added();
        if let Err(error) = added.inherited.tags.push(tag) {
            added.refused.get_or_insert_with(|| error.into());
        }
    }

    pub(crate) fn metadata(&mut self, key: String, value: String) {
        let added = self.added();
        let entry = BTreeMap::from([(key, value)]);
        match check_metadata(&entry) {
            Ok(()) => added.inherited.metadata.extend(entry),
            Err(error) => {
                added.refused.get_or_insert_with(|| error.into());
            }
        }
    }

    pub(crate) fn prompt(&mut self, prompt: PromptLink) {
        self.added().inherited.prompt = Some(prompt);
    }

    pub(crate) fn follow(&mut self, subscription: Weak<Subscription>) {
        self.added().followers.push(subscription);
    }

    /// Sets the trace that spans inside continue.
    pub(crate) fn continue_trace(&mut self, remote: Arc<Remote>) {
        self.added().remote = Some(remote);
    }

    /// Returns the scope with these additions, inside another one.
    pub(crate) fn inside(self, around: Handle) -> Handle {
        let Some(added) = self.0 else { return around };
        let Added { inherited, mut followers, remote, refused } = *added;
        followers.extend(around.0.iter().flat_map(|outer| outer.followers.iter().cloned()));
        let remote = remote.or_else(|| around.0.as_ref().and_then(|outer| outer.remote.clone()));
        let inherited = match &around.0 {
            Some(outer) => {
                let mut merged = outer.inherited.clone();
                merged.add(&inherited);
                merged
            }
            None => inherited,
        };
        Handle(Some(Arc::new(Carried {
            outer: around.0,
            inherited,
            followers,
            remote,
            refused: Mutex::new(refused),
        })))
    }
}
