//! What other clients sent, scene by scene.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::shared;

/// A recorded scene: what a program sent to PromptLayer, and what it was answered.
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
    /// Its name, which is its file's.
    pub scenario: String,
    /// What the program does.
    pub note: String,
    /// What went over the wire, in order.
    pub exchanges: Vec<Exchange>,
}

/// A request and its answer.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Exchange {
    /// Its place in the scene, from 1.
    pub seq: u64,
    /// The request's method.
    pub method: String,
    /// The request's path, without the query.
    pub path: String,
    /// The request's query: all values of each name.
    #[serde(default)]
    pub query: Map<String, Value>,
    /// The request's headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The request's body, where it has one that is JSON.
    #[serde(default)]
    pub body_json: Option<Value>,
    /// What was answered.
    pub response: Answer,
}

/// A recorded answer.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    #[serde(default)]
    pub json: Value,
}

impl Scene {
    /// Reads a scene in `PROMPTLAYER_SHARED`, else in the folder `shared` beside the checkout.
    ///
    /// Where it is not there, says so on standard error and gives `None`.
    ///
    /// # Panics
    ///
    /// If the file is there but is no scene.
    pub fn load(name: &str) -> Option<Self> {
        let document = shared::document(&format!("wire/{name}.json"))?;
        match serde_json::from_value(document) {
            Ok(scene) => Some(scene),
            Err(error) => panic!("the recording {name} is no scene: {error}"),
        }
    }

    /// The exchanges with this path.
    pub fn to_path(&self, path: &str) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(move |exchange| exchange.path == path)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_scene_is_one_chat_with_its_tag() {
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
    fn the_second_scene_is_one_completion_with_two_tags() {
        let Some(scene) = Scene::load("langchain_2_gpt4all") else {
            return;
        };
        let body = scene.exchanges[0].body_json.as_ref().unwrap();
        assert_eq!(body["tags"], json!(["langchain", "gpt4all"]));
        assert_eq!(body["args"], json!(["Once upon a time, "]));
    }

    #[test]
    fn the_third_scene_fetches_a_template_and_tracks_three_things() {
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
