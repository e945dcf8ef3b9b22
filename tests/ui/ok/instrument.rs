use promptlayer_tracing::promptlayer;

const NAME: &str = "constant.name";

#[promptlayer(
    name = "renamed",
    target = "target",
    level = "debug",
    parent = None,
    follows_from = [tracing::Id::from_u64(1)],
    skip(client),
    fields(a.b = %text, ?count, "quoted.name" = 1, { NAME } = 2, later),
    err(Debug, level = "warn"),
    ret(Display)
)]
pub async fn ask(client: &std::net::TcpStream, text: &str, count: u8) -> Result<String, std::io::Error> {
    client.set_nodelay(true)?;
    Ok(text.repeat(usize::from(count)))
}
