use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use promptlayer_tracing::promptlayer;

pub struct ChatStream(Option<String>);

impl Stream for ChatStream {
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<String>> {
        Poll::Ready(self.0.take())
    }
}

#[promptlayer]
pub fn ask() -> ChatStream {
    ChatStream(None)
}

#[promptlayer]
pub async fn ask_later() -> Result<(u8, ChatStream), String> {
    Ok((1, ChatStream(None)))
}
