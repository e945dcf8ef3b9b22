//! A scope without the feature `export`. No layer can be installed then, so it carries nothing.

use std::borrow::Cow;

use crate::prompt_link::PromptLink;

/// What a scope adds: nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Additions(());

#[allow(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    reason = "these are the methods of the feature `export`"
)]
impl Additions {
    pub(crate) fn is_of_use(&self) -> bool {
        false
    }

    pub(crate) fn tag(&mut self, _: Cow<'static, str>) {}

    pub(crate) fn metadata(&mut self, _: String, _: String) {}

    pub(crate) fn prompt(&mut self, _: PromptLink) {}

    pub(crate) fn inside(self, around: Handle) -> Handle {
        around
    }
}

/// The current scope: none.
#[derive(Debug, Clone)]
pub(crate) struct Handle;

/// A scope that was entered.
#[derive(Debug)]
pub(crate) struct Entered;

impl Handle {
    pub(crate) fn current() -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "it is the method of the feature `export`")]
    pub(crate) fn enter(&self) -> Entered {
        Entered
    }
}
