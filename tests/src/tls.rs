//! A TLS proxy in front of a server, with a valid or an invalid certificate.

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

/// The certificate of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Valid and signed by the authority.
    Good,
    /// Signed by the authority, but expired.
    Expired,
    /// Self-signed.
    SelfSigned,
}

/// A proxy that terminates TLS and passes the data on to a plain HTTP server.
#[derive(Debug)]
pub struct Tls {
    url: String,
    authority: Vec<u8>,
    _server: Loopback,
}

impl Tls {
    /// Starts a proxy in front of the server at `url`.
    ///
    /// # Errors
    ///
    /// Returns an error if a certificate cannot be created, the URL is invalid, or no port or no thread is
    /// available.
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

    /// Returns the URL of the proxy: `https://localhost:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the certificate of the authority, in DER format.
    pub fn authority(&self) -> &[u8] {
        &self.authority
    }
}

/// Creates the TLS configuration of a server, and returns it with the certificate of the authority.
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
