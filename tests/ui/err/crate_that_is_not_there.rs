use promptlayer_tracing::promptlayer;

#[promptlayer(crate = missing::telemetry)]
fn ask() {}
