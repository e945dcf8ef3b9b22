use promptlayer_tracing::promptlayer;

#[promptlayer(skip_all(client))]
fn ask(client: u8) {
    drop(client.to_string());
}
