//! Every value that a login flow may have, as the schema for editors lists them
//! (`config/bongsu.schema.json`, which a test keeps equal to what the reader asks for), and a flow
//! in which each stands where it means something. What is tested of all keys is tested of a new one,
//! too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bongsu::config::{self, ExecSteps};
use lab::signers::officers::{OFFICER_PASSWORD, SignerPki};
use serde_json::{Value, json};

/// One step of the way to a value below `login`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Hop {
    Key(String),
    Item(usize),
}

/// Where a value stands in a flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlowPlace(Vec<Hop>);

/// What may stand there; of several alternatives the one that takes most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Takes {
    /// A word of a list, a number, a time, an address with a scheme.
    Some,
    AnyText,
    AnyDocument,
}

/// The step whose keys are tried, behind the one that fetches a page.
pub(super) const STEP: &str = "in";

/// Schemas of more levels than any flow has go in a circle.
const DEPTH_MAX: usize = 16;

const ACTIONS: [&str; 9] =
    ["get", "post", "put", "delete", "head", "submit", "sign", "exec", "wait"];

/// Every place of a flow where a value may stand that is no mapping or list, or is any document.
pub(super) fn places() -> BTreeMap<FlowPlace, Takes> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/bongsu.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut found = BTreeMap::new();
    leaves(&schema, &schema["$defs"]["login"], FlowPlace(Vec::new()), &mut found);
    assert!(found.len() > 1000, "only {} places", found.len());
    found
}

fn leaves(whole: &Value, schema: &Value, place: FlowPlace, found: &mut BTreeMap<FlowPlace, Takes>) {
    assert!(place.0.len() < DEPTH_MAX, "{} is too deep", place.path());
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return leaves(whole, &whole["$defs"][name], place, found);
    }
    if let Some(alternatives) = schema["anyOf"].as_array() {
        return alternatives.iter().for_each(|schema| {
            leaves(whole, schema, place.clone(), found);
        });
    }
    let mut below = Vec::new();
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        below.push((Hop::Key(key.clone()), schema));
    }
    if schema["additionalProperties"].is_object() {
        below.push((Hop::Key(place.a_name().into()), &schema["additionalProperties"]));
    }
    if let Some(items) = schema.get("items") {
        below.push((Hop::Item(place.an_item()), items));
    }
    if !below.is_empty() {
        return below.into_iter().for_each(|(hop, schema)| {
            leaves(whole, schema, place.and(hop), found);
        });
    }
    let leaves: Vec<(FlowPlace, Takes)> = if schema == &Value::Bool(true) {
        if place.ends_with("captures") {
            vec![(place.and(Hop::Item(0)), Takes::AnyText)]
        } else {
            let nested = place.and(Hop::Key("y".into())).and(Hop::Item(0));
            [place.and(Hop::Key("x".into())), nested].map(|at| (at, Takes::AnyDocument)).into()
        }
    } else if schema["type"] == json!(["string", "number", "boolean"]) {
        vec![(place, Takes::AnyText)]
    } else {
        vec![(place, Takes::Some)]
    };
    for (place, takes) in leaves {
        // A rule cannot look at the time at all.
        if place.has("fail_if") && place.has("time") {
            continue;
        }
        let known = found.entry(place).or_insert(takes);
        *known = takes.max(*known);
    }
}

impl FlowPlace {
    fn and(&self, hop: Hop) -> FlowPlace {
        FlowPlace(self.0.iter().cloned().chain([hop]).collect())
    }

    fn ends_with(&self, key: &str) -> bool {
        self.0.last() == Some(&Hop::Key(key.into()))
    }

    fn has(&self, key: &str) -> bool {
        self.0.contains(&Hop::Key(key.into()))
    }

    /// A key of a mapping that has keys of the file's own.
    fn a_name(&self) -> &str {
        match self.0.last() {
            Some(Hop::Key(key)) if key == "json" => "$.x",
            Some(Hop::Key(key)) if key == "components" => "127.0.0.1",
            _ => "x",
        }
    }

    /// The step that is tried is the second, because some need a page before them.
    fn an_item(&self) -> usize {
        usize::from(self.0.len() == 1 && self.ends_with("steps"))
    }

    /// As messages write it: `steps[1].form.x`.
    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        for hop in &self.0 {
            match hop {
                Hop::Item(index) => path.push_str(&format!("[{index}]")),
                Hop::Key(key) if key.contains(['$', '.', ' ']) => {
                    path.push_str(&format!("[\"{key}\"]"));
                }
                Hop::Key(key) => {
                    path.push_str(if path.is_empty() { "" } else { "." });
                    path.push_str(key);
                }
            }
        }
        path
    }

    /// The keys of the step that it stands in, if it stands in one.
    fn in_step(&self) -> Option<Vec<&str>> {
        let [Hop::Key(list), Hop::Item(_), rest @ ..] = &self.0[..] else { return None };
        let keys = rest.iter().filter_map(|hop| match hop {
            Hop::Key(key) => Some(key.as_str()),
            Hop::Item(_) => None,
        });
        ["steps", "finally"].contains(&list.as_str()).then(|| keys.collect())
    }

    /// A flow that has this value here, and around it what it needs to mean something. Requests go to
    /// `/made` of the base; the page before has the form `f`.
    pub(super) fn flow(&self, base: &str, value: Value) -> Value {
        let mut flow = json!({
            "base": base,
            "account": "user",
            "steps": [
                { "name": "page", "get": "/page" },
                { "name": STEP },
                { "name": "after", "get": "/page", "expect": { "css": { "#out": "exists" } } },
            ],
            "finally": [{ "name": "out" }],
        });
        let (step, other) = match self.0[0] == Hop::Key("finally".into()) {
            true => ("/finally/0", "/steps/1"),
            false => ("/steps/1", "/finally/0"),
        };
        let keys = self.in_step().unwrap_or_default();
        around(flow.pointer_mut(step).unwrap(), &keys);
        flow.pointer_mut(other).unwrap()["get"] = json!("/page");
        if keys.first() == Some(&"set") || self.0[0] == Hop::Key("set".into()) {
            flow.pointer_mut(step).unwrap()["form"] = json!({ "x": "${x}" });
        }
        if keys.first() == Some(&"sign") {
            flow["identities"] = json!({ "officer": officer() });
        }
        match &self.0[..] {
            [Hop::Key(key), Hop::Key(_), Hop::Key(of), ..] if key == "identities" => {
                let mut identity = officer();
                if of == "pkcs12" {
                    identity = json!({ "password": { "file": "keypass" } });
                } else if self.ends_with("env") {
                    identity["password"] = json!({});
                }
                flow["identities"] = json!({ "x": identity });
            }
            [Hop::Key(key), Hop::Key(_), ..] if key == "proxy" => {
                // The site is its own proxy, which refuses.
                flow["proxy"] = json!({ "url": base, "username": "u",
                    "password": "${secret.pass}" });
            }
            [Hop::Key(key), Hop::Key(_), ..] if key == "client_cert" => {
                flow["client_cert"] = json!({ "cert": "cert.pem", "key": "key.pem" });
            }
            [Hop::Key(key), ..] if key == "fail_if" => {
                flow["fail_if"] = json!({ "reason": "notice_page" });
            }
            _ => {}
        }
        put(&mut flow, &self.0, value);
        flow
    }

    /// What is said of the value here when a file with this flow is read; nothing where it is taken.
    /// Whatever is wrong elsewhere is a fault of the test.
    #[track_caller]
    pub(super) fn complaints(&self, directory: &Path, flow: &Value) -> Vec<String> {
        let path = directory.join("bongsu.yml");
        fs::write(&path, file(&[(String::from("login"), flow.clone())])).unwrap();
        let Err(error) = config::load_with(&path, ExecSteps::Allowed) else { return Vec::new() };
        let whole = format!("services[1].probes[0].login.{}", self.path());
        let problems = error.files.iter().flat_map(|file| &file.problems);
        let here = problems.filter(|problem| {
            let below = problem.path.strip_prefix(&whole);
            below.is_some_and(|below| below.is_empty() || below.starts_with(['.', '[']))
        });
        let said = here.map(|problem| {
            assert!(problem.place.is_some(), "no line and column: {error}");
            problem.message.clone()
        });
        let said: Vec<String> = said.collect();
        assert!(!said.is_empty(), "{}: nothing is said of it\n{error}\n{flow:#}", self.path());
        said
    }

    /// What every message about it ends with.
    pub(super) fn whose(&self) -> &'static str {
        match &self.0[0] {
            // A step without a name is found by its line alone.
            _ if self.0.len() == 3 && self.ends_with("name") => " (probe login)",
            Hop::Key(key) if key == "steps" => " (probe login, step in)",
            Hop::Key(key) if key == "finally" => " (probe login, step out)",
            _ => " (probe login)",
        }
    }
}

/// What a step needs for one of its keys to mean something.
fn around(step: &mut Value, keys: &[&str]) {
    let Some(key) = keys.first() else {
        step["post"] = json!("/made");
        return;
    };
    let has_page = matches!(*key, "get" | "post" | "put" | "delete" | "head");
    let own = match *key {
        "submit" => json!({ "form": "form#f" }),
        "sign" => json!({ "with": "officer", "data": "x", "as": "signed" }),
        "exec" => json!({ "command": ["/bin/sh", "-c", TELLS], "stdin": { "z": "" } }),
        "wait" => json!("10ms"),
        "basic_auth" => json!({ "username": "u", "password": "${secret.pass}" }),
        // Beside a key that is no subject it needs one.
        "poll_until" if keys[1..].iter().all(|key| OF_A_POLL.contains(key)) => {
            json!({ "body": { "contains": "x" } })
        }
        "fail_if" if keys[1..].contains(&"reason") => {
            json!({ "body": { "contains": "never-there" } })
        }
        "fail_if" => json!({ "reason": "notice_page" }),
        "capture" => match keys.get(2) {
            Some(&"join") => json!({ "x": { "css": "b", "all": true } }),
            Some(&("attr" | "decode" | "all" | "optional" | "default" | "secret")) => {
                json!({ "x": { "css": "b" } })
            }
            _ => Value::Null,
        },
        _ => Value::Null,
    };
    if !own.is_null() {
        step[*key] = own;
    }
    if has_page {
        step[*key] = json!("/made");
    } else if !ACTIONS.contains(key) {
        step["post"] = json!("/made");
    }
    if keys.get(1) == Some(&"envelope") {
        step["sign"]["envelope"] = json!({ "to": "signCert.der" });
    }
}

/// A program that shows what it was told, and gives it as the reason of a failure.
const TELLS: &str = "read -r told; echo \"told $told\" >&2; \
                     echo '{\"reason\": \"captcha\", \"detail\": \"a picture\"}'";

const OF_A_POLL: [&str; 3] = ["every", "at_most", "reason"];

/// Puts a value somewhere, making mappings and lists on the way.
fn put(at: &mut Value, hops: &[Hop], value: Value) {
    let Some((hop, rest)) = hops.split_first() else {
        *at = value;
        return;
    };
    let inner = match hop {
        Hop::Key(key) => {
            if !at.is_object() {
                *at = json!({});
            }
            &mut at[key.as_str()]
        }
        Hop::Item(index) => {
            if !at.is_array() {
                *at = Value::Array(vec![at.take()]);
            }
            let items = at.as_array_mut().unwrap();
            items.resize(items.len().max(index + 1), Value::Null);
            &mut items[*index]
        }
    };
    put(inner, rest, value);
}

/// Whose key is behind a password and has a VID random number.
pub(super) fn officer() -> Value {
    json!({ "cert": "signCert.der", "key": "signPri.key", "password": { "file": "keypass" } })
}

/// What the files of these flows name beside themselves.
pub(super) fn write_named_files(directory: &Path, user: &str, pass: &str, key: &str) {
    let write = |name: &str, content: &[u8]| fs::write(directory.join(name), content).unwrap();
    write("user", user.as_bytes());
    write("pass", pass.as_bytes());
    write("key", key.as_bytes());
    write("otp", b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let pki = SignerPki::new().unwrap();
    write("signCert.der", &pki.officer.certificate);
    write("signPri.key", &pki.officer_key_file().unwrap());
    write("keypass", OFFICER_PASSWORD.as_bytes());
    let own = rcgen::generate_simple_self_signed(["a.go.kr".into()]).unwrap();
    write("cert.pem", own.cert.pem().as_bytes());
    write("key.pem", own.signing_key.serialize_pem().as_bytes());
}

/// A file with these probes of the service `saeol`, in JSON, which is YAML. Each account is another
/// secret of the same file; secrets and certificates lie beside the configuration.
pub(super) fn file(probes: &[(String, Value)]) -> String {
    let mut secrets = json!({ "user": { "file": "user" }, "pass": { "file": "pass" },
        "otp": { "file": "otp" }, "key": { "file": "key" } });
    for (_, flow) in probes {
        if let Some(account) = flow["account"].as_str().filter(|name| name.starts_with("user")) {
            secrets[account] = json!({ "file": "user" });
        }
    }
    let probes: Vec<Value> =
        probes.iter().map(|(name, flow)| json!({ "name": name, "login": flow })).collect();
    let file = json!({
        "defaults": { "interval": "12s", "timeout": "10s" },
        "secrets": secrets,
        "services": [{ "name": "gpki" }, { "name": "saeol", "probes": probes }],
    });
    serde_json::to_string_pretty(&file).unwrap()
}
