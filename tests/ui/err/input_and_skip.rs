use promptlayer_tracing::promptlayer;

#[promptlayer(input = text, skip(client))]
fn ask(client: u8, text: &str) {
    drop((client.to_string(), text.to_owned()));
}
