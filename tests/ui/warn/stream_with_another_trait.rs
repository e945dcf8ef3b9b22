use futures_core::Stream;
use promptlayer_tracing::promptlayer;

#[promptlayer]
pub fn ask<S: Stream<Item = String> + Clone>(stream: S) -> impl Stream<Item = String> + Clone {
    stream
}
