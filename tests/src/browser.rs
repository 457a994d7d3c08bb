//! A headless Chromium that looks at a page as a reader would.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use headless_chrome::browser::tab::Tab;
use headless_chrome::protocol::cdp::Browser::{
    SetDownloadBehavior, SetDownloadBehaviorBehaviorOption,
};
use headless_chrome::protocol::cdp::Emulation::{
    MediaFeature, SetDeviceMetricsOverride, SetEmulatedMedia,
};
use headless_chrome::protocol::cdp::Network;
use headless_chrome::protocol::cdp::Page::CaptureScreenshotFormatOption::Png;
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::{Browser, LaunchOptions};
use serde::de::DeserializeOwned;

use crate::LIMIT;

/// A running browser. It ends when this is dropped.
pub struct Chromium(Browser);

/// What a reader's device is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Width of the window in CSS pixels.
    pub width_px: u32,
    /// Whether the reader prefers dark pages.
    pub dark: bool,
}

/// An opened page.
pub struct View {
    tab: Arc<Tab>,
    complaints: Arc<Mutex<Vec<String>>>,
}

/// Where Debian, Ubuntu, Fedora and Google put it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

impl Chromium {
    /// Starts `SPLITSIM_CHROMIUM`, or the first Chromium on the PATH.
    #[must_use]
    pub fn start() -> Self {
        let args = [
            "--disable-component-update",
            "--disable-quic",
            "--hide-scrollbars",
        ];
        let options = LaunchOptions {
            path: Some(program()),
            // The pages are ours, and a container's root has no sandbox to enter.
            sandbox: false,
            idle_browser_timeout: LIMIT,
            args: args.iter().map(AsRef::as_ref).collect(),
            ..LaunchOptions::default()
        };
        Self(Browser::new(options).unwrap())
    }

    /// Opens a file on a device and waits until every figure is drawn.
    #[must_use]
    pub fn open(&self, page: &Path, device: Device) -> View {
        let tab = self.0.new_tab().unwrap();
        tab.set_default_timeout(LIMIT);
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&complaints);
        let listen = move |event: &Event| {
            if let Some(complaint) = complaint(event) {
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(complaint);
            }
        };
        tab.add_event_listener(Arc::new(listen)).unwrap();
        tab.enable_log().unwrap();
        tab.enable_runtime().unwrap();
        tab.call_method(network()).unwrap();
        tab.call_method(screen(device)).unwrap();
        tab.call_method(scheme(device)).unwrap();
        let url = format!("file://{}", page.canonicalize().unwrap().display());
        tab.navigate_to(&url)
            .unwrap()
            .wait_until_navigated()
            .unwrap();
        let drawn = tab.wait_for_element_with_custom_timeout("html[data-drawn=all]", LIMIT);
        let view = View {
            tab: Arc::clone(&tab),
            complaints,
        };
        assert!(drawn.is_ok(), "not drawn: {:?}", view.complaints());
        view
    }
}

impl View {
    /// The value of a JavaScript expression.
    #[must_use]
    pub fn ask<T: DeserializeOwned>(&self, expression: &str) -> T {
        // As text, because an object's properties do not come along.
        let text = self
            .tab
            .evaluate(&format!("JSON.stringify({expression})"), false);
        let text = text
            .unwrap()
            .value
            .unwrap_or_else(|| panic!("{expression}: no value"));
        serde_json::from_str(text.as_str().unwrap()).unwrap()
    }

    /// Clicks in the middle of the first element that a CSS selector finds, scrolled to.
    pub fn click(&self, selector: &str) {
        self.tab
            .wait_for_element(selector)
            .unwrap()
            .click()
            .unwrap();
    }

    /// Presses a key, such as `Tab` or `Enter`.
    pub fn press(&self, key: &str) {
        self.tab.press_key(key).unwrap();
    }

    /// Types into what has the focus.
    pub fn type_text(&self, text: &str) {
        self.tab.type_str(text).unwrap();
    }

    /// Waits until a JavaScript expression is true.
    pub fn wait_for(&self, condition: &str) {
        crate::eventually(condition, || self.ask::<bool>(condition).then_some(()));
    }

    /// Lets what is downloaded go to this folder.
    pub fn download_to(&self, folder: &Path) {
        let allow = SetDownloadBehavior {
            behavior: SetDownloadBehaviorBehaviorOption::Allow,
            browser_context_id: None,
            download_path: Some(folder.display().to_string()),
            events_enabled: None,
        };
        self.tab.call_method(allow).unwrap();
    }

    /// Errors and warnings of the console, exceptions, and requests to anywhere.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps the whole page as a PNG file, for people to look at.
    pub fn photograph(&self, file: &Path) {
        let height: f64 = self.ask("document.documentElement.scrollHeight");
        let width: f64 = self.ask("document.documentElement.clientWidth");
        let clip = headless_chrome::protocol::cdp::Page::Viewport {
            x: 0.0,
            y: 0.0,
            width,
            height: height.min(16_000.0),
            scale: 1.0,
        };
        // What lies beyond the window is drawn only in a window that is as high as the page.
        let png = self
            .tab
            .capture_screenshot(Png, None, Some(clip), true)
            .unwrap();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, png).unwrap();
    }

    /// The page as a PDF file.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        self.tab.print_to_pdf(None).unwrap()
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

fn network() -> Network::Enable {
    Network::Enable {
        max_total_buffer_size: None,
        max_resource_buffer_size: None,
        max_post_data_size: None,
        report_direct_socket_traffic: None,
        enable_durable_messages: None,
    }
}

fn screen(device: Device) -> SetDeviceMetricsOverride {
    SetDeviceMetricsOverride {
        width: device.width_px,
        height: 900,
        device_scale_factor: 1.0,
        mobile: false,
        scale: None,
        screen_width: None,
        screen_height: None,
        position_x: None,
        position_y: None,
        dont_set_visible_size: None,
        screen_orientation: None,
        viewport: None,
        display_feature: None,
        device_posture: None,
    }
}

fn scheme(device: Device) -> SetEmulatedMedia {
    let preferred = if device.dark { "dark" } else { "light" };
    SetEmulatedMedia {
        media: None,
        features: Some(vec![MediaFeature {
            name: "prefers-color-scheme".to_owned(),
            value: preferred.to_owned(),
        }]),
    }
}

/// What should not happen on a page that works alone.
fn complaint(event: &Event) -> Option<String> {
    match event {
        Event::LogEntryAdded(event) => {
            let entry = &event.params.entry;
            Some(format!("log: {}", entry.text))
        }
        Event::RuntimeExceptionThrown(event) => {
            Some(format!("exception: {:?}", event.params.exception_details))
        }
        Event::RuntimeConsoleAPICalled(event) => Some(format!("console: {:?}", event.params.args)),
        Event::NetworkRequestWillBeSent(event) => {
            let url = &event.params.request.url;
            let own = ["file:", "data:", "blob:"];
            let is_own = own.iter().any(|scheme| url.starts_with(scheme));
            (!is_own).then(|| format!("request: {url}"))
        }
        _ => None,
    }
}
