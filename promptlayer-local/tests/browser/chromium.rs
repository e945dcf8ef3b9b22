//! Starts Chromium for one test, drives it, and reads its log.

use std::env;
use std::fmt::Debug;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::AsyncFnOnce;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use promptlayer_local::Config;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{ChromeCapabilities, LoggingPrefsLogLevel};

use crate::support::Local;

/// The maximum time to wait for a condition. It is never reached unless something is wrong.
const DEADLINE: Duration = Duration::from_secs(30);

/// The time between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);

const PAGE_CHECKS: &str = include_str!("page_checks.js");

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--lang=en-US",
    "--window-size=1280,900",
];

/// The programs that the tests need.
struct Programs {
    driver: PathBuf,
    chromium: PathBuf,
}

/// A running `ChromeDriver`.
struct Driver {
    process: Child,
    port: u16,
    /// Kept open, because `ChromeDriver` may write to it.
    _output: BufReader<ChildStdout>,
}

/// A browser, and the server whose pages it shows.
pub(crate) struct Browser {
    pub(crate) local: Local,
    driver: WebDriver,
    /// The parts of messages that the log of the browser must have, such as that of a page with the status 422.
    expected: Mutex<Vec<String>>,
    /// What the checks of the pages found.
    problems: Mutex<Vec<String>>,
}

impl Programs {
    /// Finds the programs. Returns the name of one that is missing.
    fn find() -> Result<Self, &'static str> {
        Ok(Self {
            driver: program("CHROMEDRIVER", &["chromedriver"]).ok_or("ChromeDriver")?,
            chromium: program("CHROMIUM", &["chromium", "chromium-browser", "google-chrome"])
                .ok_or("Chromium")?,
        })
    }
}

fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()))
}

/// The number of times that `ChromeDriver` is started. It ends where the port that the system chose for one version of IP is
/// in use for the other.
const STARTS: usize = 5;

impl Driver {
    fn start(program: &Path) -> Self {
        let started = (0..STARTS).find_map(|_| Self::try_start(program));
        started.unwrap_or_else(|| panic!("ChromeDriver ended {STARTS} times before it named its port"))
    }

    fn try_start(program: &Path) -> Option<Self> {
        let mut process = Command::new(program)
            .arg("--port=0")
            // The zone of the reader, unless a test sets another one.
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            if output.read_line(&mut line).unwrap() == 0 {
                process.wait().unwrap();
                return None;
            }
            if let Some((_, rest)) = line.split_once("started successfully on port ") {
                break rest.trim().trim_end_matches('.').parse().unwrap();
            }
        };
        Some(Self { process, port, _output: output })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It has ended already if this fails.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a test in a browser, or says that it is skipped.
pub(crate) async fn browse(test: impl AsyncFnOnce(&Browser)) {
    browse_with(Config::default(), test).await;
}

/// Runs a test in a browser, with a server of this configuration.
pub(crate) async fn browse_with(config: Config, test: impl AsyncFnOnce(&Browser)) {
    let programs = match Programs::find() {
        Ok(programs) => programs,
        Err(missing) => return skip(missing),
    };
    let folder = TempDir::new().unwrap();
    let process = Driver::start(&programs.driver);
    let url = format!("http://127.0.0.1:{}", process.port);
    let client = reqwest::Client::builder().no_proxy().timeout(2 * DEADLINE).build().unwrap();
    let driver = WebDriver::builder(url, capabilities(&programs.chromium, &folder).unwrap())
        .client(client)
        .await
        .unwrap();
    let outcome = driver
        .run_and_quit(async |driver| {
            let browser = Browser {
                local: Local::with(config),
                driver,
                expected: Mutex::default(),
                problems: Mutex::default(),
            };
            test(&browser).await;
            let problems = browser.problems.lock().unwrap().join("\n");
            assert!(problems.is_empty(), "{problems}");
            browser.check_log().await;
            Ok::<(), WebDriverError>(())
        })
        .await;
    drop(process);
    outcome.unwrap();
}

fn skip(missing: &str) {
    static SAID: Once = Once::new();
    let is_required = env::var("BROWSER").is_ok_and(|value| value == "required");
    assert!(!is_required, "{missing} is not on the PATH, and BROWSER=required is set");
    SAID.call_once(|| {
        // Not `eprintln`, which the test harness captures.
        let _ = writeln!(
            io::stderr(),
            "\nThe tests in a browser are skipped: {missing} is not on the PATH. Install Chromium and ChromeDriver, \
             or set CHROMIUM and CHROMEDRIVER to their paths."
        );
    });
}

fn capabilities(chromium: &Path, folder: &TempDir) -> WebDriverResult<ChromeCapabilities> {
    let mut capabilities = DesiredCapabilities::chrome();
    capabilities.set_binary(&chromium.to_string_lossy())?;
    for flag in FLAGS {
        capabilities.add_arg(flag)?;
    }
    capabilities.add_arg(&format!("--user-data-dir={}", folder.path().display()))?;
    // No name leads to another server, so a request to one is in the log and fails.
    capabilities.add_arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")?;
    capabilities.set_logging_prefs("browser", LoggingPrefsLogLevel::All)?;
    capabilities.set_logging_prefs("performance", LoggingPrefsLogLevel::All)?;
    Ok(capabilities)
}

/// Navigation.
impl Browser {
    /// Opens a path of the server.
    pub(crate) async fn open(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.local.server.url())).await.unwrap();
    }

    pub(crate) async fn reload(&self) {
        self.driver.refresh().await.unwrap();
    }

    pub(crate) async fn back(&self) {
        self.driver.back().await.unwrap();
    }

    /// Marks the page, so that a test can tell whether it was loaded again.
    pub(crate) async fn mark(&self) {
        self.get::<Value>("window.marked = true").await;
    }

    /// Checks that the page was not loaded again since it was marked.
    pub(crate) async fn is_marked(&self) {
        assert!(self.get::<bool>("window.marked === true").await, "the page was loaded again");
    }

    /// Returns the path of the page, with its query.
    pub(crate) async fn path(&self) -> String {
        self.get("location.pathname + location.search").await
    }

    /// Waits until the page has this path and query.
    pub(crate) async fn at(&self, path: &str) {
        self.shows("location.pathname + location.search", path).await;
    }

    /// Gives the window a size in CSS pixels.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
        self.shows("innerWidth", width).await;
    }

    /// Sets the color scheme that the reader prefers: `light` or `dark`.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.command("Emulation.setEmulatedMedia", features).await;
    }

    /// Sends a command of the `DevTools` protocol.
    pub(crate) async fn command(&self, method: &str, parameters: Value) -> Value {
        self.driver
            .cdp()
            .send_raw(method, parameters)
            .await
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }
}

/// Reading the page.
impl Browser {
    /// Evaluates an expression in the page.
    pub(crate) async fn get<T: DeserializeOwned>(&self, expression: &str) -> T {
        self.try_get(expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    async fn try_get<T: DeserializeOwned>(&self, expression: &str) -> WebDriverResult<T> {
        self.driver.execute(format!("return ({expression});"), Vec::new()).await?.convert()
    }

    /// Runs an asynchronous expression in the page, and returns its value.
    pub(crate) async fn wait_for<T: DeserializeOwned>(&self, expression: &str) -> T {
        let script = format!("const done = arguments[0]; (async () => ({expression}))().then(done);");
        self.driver.execute_async(script, Vec::new()).await.unwrap().convert().unwrap()
    }

    /// Waits until an expression has this value.
    pub(crate) async fn shows<T>(&self, expression: &str, expected: T)
    where
        T: Into<Value>,
    {
        let expected = expected.into();
        self.until(expression, |value: &Value| *value == expected, &expected).await;
    }

    /// Waits until an expression is true.
    pub(crate) async fn holds(&self, expression: &str) {
        self.until(expression, |value: &Value| *value == true, &"true").await;
    }

    /// Waits until the value of an expression is as expected. While a page is loaded, an expression may have none.
    async fn until(&self, expression: &str, is_expected: impl Fn(&Value) -> bool, expected: &dyn Debug) {
        let begin = Instant::now();
        loop {
            let value = self.try_get::<Value>(expression).await;
            if value.as_ref().is_ok_and(&is_expected) {
                return;
            }
            assert!(
                begin.elapsed() < DEADLINE,
                "{expression} is {value:?} and not {expected:?} at {}:\n{}",
                self.path().await,
                self.get::<String>("document.body.innerText").await,
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the table has exactly these rows, by their ids, in this order.
    pub(crate) async fn has_rows(&self, ids: &[i64]) {
        self.shows(&format!("{ROWS}.map((row) => Number(row.dataset.id))"), ids).await;
    }

    /// Waits until the page shows this text, as a reader sees it.
    pub(crate) async fn says(&self, text: &str) {
        self.holds(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// Returns the visible text of an element.
    pub(crate) async fn text(&self, selector: &str) -> String {
        self.get(&format!("document.querySelector({}).innerText.trim()", json!(selector))).await
    }

    /// Returns the visible texts of all elements.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let elements = format!("[...document.querySelectorAll({})]", json!(selector));
        self.get(&format!("{elements}.map((element) => element.innerText.trim())")).await
    }

    /// Returns the number of elements.
    pub(crate) async fn count(&self, selector: &str) -> usize {
        self.get(&format!("document.querySelectorAll({}).length", json!(selector))).await
    }
}

/// The rows of a table, as an array.
const ROWS: &str = "[...document.querySelectorAll('tbody tr[data-id]')]";

/// What a reader does.
impl Browser {
    /// Waits for an element that can be clicked, and clicks it.
    pub(crate) async fn click(&self, selector: &str) {
        self.act(selector, async |element: WebElement| element.click().await).await;
    }

    /// Clicks the first element that an `XPath` finds.
    pub(crate) async fn click_path(&self, path: &str) {
        let find = async || self.driver.find(By::XPath(path)).await;
        self.retry(path, find, async |element| element.click().await).await;
    }

    /// Clicks the link, the button or the summary with this text.
    pub(crate) async fn click_text(&self, text: &str) {
        let script = format!(
            "return [...document.querySelectorAll('a, button, summary')]
               .find((one) => one.innerText.trim() === {} && one.checkVisibility() && !one.disabled);",
            json!(text)
        );
        let find = async || self.driver.execute(script.as_str(), Vec::new()).await?.element();
        self.retry(text, find, async |element| element.click().await).await;
    }

    /// Replaces the text of a field.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        self.act(selector, async |element: WebElement| {
            element.clear().await?;
            element.send_keys(text).await
        })
        .await;
    }

    /// Chooses an option of a selection by its text.
    pub(crate) async fn choose(&self, selector: &str, text: &str) {
        // As a reader does without a mouse. A mouse would open a menu outside the page.
        self.act(selector, async |element: WebElement| element.send_keys(text).await).await;
    }

    /// Sends keys to the element that has the focus, once the page and its scripts are loaded.
    pub(crate) async fn press(&self, keys: impl Into<TypingData>) {
        self.holds("document.readyState === 'complete'").await;
        self.driver.action_chain().send_keys(keys).perform().await.unwrap();
    }

    async fn act(&self, selector: &str, act: impl AsyncFn(WebElement) -> WebDriverResult<()>) {
        self.retry(selector, async || self.driver.find(By::Css(selector)).await, act).await;
    }

    /// Finds an element and acts on it, again if the page has just replaced it or has not shown it yet.
    async fn retry(
        &self,
        what: &str,
        find: impl AsyncFn() -> WebDriverResult<WebElement>,
        act: impl AsyncFn(WebElement) -> WebDriverResult<()>,
    ) {
        let begin = Instant::now();
        loop {
            let done = match find().await {
                Ok(element) => act(element).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => return,
                Err(error) => assert!(begin.elapsed() < DEADLINE, "{what}: {error}"),
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// What holds of every page.
impl Browser {
    /// Opens everything that is folded.
    pub(crate) async fn unfold(&self) {
        self.get::<Value>(
            "document.querySelectorAll('details').forEach((one) => { one.open = true; }), null",
        )
        .await;
    }

    /// Checks the page by a function of `page_checks.js`. The test fails at its end, with the problems of all pages.
    pub(crate) async fn check_page(&self, check: &str) {
        let script = format!("{PAGE_CHECKS}\nreturn checks.{check}();");
        let problems: Vec<String> = self.driver.execute(script, Vec::new()).await.unwrap().convert().unwrap();
        let size: String = self.get("`${innerWidth} pixels`").await;
        if !problems.is_empty() {
            let all = format!("{check} of {} at {size}: {problems:#?}", self.path().await);
            self.problems.lock().unwrap().push(all);
        }
    }
}

/// The log.
impl Browser {
    /// Says that the log of the browser will have a message with this text.
    pub(crate) fn expect_message(&self, part: &str) {
        self.expected.lock().unwrap().push(part.to_owned());
    }

    /// Checks that the browser logged no error, and that it sent all requests to the server.
    async fn check_log(&self) {
        let messages = self.driver.get_log("browser").await.unwrap();
        let expected = std::mem::take(&mut *self.expected.lock().unwrap());
        let mut problems: Vec<String> = messages
            .into_iter()
            .filter(|entry| matches!(entry.level.as_str(), "SEVERE" | "WARNING"))
            .map(|entry| entry.message)
            .collect();
        for part in expected {
            assert!(problems.iter().any(|message| message.contains(&part)), "{part} is not in {problems:?}");
            problems.retain(|message| !message.contains(&part));
        }
        assert!(problems.is_empty(), "the browser logged {problems:#?}");
        let foreign = self.foreign_requests().await;
        assert!(foreign.is_empty(), "the browser sent requests to {foreign:?}");
    }

    /// Returns the addresses of requests that were not sent to the server.
    async fn foreign_requests(&self) -> Vec<String> {
        let own = format!("{}/", self.local.server.url());
        let events = self.driver.get_log("performance").await.unwrap();
        events
            .into_iter()
            .filter_map(|entry| {
                let event: Value = serde_json::from_str(&entry.message).unwrap();
                let message = &event["message"];
                (message["method"] == "Network.requestWillBeSent")
                    .then(|| message["params"]["request"]["url"].as_str().unwrap_or_default().to_owned())
            })
            .filter(|url| !["data:", "about:", "chrome:", &own].iter().any(|begin| url.starts_with(begin)))
            .collect()
    }
}

#[tokio::test]
async fn log_check_finds_errors_and_foreign_requests() {
    browse(async |browser| {
        browser.open("/").await;
        // What hostile content would try.
        browser
            .get::<Value>(
                "document.body.append(
                   Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }),
                   Object.assign(document.createElement('img'), { src: 'http://example.com/x.png' })), null",
            )
            .await;
        browser.holds("window.ran === undefined").await;
        browser.expect_message("inline script");
        browser.expect_message("http://example.com/x.png");
        assert_eq!(browser.foreign_requests().await, ["http://example.com/x.png"]);
    })
    .await;
}
