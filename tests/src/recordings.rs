//! Recorded requests of other clients, by scene.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::shared;

/// A recorded scene: the requests that a program sent to PromptLayer, and the responses.
///
/// ```
/// use tests::Scene;
///
/// if let Some(scene) = Scene::load("langchain_1_chatopenai") {
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
    /// Reads a scene from the folder in `PROMPTLAYER_SHARED`, else from the folder `shared` beside the
    /// checkout.
    ///
    /// If the file does not exist, writes a message to standard error and returns `None`.
    ///
    /// # Panics
    ///
    /// Panics if the file exists but is not a scene.
    pub fn load(name: &str) -> Option<Self> {
        let document = shared::document(&format!("wire/{name}.json"))?;
        match serde_json::from_value(document) {
            Ok(scene) => Some(scene),
            Err(error) => panic!("the recording {name} is no scene: {error}"),
        }
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
    fn first_scene_has_one_chat_with_its_tag() {
        let Some(scene) = Scene::load("langchain_1_chatopenai") else {
            return;
        };
        let [exchange] = scene.exchanges.as_slice() else { panic!("{} exchanges", scene.exchanges.len()) };
        assert_eq!((exchange.method.as_str(), exchange.path.as_str()), ("POST", "/track-request"));
        let body = exchange.body_json.as_ref().unwrap();
        assert_eq!(body["tags"], json!(["chatopenai"]));
        assert_eq!(body["request_response"][0]["content"], "4 comes after 1, 2, 3.");
        assert_eq!((exchange.response.status, &exchange.response.json["request_id"]), (200, &json!(1001)));
    }

    #[test]
    fn second_scene_has_one_completion_with_two_tags() {
        let Some(scene) = Scene::load("langchain_2_gpt4all") else {
            return;
        };
        let body = scene.exchanges[0].body_json.as_ref().unwrap();
        assert_eq!(body["tags"], json!(["langchain", "gpt4all"]));
        assert_eq!(body["args"], json!(["Once upon a time, "]));
    }

    #[test]
    fn third_scene_fetches_a_template_and_tracks_three_values() {
        let Some(scene) = Scene::load("langchain_3_full_featured") else {
            return;
        };
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
