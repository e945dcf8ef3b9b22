//! Types of an application that stand for a request to a model or for a response.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

/// A type that stands for a request to a model, or for a model's response.
///
/// Implement it for a type of your own that is in the signature of an annotated function. The attribute
/// `#[promptlayer]` then logs what the methods return, and prefers it to the type's `Serialize`, `Display` and
/// `Debug`. Nothing has to be enabled: the attribute finds the implementation by the type.
///
/// The values are JSON in any format that this library reads: the request or the response of a
/// [provider](crate::providers), a list of messages with `role` and `content`, or a text. A method that returns
/// `None` changes nothing: the value is logged as if its type did not implement the trait.
///
/// A list stands for the list of what its items stand for. This lets a type stand for one message.
///
/// ```
/// use promptlayer_blueprint::ToExchange;
/// use serde_json::{Value, json};
///
/// /// A conversation, in the form in which the application stores it.
/// struct Conversation {
///     model: String,
///     lines: Vec<(bool, String)>,
/// }
///
/// impl ToExchange for Conversation {
///     fn to_request(&self) -> Option<Value> {
///         let message = |(is_user, text): &(bool, String)| {
///             json!({"role": if *is_user { "user" } else { "assistant" }, "content": text})
///         };
///         let messages: Vec<Value> = self.lines.iter().map(message).collect();
///         Some(json!({"model": self.model, "messages": messages}))
///     }
/// }
///
/// struct Answer {
///     text: String,
///     tokens: [u64; 2],
/// }
///
/// impl ToExchange for Answer {
///     fn to_response(&self) -> Option<Value> {
///         let [input, output] = self.tokens;
///         Some(json!({
///             "choices": [{"message": {"role": "assistant", "content": self.text}, "finish_reason": "stop"}],
///             "usage": {"prompt_tokens": input, "completion_tokens": output},
///         }))
///     }
/// }
///
/// // #[promptlayer]
/// // async fn ask(conversation: &Conversation) -> Result<Answer, Error> { … }
/// # let conversation = Conversation { model: "m".into(), lines: vec![(true, "Hello".into())] };
/// # let request = promptlayer_blueprint::providers::request(promptlayer_blueprint::providers::Input::Value(
/// #     conversation.to_request().unwrap(),
/// # ));
/// # assert_eq!(request.model.as_deref(), Some("m"));
/// # let answer = Answer { text: "Hi".into(), tokens: [3, 1] };
/// # let reply = promptlayer_blueprint::providers::response(promptlayer_blueprint::providers::Output::Value(
/// #     answer.to_response().unwrap(),
/// # ));
/// # assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(1)));
/// ```
pub trait ToExchange {
    /// Returns the request that this value stands for, where it is an argument or the attribute's `input`.
    ///
    /// A request without a model is detected if the value is the only argument with content, or if the argument
    /// is called `request`. A list of messages is detected in the same way, or by the name `messages`.
    fn to_request(&self) -> Option<Value> {
        None
    }

    /// Returns the response that this value stands for, where it is returned or is the attribute's `output`. For
    /// an item of a stream, it is one event of the streamed response, or a piece of its text.
    fn to_response(&self) -> Option<Value> {
        None
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<T: ToExchange + ?Sized> ToExchange for $pointer {
            fn to_request(&self) -> Option<Value> {
                T::to_request(self)
            }

            fn to_response(&self) -> Option<Value> {
                T::to_response(self)
            }
        }
    )*};
}

pointers!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

/// `None` stands for nothing.
impl<T: ToExchange> ToExchange for Option<T> {
    fn to_request(&self) -> Option<Value> {
        self.as_ref()?.to_request()
    }

    fn to_response(&self) -> Option<Value> {
        self.as_ref()?.to_response()
    }
}

/// Stands for a list, if each item stands for something.
impl<T: ToExchange> ToExchange for [T] {
    fn to_request(&self) -> Option<Value> {
        self.iter().map(T::to_request).collect()
    }

    fn to_response(&self) -> Option<Value> {
        self.iter().map(T::to_response).collect()
    }
}

/// Stands for a list, if each item stands for something.
impl<T: ToExchange> ToExchange for Vec<T> {
    fn to_request(&self) -> Option<Value> {
        self.as_slice().to_request()
    }

    fn to_response(&self) -> Option<Value> {
        self.as_slice().to_response()
    }
}

/// Stands for a list, if each item stands for something.
impl<T: ToExchange, const N: usize> ToExchange for [T; N] {
    fn to_request(&self) -> Option<Value> {
        self.as_slice().to_request()
    }

    fn to_response(&self) -> Option<Value> {
        self.as_slice().to_response()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Line(&'static str);

    impl ToExchange for Line {
        fn to_request(&self) -> Option<Value> {
            (!self.0.is_empty()).then(|| json!({"role": "user", "content": self.0}))
        }
    }

    fn request(value: impl ToExchange) -> Option<Value> {
        value.to_request()
    }

    #[test]
    fn pointers_and_options_stand_for_their_content() {
        let expected = request(Line("a"));
        assert!(expected.is_some());
        let (line, mut other) = (Line("a"), Line("a"));
        let (borrowed, borrowed_mutably) = (&line, &mut other);
        let boxed: Box<dyn ToExchange> = Box::new(Line("a"));
        for found in [
            request(borrowed),
            request(borrowed_mutably),
            request(boxed),
            request(Arc::new(Line("a"))),
            request(Rc::new(Line("a"))),
            request(Some(Line("a"))),
        ] {
            assert_eq!(found, expected);
        }
        assert_eq!(request(None::<Line>), None);
        assert_eq!(Arc::new(Line("a")).to_response(), None);
    }

    #[test]
    fn list_stands_for_a_list_if_each_item_stands_for_something() {
        let two = json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]);
        assert_eq!(vec![Line("a"), Line("b")].to_request(), Some(two.clone()));
        assert_eq!([Line("a"), Line("b")].to_request(), Some(two));
        assert_eq!([Line("a"), Line("")].to_request(), None);
        assert_eq!([Line("a")].to_response(), None);
    }
}
