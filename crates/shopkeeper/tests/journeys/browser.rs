//! A real Chromium, driven over WebDriver.

use std::cell::Cell;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use futures::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// How long a page may take for what a step waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// On what a journey runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Screen {
    Desktop,
    Phone,
}

impl Screen {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Desktop, Self::Phone];

    fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Phone => "phone",
        }
    }

    fn options(self, binary: &str) -> Value {
        let mut options = json!({
            "binary": binary,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--lang=en-US", "--hide-scrollbars", "--window-size=1280,900"],
        });
        if self == Self::Phone {
            options["mobileEmulation"] = json!({"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 2.0, "touch": true}});
        }
        options
    }
}

/// The first of these programs that there is.
fn program(names: &[&str]) -> Option<String> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    names.iter().find_map(|name| {
        let found = folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file());
        found.map(|path| path.to_string_lossy().into_owned())
    })
}

/// Starts browsers; ends with all of them.
pub struct Driver {
    child: Child,
    address: String,
    chromium: String,
}

impl Driver {
    /// `None`, with a line that says so, where there is no Chromium.
    pub fn start() -> Option<Self> {
        let chromium = program(&["chromium", "chromium-browser", "google-chrome"]);
        let driver = program(&["chromedriver"]);
        let (Some(chromium), Some(driver)) = (chromium, driver) else {
            let missing = "Chromium or chromedriver is not installed \
                           (apt-get install chromium chromium-driver)";
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            eprintln!("SKIPPED: {missing}");
            return None;
        };
        let mut child = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver says its port");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self {
            child,
            address: format!("http://127.0.0.1:{port}"),
            chromium,
        })
    }

    /// A fresh browser that knows nothing of others, with the pages of `server`.
    pub async fn open(&self, journey: &str, screen: Screen, server: &str) -> Browser {
        let capabilities = json!({
            "goog:chromeOptions": screen.options(&self.chromium),
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("an object is written above");
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&self.address)
            .await
            .unwrap();
        Browser {
            client,
            server: server.to_owned(),
            name: format!("{journey}-{}", screen.name()),
            step: Cell::new(0),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let process = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &process]).status();
        let _ = self.child.wait();
    }
}

/// One browser with one window.
pub struct Browser {
    client: Client,
    server: String,
    name: String,
    step: Cell<usize>,
}

/// The messages of the browser's console since the last look.
#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        (
            http::Method::POST,
            Some(json!({"type": "browser"}).to_string()),
        )
    }
}

impl Browser {
    /// Goes to a path of the shop.
    pub async fn go(&self, path: &str) {
        let url = format!("http://{}{path}", self.server);
        self.client.goto(&url).await.unwrap();
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    /// Waits for what matches; visible, where `find` says nothing else.
    pub async fn see(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(PATIENCE);
        match wait.for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => self.fail(&format!("{css}: {error}")).await,
        }
    }

    /// Waits until `css` has a text that satisfies `is_right`.
    pub async fn see_text(&self, css: &str, is_right: impl Fn(&str) -> bool) -> String {
        let end = tokio::time::Instant::now() + PATIENCE;
        let mut last = String::new();
        while tokio::time::Instant::now() < end {
            for text in self.texts(css).await {
                if is_right(&text) {
                    return text;
                }
                last = text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.fail(&format!("{css} says {last:?}")).await
    }

    /// The texts of all that match now.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent.trim())";
        let found = self.client.execute(script, vec![json!(css)]).await.unwrap();
        serde_json::from_value(found).unwrap()
    }

    /// An attribute of all that match now.
    pub async fn attributes(&self, css: &str, name: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.getAttribute(arguments[1]) || '')";
        let found = self
            .client
            .execute(script, vec![json!(css), json!(name)])
            .await
            .unwrap();
        serde_json::from_value(found).unwrap()
    }

    /// Clicks as a person does: on what can be seen.
    pub async fn click(&self, css: &str) {
        let element = self.see(css).await;
        let end = tokio::time::Instant::now() + PATIENCE;
        // What is still hidden or covered by something that goes away is waited for.
        loop {
            // A person scrolls what bars at the edges of the screen cover.
            let middle = "document.querySelector(arguments[0])?.scrollIntoView({block: 'center', behavior: 'instant'})";
            self.client.execute(middle, vec![json!(css)]).await.unwrap();
            match element.click().await {
                Ok(()) => return,
                Err(error) if tokio::time::Instant::now() > end || !may_pass(&error) => {
                    self.fail(&format!("{css} cannot be clicked: {error}"))
                        .await
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Clicks what leads to another page, and waits for that.
    pub async fn follow(&self, css: &str) {
        self.leave_after(css, async {}).await;
    }

    /// Clicks what leads to another page after a while, does something until
    /// then, and waits for the page.
    pub async fn leave_after(&self, css: &str, until_then: impl Future<Output = ()>) {
        let script = "window.beforeLeaving = true";
        self.client.execute(script, vec![]).await.unwrap();
        self.click(css).await;
        until_then.await;
        self.arrive(css).await;
    }

    /// Waits until the page that was marked before is gone and the next is there.
    async fn arrive(&self, by: &str) {
        let script = "return !window.beforeLeaving && document.readyState === 'complete'";
        let end = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < end {
            if self
                .client
                .execute(script, vec![])
                .await
                .is_ok_and(|there| there == json!(true))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.fail(&format!("{by} led nowhere")).await
    }

    /// Types into a field, after what it holds.
    pub async fn write(&self, css: &str, text: &str) {
        self.see(css).await.send_keys(text).await.unwrap();
    }

    /// Chooses files for a field, as a dialog of the system does.
    pub async fn upload(&self, css: &str, files: &[PathBuf]) {
        let paths: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        // The field itself may be hidden behind its label.
        let field = self.client.find(Locator::Css(css)).await.unwrap();
        field.send_keys(&paths.join("\n")).await.unwrap();
    }

    /// Whether a control does nothing yet.
    pub async fn is_disabled(&self, css: &str) -> bool {
        self.see(css)
            .await
            .attr("disabled")
            .await
            .unwrap()
            .is_some()
    }

    /// Presses Enter in a field, which leads to another page.
    pub async fn enter(&self, css: &str) {
        let script = "window.beforeLeaving = true";
        self.client.execute(script, vec![]).await.unwrap();
        self.write(css, "\u{e007}").await;
        self.arrive(css).await;
    }

    /// Chooses in a list; the page stays.
    pub async fn pick(&self, css: &str, value: &str) {
        self.see(css).await.select_by_value(value).await.unwrap();
    }

    /// Chooses in a list, which leads to another page.
    pub async fn choose(&self, css: &str, value: &str) {
        let script = "window.beforeLeaving = true";
        self.client.execute(script, vec![]).await.unwrap();
        self.see(css).await.select_by_value(value).await.unwrap();
        self.arrive(css).await;
    }

    /// The path and query of the page.
    pub async fn place(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        let query = url
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        format!("{}{query}", url.path())
    }

    /// Keeps a picture of this step, where somebody asked for pictures.
    pub async fn picture(&self, what: &str) {
        let Some(folder) = std::env::var_os("SHOPKEEPER_SCREENSHOTS") else {
            return;
        };
        let step = self.step.get() + 1;
        self.step.set(step);
        let folder = PathBuf::from(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(
            folder.join(format!("{}-{step:02}-{what}.png", self.name)),
            picture,
        )
        .unwrap();
    }

    /// Whether the page is wider than the screen.
    pub async fn fits(&self) {
        let script =
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let surplus = self.client.execute(script, vec![]).await.unwrap();
        assert_eq!(
            surplus,
            json!(0),
            "{}: the page is wider than the screen",
            self.name
        );
    }

    async fn fail(&self, why: &str) -> ! {
        self.picture("failed").await;
        let place = self.place().await;
        let errors = self.errors().await;
        panic!("{} at {place}: {why}\n{errors:#?}", self.name);
    }

    /// What the console says is wrong: errors, uncaught exceptions, requests
    /// that failed, what the page's policy forbids.
    async fn errors(&self) -> Vec<String> {
        let log = self.client.issue_cmd(ConsoleLog).await.unwrap();
        let lines = log.as_array().cloned().unwrap_or_default();
        let severe = lines.iter().filter(|line| line["level"] == "SEVERE");
        severe.map(|line| line["message"].to_string()).collect()
    }
}

/// Whether a click may go well a moment later.
fn may_pass(error: &CmdError) -> bool {
    let text = error.to_string();
    text.contains("click intercepted") || text.contains("not interactable")
}

/// Walks a journey on each screen with browsers of its own; fails on any error
/// in a console.
pub async fn walk<W: Future<Output = Vec<Browser>>>(
    browsers: Vec<Browser>,
    journey: impl FnOnce(Vec<Browser>) -> W,
) {
    let clients: Vec<Client> = browsers
        .iter()
        .map(|browser| browser.client.clone())
        .collect();
    let walked = std::panic::AssertUnwindSafe(async {
        for browser in journey(browsers).await {
            assert_eq!(
                browser.errors().await,
                Vec::<String>::new(),
                "{}",
                browser.name
            );
        }
    });
    let ended = walked.catch_unwind().await;
    for client in clients {
        let _ = client.close().await;
    }
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}
