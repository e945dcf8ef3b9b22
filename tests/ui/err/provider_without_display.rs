use promptlayer_tracing::promptlayer;

#[promptlayer(provider = provider)]
fn ask(provider: Option<u8>) {
    drop(provider);
}
