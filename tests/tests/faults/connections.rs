//! Connections that fail, break, or lead to the wrong place.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use promptlayer_tracing::export::{BatchLimits, DropReason, RetryPolicy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tests::proxy::{Fault, FullPort, Proxy};
use tokio::net::TcpSocket;

use super::*;

/// A resolver that fails until the test sets an address.
#[derive(Default)]
struct Names {
    address: Arc<std::sync::Mutex<Option<SocketAddr>>>,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let address = *self.address.lock().unwrap();
        Box::pin(async move {
            match address {
                Some(address) => Ok(Box::new(std::iter::once(address)) as Addrs),
                None => Err(format!("no such host: {}", name.as_str()).into()),
            }
        })
    }
}

#[test]
fn unresolved_name_is_retried_until_it_resolves() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let names = Arc::new(Names::default());
        let address = Arc::clone(&names.address);
        let target: SocketAddr = recorder.url().trim_start_matches("http://").parse().unwrap();
        let (told, errors) = mpsc::channel();
        let url = format!("http://promptlayer.example:{}", target.port());
        let builder = layer_over(way, &url)
            .http(move |http| http.dns_resolver(Arc::clone(&names)))
            .on_error(move |error| told.send(error.is_connect()).unwrap());
        let stats = after(builder, || {
            ask_times(10);
            assert_eq!(errors.recv_timeout(LONG), Ok(true), "it is an error of the connection");
            *address.lock().unwrap() = Some(target);
        });
        assert_eq!((stats.spans.delivered, stats.possible_duplicates), (10, 0));
        assert_counts_match(&recorder, &stats);
    }
}

#[test]
fn connection_that_is_never_made_counts_as_not_sent() {
    for way in WAYS {
        let port = FullPort::start().unwrap();
        let recorder = Recorder::start().unwrap();
        let (told, errors) = mpsc::channel();
        let builder = layer_over(way, port.url())
            .timeout(Duration::from_secs(2))
            .on_error(move |error| told.send(error.is_connect()).unwrap());
        let stats = after(builder, || {
            ask_times(10);
            assert_eq!(errors.recv_timeout(LONG), Ok(true), "it is an error of the connection");
            port.pass_on(recorder.url());
        });
        assert_eq!((stats.spans.delivered, stats.possible_duplicates), (10, 0), "{stats:#?}");
        assert_counts_match(&recorder, &stats);
    }
}

#[test]
fn connection_reset_at_any_point_loses_nothing() {
    for way in WAYS {
        let resets = [
            Fault::ResetAtAccept,
            Fault::ResetAfter(1),
            Fault::ResetAfter(200),
            Fault::ResetAfter(2000),
            Fault::LoseAnswer,
            Fault::CutAnswer(0),
        ];
        for fault in resets {
            let recorder = Recorder::start().unwrap();
            let proxy = Proxy::start(recorder.url(), [fault]).unwrap();
            assert_all_arrive(&recorder, layer_over(way, proxy.url()));
            assert!(proxy.connections() >= 2, "{fault:?}");
        }
    }
}

#[test]
fn consecutive_connection_resets_lose_nothing() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let faults = [Fault::ResetAtAccept, Fault::LoseAnswer, Fault::ResetAtAccept, Fault::ResetAfter(300)];
        let proxy = Proxy::start(recorder.url(), faults).unwrap();
        assert_all_arrive(&recorder, layer_over(way, proxy.url()));
    }
}

#[test]
fn server_that_never_reads_times_out_and_loses_nothing() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let proxy = Proxy::start(recorder.url(), [Fault::NeverRead]).unwrap();
        // More than the socket buffers can hold.
        let builder = layer_over(way, proxy.url())
            .retry(quick().settling_time(Duration::from_secs(1)))
            .batch(BatchLimits::default().spans(4));
        let stats = after(builder, || {
            for _ in 0..4 {
                drop(repeat(&"x".repeat(1 << 20)));
            }
        });
        assert_eq!(stats.spans.delivered, 4, "{stats:#?}");
        assert_counts_match(&recorder, &stats);
    }
}

#[promptlayer]
fn repeat(text: &str) -> String {
    text.to_owned()
}

#[test]
fn dead_idle_connection_loses_nothing() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let proxy = Proxy::start(recorder.url(), [Fault::GoStale]).unwrap();
        let (layer, guard) = layer_over(way, proxy.url()).build().unwrap();
        dispatcher::with_default(&dispatch(layer), || {
            ask_times(1);
            assert!(guard.flush(LONG).is_complete());
            // The machine sleeps. The connection is dead when it wakes up.
            ask_times(9);
        });
        let stats = guard.shutdown(LONG);
        assert_eq!(stats.spans.delivered, 10, "{stats:#?}");
        assert_counts_match(&recorder, &stats);
        assert!(proxy.connections() >= 2);
    }
}

#[test]
fn port_without_http_is_not_a_delivery() {
    for way in WAYS {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let server = thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let mut client = client;
                let _ = client.read(&mut [0; 64]);
                let _ = client.write_all(b"220 mail.example ESMTP\r\n");
            }
        });
        let policy = RetryPolicy::max_age(quick(), Duration::from_millis(300));
        let stats = after(layer_over(way, &format!("http://{address}")).retry(policy), || ask_times(10));
        assert_eq!((stats.spans.delivered, stats.spans.outcome_unknown), (0, 10), "{stats:#?}");
        ends.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(address));
        server.join().unwrap();
    }
}

#[test]
fn unreachable_server_drops_spans_as_expired() {
    for way in WAYS {
        // A port that belongs to the test and that accepts no connections.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        let policy = RetryPolicy::max_age(quick(), Duration::from_millis(200));
        let stats = after(layer_over(way, &format!("http://{address}")).retry(policy), || ask_times(10));
        assert_eq!(stats.spans.dropped, [(DropReason::Expired, 10)].into(), "{stats:#?}");
    }
}
