use std::sync::mpsc;
use std::thread;

use tokio::runtime::Builder;

use super::*;
use crate::blocking::Wait;
use crate::{Error, ErrorKind, RequestId};

const SUCCESS: &str = r#"{"success": true}"#;

fn score(client: &Client) -> Result<(), Error> {
    client.track().score(RequestId::new(1), 50).wait()
}

#[test]
fn call_is_waited_for_on_any_thread() {
    let server = Server::start((0..4).map(|_| Reply::json(200, SUCCESS)));
    let client = client(&server);

    score(&client).unwrap();
    thread::scope(|scope| scope.spawn(|| score(&client).unwrap()).join().unwrap());
    let many = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    many.block_on(async { score(&client) }).unwrap();
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    one.block_on(async { score(&client) }).unwrap();

    assert_eq!(server.finish().len(), 4);
}

#[test]
fn runtime_without_timers_or_sockets_can_wait() {
    let server = Server::start([Reply::json(200, SUCCESS)]);
    let client = client(&server);
    let bare = Builder::new_current_thread().build().unwrap();
    bare.block_on(async { score(&client) }).unwrap();
    server.finish();
}

#[test]
fn waiting_inside_a_waited_call_is_an_error() {
    let server = Server::start([]);
    let client = client(&server);
    let nested = async move { score(&client) };
    let error = nested.wait().unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NoRuntime);
    assert!(error.to_string().contains("inside another call"), "{error}");
    server.finish();
}

#[test]
fn panic_in_a_waited_call_is_an_error_and_ends_nothing_else() {
    let error = async { panic!("on purpose") as Result<(), Error> }.wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoRuntime);

    let server = Server::start([Reply::json(200, SUCCESS)]);
    score(&client(&server)).unwrap();
    server.finish();
}

#[test]
fn calls_of_many_threads_do_not_wait_for_each_other() {
    let (silent, answering) =
        (Server::start([Reply::Silence]), Server::start((0..8).map(|_| Reply::json(200, SUCCESS))));
    let (slow, quick) = (client(&silent), client(&answering));
    let (ended, end) = mpsc::channel();
    let waiting = thread::spawn(move || ended.send(score(&slow).is_err()));

    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| score(&quick).unwrap()))));
    assert_eq!(answering.finish().len(), 8);
    // The silent server answers nothing until it is finished.
    assert!(end.try_recv().is_err());
    silent.finish();
    assert!(end.recv().unwrap());
    waiting.join().unwrap().unwrap();
}

#[test]
fn pages_are_an_iterator() {
    let page = |number: u32, next: &str| {
        let items: Vec<_> = (0..2)
            .map(|item| format!(r#"{{"id": 1, "prompt_name": "t{number}{item}", "prompt_template": {{"type": "completion", "content": []}}}}"#))
            .collect();
        let items = items.join(",");
        Reply::json(
            200,
            &format!(
                r#"{{"items": [{items}], "page": {number}, "pages": 2, "total": 4, "next_num": {next}}}"#
            ),
        )
    };
    let server = Server::start([page(1, "2"), page(2, "null")]);
    let names: Result<Vec<_>, _> =
        client(&server).templates().list().pages().wait().map(|item| item.map(|item| item.name)).collect();

    assert_eq!(names.unwrap(), ["t10", "t11", "t20", "t21"]);
    assert_eq!(server.finish().len(), 2);
}
