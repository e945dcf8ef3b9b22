use promptlayer_tracing::promptlayer;

#[promptlayer(skip(client), skip_all)]
fn ask(client: u8) {
    drop(client.to_string());
}
