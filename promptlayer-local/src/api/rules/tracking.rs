//! Rules for the data that is added to a request log.

use super::{INTEGER, MAYBE_TEXT, Record, Rule, SCORE, may, needs};

const ID: Rule = Rule::Either(&[INTEGER, Rule::Text]);

/// The body of `POST /rest/track-score`.
pub(crate) const TRACK_SCORE: Rule = Rule::Record(&Record::of(&[
    needs("request_id", INTEGER),
    needs("score", SCORE),
    may("name", MAYBE_TEXT),
]));

/// The body of `POST /rest/track-metadata`.
pub(crate) const TRACK_METADATA: Rule =
    Rule::Record(&Record::of(&[needs("request_id", ID), needs("metadata", Rule::Object)]));

/// The body of `POST /rest/track-prompt`.
pub(crate) const TRACK_PROMPT: Rule = Rule::Record(&Record::of(&[
    needs("request_id", ID),
    needs("prompt_name", Rule::Text),
    may("prompt_input_variables", Rule::Object),
    may("version", Rule::Nullable(&ID)),
    may("label", MAYBE_TEXT),
]));

/// The body of `POST /rest/track-group`.
pub(crate) const TRACK_GROUP: Rule =
    Rule::Record(&Record::of(&[needs("request_id", INTEGER), needs("group_id", INTEGER)]));
