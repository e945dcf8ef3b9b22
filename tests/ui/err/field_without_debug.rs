use promptlayer_tracing::promptlayer;

struct Client;

#[promptlayer(fields(client))]
fn ask(client: Client) {
    let Client = client;
}
