//! The handle without the feature `export`. No layer can be installed then, so it does nothing.

use std::borrow::Cow;
use std::fmt::Display;

use serde::Serialize;

use crate::prompt_link::ToPromptLink;

/// A handle of a call. Without the feature `export` nothing is recorded, and it does nothing.
#[derive(Debug, Clone)]
pub struct CurrentCall(());

/// Returns a handle of the innermost call that this code runs in.
pub fn current() -> CurrentCall {
    CurrentCall(())
}

macro_rules! nothing {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        impl CurrentCall {
            $(
                /// Does nothing without the feature `export`.
                pub fn $name(&self, $($argument: $type),*) -> &Self {
                    $(let _ = $argument;)*
                    self
                }
            )*
        }
    };
}

nothing! {
    tag(tag: impl Into<Cow<'static, str>>);
    metadata(key: impl Into<String>, value: impl Display);
    user(id: impl Display);
    session(id: impl Display);
    set_prompt(prompt: &(impl ToPromptLink + ?Sized));
    set_input(input: &(impl Serialize + ?Sized));
    set_output(output: &(impl Serialize + ?Sized));
    set_model(model: impl Into<String>);
    set_provider(provider: impl Into<String>);
}

impl CurrentCall {
    /// Returns `true` if the call is recorded and has not ended. Always `false` without the feature `export`.
    pub fn is_recording(&self) -> bool {
        false
    }
}
