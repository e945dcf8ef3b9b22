use promptlayer_tracing::promptlayer;

#[promptlayer(skip_all, input = text)]
fn ask(text: &str) {
    drop(text.to_owned());
}
