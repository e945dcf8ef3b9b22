//! Values that lead to the output of a call and do not contain it: streams, futures, the ends of channels.

/// Why the output of a call was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// The body is not a closure, and it returned early.
    EarlyReturn,
    /// The value is a stream of a type that must not change.
    Stream,
    /// The value is a future of a type that must not change.
    Future,
    /// The value is the end of a channel.
    Channel,
}

/// The parts of type names from which a value of another type is known to hold a stream, a future or the end of
/// a channel.
const HOLDERS: &[(&str, Unseen)] = &[
    ("dyn futures_core::stream::Stream<", Unseen::Stream),
    ("dyn futures_core::stream::FusedStream<", Unseen::Stream),
    ("::converse_stream::_converse_stream_output::ConverseStreamOutput", Unseen::Stream),
    ("::_invoke_model_with_response_stream_output::InvokeModelWithResponseStreamOutput", Unseen::Stream),
    ("::event_receiver::EventReceiver<", Unseen::Stream),
    ("async_stream::async_stream::AsyncStream<", Unseen::Stream),
    ("axum::response::sse::Sse<", Unseen::Stream),
    ("futures_util::stream::", Unseen::Stream),
    ("genai::chat::chat_response::ChatStreamResponse", Unseen::Stream),
    ("tokio_stream::", Unseen::Stream),
    ("dyn core::future::future::Future<", Unseen::Future),
    ("futures_util::future::", Unseen::Future),
    ("tokio::runtime::task::join::JoinHandle<", Unseen::Future),
];

/// The crates whose types named `…Receiver` and `…Sender` are the ends of channels.
const CHANNEL_CRATES: &[&str] = &[
    "async_broadcast",
    "async_channel",
    "crossbeam_channel",
    "flume",
    "futures_channel",
    "kanal",
    "std",
    "tokio",
];

impl Unseen {
    /// Returns why a value is not seen that is logged by the name of its type.
    pub(crate) fn from_type_name(name: &str) -> Option<Self> {
        let holder = HOLDERS.iter().find(|(part, _)| name.contains(part)).map(|(_, unseen)| *unseen);
        holder.or_else(|| holds_channel(name).then_some(Self::Channel))
    }

    /// Returns the error message of the call.
    #[cfg_attr(not(feature = "export"), allow(dead_code, reason = "nothing is recorded"))]
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::EarlyReturn => "the function returned early, and what it returned was not seen",
            Self::Stream => {
                "the function returned a stream whose items cannot be logged: return `impl Stream` or a boxed \
                 stream, or annotate the function that makes it"
            }
            Self::Future => {
                "the function returned a future whose output cannot be logged: make the function `async`, or \
                 return `impl Future` or a boxed future"
            }
            Self::Channel => {
                "the function returned the end of a channel, and what passes through it was not seen: annotate \
                 the function that sends or receives"
            }
        }
    }
}

/// Returns `true` if the type is the end of a channel, or holds one as a type argument.
fn holds_channel(name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    name.split(|c| !is_part(c)).any(|path| {
        let (Some((root, _)), Some((_, last))) = (path.split_once("::"), path.rsplit_once("::")) else {
            return false;
        };
        CHANNEL_CRATES.contains(&root) && (last.ends_with("Receiver") || last.ends_with("Sender"))
    })
}

#[cfg(test)]
mod tests {
    use std::any::type_name;
    use std::pin::Pin;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn type_name_tells_what_is_not_seen() {
        type Boxed = Pin<Box<dyn futures_core::Stream<Item = String> + Send>>;
        type Later = Pin<Box<dyn Future<Output = String> + Send>>;
        for (name, expected) in [
            (type_name::<Vec<Boxed>>(), Some(Unseen::Stream)),
            (type_name::<Vec<Later>>(), Some(Unseen::Future)),
            (type_name::<Option<mpsc::Receiver<String>>>(), Some(Unseen::Channel)),
            (type_name::<(u8, mpsc::SyncSender<String>)>(), Some(Unseen::Channel)),
            (type_name::<mpsc::RecvError>(), None),
            (type_name::<Vec<String>>(), None),
            ("tokio::sync::mpsc::unbounded::UnboundedReceiver<u8>", Some(Unseen::Channel)),
            ("payments::Receiver", None),
            ("axum::response::sse::Sse<app::Items>", Some(Unseen::Stream)),
            ("genai::chat::chat_response::ChatStreamResponse", Some(Unseen::Stream)),
            (
                "aws_sdk_bedrockruntime::operation::converse_stream::_converse_stream_output::ConverseStreamOutput",
                Some(Unseen::Stream),
            ),
            // An event of that stream.
            ("aws_sdk_bedrockruntime::types::_converse_stream_output::ConverseStreamOutput", None),
        ] {
            assert_eq!(Unseen::from_type_name(name), expected, "{name}");
        }
    }
}
