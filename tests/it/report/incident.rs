//! The course of one incident, with what a real Alertmanager knows of who answered.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use jiff::Timestamp;

use super::history::{History, OFFSET, STEP};
use super::month::remembered;
use super::{json, report, stdout, url};
use crate::support::daemon::Setup;
use crate::support::prometheus::Prometheus;
use crate::support::until_listening;

struct Alertmanager {
    process: Child,
    port: u16,
}

impl Alertmanager {
    fn start(setup: &Setup) -> Alertmanager {
        let config =
            setup.write("am.yml", "route: { receiver: none }\nreceivers: [ { name: none } ]\n");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = setup.path().join("am.log");
        let mut process = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", setup.path().join("am").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::from(std::fs::File::create(&log).unwrap()))
            .spawn()
            .unwrap_or_else(|error| {
                panic!("prometheus-alertmanager: {error}; apt-get install prometheus-alertmanager")
            });
        until_listening(&mut process, port, || std::fs::read_to_string(&log).unwrap_or_default());
        Alertmanager { process, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// As the link of a page does it.
    fn silence(&self, service: &str) {
        let output = Command::new("amtool")
            .args(["silence", "add", "--author=당직", "--comment=확인했습니다", "--duration=2h"])
            .arg(format!("--alertmanager.url={}", self.url()))
            .arg(format!("service={service}"))
            .output()
            .unwrap_or_else(|error| panic!("amtool: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_course_of_the_tenth_is_told_in_the_order_of_the_decree() {
    let prometheus: Arc<Prometheus> = remembered();
    let arguments = ["--service", "gpki", "--at", "2026-02-10T08:40"];
    let told = |language| {
        let arguments = [&arguments[..], &["--lang", language]].concat();
        stdout(report(&Setup::new(""), "incident", &url(&prometheus), &arguments))
    };
    let korean = told("ko");
    let lines = [
        "장애 보고서: 행정전자서명 인증 (gpki)",
        "1. 장애 개요",
        "인증 검증 실패 (pki_backend)",
        "2. 인지",
        "첫 실패: 2026-02-10 08:46:07",
        "첫 호출: 2026-02-10 08:46:37 (CauseDown, 0.5분 뒤)",
        "3. 피해",
        "장애 시간(분): 359.0",
        "미관측(분): 120.0",
        "함께 멈춘 서비스: 1 (새올(saeol))",
        "4. 조치",
        "5. 원인",
        "자체 장애",
        "6. 경과",
        "2026-02-10 08:46:07       0.0  첫 실패",
        "2026-02-10 08:46:37       0.5  첫 호출: CauseDown",
        "2026-02-10 08:47:07       1.0  함께 장애: 새올(saeol)",
        "2026-02-10 08:56:37      10.5  확인 없음, 대리 담당자 호출: CauseDown",
        "2026-02-10 12:20:07     214.0  회복, 오래가지 않음",
        "2026-02-10 13:05:07     259.0  다시 장애",
        "2026-02-10 17:30:07     524.0  복구",
        "2026-02-10 18:30:07     584.0  안정 확인, 종료",
    ];
    let mut rest = korean.as_str();
    for line in lines {
        let (_, after) = rest.split_once(line).unwrap_or_else(|| panic!("{line}: {korean}"));
        rest = after;
    }
    assert_eq!(korean.matches("CauseDown\n").count(), 2, "the first page is told once: {korean}");
    let english = told("en");
    for part in
        ["(CauseDown, 0.5 min later)", "not for long", "not acknowledged, deputy called: CauseDown"]
    {
        assert!(english.contains(part), "{part}: {english}");
    }
    let quiet = ["--service", "gpki", "--at", "2026-02-20T08:40"];
    let output = report(&Setup::new(""), "incident", &url(&prometheus), &quiet);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("gpki had no outage at 2026-02-20T08:40"), "{said}");
}

#[test]
fn whoever_silenced_the_page_has_acknowledged_it() {
    let setup = Setup::new("");
    let alertmanager = Alertmanager::start(&setup);
    alertmanager.silence("gov24");
    alertmanager.silence("hometax");
    let end = Timestamp::now().as_second();
    let began = (end - 600) / STEP * STEP + OFFSET;
    let mut history = History::new(end - 7200..end, Vec::new());
    history.verdict("service:down", "service=\"gov24\"", std::slice::from_ref(&(began..end)), &[]);
    let page =
        "alertname=\"ServiceDown\",alertstate=\"firing\",severity=\"page\",service=\"gov24\"";
    history.constant("ALERTS", page, began..end, 1.0);
    let prometheus = Prometheus::remembering(&history.open_metrics());
    let at = Timestamp::from_second(began)
        .unwrap()
        .to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(9)));
    let at = at.strftime("%FT%H:%M").to_string();
    let arguments =
        ["--service", "gov24", "--at", &at, "--alertmanager", &alertmanager.url(), "--lang", "ko"];
    let text = stdout(report(&setup, "incident", &url(&prometheus), &arguments));
    assert_eq!(text.matches("호출 확인").count(), 2, "in measures and course: {text}");
    assert!(text.contains("당직 확인했습니다"), "{text}");

    // In the month it began in, which may have ended ten minutes ago.
    let arguments = ["--month", &at[..7], "--alertmanager", &alertmanager.url(), "--incomplete"];
    let month = |form: &[&str]| {
        report(&setup, "month", &url(&prometheus), &[&arguments[..], form].concat())
    };
    let told = json(month(&["--format", "json"]));
    let acknowledged = &told["outages"][0]["acknowledged"];
    assert_eq!([&acknowledged["by"], &acknowledged["comment"]], ["당직", "확인했습니다"]);
    let when: Timestamp = acknowledged["at"].as_str().unwrap().parse().unwrap();
    assert!((end - 60..=end + 60).contains(&when.as_second()), "{when}");
    let unasked = "확인 시각은 --alertmanager를 지정해야 나옵니다.";
    assert!(!stdout(month(&["--lang", "ko"])).contains(unasked));
    let without = ["--month", &at[..7], "--lang", "ko", "--incomplete"];
    let text = stdout(report(&setup, "month", &url(&prometheus), &without));
    assert!(text.contains(unasked), "{text}");
}
