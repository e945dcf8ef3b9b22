//! Proxies in front of a server, which fail as a test requires.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use examples::loopback::Loopback;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// The fault of a connection.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// No fault: all data is passed on.
    None,
    /// The connection is reset as soon as it is accepted.
    ResetAtAccept,
    /// The connection is reset after this many bytes of the request. None of them are passed on.
    ResetAfter(usize),
    /// The request is passed on, and the connection is reset instead of sending the response.
    LoseAnswer,
    /// The request is passed on. The response ends after this many bytes with an orderly close.
    CutAnswer(usize),
    /// The request is passed on. The response is sent byte by byte, with this pause after each byte.
    Drip(Duration),
    /// Nothing is ever read.
    NeverRead,
    /// One exchange is passed on. The next request on the same connection resets it.
    GoStale,
    /// The request is passed on, and the response does not end.
    Endless,
}

/// The maximum number of bytes of an [endless](Fault::Endless) response: 1 GiB.
const ENDLESS: u64 = 1 << 30;

/// A proxy in front of a server. Each new connection takes the next fault of the queue. Connections without a
/// fault are passed on.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    state: Arc<State>,
    _server: Loopback,
}

#[derive(Debug, Default)]
struct State {
    faults: Mutex<VecDeque<Fault>>,
    connections: AtomicUsize,
    endless_bytes: AtomicU64,
    /// Closes all open connections that have no fault.
    cut: Notify,
}

impl Proxy {
    /// Starts a proxy in front of the server at `url`.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid, or no port or no thread is available.
    pub fn start(url: &str, faults: impl IntoIterator<Item = Fault>) -> io::Result<Self> {
        let target = address_of(url)?;
        let state = Arc::new(State { faults: Mutex::new(faults.into_iter().collect()), ..State::default() });
        let shared = Arc::clone(&state);
        let server = Loopback::start("proxy", move |listener| serve(listener, target, shared))?;
        Ok(Self { url: format!("http://{}", server.address()), state, _server: server })
    }

    /// Returns the URL of the proxy.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds faults for the next connections, and closes the open connections, even if an exchange is in
    /// progress.
    pub fn break_next(&self, faults: &[Fault]) {
        self.state.faults.lock().unwrap_or_else(PoisonError::into_inner).extend(faults);
        self.state.cut.notify_waiters();
    }

    /// Returns the number of accepted connections.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Returns the number of bytes of endless responses that were sent before the client stopped reading.
    pub fn endless_bytes(&self) -> u64 {
        self.state.endless_bytes.load(Ordering::SeqCst)
    }
}

fn address_of(url: &str) -> io::Result<SocketAddr> {
    let address = url.trim_start_matches("http://").parse();
    address.map_err(|_| io::Error::other(format!("{url} is no address of a port")))
}

/// A port that refuses connections until it is opened, and then passes them on to a server.
#[derive(Debug)]
pub struct Door {
    url: String,
    target: SocketAddr,
    runtime: Runtime,
    closed: Mutex<Option<TcpSocket>>,
}

impl Door {
    /// Binds a port in front of the server at `url`, without listening on it yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid, or no port or no thread is available.
    pub fn closed(url: &str) -> io::Result<Self> {
        let target = address_of(url)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let url = format!("http://{}", socket.local_addr()?);
        Ok(Self { url, target, runtime, closed: Mutex::new(Some(socket)) })
    }

    /// Returns the URL of the port.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Accepts connections from now on.
    ///
    /// # Errors
    ///
    /// Returns an error if the port cannot be listened on.
    pub fn open(&self) -> io::Result<()> {
        let socket = self.closed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(socket) = socket else { return Ok(()) };
        let _inside = self.runtime.enter();
        let listener = socket.listen(64)?;
        self.runtime.spawn(serve(listener, self.target, Arc::default()));
        Ok(())
    }
}

/// A port on which no connection is ever established: its backlog is full, so the system drops further
/// connection attempts.
#[derive(Debug)]
pub struct FullPort {
    url: String,
    listener: StdListener,
    fillers: Vec<StdStream>,
}

impl FullPort {
    /// The maximum number of connections that fit into a backlog of one.
    const MOST: usize = 64;

    /// Binds a port and fills its backlog.
    ///
    /// # Errors
    ///
    /// Returns an error if no port is available, or if the backlog does not become full.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            socket.listen(1)?.into_std()
        })?;
        listener.set_nonblocking(false)?;
        let address = listener.local_addr()?;
        let mut fillers = Vec::new();
        while let Ok(filler) = StdStream::connect_timeout(&address, Duration::from_millis(300)) {
            fillers.push(filler);
            if fillers.len() > Self::MOST {
                return Err(io::Error::other("the queue of connections does not fill"));
            }
        }
        Ok(Self { url: format!("http://{address}"), listener, fillers })
    }

    /// Returns the URL of the port.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Accepts connections from now on and passes them on to the server at `url`.
    pub fn pass_on(self, url: &str) {
        let target = url.trim_start_matches("http://").to_owned();
        let Self { listener, fillers, .. } = self;
        drop(fillers);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                // A connection that cannot be passed on is closed.
                let _ = pass_both_ways(client, &target);
            }
        });
    }
}

fn pass_both_ways(client: StdStream, target: &str) -> io::Result<()> {
    let server = StdStream::connect(target)?;
    for (mut from, mut to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        thread::spawn(move || io::copy(&mut from, &mut to));
    }
    Ok(())
}

async fn serve(listener: TcpListener, target: SocketAddr, state: Arc<State>) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        state.connections.fetch_add(1, Ordering::SeqCst);
        let fault = state.faults.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // An error means that one side closed the connection, which ends the exchange.
            let _ = pass(client, target, fault.unwrap_or(Fault::None), &state).await;
        });
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr, fault: Fault, state: &State) -> io::Result<()> {
    match fault {
        Fault::ResetAtAccept => return reset(client),
        Fault::NeverRead => std::future::pending().await,
        Fault::ResetAfter(bytes) => {
            client.read_exact(&mut vec![0; bytes]).await?;
            return reset(client);
        }
        _ => {}
    }
    let mut server = TcpStream::connect(target).await?;
    if matches!(fault, Fault::None) {
        tokio::select! {
            passed = copy_bidirectional(&mut client, &mut server) => drop(passed?),
            () = state.cut.notified() => {}
        }
        return Ok(());
    }
    let request = message(&mut client).await?;
    server.write_all(&request).await?;
    let answer = message(&mut server).await?;
    match fault {
        Fault::CutAnswer(bytes) => client.write_all(answer.get(..bytes).unwrap_or(&answer)).await?,
        Fault::Drip(pause) => {
            for byte in answer {
                client.write_all(&[byte]).await?;
                tokio::time::sleep(pause).await;
            }
        }
        Fault::GoStale => {
            client.write_all(&answer).await?;
            client.read_exact(&mut [0]).await?;
            return reset(client);
        }
        Fault::Endless => {
            let head = format!("HTTP/1.1 201 Created\r\ncontent-length: {ENDLESS}\r\n\r\n");
            client.write_all(head.as_bytes()).await?;
            while state.endless_bytes.load(Ordering::SeqCst) < ENDLESS {
                client.write_all(&[b' '; 1 << 13]).await?;
                state.endless_bytes.fetch_add(1 << 13, Ordering::SeqCst);
            }
        }
        _ => return reset(client),
    }
    Ok(())
}

/// Resets a connection, as if the machine were gone.
fn reset(client: TcpStream) -> io::Result<()> {
    client.set_zero_linger()?;
    drop(client);
    Ok(())
}

/// Reads a request or a response: the head, and as many bytes after it as its `Content-Length` says.
async fn message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())
                .unwrap_or_default();
            if bytes.len() >= end + 4 + length {
                return Ok(bytes);
            }
        }
    }
}
