use promptlayer_tracing::promptlayer;

#[promptlayer(err(level = "warn", level = "info"))]
fn ask() -> Result<(), String> {
    Ok(())
}
