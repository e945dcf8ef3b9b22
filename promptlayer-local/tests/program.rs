//! Tests of the `promptlayer-local` program.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::provider::{Scripted, response};

/// The running program. It is killed if a test ends before the program does.
struct Program(Child);

impl Program {
    fn run(arguments: &[&str]) -> Self {
        Self::with_key(arguments, None)
    }

    /// Starts the program with the key in its environment.
    fn with_key(arguments: &[&str], key: Option<&str>) -> Self {
        Self::with_variables(arguments, key.map(|key| ("PROMPTLAYER_LOCAL_API_KEY", key)))
    }

    /// Starts the program with this variable in its environment.
    fn with_variables(arguments: &[&str], variable: Option<(&str, &str)>) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_promptlayer-local"))
            .args(arguments)
            .env_remove("PROMPTLAYER_LOCAL_API_KEY")
            .envs(variable)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn line(&mut self) -> String {
        BufReader::new(self.0.stdout.take().unwrap()).lines().next().unwrap().unwrap()
    }

    /// Waits until the program has failed to start, and returns its error output.
    fn failure(&mut self) -> String {
        assert!(!self.0.wait().unwrap().success());
        self.errors()
    }

    fn errors(&mut self) -> String {
        let mut errors = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn prints_its_address_and_exits_cleanly_on_signals() {
    for signal in ["-INT", "-TERM"] {
        let mut program = Program::run(&["--memory", "--address", "127.0.0.1:0"]);
        let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let url = line.strip_prefix("listening on ").unwrap().split(' ').next().unwrap();
        assert_eq!(
            line,
            format!(
                "listening on {url} - run your program with PROMPTLAYER_BASE_URL={url} PROMPTLAYER_API_KEY=local"
            )
        );
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        assert_eq!(client.get(url).send().await.unwrap().status(), 200);

        program.signal(signal);
        assert!(program.0.wait().unwrap().success(), "after {signal}");
        assert!(lines.next().is_none(), "nothing more is printed");
        assert_eq!(program.errors(), "");
    }
}

#[tokio::test]
async fn provider_gets_the_key_of_its_name() {
    let mut provider = Scripted::start(response("500 Oops", "text/plain", "no")).await;
    let option = format!("my-llm={}", provider.url);
    let arguments = ["--memory", "--address", "127.0.0.1:0", "--provider", &option];
    let mut program = Program::with_variables(&arguments, Some(("MY_LLM_API_KEY", " sk-0123456789\n")));
    let line = program.line();
    let url = line.strip_prefix("listening on ").unwrap().split(' ').next().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let log = client.post(format!("{url}/log-request")).header("X-API-KEY", "k");
    let log = log.header("Content-Type", "application/json").body(support::request().to_string());
    assert_eq!(log.send().await.unwrap().status(), 201);
    let call =
        client.post(format!("{url}/requests/1/replay")).body("provider=my-llm&model=m&role=user&text=Hello");
    let call = call.header("Content-Type", "application/x-www-form-urlencoded");
    let page = call.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("500 Internal Server Error: no") && !page.contains("sk-0123456789"), "{page}");
    assert!(provider.received().await.head.contains("Bearer sk-0123456789\r\n"));
    program.signal("-TERM");
    assert!(program.0.wait().unwrap().success());
    assert!(!line.contains("sk-0123456789"));
    assert_eq!(program.errors(), "");

    for (option, problem) in [
        ("openai", "give a name and a URL, such as ollama=http://localhost:11434/v1"),
        ("Open AI=http://h", "the provider \"Open AI\" cannot be used: a name has up to 64"),
        ("openai=https://me:pass@h/v1", "its URL contains a user or a password"),
    ] {
        let errors = Program::run(&["--memory", "--address", "127.0.0.1:0", "--provider", option]).failure();
        assert!(errors.contains(problem), "{option}: {errors}");
    }
}

#[test]
fn api_key_is_not_printed() {
    let mut program = Program::with_key(&["--memory", "--address", "127.0.0.1:0"], Some("pl_secret"));
    let line = program.line();
    assert!(line.ends_with("PROMPTLAYER_API_KEY=<your key>"), "{line}");
    assert!(!line.contains("pl_secret"), "{line}");
}

#[tokio::test]
async fn key_comes_from_the_environment_or_a_file() {
    let file = std::env::temp_dir().join(format!("promptlayer-local-key-{}", std::process::id()));
    std::fs::write(&file, "pl_file\n").unwrap();
    let path = file.to_str().unwrap();
    let listen = ["--memory", "--address", "127.0.0.1:0"];
    let with_file = ["--memory", "--address", "127.0.0.1:0", "--api-key-file", path];
    for (arguments, variable, key, needs_key) in [
        (&listen[..], Some("pl_env"), "pl_env", true),
        (&listen, Some(" pl_env\n"), "pl_env", true),
        (&with_file, Some("pl_env"), "pl_file", true),
        (&with_file, None, "pl_file", true),
        // A compose file sets an empty variable without a key.
        (&listen, Some(""), "anything", false),
        (&listen, None, "anything", false),
    ] {
        let mut program = Program::with_key(arguments, variable);
        let line = program.line();
        let url = line.strip_prefix("listening on ").unwrap().split(' ').next().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let status = |key| client.post(format!("{url}/create-group")).header("X-API-KEY", key).send();
        assert_eq!(status(key).await.unwrap().status(), 200, "{arguments:?} {variable:?}");
        let other = if needs_key { 401 } else { 200 };
        assert_eq!(status("other").await.unwrap().status(), other, "{arguments:?} {variable:?}");
        assert_eq!(client.get(url).send().await.unwrap().status(), other, "the pages, {variable:?}");
    }

    std::fs::write(&file, " \n").unwrap();
    let errors = Program::run(&with_file).failure();
    assert!(errors.contains("is empty") && errors.contains(path), "{errors}");
    std::fs::remove_file(&file).unwrap();
    let errors = Program::run(&with_file).failure();
    assert!(errors.starts_with(&format!("error: cannot read the API key from {path}: ")), "{errors}");
    for arguments in [&["--api-key", "pl_secret"][..], &["--api-key=pl_secret"], &["--api-key"]] {
        let errors = Program::run(arguments).failure();
        assert!(
            errors.contains("PROMPTLAYER_LOCAL_API_KEY") && errors.contains("--api-key-file"),
            "{errors}"
        );
        assert!(!errors.contains("pl_secret"), "{errors}");
    }
}

#[test]
fn it_prints_the_address_it_listens_on() {
    let mut program = Program::with_key(&["--memory", "--address", "0.0.0.0:0"], Some("pl_secret"));
    let line = program.line();
    let port = line.strip_prefix("listening on http://0.0.0.0:").unwrap().split(' ').next().unwrap();
    assert!(line.contains(&format!("PROMPTLAYER_BASE_URL=http://127.0.0.1:{port} ")), "{line}");
    let errors = Program::run(&["--memory", "--address", "0.0.0.0:0"]).failure();
    assert!(errors.contains("PROMPTLAYER_LOCAL_API_KEY") && errors.contains("127.0.0.1"), "{errors}");
}

#[test]
fn address_is_understood_or_the_error_gives_an_example() {
    for address in ["localhost:0", ":0", "0"] {
        let line = Program::run(&["--memory", "--address", address]).line();
        assert!(line.starts_with("listening on http://127.0.0.1:"), "{address}: {line}");
    }
    for address in ["localhost:port", "http://127.0.0.1:7780", ""] {
        let errors = Program::run(&["--memory", "--address", address]).failure();
        assert!(
            errors.contains("127.0.0.1:7780") && errors.contains("localhost:7780"),
            "{address}: {errors}"
        );
    }
}

#[tokio::test]
async fn serve_and_port_are_short_for_today_s_options() {
    for arguments in [&["serve", "--memory", "--port", "0"][..], &["--port", "0", "--memory"]] {
        let line = Program::run(arguments).line();
        assert!(line.starts_with("listening on http://127.0.0.1:"), "{arguments:?}: {line}");
    }
    let errors = Program::run(&["--memory", "--port", "0", "--address", "127.0.0.1:0"]).failure();
    assert!(errors.contains("cannot be used with"), "{errors}");
    let errors = Program::run(&["--memory", "--retain", "30"]).failure();
    assert!(errors.contains("90m, 12h or 30d"), "{errors}");
    let errors = Program::run(&["--memory", "--max-size", "2GB"]).failure();
    assert!(errors.contains("500MiB or 2GiB"), "{errors}");
}

#[tokio::test]
async fn health_needs_no_key() {
    let mut program = Program::with_key(&["--memory", "--port", "0"], Some("pl_secret"));
    let line = program.line();
    let url = line.strip_prefix("listening on ").unwrap().split(' ').next().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("{url}/health")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), r#"{"status":"ok"}"#);
}

#[test]
fn open_starts_the_browser_or_warns() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (script, opened) = (folder.path().join("xdg-open"), folder.path().join("opened"));
    std::fs::write(&script, format!("#!/bin/sh\necho \"$1\" > {}.new\nmv {0}.new {0}\n", opened.display()))
        .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(&script, folder.path().join("open")).unwrap();
    let start = |path: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promptlayer-local"));
        command.args(["--memory", "--port", "0", "--open"]).env("PATH", path);
        Program(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let mut program = start(&format!("{}:/usr/bin:/bin", folder.path().display()));
    let line = program.line();
    let url = line.strip_prefix("listening on ").unwrap().split(' ').next().unwrap();
    let begin = Instant::now();
    while !opened.exists() {
        assert!(begin.elapsed() < Duration::from_secs(60), "no browser was opened");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(std::fs::read_to_string(&opened).unwrap().trim(), url);

    let mut program = start("/no/such/folder");
    let url = program.line();
    let url = url.strip_prefix("listening on ").unwrap().split(' ').next().unwrap().to_owned();
    let mut warning = String::new();
    BufReader::new(program.0.stderr.take().unwrap()).read_line(&mut warning).unwrap();
    assert!(warning.starts_with("warning: cannot open a browser: "), "{warning}");
    assert!(warning.trim_end().ends_with(&format!("; open {url} yourself")), "{warning}");
}

#[test]
fn error_has_no_repetition_and_no_sql() {
    let missing = Program::run(&["--database", "/no/such/folder/x.db"]).failure();
    for said_once in ["/no/such/folder/x.db", "o such file or directory", "cannot use the database"] {
        assert_eq!(missing.matches(said_once).count(), 1, "{missing}");
    }
    assert!(!missing.contains("Error code") && missing.lines().count() == 1, "{missing}");

    let file = std::env::temp_dir().join(format!("promptlayer-local-ddl-{}.db", std::process::id()));
    let _ = std::fs::remove_file(&file);
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE requests (x)").unwrap();
    let errors = Program::run(&["--database", file.to_str().unwrap(), "--address", "127.0.0.1:0"]).failure();
    std::fs::remove_file(&file).unwrap();
    assert!(errors.contains(file.to_str().unwrap()), "{errors}");
    assert!(!errors.contains("CREATE") && errors.lines().count() == 1, "{errors}");
}

/// With two free file descriptors, setting up the signal runtime or the server fails. With some more, both
/// succeed.
#[test]
fn listening_is_printed_only_after_startup_succeeds() {
    for descriptors in 4..40 {
        let script = format!("ulimit -n {descriptors}; exec \"$0\" --memory --address 127.0.0.1:0");
        let mut command = Command::new("sh");
        let command = command.args(["-c", &script, env!("CARGO_BIN_EXE_promptlayer-local")]);
        let child = command
            .env_remove("PROMPTLAYER_LOCAL_API_KEY")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut program = Program(child);
        let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
        match lines.next() {
            Some(line) => {
                assert!(line.unwrap().starts_with("listening on "));
                program.signal("-TERM");
                assert!(program.0.wait().unwrap().success(), "with {descriptors}: {}", program.errors());
                return;
            }
            None => assert!(!program.failure().is_empty(), "with {descriptors}"),
        }
    }
    panic!("it never started");
}

#[test]
fn it_serves_again_after_running_out_of_descriptors() {
    let script = "ulimit -n 64; exec \"$0\" --memory --address 127.0.0.1:0";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_promptlayer-local")]);
    let child = command.env_remove("PROMPTLAYER_LOCAL_API_KEY").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Program(child.spawn().unwrap());
    let line = program.line();
    let address = line.strip_prefix("listening on http://").unwrap().split(' ').next().unwrap().to_owned();
    let ask = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(b"GET /style.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let held: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(&address).unwrap()).collect();
    drop(held);
    assert!(ask().starts_with("HTTP/1.1 200 OK"));
    assert!(program.0.try_wait().unwrap().is_none(), "it still runs");
}

#[test]
fn startup_error_includes_its_cause() {
    let taken = promptlayer_local::Server::start(promptlayer_local::Config::default()).unwrap();
    let address = taken.address().to_string();
    let mut program = Program::run(&["--memory", "--address", &address]);
    assert!(!program.0.wait().unwrap().success());
    let errors = program.errors();
    assert!(errors.starts_with(&format!("error: cannot listen on {address}; ")), "{errors}");
    assert!(errors.to_lowercase().contains("in use"), "{errors}");
    assert!(errors.contains("another promptlayer-local") && errors.contains("--port"), "{errors}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let errors = Program::run(&["--memory", "--address", &address]).failure();
    assert!(errors.contains("choose another address") && errors.contains("in use"), "{errors}");
    assert!(!errors.contains("another promptlayer-local"), "{errors}");
}
