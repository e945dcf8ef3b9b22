use promptlayer_tracing::promptlayer;

#[promptlayer(metadata = customer)]
fn ask(customer: u8) {
    drop(customer.to_string());
}
