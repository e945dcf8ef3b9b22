//! The REST API. Each file has one subject; `routes` lists the paths.

mod blueprint;
mod body;
mod error;
mod log_request;
mod problem;
mod read_back;
mod render;
mod routes;
mod rules;
mod spans_bulk;
mod template_list;
mod templates;
mod tracking;
mod weight;

pub(crate) use error::ApiError;
pub(crate) use routes::{is_of_api, methods_of, router};
