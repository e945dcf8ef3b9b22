use promptlayer_tracing::promptlayer;

#[promptlayer(skip(self.client))]
fn ask(client: u8) {
    drop(client.to_string());
}
