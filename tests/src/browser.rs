//! A headless Chromium that looks at a page as a reader would, over its DevTools protocol.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

use crate::LIMIT;

/// A running browser. It ends when this is dropped.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    address: String,
    _profile: TempDir,
}

/// The properties of a reader's device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Width of the window in CSS pixels.
    pub width_px: u32,
    /// `true` if the reader prefers dark pages.
    pub dark: bool,
}

/// An opened page.
#[derive(Debug)]
pub struct View(RefCell<Session>);

#[derive(Debug)]
struct Session {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    session: Option<String>,
    sent: u64,
    complaints: Vec<String>,
}

/// The program's names on Debian, Ubuntu, Fedora and in Google's packages.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// The line prefix that announces the DevTools address.
const LISTENING: &str = "DevTools listening on ";

impl Chromium {
    /// Starts `SPLITSIM_CHROMIUM`, or the first Chromium on the PATH.
    #[must_use]
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new(program())
            .args([
                "--headless=new",
                "--remote-debugging-port=0",
                "--disable-gpu",
            ])
            // The pages are ours, and a container's root has no sandbox to enter.
            .args([
                "--no-sandbox",
                "--no-first-run",
                "--disable-component-update",
            ])
            .args(["--disable-background-networking", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            match lines.next() {
                Some(Ok(line)) => match line.strip_prefix(LISTENING) {
                    Some(address) => break address.to_owned(),
                    None => said.push(line),
                },
                _ => panic!("Chromium does not start; it said\n{}", said.join("\n")),
            }
        };
        // Nobody may be left waiting for its pipe to be read.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self {
            child,
            address,
            _profile: profile,
        }
    }

    /// Opens a file on a device and waits until every figure is drawn.
    #[must_use]
    pub fn open(&self, page: &Path, device: Device) -> View {
        let (socket, _) = tungstenite::connect(&self.address).unwrap();
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(LIMIT)).unwrap();
        }
        let view = View(RefCell::new(Session {
            socket,
            session: None,
            sent: 0,
            complaints: Vec::new(),
        }));
        let target = view.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = view.call("Target.attachToTarget", attach);
        view.0.borrow_mut().session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Log", "Runtime", "Network", "Page"] {
            view.call(&format!("{domain}.enable"), json!({}));
        }
        let screen = json!({
            "width": device.width_px, "height": 900, "deviceScaleFactor": 1, "mobile": false
        });
        view.call("Emulation.setDeviceMetricsOverride", screen);
        let scheme = if device.dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            // A page that is still scrolling is no place to click at.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        view.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        );
        let url = format!("file://{}", page.canonicalize().unwrap().display());
        view.call("Page.navigate", json!({ "url": url }));
        view.wait_for("document.documentElement?.dataset.drawn === 'all'");
        view
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Both fail only where it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl View {
    /// The value of a JavaScript expression.
    #[must_use]
    pub fn ask<T: DeserializeOwned>(&self, expression: &str) -> T {
        let asked = json!({ "expression": expression, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", asked);
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {thrown}");
        serde_json::from_value(answer["result"]["value"].take()).unwrap()
    }

    /// Clicks in the middle of the first element that a CSS selector finds, scrolled to. Waits until
    /// nothing lies on it.
    pub fn click(&self, selector: &str) {
        let middle = format!(
            "(() => {{
                const element = document.querySelector({});
                element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = element.getBoundingClientRect();
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                return element.contains(document.elementFromPoint(x, y)) ? [x, y] : null;
            }})()",
            json!(selector)
        );
        let [x, y] = crate::eventually(selector, || self.ask::<Option<[f64; 2]>>(&middle));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Presses `Tab` or `Enter`.
    pub fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => panic!("no key {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text
            });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Types into the focused element.
    pub fn type_text(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Waits until a JavaScript expression is true.
    pub fn wait_for(&self, condition: &str) {
        crate::eventually(condition, || self.ask::<bool>(condition).then_some(()));
    }

    /// Sets the folder for downloads.
    pub fn download_to(&self, folder: &Path) {
        let allow = json!({ "behavior": "allow", "downloadPath": folder });
        self.call("Browser.setDownloadBehavior", allow);
    }

    /// Errors and warnings of the console, exceptions, and requests to anywhere.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        // What happened before the answer is heard before it.
        let _: u8 = self.ask("0");
        self.0.borrow().complaints.clone()
    }

    /// Keeps the whole page as a PNG file, for people to look at.
    pub fn photograph(&self, file: &Path) {
        let whole = json!({ "captureBeyondViewport": true });
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, self.bytes("Page.captureScreenshot", whole)).unwrap();
    }

    /// The page as a PDF file.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        self.bytes("Page.printToPDF", json!({}))
    }

    fn bytes(&self, method: &str, parameters: Value) -> Vec<u8> {
        let answer = self.call(method, parameters);
        STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    fn call(&self, method: &str, parameters: Value) -> Value {
        self.0.borrow_mut().call(method, &parameters)
    }
}

impl Session {
    /// Calls a method and waits for the answer, collecting events meanwhile.
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.sent += 1;
        let mut request = json!({ "id": self.sent, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        self.socket
            .send(Message::text(request.to_string()))
            .unwrap();
        loop {
            let message = self.socket.read().unwrap();
            let Message::Text(text) = message else {
                continue;
            };
            let mut message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == self.sent {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.complaints.extend(complaint(&message));
        }
    }
}

fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("SPLITSIM_CHROMIUM") {
        return named.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .filter(|file| file.is_file());
    found.next().unwrap_or_else(|| {
        panic!(
            "no Chromium on the PATH, which this test looks at the report with; install it, e.g. \
             sudo apt-get install chromium, or name one in SPLITSIM_CHROMIUM"
        )
    })
}

/// Returns a description of an event that must not happen on a self-contained page, such as a log entry or a request.
fn complaint(event: &Value) -> Option<String> {
    let about = &event["params"];
    match event["method"].as_str()? {
        "Log.entryAdded" => Some(format!("log: {}", about["entry"]["text"])),
        "Runtime.exceptionThrown" => Some(format!("exception: {}", about["exceptionDetails"])),
        "Runtime.consoleAPICalled" => Some(format!("console: {}", about["args"])),
        "Network.requestWillBeSent" => {
            let url = about["request"]["url"].as_str()?;
            let own = ["file:", "data:", "blob:"];
            let is_own = own.iter().any(|scheme| url.starts_with(scheme));
            (!is_own).then(|| format!("request: {url}"))
        }
        _ => None,
    }
}
