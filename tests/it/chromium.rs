//! A real Chromium, driven through chromedriver by the few calls of W3C WebDriver that tests need, and axe-core within it.
//!
//! A page is asked for what a person would look for: a field by its label, a button by its words, the text that is seen.
//! The program and the library are installed by `tests/run`; only tests of the feature `outside` use this.

use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The name by which WebDriver hands an element over.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// What chromedriver says once it listens.
const STARTED: &str = "was started successfully on port ";
/// The words of an element in XPath, whatever spaces they are set with.
const WORDS: &str = "normalize-space(translate(., '\u{a0}', ' '))";
/// Widths at which pages are looked at: a phone, a tablet, a desk.
pub const WIDTHS_PX: [u32; 3] = [360, 768, 1_280];
/// How long something that is looked for may take to come, on a machine that does much else.
const WAIT_MS: u32 = 30_000;
/// How long axe may judge a page of 500 pupils, and a page may load, likewise.
const SCRIPT_MS: u32 = 600_000;
/// Height of the window.
const HEIGHT_PX: u32 = 900;
/// Everything that WCAG 2.1 AA, and so the RGAA, asks for and a program can see, with axe's own good practice.
const RUN_AXE: &str = "const done = arguments[arguments.length - 1];
    axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations.map(
        it => it.id + ': ' + it.help + ' — ' + it.nodes.map(node => node.html).join(' '))), fault => done([String(fault)]));";

/// A browser of its own, with a fresh profile, that ends with this value.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    client: Client,
    axe: String,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one.
    pub async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is missing: tests/run installs it");
        let port = port_of(&mut driver);
        // A second installation changes nothing: reqwest only asks for one that is there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The driver is on loopback, whatever proxy is set, and no certificate is ever asked for.
        let client = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let profile = tempfile::tempdir().unwrap();
        let axe = fs::read_to_string(axe_path()).unwrap();
        let mut browser = Self { driver, port, session: String::new(), client, axe, profile };
        let asked = browser.call(Method::POST, "", &browser.capabilities()).await;
        browser.session = asked["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    fn capabilities(&self) -> Value {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let size = format!("--window-size={},{HEIGHT_PX}", WIDTHS_PX[2]);
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-proxy-server",
            "--hide-scrollbars",
            &size,
            &profile,
        ];
        let options = json!({"args": arguments});
        json!({"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options,
            "timeouts": {"implicit": WAIT_MS, "script": SCRIPT_MS, "pageLoad": SCRIPT_MS},
            "goog:loggingPrefs": {"browser": "ALL"}}}})
    }

    /// Opens an address.
    pub async fn open(&self, url: &str) {
        self.call(Method::POST, "/url", &json!({ "url": url })).await;
    }

    /// The address that is shown.
    pub async fn url(&self) -> String {
        text_of(&self.call(Method::GET, "/url", &Value::Null).await)
    }

    /// The text that a person sees.
    pub async fn text(&self) -> String {
        text_of(&self.script("return document.body.innerText.replaceAll('\\u00a0', ' ')", json!([])).await)
    }

    /// Sees that the text is there.
    pub async fn sees(&self, wanted: &str) {
        // The driver waits for an element until its time is over; the text around it is compared here.
        let path = format!("//body[contains({WORDS}, {})]", quoted(wanted.split('\'').next().unwrap_or_default()));
        let _ = self.try_call(Method::POST, "/element", &json!({"using": "xpath", "value": path})).await;
        let text = self.text().await;
        assert!(text.contains(wanted), "{} does not say \"{wanted}\":\n{text}", self.url().await);
    }

    /// Sees that the text is not there.
    pub async fn sees_no(&self, unwanted: &str) {
        let text = self.text().await;
        assert!(!text.contains(unwanted), "{} says \"{unwanted}\":\n{text}", self.url().await);
    }

    /// Presses the button, or follows the link, whose words these are, until the page behind it is there.
    pub async fn press(&self, words: &str) {
        self.leave_by(&format!("//*[self::button or self::a][{WORDS}={}]", quoted(words))).await;
    }

    /// Presses the first button whose words begin so, until the page behind it is there.
    pub async fn press_first(&self, words: &str) {
        self.leave_by(&format!("//button[starts-with({WORDS}, {})]", quoted(words))).await;
    }

    /// Presses the return key where the focus is, until the page that its form brings is there.
    pub async fn press_return(&self) {
        self.mark_as_left().await;
        self.keys("\u{e007}").await;
        self.sees_another_page("the return key").await;
    }

    async fn leave_by(&self, path: &str) {
        self.mark_as_left().await;
        self.on(path, "click", &json!({})).await;
        self.sees_another_page(path).await;
    }

    async fn mark_as_left(&self) {
        self.script("document.documentElement.dataset.left = 'yes'", json!([])).await;
    }

    /// A form is sent a moment after the click on its button: an address asked for in that moment would be left again for
    /// the form's answer.
    async fn sees_another_page(&self, act: &str) {
        let other = json!({"using": "xpath", "value": "/html[not(@data-left)]"});
        let shown = self.try_call(Method::POST, "/element", &other).await;
        shown.unwrap_or_else(|fault| panic!("nothing came after {act}: {fault}"));
    }

    /// Ticks the box, or takes the option, whose label begins with these words, within the group of fields whose legend
    /// begins with those.
    pub async fn tick_in(&self, legend: &str, label: &str) {
        let group = group(legend);
        self.on(&format!("{group}//label[starts-with({WORDS}, {})]", quoted(label)), "click", &json!({})).await;
    }

    /// Types into a field, found by the beginning of its label within a group.
    pub async fn type_in(&self, legend: &str, label: &str, text: &str) {
        let group = group(legend);
        let path = format!("{group}//*[@id={group}//label[starts-with({WORDS}, {})]/@for]", quoted(label));
        self.on(&path, "clear", &json!({})).await;
        self.on(&path, "value", &json!({ "text": text })).await;
    }

    /// Presses keys where the focus is, one after the other.
    pub async fn keys(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| [("keyDown", key), ("keyUp", key)]);
        let strokes: Vec<_> = strokes.map(|(kind, key)| json!({"type": kind, "value": key.to_string()})).collect();
        let keyboard = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.call(Method::POST, "/actions", &keyboard).await;
    }

    /// What a script answers.
    pub async fn script(&self, script: &str, arguments: Value) -> Value {
        self.call(Method::POST, "/execute/sync", &json!({ "script": script, "args": arguments })).await
    }

    /// What axe-core finds against the page as it stands, one line a rule, with the pieces of the page concerned.
    pub async fn violations(&self) -> Vec<String> {
        self.script(&self.axe, json!([])).await;
        let found = self.call(Method::POST, "/execute/async", &json!({ "script": RUN_AXE, "args": [] })).await;
        found.as_array().expect("axe's list").iter().map(text_of).collect()
    }

    /// Every address but those of `host` that the page asked for, errors that the browser logged among them.
    pub async fn strays(&self, host: &str) -> Vec<String> {
        let asked = "return performance.getEntries().map(it => it.name).filter(it => it.includes('://'))";
        let asked = self.script(asked, json!([])).await;
        let asked = asked.as_array().expect("a list").iter().map(text_of).filter(|url| !url.starts_with(host));
        let logged = self.call(Method::POST, "/se/log", &json!({ "type": "browser" })).await;
        let logged = logged.as_array().expect("a list").iter().map(|line| text_of(&line["message"]));
        // A refusal of ours is an answer like another: the browser calls each 4xx an error.
        asked.chain(logged.filter(|line| !line.contains("the server responded with a status of 4"))).collect()
    }

    /// Whether something stands out of a page of that width, sideways.
    pub async fn overflows(&self, width_px: u32) -> bool {
        self.resize(width_px).await;
        let wide = self.script("return document.documentElement.scrollWidth", json!([])).await;
        u64::from(width_px) < wide.as_u64().expect("a width")
    }

    /// Takes a width, a phone's too: a window of Chromium itself is never narrower than 500 px.
    pub async fn resize(&self, width_px: u32) {
        let metrics = json!({"width": width_px, "height": HEIGHT_PX, "deviceScaleFactor": 1, "mobile": false});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics});
        self.call(Method::POST, "/goog/cdp/execute", &command).await;
    }

    /// Keeps a picture of the whole page at each width, where `NAVETTE_SCREENSHOTS` names a folder to put them in.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = env::var_os("NAVETTE_SCREENSHOTS").map(PathBuf::from) else { return };
        for width_px in WIDTHS_PX {
            self.resize(width_px).await;
            let command = json!({"cmd": "Page.captureScreenshot", "params": {"captureBeyondViewport": true}});
            let taken = self.call(Method::POST, "/goog/cdp/execute", &command).await;
            let png = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text_of(&taken["data"])).unwrap();
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{name}-{width_px}.png")), png).unwrap();
        }
    }

    /// The page as it is printed, in PDF; kept beside the pictures.
    pub async fn prints(&self, name: &str) -> Vec<u8> {
        let command = json!({"cmd": "Page.printToPDF", "params": {}});
        let printed = self.call(Method::POST, "/goog/cdp/execute", &command).await;
        let pdf = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text_of(&printed["data"])).unwrap();
        if let Some(folder) = env::var_os("NAVETTE_SCREENSHOTS").map(PathBuf::from) {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{name}.pdf")), &pdf).unwrap();
        }
        pdf
    }

    /// A page as everything here must be: nothing for axe to find, nothing out of it at any width, nothing asked elsewhere.
    pub async fn is_sound(&self, host: &str) {
        let url = self.url().await;
        for width_px in WIDTHS_PX {
            assert!(!self.overflows(width_px).await, "{url} is wider than {width_px} px");
            let found = self.violations().await;
            assert!(found.is_empty(), "{url} at {width_px} px:\n{}", found.join("\n"));
        }
        assert_eq!(self.strays(host).await, [""; 0], "{url}");
    }

    async fn on(&self, path: &str, act: &str, body: &Value) {
        let found = self.try_call(Method::POST, "/element", &json!({"using": "xpath", "value": path})).await;
        let element = match &found {
            Ok(found) => text_of(&found[ELEMENT]),
            Err(_) => panic!("{} has nothing at {path}:\n{}", self.url().await, self.text().await),
        };
        self.call(Method::POST, &format!("/element/{element}/{act}"), body).await;
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        self.try_call(method, path, body).await.unwrap_or_else(|fault| panic!("{path}: {fault}"))
    }

    async fn try_call(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let slash = if self.session.is_empty() { "" } else { "/" };
        let url = format!("http://{}:{}/session{slash}{}{path}", Ipv4Addr::LOCALHOST, self.port, self.session);
        let request = self.client.request(method.clone(), url);
        let request = if method == Method::GET { request } else { request.json(body) };
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let value = answer["value"].clone();
        if value["error"].is_string() { Err(text_of(&value["message"])) } else { Ok(value) }
    }
}

impl Drop for Browser {
    /// The driver ends its browser by itself when it is told to shut down, which killing it would not do.
    fn drop(&mut self) {
        let told = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).and_then(|mut driver| {
            driver.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            driver.read_to_end(&mut Vec::new())
        });
        if told.is_err() {
            let _ = self.driver.kill();
        }
        let _ = self.driver.wait();
    }
}

/// Where `tests/run` puts axe-core.
fn axe_path() -> PathBuf {
    let given = env::var_os("NAVETTE_AXE").map(PathBuf::from);
    let path = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".axe/package/axe.min.js"));
    assert!(path.is_file(), "{} is missing: tests/run installs it", path.display());
    path
}

/// The port that the driver chose; what it says later is read away, so that it never waits for us.
fn port_of(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let said = lines.by_ref().map(Result::unwrap).find_map(|line| {
        let (_, port) = line.split_once(STARTED)?;
        port.trim_end_matches('.').parse().ok()
    });
    std::thread::spawn(move || lines.for_each(drop));
    said.expect("chromedriver started")
}

/// Fields under a legend.
fn group(legend: &str) -> String {
    format!("//fieldset[legend[starts-with({WORDS}, {})]]", quoted(legend))
}

/// A text in XPath 1.0, which has no escapes.
fn quoted(text: &str) -> String {
    if text.contains('"') { format!("'{text}'") } else { format!("\"{text}\"") }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_browser_reads_types_and_presses_and_axe_finds_what_is_wrong() {
    let browser = Browser::start().await;
    let page = "data:text/html,<!DOCTYPE html><html lang=fr><title>Essai</title><main><h1>Essai</h1>\
                <fieldset><legend>Choix 1</legend><label for=f>Formation</label><input id=f></fieldset>\
                <button onclick=\"setTimeout(() => { let said = f.value; document.open(); document.write(said) }, 300)\">\
                VALIDER</button></main></html>";
    browser.open(page).await;
    assert_eq!(browser.violations().await, [""; 0]);
    browser.type_in("Choix 1", "Formation", "Mécanique").await;
    browser.press("VALIDER").await;
    // What the button brings a moment later is waited for.
    assert_eq!(browser.text().await, "Mécanique");

    browser
        .open("data:text/html,<!DOCTYPE html><img src=http://127.0.0.1:1/x><div style=\"width:2000px\">Large</div>")
        .await;
    let found = browser.violations().await;
    assert!(found.iter().any(|it| it.starts_with("image-alt")), "{found:?}");
    assert!(browser.overflows(360).await);
    assert!(!browser.strays("data:").await.is_empty(), "the picture is not there");
}
