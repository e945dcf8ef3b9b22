//! Rules for publishing and reading templates.

use serde_json::{Map, Value};

use super::blueprint::PROMPT;
use super::{INTEGER, MAYBE_TEXT, POSITIVE, Record, Rule, may, needs};
use crate::api::problem::{Place, Problems};

/// The body of `POST /rest/prompt-templates`.
pub(crate) const PUBLISH: Rule = Rule::Record(&Record::of(&[
    needs("prompt_template", Rule::Record(BASE)),
    needs("prompt_version", Rule::Record(VERSION)),
    may("release_labels", Rule::Nullable(&Rule::List(&Rule::Text))),
    may("external_ids", Rule::Nullable(&Rule::List(&ATTACH_EXTERNAL_ID))),
]));

const BASE: &Record = &Record::of(&[
    needs("prompt_name", Rule::TextOf(1, 512)),
    may("tags", Rule::List(&Rule::Text)),
    may("folder_id", Rule::Nullable(&POSITIVE)),
    may("workspace_id", Rule::Nullable(&INTEGER)),
]);

const VERSION: &Record = &Record::of(&[
    needs("prompt_template", PROMPT),
    may("commit_message", Rule::Nullable(&Rule::TextOf(0, 72))),
    may("metadata", Rule::Nullable(&Rule::Record(METADATA))),
]);

const METADATA: &Record = &Record::of(&[may("model", Rule::Nullable(&Rule::Record(MODEL)))]);

const MODEL: &Record = &Record::of(&[
    needs("provider", Rule::Text),
    may("model_config_display_name", Rule::Nullable(&Rule::TextOf(0, 255))),
    may("base_model", Rule::Nullable(&Rule::TextOf(0, 100))),
    needs("name", Rule::Text),
    may("parameters", Rule::Object),
    may("display_params", Rule::Object),
    may("api_type", MAYBE_TEXT),
]);

/// The maximum number of characters of the source of an external id.
pub(crate) const SOURCE_LENGTH: usize = 128;
/// The maximum number of characters of an external id.
pub(crate) const EXTERNAL_ID_LENGTH: usize = 512;

/// The body of `POST /prompt-templates/{prompt_template_id}/external-ids`.
pub(crate) const ATTACH_EXTERNAL_ID: Rule = Rule::Record(&Record {
    fields: &[
        needs("source", Rule::TextOf(1, SOURCE_LENGTH)),
        needs("external_id", Rule::TextOf(1, EXTERNAL_ID_LENGTH)),
    ],
    base: None,
    check: Some(|object, place, problems| {
        for key in object.keys().filter(|key| !matches!(key.as_str(), "source" | "external_id")) {
            if problems.is_full() {
                break;
            }
            problems.add(&place.field(key), "extra_forbidden", "this field is not allowed here");
        }
    }),
});

/// The body of `POST /prompts/{prompt_id}/label`.
pub(crate) const CREATE_LABEL: Rule =
    Rule::Record(&Record::of(&[needs("prompt_version_number", INTEGER), needs("name", Rule::Text)]));

/// The body of `PATCH /prompt-labels/{prompt_label_id}`.
pub(crate) const MOVE_LABEL: Rule = Rule::Record(&Record::of(&[needs("prompt_version_number", INTEGER)]));

/// The body of `POST /library-publish-prompt-template`. PromptLayer's API document does not describe it; these are the
/// fields that PromptLayer's clients send.
pub(crate) const LEGACY_PUBLISH: Rule = Rule::Record(&Record::of(&[
    needs("prompt_name", Rule::TextOf(1, 512)),
    needs("prompt_template", Rule::Object),
    may("tags", Rule::Nullable(&Rule::List(&Rule::Text))),
    may("commit_message", Rule::Nullable(&Rule::TextOf(0, 72))),
    may("metadata", Rule::Nullable(&Rule::Record(METADATA))),
]));

/// The body of `PATCH /rest/prompt-templates/{identifier}`. The changed template is checked as a whole.
pub(crate) const PATCH_TEMPLATE: Rule = Rule::Record(&Record {
    fields: &[
        may("version", Rule::Nullable(&POSITIVE)),
        may("label", MAYBE_TEXT),
        may("messages", CHANGES),
        may("tools", CHANGES),
        may("functions", CHANGES),
        may("content", CHANGES),
        may("function_call", Rule::Nullable(&Rule::Either(&[Rule::Text, Rule::Object]))),
        may("tool_choice", Rule::Nullable(&Rule::Either(&[Rule::Text, Rule::Object]))),
        may("model_parameters", Rule::Nullable(&Rule::Object)),
        may("response_format", Rule::Nullable(&Rule::Object)),
        may("commit_message", MAYBE_TEXT),
        may("release_labels", Rule::Nullable(&Rule::List(&Rule::Text))),
    ],
    base: None,
    check: None,
});

/// A new list, or an object with new items by their indexes.
const CHANGES: Rule = Rule::Nullable(&Rule::Either(&[Rule::Object, Rule::List(&Rule::Any)]));

/// The body of `POST /prompt-templates/{identifier}`.
pub(crate) const GET_TEMPLATE: Rule = Rule::Record(&Record {
    fields: &[
        may("version", Rule::Nullable(&POSITIVE)),
        may("workspace_id", Rule::Nullable(&INTEGER)),
        may("label", MAYBE_TEXT),
        // PromptLayer's API document allows only `openai` and `anthropic`, and only strings as variables. PromptLayer's
        // clients send any provider, and any value as a variable.
        may("provider", MAYBE_TEXT),
        may("input_variables", Rule::Nullable(&Rule::Object)),
        may("metadata_filters", Rule::Nullable(&Rule::TextMap(usize::MAX))),
        may("model", MAYBE_TEXT),
        may("model_parameter_overrides", Rule::Nullable(&Rule::Object)),
        // PromptLayer's API document does not define this field. The cache of PromptLayer's own client uses
        // it to get the template without variables filled in.
        may("skip_input_variable_rendering", Rule::Boolean),
    ],
    base: None,
    check: Some(check_one_choice),
});

/// Checks that a version is selected by its number or by a label, but not by both.
fn check_one_choice(object: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) {
    let given = |name| object.get(name).is_some_and(|value| !value.is_null());
    if given("version") && given("label") {
        problems.add(&place.field("label"), "value_error", "give a version or a label, not both");
    }
}
