use promptlayer_tracing::promptlayer;

struct Client;

#[promptlayer(input = ?client)]
fn ask(client: Client) {
    let Client = client;
}
