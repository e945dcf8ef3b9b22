use promptlayer_tracing::promptlayer;

#[promptlayer(stream)]
fn ask() -> String {
    String::new()
}
