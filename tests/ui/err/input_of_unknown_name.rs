use promptlayer_tracing::promptlayer;

#[promptlayer(input = question)]
fn ask(text: &str) {
    drop(text.to_owned());
}
