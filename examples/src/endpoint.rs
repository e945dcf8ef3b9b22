//! The model service of the examples: your own if one is configured, otherwise the offline model.

use std::io;

use secrecy::SecretString;

use crate::OfflineModel;

/// The base URL of OpenAI's API.
const OPENAI_URL: &str = "https://api.openai.com/v1";

/// The base URL and the credentials of a service with OpenAI's API.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The base URL, which ends with the version of the API: `https://api.openai.com/v1`.
    pub base_url: String,
    /// The API key.
    pub api_key: SecretString,
    /// The organization, for the header `OpenAI-Organization`.
    pub organization: Option<String>,
    /// The project, for the header `OpenAI-Project`.
    pub project: Option<String>,
}

/// Returns the endpoint and, if necessary, the offline model. The model runs until the second value is
/// dropped.
///
/// If `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set, the endpoint is that service and the second value is
/// `None`. Otherwise this function starts an [`OfflineModel`] and writes a line about it to standard error.
///
/// ```
/// let (endpoint, _offline) = examples::endpoint()?;
/// assert!(endpoint.base_url.ends_with("/v1"));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Returns an error if the offline model is needed and cannot be started.
pub fn endpoint() -> io::Result<(Endpoint, Option<OfflineModel>)> {
    endpoint_from(|name| std::env::var(name).ok())
}

/// Does the same as [`endpoint()`] with a given environment, so that a test need not change that of the
/// process.
///
/// An empty variable counts as not set.
///
/// # Errors
///
/// Returns an error if the offline model is needed and cannot be started.
pub fn endpoint_from(
    environment: impl Fn(&str) -> Option<String>,
) -> io::Result<(Endpoint, Option<OfflineModel>)> {
    let set = |name| environment(name).filter(|value| !value.is_empty());
    let endpoint = |base_url: String, api_key: String| Endpoint {
        base_url,
        api_key: api_key.into(),
        organization: set("OPENAI_ORG_ID"),
        project: set("OPENAI_PROJECT_ID"),
    };
    let (key, base_url) = (set("OPENAI_API_KEY"), set("OPENAI_BASE_URL"));
    if key.is_some() || base_url.is_some() {
        let base_url = base_url.unwrap_or_else(|| OPENAI_URL.to_owned());
        return Ok((endpoint(base_url, key.unwrap_or_default()), None));
    }
    let offline = OfflineModel::start()?;
    announce(&offline);
    Ok((endpoint(offline.url().to_owned(), "offline".to_owned()), Some(offline)))
}

#[allow(clippy::print_stderr, reason = "the user of an example must know that no real model answers")]
fn announce(offline: &OfflineModel) {
    eprintln!("OPENAI_API_KEY is not set: an offline model answers at {}", offline.url());
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn api_key_alone_selects_the_public_service() {
        let (endpoint, offline) = endpoint_from(environment(&[("OPENAI_API_KEY", "sk-test")])).unwrap();
        assert!(offline.is_none());
        assert_eq!(endpoint.base_url, OPENAI_URL);
        assert_eq!(endpoint.api_key.expose_secret(), "sk-test");
    }

    #[test]
    fn base_url_alone_selects_that_service() {
        let (endpoint, offline) =
            endpoint_from(environment(&[("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")])).unwrap();
        assert!(offline.is_none());
        assert_eq!(endpoint.base_url, "http://127.0.0.1:1/v1");
    }

    #[test]
    fn organization_and_project_come_from_the_given_environment() {
        let (endpoint, _) = endpoint_from(environment(&[
            ("OPENAI_API_KEY", "sk-test"),
            ("OPENAI_ORG_ID", "org-1"),
            ("OPENAI_PROJECT_ID", "proj-1"),
        ]))
        .unwrap();
        assert_eq!(endpoint.organization.as_deref(), Some("org-1"));
        assert_eq!(endpoint.project.as_deref(), Some("proj-1"));
    }

    #[test]
    fn offline_model_is_used_without_key_and_base_url() {
        let (endpoint, offline) = endpoint_from(environment(&[("OPENAI_API_KEY", "")])).unwrap();
        assert_eq!(endpoint.base_url, offline.unwrap().url());
    }
}
