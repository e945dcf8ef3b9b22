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

#[promptlayer(stream)]
async fn ask() -> Result<ChatStream, String> {
    Ok(ChatStream(None))
}
