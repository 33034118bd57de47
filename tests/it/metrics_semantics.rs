//! What appears and disappears in the exposition, and when.

use std::sync::Arc;

use bongsu::outcome::{Facts, Failure, Reason, Step, StepFacts};

use crate::support::results::{
    Script, expired_tls, family, http_target, http_up, https_503, https_up, millis, nxdomain,
    offline, samples, secs, tcp_facts, tls_expired, tls_target, verified_tls,
};

/// The budget of an HTTP probe: at 17,000 probes each further series costs a Prometheus as much
/// memory as a small server has.
const SERIES_PER_HTTP_PROBE_MAX: usize = 48;

fn portal() -> bongsu::config::Target {
    http_target("gpki", "portal", "https://www.gpki.go.kr/")
}

#[test]
fn an_https_probe_in_its_worst_usual_state_has_at_most_48_series() {
    let script = Script::new();
    let target = script.adopt(portal());
    script.run(&target, 10, https_up());
    let healthy = samples(&script.text(20)).count();
    script.run(&target, 40, https_503());
    let text = script.text(50);
    let failing = samples(&text).count();
    println!("series of an HTTPS probe: {healthy} healthy, {failing} failing");
    assert!(failing <= SERIES_PER_HTTP_PROBE_MAX, "{failing} series:\n{text}");
    assert_eq!((healthy, failing), (46, 48), "update this number on purpose only");
}

#[test]
fn tcp_series_come_on_top_for_padded_probes_only() {
    let with_tcp = || {
        let (result, mut facts) = https_up();
        facts.tcp = Some(tcp_facts());
        (result, facts)
    };
    let script = Script::new();
    let plain = script.adopt(portal());
    script.run(&plain, 10, with_tcp());
    assert!(!script.text(20).contains("bongsu_tcp_"));

    let mut padded = portal();
    let bongsu::config::Kind::Http(http) = &mut padded.kind else { unreachable!() };
    Arc::make_mut(http).pad_request = Some(4096);
    let padded = script.adopt(padded);
    script.run(&padded, 10, with_tcp());
    let text = script.text(20);
    assert_eq!(samples(&text).filter(|line| line.starts_with("bongsu_tcp_")).count(), 4);
    assert!(family(&text, "bongsu_probe_info")[0].contains("padded=\"1\""));
}

#[test]
fn before_the_first_run_there_are_counters_but_no_verdict() {
    let script = Script::new();
    script.adopt(portal());
    let text = script.text(5);
    assert!(!text.contains("probe_success"));
    assert!(!text.contains("bongsu_probe_verdict{"));
    assert!(!text.contains("bongsu_probe_consecutive_failures"));
    assert_eq!(family(&text, "bongsu_probe_runs_total").len(), 3);
    assert_eq!(family(&text, "bongsu_probe_rechecks_total").len(), 3);
    let unobserved = family(&text, "bongsu_probe_verdict_seconds_total")[4];
    assert!(unobserved.ends_with("verdict=\"unobserved\"} 5"), "{unobserved}");
}

#[test]
fn facts_verdict_and_certificates_vanish_with_freshness_and_counters_stay() {
    let script = Script::new();
    let target = script.adopt(portal());
    script.run(&target, 10, https_503());
    let at_the_end = script.text(110);
    assert!(at_the_end.contains("probe_success"));
    let after = script.text(111);
    for line in samples(&after) {
        let name = line.split('{').next().unwrap();
        let stays = name.ends_with("_total")
            || name.ends_with("_last_run_timestamp_seconds")
            || name == "bongsu_probe_interval_seconds"
            || name == "bongsu_probe_info";
        assert!(stays, "still there when stale: {line}");
    }
    assert!(after.contains("bongsu_probe_runs_total"));
}

#[test]
fn optional_series_of_the_run_before_do_not_outlive_it() {
    let script = Script::new();
    let target = script.adopt(portal());
    script.run(&target, 10, https_up());
    let up = script.text(20);
    script.run(&target, 40, nxdomain());
    let down = script.text(50);
    for name in [
        "probe_ssl_earliest_cert_expiry",
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "probe_ssl_last_chain_info",
        "probe_tls_version_info",
        "probe_http_last_modified_timestamp_seconds",
    ] {
        assert_eq!(family(&up, name).len(), 1, "{name}");
        assert_eq!(family(&down, name).len(), 0, "{name}");
    }
    let leaf = family(&down, "bongsu_cert_not_after_timestamp_seconds");
    assert_eq!(leaf.len(), 1, "ours remembers the certificate");
}

#[test]
fn a_refused_chain_shows_its_dates_and_faults_and_no_verified_path() {
    let script = Script::new();
    let target = script.adopt(portal());
    let (_, mut facts) = https_up();
    facts.http = None;
    facts.tls = Some(expired_tls());
    script.run(&target, 10, (Err(Failure::new(Reason::TlsExpired, "expired")), facts));
    let text = script.text(20);
    let ends_with = |name, value: &str| {
        let found = family(&text, name);
        assert!(found.len() == 1 && found[0].ends_with(value), "{name}: {found:?}");
    };
    ends_with("probe_success", " 0");
    ends_with("probe_http_ssl", " 0");
    ends_with("probe_ssl_earliest_cert_expiry", " 1700000000");
    assert!(!text.contains("probe_ssl_last_chain_expiry"));
    assert_eq!(family(&text, "bongsu_cert_not_after_timestamp_seconds").len(), 1, "leaf only");
    let faults: Vec<_> = family(&text, "bongsu_cert_invalid")
        .into_iter()
        .map(|line| line.split("reason=").nth(1).unwrap())
        .collect();
    assert_eq!(faults, ["\"expired\"} 1", "\"name_mismatch\"} 1"]);
}

#[test]
fn a_renewal_replaces_the_certificate_at_once() {
    let script = Script::new();
    let target = script.adopt(tls_target("gpki", "cert", "www.gpki.go.kr"));
    script.run(&target, 10, tls_expired());
    assert_eq!(family(&script.text(20), "bongsu_cert_not_after_timestamp_seconds").len(), 3);
    let facts = Facts { tls: Some(verified_tls()), ..Facts::default() };
    script.run(&target, 40, (Ok(()), facts));
    let text = script.text(50);
    assert_eq!(family(&text, "bongsu_cert_not_after_timestamp_seconds").len(), 2);
    assert!(!text.contains("bongsu_cert_invalid"));
}

#[test]
fn a_cross_signed_certificate_outside_the_path_is_marked() {
    let script = Script::new();
    let target = script.adopt(tls_target("gpki", "cert", "www.gpki.go.kr"));
    script.run(&target, 10, tls_expired());
    let text = script.text(20);
    let marks: Vec<_> = family(&text, "bongsu_cert_not_after_timestamp_seconds")
        .into_iter()
        .map(|line| (line.contains("position=\"2\""), line.contains("in_path=\"0\"")))
        .collect();
    assert_eq!(marks, [(false, false), (false, false), (true, true)]);
}

#[test]
fn rules_written_for_blackbox_exporter_stay_silent_while_unknown() {
    let script = Script::new();
    let target = script.adopt(portal());
    script.run(&target, 10, offline());
    let text = script.text(20);
    assert!(!text.contains("probe_success"));
    assert!(!text.contains("probe_http_status_code"), "0 would read as a failed exchange");
    let info = family(&text, "bongsu_probe_failure_info")[0];
    assert!(info.contains("component=\"bongsu\""), "{info}");
}

#[test]
fn a_failed_step_names_its_component_and_steps_not_reached_are_absent() {
    let script = Script::new();
    let target = script.adopt(portal());
    let step =
        |name: &str, component: &str| Step { name: name.into(), component: component.into() };
    let steps = vec![
        StepFacts { step: step("form", "gpki"), elapsed: millis(30), success: true },
        StepFacts { step: step("sign", "dc-daejeon"), elapsed: secs(9), success: false },
    ];
    let mut failure = Failure::new(Reason::PkiBackend, "the verification server did not answer");
    failure.step = Some(steps[1].step.clone());
    script.run(&target, 10, (Err(failure), Facts { steps, ..Facts::default() }));
    let text = script.text(20);
    let info = family(&text, "bongsu_probe_failure_info")[0];
    let expected = r#"stage="login",reason="pki_backend",step="sign",component="dc-daejeon"} 1"#;
    assert!(info.ends_with(expected), "{info}");
    assert_eq!(family(&text, "bongsu_step_success").len(), 2);
    let counted = family(&text, "bongsu_probe_failures_total")[0];
    assert!(counted.contains("step=\"sign\""), "{counted}");
}

/// Degraded is a verdict of its own: the reason is there as long as the run is degraded, and neither when it
/// is down nor when all is well.
#[test]
fn a_degraded_run_says_why_until_the_next_one() {
    let degraded = || {
        let (result, mut facts) = https_up();
        facts.warnings.push(Failure::new(Reason::TooSlow, "2.1 s"));
        (result, facts)
    };
    let script = Script::new();
    let target = script.adopt(portal());
    script.run(&target, 10, degraded());
    let text = script.text(20);
    let [series] = family(&text, "bongsu_probe_degraded_info")[..] else { panic!("{text}") };
    for part in
        ["service=\"gpki\"", "probe=\"portal\"", "stage=\"content\"", "reason=\"too_slow\"", "} 1"]
    {
        assert!(series.contains(part), "{part} is not in {series}");
    }
    assert!(family(&text, "bongsu_probe_failure_info").is_empty(), "{text}");
    script.run(&target, 40, https_503());
    assert!(family(&script.text(50), "bongsu_probe_degraded_info").is_empty());
    script.run(&target, 70, degraded());
    assert_eq!(family(&script.text(80), "bongsu_probe_degraded_info").len(), 1);
    script.run(&target, 100, https_up());
    assert!(family(&script.text(110), "bongsu_probe_degraded_info").is_empty());
}

#[test]
fn a_probe_without_recheck_has_no_recheck_series() {
    let script = Script::new();
    let mut target = portal();
    target.schedule = bongsu::config::Schedule::new(secs(30), secs(10), None).unwrap();
    script.adopt(target);
    assert!(!script.text(5).contains("rechecks"));
}

#[test]
fn a_forgotten_target_is_gone_and_its_late_run_does_not_bring_it_back() {
    use bongsu::scheduler::Observer;
    let script = Script::new();
    let target = script.adopt(portal());
    script.run(&target, 10, https_up());
    assert_eq!(script.results.snapshot(script.at(11)).durations.len(), 1);
    script.results.forget(&target.id);
    script.run(&target, 12, https_up());
    assert_eq!(script.text(13), "");
    assert_eq!(script.results.snapshot(script.at(13)).durations.len(), 0);
}

#[test]
fn a_target_that_changed_starts_from_zero_and_the_old_ones_late_run_is_not_its() {
    let script = Script::new();
    let old = script.adopt(portal());
    script.run(&old, 10, https_503());
    let new = script.adopt(http_target("gpki", "portal", "https://new.gpki.go.kr/"));
    script.run(&old, 20, https_503());
    assert!(!script.text(25).contains("bongsu_probe_failures_total"));
    script.run(&new, 30, http_up());
    let text = script.text(35);
    assert!(family(&text, "probe_success")[0].contains("new.gpki.go.kr"));
    assert_eq!(script.results.snapshot(script.at(35)).durations[0].1.count(), 2);
}

#[test]
fn a_reload_that_keeps_a_target_may_hand_over_an_equal_one() {
    let script = Script::new();
    script.adopt(portal());
    let equal = Arc::new(portal());
    script.run(&equal, 10, https_up());
    assert!(script.text(20).contains("probe_success"));
}
