//! What a program says about a call from inside it, through a handle.

use std::sync::{Arc, Weak};

use crate::capture::Captured;
use crate::hooks::subscription::{Receiver, Subscription};
use crate::span::finished::{FinishedSpan, Output};
use crate::span::input_output::Input;

/// What a program said about an open call. Tags, metadata and the prompt are with what spans inside inherit.
#[derive(Debug)]
pub(crate) struct Said {
    subscription: Arc<Subscription>,
    pub(crate) input: Option<Captured>,
    pub(crate) output: Option<Captured>,
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
}

/// The link from the handles of a call to its request ids. It does not keep the subscription alive.
#[derive(Debug)]
pub(crate) struct IdLink {
    pub(crate) subscription: Weak<Subscription>,
    pub(crate) receiver: Receiver,
}

impl Said {
    pub(crate) fn new(subscription: Arc<Subscription>) -> Self {
        Self { subscription, input: None, output: None, provider: None, model: None }
    }
}

impl FinishedSpan {
    /// Replaces recorded data by what the program said.
    pub(crate) fn say(&mut self, said: Said) {
        let Said { subscription, input, output, provider, model } = said;
        if let Some(input) = input {
            self.drop_recorded_input();
            self.input = Some(Input::Value(input));
        }
        if let Some(output) = output {
            self.drop_recorded_output();
            self.output = Some(Output::Value(output));
            self.is_output_chosen = true;
        }
        self.provider = provider.or(self.provider.take());
        self.model = model.or(self.model.take());
        self.has_own_subscription = true;
        self.subscriptions.push(subscription.attach());
    }
}
