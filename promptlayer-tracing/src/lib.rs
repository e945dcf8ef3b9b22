//! Trace language-model calls with one attribute and one layer.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "export")]
pub mod blueprint;
mod call;
mod capture;
#[cfg(feature = "export")]
mod client;
#[cfg(feature = "export")]
mod convert;
#[cfg(feature = "export")]
mod export;
#[cfg(feature = "export")]
mod hook;
#[cfg(feature = "export")]
mod ids;
#[cfg(not(feature = "export"))]
mod inactive;
mod kind;
#[cfg(feature = "export")]
mod layer;
#[cfg(feature = "export")]
mod memory;
mod prompt_link;
#[cfg(feature = "export")]
mod record;
#[cfg(feature = "export")]
mod semconv;
#[cfg(feature = "export")]
mod sink;
mod tag_check;
#[cfg(feature = "export")]
mod tags;

pub use promptlayer_macros::promptlayer;

pub use crate::kind::Kind;
pub use crate::prompt_link::{PromptLink, ToPromptLink};

#[cfg(feature = "export")]
pub use crate::{
    client::{
        Client, ClientBuilder, Env, Error, GetTemplate, GroupId, Groups, ListTemplates, ListedTemplate,
        LoggedRequestDetail, Pipeline, PublishTemplate, PublishedTemplate, RenderedPrompt, Requests, Score,
        SnippetReference, SpanDetail, Template, TemplatePage, Templates, TraceDetail, Track, TrackGroup,
        TrackMetadata, TrackPrompt, TrackRequest, TrackScore,
    },
    export::{BatchLimits, DropReason, Guard, Ledger, QueueLimits, RejectReason, Stats, Wire},
    hook::{HookStats, LoggedRequest},
    ids::{RequestId, SpanId, TraceId},
    layer::{LayerBuilder, PromptLayer},
    memory::{CapturedSpan, InMemory},
    tags::Tags,
};

/// Sets up a layer.
#[cfg(feature = "export")]
pub fn layer() -> LayerBuilder {
    LayerBuilder::default()
}

/// What the attribute's code calls. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use tracing;

    pub use crate::call::{Call, CallSite, Input, body};
    pub use crate::kind::Kind;

    /// Picks what a value's type can do.
    pub mod capture {
        pub use crate::capture::*;
    }
    /// Checks tags.
    pub mod tags {
        pub use crate::tag_check::*;
    }
}
