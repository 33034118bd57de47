//! Numbers agree with known truth: February 2026, in which everything happened that a contract knows.

use std::process::Output;
use std::sync::{Arc, Mutex, Weak};

use jiff::civil::date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::history::{History, OFFSET, Times};
use super::{json, report, stdout, url};
use crate::support::daemon::Setup;
use crate::support::prometheus::Prometheus;

const DAY: i64 = 86_400;

/// An evaluation in February 2026 in Korea.
fn at(day: i64, hour: i64, minute: i64) -> i64 {
    // Midnight of the first.
    let first: Timestamp = "2026-01-31T15:00:00Z".parse().unwrap();
    first.as_second() + (day - 1) * DAY + hour * 3600 + minute * 60 + OFFSET
}

fn local(day: i64, hour: i64, minute: i64) -> Value {
    json!(format!("2026-02-{day:02}T{hour:02}:{minute:02}:{OFFSET:02}+09:00"))
}

/// Everything is recorded a day before the month and a day after it.
fn whole() -> Times {
    at(1, 0, 0) - DAY..at(29, 0, 0) + DAY
}

/// The prober stood still for 25 minutes.
fn unwatched() -> Times {
    at(12, 5, 0)..at(12, 5, 25)
}

fn card(history: &mut History, service: &str, title: &str, grade: u8, objective: f64) {
    let card =
        format!("service=\"{service}\",title=\"{title}\",grade=\"{grade}\",alternative=\"\"");
    let labels = format!("service=\"{service}\"");
    let late = whole();
    history.constant("service:card", &card, late.clone(), 1.0);
    history.constant("bongsu_slo_objective_ratio", &labels, late, objective);
}

/// The login dead for an hour, four front pages well. One vantage saw it five minutes before it was
/// more than its own trouble.
fn gov24(history: &mut History) {
    let (began, recovered) = (at(3, 10, 0), at(3, 11, 0));
    let believed = began + 30..recovered;
    history.verdict(
        "service:down",
        "service=\"gov24\"",
        std::slice::from_ref(&believed),
        &[unwatched()],
    );
    card(history, "gov24", "정부24", 1, 0.9992);
    let around = began - 600..recovered + 600;
    for page in ["front", "apply", "print", "search"] {
        let labels = format!("service=\"gov24\",probe=\"{page}\",kind=\"http\"");
        history.series("probe:down", &labels, around.clone(), |_| Some(0.0));
    }
    let login = "service=\"gov24\",probe=\"login\",kind=\"login\"";
    history.series("probe:down", login, around.clone(), |at| {
        Some(f64::from(u8::from(believed.contains(&at))))
    });
    for (vantage, from) in
        [("seoul", began - 300), ("daejeon", began), ("sejong", began + 30), ("busan", i64::MAX)]
    {
        let place = format!("vantage=\"{vantage}\"");
        let failing = from.min(recovered)..recovered;
        history.failing(login, &format!("{place},prober=\"1\""), failing.clone());
        history.series("vantage:probe:down", &format!("{login},{place}"), around.clone(), |at| {
            Some(f64::from(u8::from(failing.contains(&(at - 30)) && failing.contains(&at))))
        });
    }
    let reason = "service=\"gov24\",step=\"login\",reason=\"not_logged_in\"";
    history.constant("service:reason", reason, believed.clone(), 1.0);
    let itself = "service=\"gov24\",cause=\"gov24\"";
    history.constant("service:root_cause", itself, believed.clone(), 1.0);
    let page =
        "alertname=\"LoginBroken\",alertstate=\"firing\",severity=\"page\",service=\"gov24\"";
    history.constant("ALERTS", page, began + 60..at(3, 12, 0), 1.0);
    let open = began + 60..at(3, 12, 0);
    history.series(
        "service:incident:open",
        "service=\"gov24\",how=\"login\"",
        open.start..open.end + 60,
        |at| Some(f64::from(u8::from(open.contains(&at)))),
    );
    let late = at(1, 0, 0)..at(29, 0, 0);
    history.constant("service:outage:limit_seconds", "service=\"gov24\"", late, 7200.0);
    // The board has the mean of five probes.
    history.series(
        "service:down_minutes:increase1m",
        "service=\"gov24\",month=\"2\"",
        began..recovered,
        |at| ((at - began) % 60 == 0).then_some(0.2),
    );
}

/// One of two vantages saw it, so it was believed after five minutes.
fn eais(history: &mut History) {
    let (began, recovered) = (at(22, 6, 0), at(22, 6, 20));
    let believed = began + 300..recovered;
    let down = std::slice::from_ref(&believed);
    history.verdict("service:down", "service=\"eais\"", down, &[unwatched()]);
    let front = "service=\"eais\",probe=\"front\",kind=\"http\"";
    let around = began - 600..recovered + 600;
    history.series("probe:down", front, around.clone(), |at| {
        Some(f64::from(u8::from(believed.contains(&at))))
    });
    for (vantage, failing) in [("seoul", began..recovered), ("busan", recovered..recovered)] {
        let place = format!("vantage=\"{vantage}\"");
        history.failing(front, &format!("{place},prober=\"1\""), failing.clone());
        history.series("vantage:probe:down", &format!("{front},{place}"), around.clone(), |at| {
            Some(f64::from(u8::from(failing.contains(&(at - 30)) && failing.contains(&at))))
        });
    }
}

/// 17 November 2023 on a tenth of February: a recovery that lasted 45 minutes, and Prometheus away for
/// two hours in the middle of it.
fn gpki(history: &mut History) {
    let stretches = [at(10, 8, 46)..at(10, 12, 20), at(10, 13, 5)..at(10, 17, 30)];
    history.verdict("service:down", "service=\"gpki\"", &stretches, &[unwatched()]);
    card(history, "gpki", "행정전자서명 인증", 1, 0.9992);
    let whole = at(10, 8, 46)..at(10, 18, 30);
    let since = at(10, 8, 46) as f64;
    history.constant("service:outage:since_timestamp", "service=\"gpki\"", whole.clone(), since);
    history.constant("service:outage:limit_seconds", "service=\"gpki\"", whole.clone(), 7200.0);
    history.series(
        "service:incident:open",
        "service=\"gpki\",how=\"cause\"",
        whole.start..whole.end + 60,
        |at| Some(f64::from(u8::from(whole.contains(&at)))),
    );
    let page = "alertname=\"CauseDown\",alertstate=\"firing\",severity=\"page\",service=\"gpki\"";
    history.constant("ALERTS", page, whole.start + 30..whole.end, 1.0);
    let unanswered = "alertname=\"PageUnacknowledged\",alertstate=\"firing\",severity=\"escalation\",page=\"CauseDown\",service=\"gpki\"";
    history.constant("ALERTS", unanswered, whole.start + 630..whole.end, 1.0);
    let reason = "service=\"gpki\",step=\"\",reason=\"pki_backend\"";
    for stretch in stretches {
        history.constant("service:reason", reason, stretch.clone(), 1.0);
        history.constant("service:root_cause", "service=\"gpki\",cause=\"gpki\"", stretch, 1.0);
    }
}

/// Three sites. One had twelve minutes of its own, which are none of the service; all waited for GPKI.
fn saeol(history: &mut History) {
    let (alone, waiting) = (at(5, 9, 0)..at(5, 9, 12), at(10, 8, 47)..at(10, 12, 21));
    for (site, down) in [
        ("jongno", vec![alone.clone(), waiting.clone()]),
        ("mapo", vec![waiting.clone()]),
        ("seocho", vec![waiting.clone()]),
    ] {
        let labels = format!("service=\"saeol\",site=\"{site}\"");
        history.verdict("site:down", &labels, &down, &[unwatched()]);
    }
    history.verdict(
        "service:down",
        "service=\"saeol\"",
        std::slice::from_ref(&waiting),
        &[unwatched()],
    );
    card(history, "saeol", "새올", 2, 0.999);
    let cause = "service=\"saeol\",cause=\"gpki\"";
    history.constant("service:root_cause", cause, waiting.clone(), 1.0);
    history.constant("service:sites:down", "service=\"saeol\"", waiting.clone(), 3.0);
    history.constant("service:sites:total", "service=\"saeol\"", waiting.clone(), 3.0);
    history.constant("service:outage:limit_seconds", "service=\"saeol\"", waiting, 10_800.0);
    let reason = "service=\"saeol\",site=\"jongno\",probe=\"front\",reason=\"connect_refused\"";
    history.constant("bongsu_probe_failure_info", reason, alone, 1.0);
}

/// Announced work, emergency work, and a window that a fault was there before.
fn hometax(history: &mut History) {
    let announced = at(7, 2, 0)..at(7, 4, 0);
    let emergency = at(8, 3, 10)..at(8, 3, 40);
    let before = at(9, 1, 50)..at(9, 2, 30);
    let after = before.end..at(9, 4, 0);
    let absent = [announced.clone(), after.clone(), unwatched()];
    let labels = "service=\"hometax\"";
    history.verdict("service:down", labels, &[emergency, before], &absent);
    card(history, "hometax", "홈택스", 2, 0.999);
    let broken = at(7, 2, 10)..at(7, 2, 50);
    for excused in [announced, after] {
        history.series("site:excused", labels, excused, |at| {
            Some(f64::from(u8::from(broken.contains(&at))))
        });
    }
    // The last was recorded before windows had a kind.
    for (name, kind, open) in [
        ("보안 패치", ",kind=\"announced\"", at(7, 2, 0)..at(7, 4, 0)),
        ("긴급 복구", ",kind=\"emergency\"", at(8, 3, 20)..at(8, 4, 0)),
        ("정기 점검", "", at(9, 2, 0)..at(9, 4, 0)),
    ] {
        let labels = format!("service=\"hometax\",name=\"{name}\"{kind}");
        history.constant("bongsu_maintenance_active", &labels, open, 1.0);
    }
}

/// Down over both edges of the month, over a restart of Prometheus, over two of the prober of which one took
/// five minutes, and over the end of a window in which it broke.
fn minwon(history: &mut History) {
    let (restarted, away) = (at(16, 9, 10)..at(16, 9, 10) + 30, at(16, 9, 20)..at(16, 9, 25));
    let window = at(17, 3, 0)..at(17, 4, 0);
    let down = [
        at(0, 23, 40)..at(1, 0, 20),
        at(15, 11, 50)..at(15, 12, 10),
        at(16, 9, 0)..at(16, 9, 30),
        window.end..at(17, 4, 20),
        at(28, 23, 30)..at(29, 0, 10),
    ];
    let absent = [restarted, away, window.clone(), unwatched()];
    history.verdict("service:down", "service=\"minwon\"", &down, &absent);
    card(history, "minwon", "민원24", 2, 0.999);
    let broken = at(17, 3, 50)..window.end;
    history.series("site:excused", "service=\"minwon\"", window.clone(), |at| {
        Some(f64::from(u8::from(broken.contains(&at))))
    });
    let labels = "service=\"minwon\",name=\"이전\",kind=\"announced\"";
    history.constant("bongsu_maintenance_active", labels, window, 1.0);
}

/// Watched from the eleventh on, and twice down for the same reason. Nothing limits its repair.
fn open(history: &mut History) {
    let down = [at(20, 6, 0)..at(20, 6, 4), at(21, 6, 0)..at(21, 6, 6)];
    let born = whole().start..at(11, 0, 0);
    history.verdict("service:down", "service=\"open\"", &down, &[born, unwatched()]);
    let reason = "service=\"open\",step=\"\",reason=\"http_status\"";
    for down in down {
        history.constant("service:reason", reason, down, 1.0);
    }
}

/// One for all tests that run at the same time; it ends with the last of them.
pub(super) fn remembered() -> Arc<Prometheus> {
    static SHARED: Mutex<Weak<Prometheus>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap();
    shared.upgrade().unwrap_or_else(|| {
        // The second is a restart: one evaluation is missing, and nothing is said of it.
        let away = vec![at(10, 14, 0)..at(10, 16, 0), at(15, 12, 0)..at(15, 12, 0) + 30];
        let mut history = History::new(whole(), away);
        for script in [gov24, gpki, saeol, hometax, minwon, open, eais] {
            script(&mut history);
        }
        let prometheus = Arc::new(Prometheus::remembering(&history.open_metrics()));
        *shared = Arc::downgrade(&prometheus);
        prometheus
    })
}

pub(super) fn february(arguments: &[&str]) -> Output {
    let (setup, prometheus) = (Setup::new(""), remembered());
    let month = ["--month", "2026-02"];
    report(&setup, "month", &url(&prometheus), &[&month, arguments].concat())
}

/// The row of a service or site.
pub(super) fn subject<'a>(report: &'a Value, service: &str, site: Option<&str>) -> &'a Value {
    let rows = report["subjects"].as_array().unwrap();
    rows.iter().find(|row| row["service"] == service && row["site"] == json!(site)).unwrap()
}

fn outages<'a>(report: &'a Value, service: &str, site: Option<&str>) -> Vec<&'a Value> {
    let rows = report["outages"].as_array().unwrap();
    rows.iter().filter(|row| row["service"] == service && row["site"] == json!(site)).collect()
}

pub(super) fn minutes(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or_else(|| panic!("{name}: {row:#}")) / 60.0
}

const FEBRUARY_MINUTES: f64 = 40_320.0;

#[test]
fn a_dead_login_for_an_hour_is_sixty_minutes_however_many_front_pages_are_well() {
    let report = json(february(&["--format", "json"]));
    let row = subject(&report, "gov24", None);
    assert_eq!(minutes(row, "fault_seconds"), 60.0);
    assert_eq!(minutes(row, "operating_seconds"), FEBRUARY_MINUTES);
    assert_eq!(row["availability_ratio"], json!((FEBRUARY_MINUTES - 60.0) / FEBRUARY_MINUTES));
    assert!((minutes(row, "allowed_seconds") - 32.256).abs() < 0.001, "{row:#}");
    assert_eq!(row["is_met"], false);
    assert!((minutes(row, "board_mean_down_seconds") - 12.0).abs() < 1e-9, "the board's number");
    // The evaluation at midnight is one of Prometheus's two hours.
    assert_eq!(minutes(row, "unwatched_seconds"), 25.0 + 120.0);
    assert_eq!([&row["title"], &row["grade"]], ["정부24", "1"]);
    let [outage] = outages(&report, "gov24", None)[..] else { panic!("{report:#}") };
    assert_eq!(outage["began"], local(3, 10, 0), "when half of the vantages saw it");
    assert_eq!(outage["recovered"], local(3, 11, 0));
    assert_eq!(outage["closed"], local(3, 12, 0));
    assert_eq!(
        outage["first_page"],
        json!({"at": local(3, 10, 1), "alert": "LoginBroken", "service": "gov24"})
    );
    assert_eq!(outage["vantages"], json!({"agreed": ["daejeon", "sejong", "seoul"], "total": 4}));
    assert_eq!([&outage["reason"], &outage["cause"]], [&json!("not_logged_in"), &Value::Null]);
    assert_eq!(outage["over_limit_seconds"], Value::Null);
}

#[test]
fn an_incident_is_one_outage_through_recoveries_that_do_not_last_and_a_prometheus_that_was_away() {
    let report = json(february(&["--format", "json"]));
    let row = subject(&report, "gpki", None);
    // 08:46-12:20 and 13:05-17:30 without 14:00-16:00.
    assert_eq!(minutes(row, "fault_seconds"), 214.0 + 145.0);
    assert_eq!(minutes(row, "unwatched_seconds"), 25.0 + 120.0);
    assert_eq!(row["outages"], 1);
    let [outage] = outages(&report, "gpki", None)[..] else { panic!("{report:#}") };
    assert_eq!(outage["began"], local(10, 8, 46));
    assert_eq!(outage["recovered"], local(10, 17, 30));
    assert_eq!(minutes(outage, "unwatched_seconds"), 120.0);
    assert_eq!(minutes(outage, "repair_seconds"), 524.0, "the clock runs through");
    assert_eq!(minutes(outage, "over_limit_seconds"), 404.0);
    assert_eq!(minutes(row, "over_limit_seconds"), 404.0);
    assert_eq!(minutes(row, "mean_repair_seconds"), 524.0);
}

#[test]
fn sites_have_minutes_of_their_own_and_a_service_may_wait_for_another() {
    let report = json(february(&["--format", "json"]));
    let service = subject(&report, "saeol", None);
    assert_eq!(minutes(service, "fault_seconds"), 214.0);
    assert_eq!(minutes(service, "fault_by_others_seconds"), 214.0);
    let fault = |site| minutes(subject(&report, "saeol", Some(site)), "fault_seconds");
    assert_eq!([fault("jongno"), fault("mapo"), fault("seocho")], [226.0, 214.0, 214.0]);
    let [alone, waiting] = outages(&report, "saeol", Some("jongno"))[..] else {
        panic!("{report:#}")
    };
    assert_eq!(alone["reason"], "connect_refused");
    assert_eq!(minutes(alone, "fault_seconds"), 12.0);
    assert_eq!(minutes(waiting, "fault_seconds"), 214.0);
    let [outage] = outages(&report, "saeol", None)[..] else { panic!("{report:#}") };
    assert_eq!(outage["cause"], "gpki");
    assert_eq!(outage["sites"], json!({"down": 3, "total": 3}));
    assert_eq!(outage["first_page"]["service"], "gpki", "its cause has paged");
    assert_eq!(minutes(outage, "over_limit_seconds"), 34.0, "three hours in grade 2");
}

#[test]
fn announced_work_is_no_operating_time_and_emergency_work_counts() {
    let report = json(february(&["--format", "json"]));
    let row = subject(&report, "hometax", None);
    assert_eq!(minutes(row, "fault_seconds"), 30.0 + 40.0, "emergency, and one from before");
    assert_eq!(minutes(row, "announced_seconds"), 120.0 + 90.0);
    assert_eq!(minutes(row, "announced_down_seconds"), 40.0);
    assert_eq!(minutes(row, "operating_seconds"), FEBRUARY_MINUTES - 210.0);
    assert_eq!(minutes(row, "unwatched_seconds"), 25.0 + 120.0);
    let works = report["announced"].as_array().unwrap().iter();
    let works: Vec<_> = works.filter(|work| work["service"] == "hometax").collect();
    let names: Vec<_> = works.iter().map(|work| &work["name"]).collect();
    assert_eq!(names, ["보안 패치", "정기 점검"]);
    assert_eq!(works[1]["from"], local(9, 2, 30), "it excuses from the recovery on");
    let rows = outages(&report, "hometax", None);
    assert_eq!(rows[0]["maintenance"], "긴급 복구", "begun while it was down");
    assert_eq!(rows[0]["maintenance_kind"], "emergency");
    assert_eq!(rows[1]["recovered"], local(9, 2, 30));
    assert_eq!(rows[1]["maintenance"], "정기 점검");
    assert_eq!(rows[1]["maintenance_kind"], "announced");
}

#[test]
fn edges_of_the_month_restarts_and_the_end_of_a_window_cost_no_minute_and_add_none() {
    let report = json(february(&["--format", "json"]));
    let row = subject(&report, "minwon", None);
    // Seven seconds past midnight the one goes on and the other has not ended.
    let (in_february, until_march) = (20.0 + 7.0 / 60.0, 30.0 - 7.0 / 60.0);
    let by_day = [in_february, 20.0, 30.0 - 5.0, 20.0, until_march];
    let rows = outages(&report, "minwon", None);
    let told: Vec<f64> = rows.iter().map(|row| minutes(row, "fault_seconds")).collect();
    assert_eq!(told, by_day, "{rows:#?}");
    assert_eq!(minutes(row, "fault_seconds"), by_day.iter().sum::<f64>());
    assert_eq!(minutes(row, "unwatched_seconds"), 5.0 + 25.0 + 120.0);
    assert_eq!(minutes(row, "announced_seconds"), 60.0);
    assert_eq!(minutes(row, "announced_down_seconds"), 10.0);
    assert_eq!(minutes(row, "operating_seconds"), FEBRUARY_MINUTES - 60.0);
    assert_eq!(rows[3]["began"], local(17, 4, 0), "excused until the end of the window");
    assert_eq!(rows[2]["recovered"], local(16, 9, 30));
}

#[test]
fn what_nobody_watched_counts_neither_way_and_the_same_reason_again_is_a_repeat() {
    let report = json(february(&["--format", "json"]));
    let row = subject(&report, "open", None);
    let unborn = 10.0 * 1440.0 + OFFSET as f64 / 60.0;
    assert!((minutes(row, "unwatched_seconds") - (unborn + 25.0)).abs() < 1e-9, "{row:#}");
    assert_eq!(minutes(row, "fault_seconds"), 10.0);
    assert_eq!([&row["outages"], &row["repeats"]], [2, 1]);
    assert_eq!(minutes(row, "mean_repair_seconds"), 5.0);
    assert_eq!(row["over_limit_seconds"], 0.0);
    assert_eq!([&row["objective_ratio"], &row["is_met"]], [&Value::Null; 2]);
}

#[test]
fn what_one_of_two_vantages_saw_is_told_as_such_though_it_was_believed_later() {
    let report = json(february(&["--format", "json"]));
    let [outage] = outages(&report, "eais", None)[..] else { panic!("{report:#}") };
    assert_eq!(outage["began"], local(22, 6, 0));
    assert_eq!(outage["vantages"], json!({"agreed": ["seoul"], "total": 2}));
}

#[test]
fn people_read_it_in_korean_and_in_english() {
    let korean = stdout(february(&["--lang", "ko"]));
    for part in [
        "월간 가용성 보고서 2026-02",
        "2026-02-01 00:00 - 2026-03-01 00:00 KST",
        "정부24 (gov24)",
        "99.851 %",
        "2026-02-10 08:46:07",
        "인증 검증 실패",
        "긴급 점검, 장애로 계산: 긴급 복구",
        "예고된 점검 전부터의 장애: 정기 점검",
        "예고된 점검 중의 접속 불가 50.0분",
    ] {
        assert!(korean.contains(part), "{part}: {korean}");
    }
    let english = stdout(february(&["--lang", "en"]));
    for part in ["Availability of the month 2026-02", "fault min", "another's cause min"] {
        assert!(english.contains(part), "{part}: {english}");
    }
}

#[test]
fn excel_gets_its_mark_and_numbers() {
    let text = stdout(february(&["--format", "csv", "--lang", "en"]));
    assert!(text.starts_with("\u{feff}Availability"), "{text}");
    let row = text.lines().find(|line| line.starts_with("정부24 (gov24),1,")).unwrap();
    assert!(
        row.starts_with(
            "정부24 (gov24),1,40320.0,60.0,0.9985119,0.9992,32.3,no,60.0,145.0,0.0,12.0"
        ),
        "{row}"
    );
}

/// A month that is running ends now, and what is down then lasts.
#[test]
fn a_running_month_is_reported_until_now() {
    let now = Timestamp::now();
    let korea = TimeZone::fixed(Offset::constant(9));
    let today = now.to_zoned(korea.clone());
    let first = today.date().first_of_month().to_zoned(korea).unwrap().timestamp();
    let (start, end) = (first.as_second(), now.as_second());
    // Ten minutes ago, or when the month began.
    let began = (end - 600).max(start) / 30 * 30 + OFFSET;
    let mut history = History::new(start..end, Vec::new());
    history.verdict("service:down", "service=\"gov24\"", std::slice::from_ref(&(began..end)), &[]);
    let prometheus = Prometheus::remembering(&history.open_metrics());
    let month = today.strftime("%Y-%m").to_string();
    let setup = Setup::new("");
    let arguments = ["--month", &month, "--format", "json"];
    let report = json(report(&setup, "month", &url(&prometheus), &arguments));
    assert_eq!(report["is_over"], false);
    let until: Timestamp = report["until"].as_str().unwrap().parse().unwrap();
    let row = subject(&report, "gov24", None);
    // Samples end with the history; one interval after the last one nobody watches.
    let fault = row["fault_seconds"].as_f64().unwrap();
    assert!((fault - (end - began) as f64).abs() <= 90.0, "{report:#}");
    let past = until.as_second() - start;
    let operating = row["operating_seconds"].as_f64().unwrap();
    assert!((0.0..1.0).contains(&(operating - past as f64)), "to the millisecond, {past} said");
    let whole = date(today.year(), today.month(), 1);
    let next = whole.checked_add(1.month()).unwrap();
    let days = next.since(whole).unwrap().get_days();
    assert_eq!(minutes(&report, "month_seconds"), f64::from(days) * 1440.0);
}
