//! The control page and its API.

use lab::estate::{EstateOptions as Options, SimulatedEstate as Estate};
use lab::faults::FaultKind as Kind;
use lab::systems;
use serde_json::{Value, json};

use super::browser::{estate, system};

async fn api(estate: &Estate, method: &str, path: &str, body: &str) -> (u16, Value) {
    let (status, text) = request(estate, method, path, body).await;
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
}

async fn request(estate: &Estate, method: &str, path: &str, body: &str) -> (u16, String) {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(lab::pki::client_config(estate.world().pki.root_der()).unwrap())
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("http://{}{path}", estate.control_address());
    let method = method.parse::<reqwest::Method>().unwrap();
    let answer = client.request(method, url).body(body.to_owned()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn faults_are_set_listed_and_cleared_by_json() {
    let estate = estate().await;
    let body = r#"{"system":"gpki","fault":"latency","value":"2s"}"#;
    let (status, answer) = api(&estate, "POST", "/api/faults", body).await;
    assert_eq!((status, &answer["systems"][0]["faults"]), (200, &json!(["latency=2s"])));
    let (_, answer) =
        api(&estate, "POST", "/api/faults", r#"{"system":"gpki","fault":"refuse"}"#).await;
    assert_eq!(answer["systems"][0]["faults"], json!(["refuse", "latency=2s"]));

    let (_, answer) = api(&estate, "DELETE", "/api/faults?system=gpki&fault=refuse", "").await;
    assert_eq!(answer["systems"][0]["faults"], json!(["latency=2s"]));
    let (_, answer) = api(&estate, "DELETE", "/api/faults", r#"{"system":"all"}"#).await;
    assert_eq!(answer["systems"].as_array().unwrap().len(), systems::ALL.len());
    assert_eq!(answer["systems"][0]["faults"], json!([]));
}

#[tokio::test]
async fn a_service_means_all_of_its_sites() {
    let estate = estate().await;
    let (_, answer) =
        api(&estate, "POST", "/api/faults", r#"{"system":"saeol","fault":"stall"}"#).await;
    assert_eq!(answer["systems"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn unknown_names_are_answered_with_the_valid_ones() {
    let estate = estate().await;
    let cases = [
        (
            r#"{"system":"gpkl","fault":"stall"}"#,
            "no system named \"gpkl\"; did you mean \"gpki\"?",
        ),
        (
            r#"{"system":"gpki","fault":"stalled"}"#,
            "no fault named \"stalled\"; did you mean \"stall\"?",
        ),
        (r#"{"system":"gpki","fualt":"stall"}"#, "no key named \"fualt\"; did you mean \"fault\"?"),
    ];
    for (body, wanted) in cases {
        let (status, answer) = api(&estate, "POST", "/api/faults", body).await;
        assert_eq!((status, answer["error"].as_str().unwrap()), (400, wanted));
        assert!(!answer["valid"].as_array().unwrap().is_empty());
    }
    for body in ["", "[]", "{\"system\":1.5}", "{\"system\":[]}"] {
        assert_eq!(api(&estate, "POST", "/api/faults", body).await.0, 400, "{body}");
    }
    let (status, answer) = api(&estate, "GET", "/api/fault", "").await;
    assert_eq!((status, answer["valid"].as_array().is_some()), (404, true));
    assert!(estate.faults().of(system("gpki")).switched_on().next().is_none());
}

#[tokio::test]
async fn the_page_shows_what_is_on_and_its_buttons_work_without_scripts() {
    let estate = estate().await;
    let form = "system=gpki&action=set&fault=stall_large";
    let (status, page) = request(&estate, "POST", "/faults", form).await;
    assert_eq!(status, 200);
    assert!(estate.faults().of(system("gpki")).bites(Kind::StallLarge));
    assert!(page.contains("class=\"card broken\" id=\"gpki\""), "{page}");
    assert!(page.contains("장애 1 broken") && !page.contains("<script"));

    let (status, page) = request(&estate, "POST", "/faults", "system=gpki&fault=<b>").await;
    assert_eq!(status, 400);
    assert!(page.contains("no fault named &quot;&lt;b&gt;&quot;") && page.contains("slow_drip"));

    request(&estate, "POST", "/faults", "system=all&action=clear").await;
    assert!(!estate.faults().of(system("gpki")).bites(Kind::StallLarge));
}

#[tokio::test]
async fn another_sites_page_cannot_break_the_estate() {
    let estate = estate().await;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(lab::pki::client_config(estate.world().pki.root_der()).unwrap())
        .no_proxy()
        .build()
        .unwrap();
    let address = estate.control_address();
    let own = format!("http://{address}");
    let form = "system=gpki&action=set&fault=stall";
    let json = r#"{"system":"gpki","fault":"stall"}"#;
    for (method, path, body) in [
        ("POST", "/faults", form),
        ("POST", "/accounts/reset", form),
        ("POST", "/api/faults", json),
        ("DELETE", "/api/faults", json),
        ("POST", "/api/accounts/reset", r#"{"system":"gpki"}"#),
    ] {
        let asked = |name: &'static str, value: String| {
            let method = method.parse::<reqwest::Method>().unwrap();
            let request = client.request(method, format!("{own}{path}")).header(name, value);
            request.body(body.to_owned()).send()
        };
        for (name, value) in [
            ("origin", "http://evil.example.kr"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:1"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let answer = asked(name, value.into()).await.unwrap();
            assert_eq!(answer.status(), 403, "{method} {path} with {name}: {value}");
        }
        assert!(estate.faults().of(system("gpki")).switched_on().next().is_none());
        let answer = asked("origin", own.clone()).await.unwrap();
        assert!(answer.status().is_success(), "{method} {path} of our own page");
        request(&estate, "POST", "/faults", "system=all&action=clear").await;
    }
}

#[tokio::test]
async fn taken_ports_are_stepped_over() {
    let first = Estate::start(Options::default().preferred_ports()).await.unwrap();
    let second = Estate::start(Options::default().preferred_ports()).await.unwrap();
    assert_ne!(first.control_address(), second.control_address());
    let ports = |estate: &Estate| -> Vec<u16> {
        lab::systems::ALL.iter().map(|system| estate.address(system).port()).collect()
    };
    assert!(ports(&first).iter().all(|port| !ports(&second).contains(port)));
}

#[tokio::test]
async fn other_hosts_get_one_name_for_every_system() {
    let estate = Estate::start(Options::default().hostname("estate.example")).await.unwrap();
    let gpki = system("gpki");
    let port = estate.address(gpki).port();
    assert_eq!(estate.base(gpki), format!("https://estate.example:{port}"));
    let client = super::browser::client(&estate);
    assert_eq!(client.get(estate.base(gpki)).send().await.unwrap().status(), 200);
    // Its control page is opened by that name, and by no other.
    let control = estate.control_address();
    for (name, wanted) in [("estate.example", 302), ("evil.example.kr", 403)] {
        let host = format!("{name}:{}", control.port());
        let request = client.post(format!("http://{control}/faults"));
        let request = request.header("origin", format!("http://{host}")).header("host", host);
        let answer = request.body("system=gpki&action=clear").send().await.unwrap();
        assert_eq!(answer.status(), wanted, "{name}");
    }
}
