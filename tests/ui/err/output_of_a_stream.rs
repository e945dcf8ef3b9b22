use promptlayer_tracing::promptlayer;

#[promptlayer(output = |stream| 1)]
fn tell(stream: impl futures_core::Stream<Item = String>) -> impl futures_core::Stream<Item = String> {
    stream
}
