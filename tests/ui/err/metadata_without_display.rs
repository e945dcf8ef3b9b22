use promptlayer_tracing::promptlayer;

#[promptlayer(metadata(customer = customer))]
fn ask(customer: Option<u8>) {
    drop(customer);
}
