//! A client of `async-openai` for the examples that use other crates.

use std::io;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use examples::{Endpoint, OfflineModel};
use secrecy::ExposeSecret;

/// Creates a client for the endpoint returned by [`examples::endpoint()`]. An offline model runs until the
/// second value is dropped.
///
/// ```
/// let (client, _offline) = examples_integrations::openai()?;
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Returns an error if the offline model is needed and cannot be started.
pub fn openai() -> io::Result<(Client<OpenAIConfig>, Option<OfflineModel>)> {
    let (endpoint, offline) = examples::endpoint()?;
    Ok((Client::with_config(config(endpoint)), offline))
}

/// Sets every field, because the defaults of the configuration come from the environment of the process.
fn config(endpoint: Endpoint) -> OpenAIConfig {
    OpenAIConfig::new()
        .with_api_key(endpoint.api_key.expose_secret())
        .with_api_base(endpoint.base_url)
        .with_org_id(endpoint.organization.unwrap_or_default())
        .with_project_id(endpoint.project.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use async_openai::config::Config;

    use super::*;

    #[test]
    fn client_uses_every_field_of_the_endpoint() {
        let config = config(Endpoint {
            base_url: "http://127.0.0.1:1/v1".to_owned(),
            api_key: "sk-test".to_owned().into(),
            organization: Some("org-1".to_owned()),
            project: Some("proj-1".to_owned()),
        });
        assert_eq!(config.api_base(), "http://127.0.0.1:1/v1");
        let headers = config.headers();
        assert_eq!(headers["authorization"], "Bearer sk-test");
        assert_eq!(headers["openai-organization"], "org-1");
        assert_eq!(headers["openai-project"], "proj-1");
    }
}
