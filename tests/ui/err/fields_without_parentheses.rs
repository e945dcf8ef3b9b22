use promptlayer_tracing::promptlayer;

#[promptlayer(fields = client)]
fn ask(client: u8) {
    drop(client.to_string());
}
