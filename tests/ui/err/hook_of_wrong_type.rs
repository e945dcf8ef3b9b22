use promptlayer_tracing::promptlayer;

fn hook(id: u64) {
    drop(id.to_string());
}

#[promptlayer(on_request_id = hook)]
fn ask() {}
