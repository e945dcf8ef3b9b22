use promptlayer_tracing::promptlayer;

#[promptlayer(output = 7)]
fn ask() -> String {
    String::new()
}
