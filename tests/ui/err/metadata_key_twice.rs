use promptlayer_tracing::promptlayer;

#[promptlayer(metadata(customer = 1, "customer" = 2))]
fn ask() {}
