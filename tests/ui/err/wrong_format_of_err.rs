use promptlayer_tracing::promptlayer;

#[promptlayer(err(debug))]
fn ask() -> Result<(), String> {
    Ok(())
}
