//! A way to a server by TLS, with a certificate that is good, or is not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use examples::loopback::Loopback;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Whose certificate a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// One that its authority gave it.
    Good,
    /// One that its authority gave it, for years that are over.
    Expired,
    /// One that it gave itself.
    SelfSigned,
}

/// Takes TLS off what comes, and passes it on to a plain server.
#[derive(Debug)]
pub struct Tls {
    url: String,
    authority: Vec<u8>,
    _server: Loopback,
}

impl Tls {
    /// Starts it before the server at `url`.
    ///
    /// # Errors
    ///
    /// If a certificate cannot be made, the address cannot be read, or there is no port or no thread.
    pub fn start(url: &str, certificate: Certificate) -> io::Result<Self> {
        let target: SocketAddr = url
            .trim_start_matches("http://")
            .parse()
            .map_err(|_| io::Error::other(format!("{url} is no address of a port")))?;
        let (config, authority) = identity(certificate).map_err(io::Error::other)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = Loopback::start("tls", move |listener| async move {
            loop {
                let (client, _) = listener.accept().await?;
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = TcpStream::connect(target).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        })?;
        let url = format!("https://localhost:{}", server.address().port());
        Ok(Self { url, authority, _server: server })
    }

    /// Its own URL: `https://localhost:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate of its authority, as DER.
    pub fn authority(&self) -> &[u8] {
        &self.authority
    }
}

/// What a server shows, and the certificate of the authority that gave it that.
fn identity(
    certificate: Certificate,
) -> Result<(ServerConfig, Vec<u8>), Box<dyn std::error::Error + Send + Sync>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let (mut params, key) =
        (CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?, KeyPair::generate()?);
    if certificate == Certificate::Expired {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    }
    let shown = match certificate {
        Certificate::SelfSigned => params.self_signed(&key)?,
        Certificate::Good | Certificate::Expired => params.signed_by(&key, &authority)?,
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![shown.der().clone()], key)?;
    Ok((config, authority.der().to_vec()))
}
