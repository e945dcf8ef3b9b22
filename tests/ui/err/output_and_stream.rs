use promptlayer_tracing::promptlayer;

#[promptlayer(stream, output = String::len)]
fn ask() -> String {
    String::new()
}
