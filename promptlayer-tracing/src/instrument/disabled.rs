//! The recorded call without the feature `export`. No layer can be installed then, so there is never one.

use tracing::Span;

use crate::capture::{Captured, Chunk};
use crate::prompt_link::PromptLink;
use crate::span::call_site::CallSite;
use crate::span::input_output::{Ending, Input};

/// A recorded call. Without the feature `export` it has no values.
#[derive(Debug)]
pub(crate) enum Recording {}

impl Recording {
    pub(crate) fn claim(_: &Span, _: &'static CallSite) -> Option<Self> {
        None
    }

    pub(crate) fn input(&mut self, _: Input) {
        match *self {}
    }

    pub(crate) fn argument_types(&mut self, _: &'static str) {
        match *self {}
    }

    pub(crate) fn returned_type(&mut self, _: &'static str) {
        match *self {}
    }

    pub(crate) fn provider(&mut self, _: String) {
        match *self {}
    }

    pub(crate) fn model(&mut self, _: String) {
        match *self {}
    }

    pub(crate) fn parameter(&mut self, _: &'static str, _: Captured) {
        match *self {}
    }

    pub(crate) fn metadata(&mut self, _: &'static str, _: String) {
        match *self {}
    }

    pub(crate) fn prompt(&mut self, _: PromptLink) {
        match *self {}
    }

    pub(crate) fn output_is_chosen(&mut self) {
        match *self {}
    }

    pub(crate) fn share(&mut self) {
        match *self {}
    }

    pub(crate) fn announce(&self) {
        match *self {}
    }

    pub(crate) fn wait_for_poll(&mut self) {
        match *self {}
    }

    pub(crate) fn restart(&mut self) {
        match *self {}
    }

    pub(crate) fn chunk(&mut self, _: Chunk) {
        match *self {}
    }

    pub(crate) fn close(self, _: Span, _: Option<Captured>, _: Ending) {
        match self {}
    }

    pub(crate) fn end(self, _: &Span, _: Option<Captured>, _: Ending) {
        match self {}
    }
}
