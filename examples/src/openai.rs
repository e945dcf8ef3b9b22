//! A client for the examples: for your own service if one is configured, otherwise for the offline model.

use std::io;

use async_openai::Client;
use async_openai::config::{OPENAI_API_BASE, OpenAIConfig};

use crate::OfflineModel;

/// Creates a client and, if necessary, the offline model. The model runs until the second value is dropped.
///
/// If `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set, the client connects to that service and the second value
/// is `None`. Otherwise this function starts an [`OfflineModel`] and writes a line about it to standard
/// error.
///
/// ```
/// let (client, _offline) = examples::openai()?;
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Returns an error if the offline model is needed and cannot be started.
pub fn openai() -> io::Result<(Client<OpenAIConfig>, Option<OfflineModel>)> {
    openai_from(|name| std::env::var(name).ok())
}

/// Does the same as [`openai()`] with a given environment, so that a test need not change that of the
/// process.
///
/// An empty variable counts as not set.
///
/// # Errors
///
/// Returns an error if the offline model is needed and cannot be started.
pub fn openai_from(
    environment: impl Fn(&str) -> Option<String>,
) -> io::Result<(Client<OpenAIConfig>, Option<OfflineModel>)> {
    let set = |name| environment(name).filter(|value| !value.is_empty());
    let (key, base) = (set("OPENAI_API_KEY"), set("OPENAI_BASE_URL"));
    // Set every field, because the defaults of the configuration come from the environment of the process.
    let configure = |key: String, base: String| {
        OpenAIConfig::new()
            .with_api_key(key)
            .with_api_base(base)
            .with_org_id(set("OPENAI_ORG_ID").unwrap_or_default())
            .with_project_id(set("OPENAI_PROJECT_ID").unwrap_or_default())
    };
    if key.is_some() || base.is_some() {
        let base = base.unwrap_or_else(|| OPENAI_API_BASE.to_owned());
        return Ok((Client::with_config(configure(key.unwrap_or_default(), base)), None));
    }
    let offline = OfflineModel::start()?;
    announce(&offline);
    let client = Client::with_config(configure("offline".to_owned(), offline.url().to_owned()));
    Ok((client, Some(offline)))
}

#[allow(clippy::print_stderr, reason = "whoever runs an example must know that no real model answers")]
fn announce(offline: &OfflineModel) {
    eprintln!("OPENAI_API_KEY is not set: an offline model answers at {}", offline.url());
}

#[cfg(test)]
mod tests {
    use async_openai::config::Config;

    use super::*;

    fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    fn authorization(client: &Client<OpenAIConfig>) -> String {
        client.config().headers()["authorization"].to_str().unwrap().to_owned()
    }

    #[test]
    fn api_key_alone_selects_the_public_service() {
        let (client, offline) = openai_from(environment(&[("OPENAI_API_KEY", "sk-test")])).unwrap();
        assert!(offline.is_none());
        assert_eq!(client.config().api_base(), OPENAI_API_BASE);
        assert_eq!(authorization(&client), "Bearer sk-test");
    }

    #[test]
    fn base_url_alone_selects_that_service() {
        let (client, offline) =
            openai_from(environment(&[("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")])).unwrap();
        assert!(offline.is_none());
        assert_eq!(client.config().api_base(), "http://127.0.0.1:1/v1");
    }

    #[test]
    fn organization_and_project_come_from_the_given_environment() {
        let (client, _) = openai_from(environment(&[
            ("OPENAI_API_KEY", "sk-test"),
            ("OPENAI_ORG_ID", "org-1"),
            ("OPENAI_PROJECT_ID", "proj-1"),
        ]))
        .unwrap();
        let headers = client.config().headers();
        assert_eq!(headers["openai-organization"], "org-1");
        assert_eq!(headers["openai-project"], "proj-1");
    }

    #[test]
    fn offline_model_is_used_without_key_and_base_url() {
        let (client, offline) = openai_from(environment(&[("OPENAI_API_KEY", "")])).unwrap();
        assert_eq!(client.config().api_base(), offline.unwrap().url());
    }
}
