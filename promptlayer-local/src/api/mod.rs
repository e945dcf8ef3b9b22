//! The REST API. Each file has one subject; `routes` lists the paths.

mod blueprint;
mod body;
mod error;
mod external_ids;
mod labels;
mod legacy_templates;
mod llm_kwargs;
mod log_request;
mod otlp;
mod patch_template;
mod problem;
mod publish;
mod query;
mod read_back;
mod render;
mod routes;
mod rules;
mod search;
mod snippets;
mod spans_bulk;
mod template_list;
mod template_paths;
mod templates;
mod track_request;
mod tracking;
pub(crate) mod weight;

pub(crate) use error::ApiError;
#[cfg(feature = "replay")]
pub(crate) use llm_kwargs::{Api as ParameterNames, parameters_for};
pub(crate) use read_back::described;
pub(crate) use render::render as render_template;
pub(crate) use routes::{is_of_api, methods_of, router, served};
#[cfg(feature = "replay")]
pub(crate) use snippets::resolve as resolve_snippets;
#[cfg(feature = "cli")]
pub(crate) use templates::find_resolved as find_template;
