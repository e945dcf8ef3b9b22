//! Requests of other clients, by scene.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::shared;

/// A scene: the requests that a program sends to PromptLayer, and the responses.
///
/// ```
/// use tests::Scene;
///
/// for scene in Scene::load("langchain_chat") {
///     assert_eq!(scene.exchanges[0].body_json.as_ref().unwrap()["tags"][0], "chatopenai");
/// }
/// ```
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Scene {
    /// The name of the scene, which is also the name of its file.
    pub scenario: String,
    /// What the program does.
    pub note: String,
    /// The recorded requests and responses, in order.
    pub exchanges: Vec<Exchange>,
}

/// A request and its response.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Exchange {
    /// Its position in the scene, from 1.
    pub seq: u64,
    /// The method of the request.
    pub method: String,
    /// The path of the request, without the query.
    pub path: String,
    /// The query of the request: all values of each name.
    #[serde(default)]
    pub query: Map<String, Value>,
    /// The headers of the request.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body of the request, if it has a JSON body.
    #[serde(default)]
    pub body_json: Option<Value>,
    /// The response.
    pub response: Answer,
}

/// A recorded response.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    #[serde(default)]
    pub json: Value,
}

impl Scene {
    /// Reads the scenes of a kind: the one of this name in `tests/fixtures/scenes`, and a recording of the same
    /// kind if the external folder exists.
    ///
    /// # Panics
    ///
    /// Panics if there is no scene of this name, or if a file is not a scene.
    pub fn load(name: &str) -> Vec<Self> {
        let read = |document| match serde_json::from_value(document) {
            Ok(scene) => scene,
            Err(error) => panic!("{name} is no scene: {error}"),
        };
        shared::scenes(name).into_iter().map(read).collect()
    }

    /// Returns the exchanges with this path.
    pub fn to_path(&self, path: &str) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(move |exchange| exchange.path == path)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn langchain_chat_is_one_request_with_its_tag() {
        for scene in Scene::load("langchain_chat") {
            let [exchange] = scene.exchanges.as_slice() else {
                panic!("{} exchanges", scene.exchanges.len())
            };
            assert_eq!((exchange.method.as_str(), exchange.path.as_str()), ("POST", "/track-request"));
            let body = exchange.body_json.as_ref().unwrap();
            assert_eq!(body["tags"], json!(["chatopenai"]));
            assert_eq!(body["request_response"][0]["content"], "4 comes after 1, 2, 3.");
            assert_eq!(exchange.response.status, 200);
            assert!(exchange.response.json["request_id"].is_u64());
        }
    }

    #[test]
    fn langchain_completion_is_one_request_with_two_tags() {
        for scene in Scene::load("langchain_completion") {
            let body = scene.exchanges[0].body_json.as_ref().unwrap();
            assert_eq!(body["tags"], json!(["langchain", "gpt4all"]));
            assert_eq!(body["args"], json!(["Once upon a time, "]));
        }
    }

    #[test]
    fn langchain_full_fetches_a_template_and_tracks_values() {
        for scene in Scene::load("langchain_full") {
            let paths: Vec<_> = scene.exchanges.iter().map(|exchange| exchange.path.as_str()).collect();
            assert_eq!(
                paths,
                [
                    "/library-get-prompt-template",
                    "/track-request",
                    "/library-track-score",
                    "/library-track-metadata",
                    "/library-track-prompt",
                ]
            );
            assert_eq!(scene.exchanges[0].query["prompt_name"], json!(["example"]));
            assert_eq!(scene.exchanges[0].body_json, None);
            let score = scene.to_path("/library-track-score").next().unwrap();
            assert_eq!(score.body_json.as_ref().unwrap()["score"], 100);
        }
    }
}
