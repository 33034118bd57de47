//! Headless Chromium with a profile of its own, told what to do over a pipe (Chrome DevTools Protocol):
//! it loads the page itself and not a copy.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::daemon::PATIENCE;

/// The protocol's descriptors are 3 and 4. What else the browser says is of no use.
const SCRIPT: &str = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";

const FLAGS: [&str; 8] = [
    "--remote-debugging-pipe",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// One page of a browser, which ends with it.
pub(crate) struct Browser {
    process: Child,
    asking: ChildStdin,
    told: Receiver<Value>,
    /// What was told while an answer was waited for.
    events: Vec<Value>,
    asked: u64,
    session: Option<String>,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    pub(crate) fn start() -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let mut process = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let asking = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).split(0);
        let (tell, told) = channel();
        thread::spawn(move || {
            for answer in answers.map_while(Result::ok) {
                let _ = tell.send(serde_json::from_slice(&answer).unwrap());
            }
        });
        let (events, asked, session) = (Vec::new(), 0, None);
        let mut browser =
            Browser { process, asking, told, events, asked, session, _profile: profile };
        let page = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let session = browser.ask("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        browser.ask("Page.enable", json!({}));
        browser
    }

    /// A command of the protocol and its result.
    pub(crate) fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.asked += 1;
        let mut command = json!({ "id": self.asked, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.asking.write_all(format!("{command}\0").as_bytes()).unwrap();
        loop {
            let told = self.told.recv_timeout(PATIENCE);
            let told = told.unwrap_or_else(|error| {
                panic!("{method}: {error}; apt-get install chromium, if it is not there")
            });
            if told["id"] == self.asked {
                assert!(told["error"].is_null(), "{method}: {told}");
                return told["result"].clone();
            }
            self.events.push(told);
        }
    }

    /// Loads a page to its end.
    pub(crate) fn open(&mut self, url: &str) {
        self.events.clear();
        let answer = self.ask("Page.navigate", json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url}: {answer}");
        self.until_loaded();
    }

    /// Returns when a page that was asked for since the last call is there.
    pub(crate) fn until_loaded(&mut self) {
        loop {
            let loaded =
                self.events.iter().position(|told| told["method"] == "Page.loadEventFired");
            if let Some(at) = loaded {
                self.events.drain(..=at);
                return;
            }
            self.events.push(self.told.recv_timeout(PATIENCE).unwrap());
        }
    }

    /// What an expression of the page's own language comes to.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// A key is pressed and let go.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "ArrowDown" => (40, ""),
            " " => (32, " "),
            _ => panic!("no key {key}"),
        };
        let event = |kind: &str, text: &str| json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
        self.ask("Input.dispatchKeyEvent", event("keyDown", text));
        self.ask("Input.dispatchKeyEvent", event("keyUp", ""));
    }

    /// Whether the reader wants it dark.
    pub(crate) fn set_dark(&mut self, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.ask("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    pub(crate) fn set_width(&mut self, pixels: u32) {
        let metrics =
            json!({ "width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", metrics);
    }
}
