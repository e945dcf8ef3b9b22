use promptlayer_tracing::promptlayer;

#[promptlayer(err(Debug level = "warn"))]
fn ask() -> Result<(), String> {
    Ok(())
}
