use promptlayer_tracing::promptlayer;

#[promptlayer(on_request_id = |_| drop(text.to_owned()))]
fn ask(text: &str) {
    drop(text.to_owned());
}
