//! Every reason of the closed list has a test in which a real condition produces it. A reason that
//! is added to the list fails here until its test is named.

use std::fs;
use std::path::Path;

use bongsu::outcome::Reason;

/// By reason: the test, as cargo names it.
const PRODUCED: &[(Reason, &str)] = &[
    (Reason::DnsNxdomain, "dns::a_name_that_does_not_exist_is_nxdomain"),
    (Reason::DnsServfail, "dns::errors_of_the_name_server_are_servfail"),
    (Reason::DnsTimeout, "dns::a_silent_name_server_is_a_dns_timeout_and_the_time_is_in_resolve"),
    (Reason::DnsNoAddress, "dns::a_name_without_an_address_or_with_the_wrong_family_is_no_address"),
    (Reason::ConnectRefused, "http_failures::a_closed_port_refuses"),
    (Reason::ConnectTimeout, "http_failures::a_black_hole_is_a_connect_timeout"),
    (Reason::ConnectUnreachable, "http_failures::an_address_without_a_route_is_unreachable"),
    (Reason::ConnectionReset, "http_failures::a_reset_or_close_before_the_head_is_a_reset"),
    (Reason::TlsHandshake, "tls_handshake::a_server_that_refuses_the_name"),
    (Reason::TlsTimeout, "tls_handshake::a_server_that_never_answers_the_hello"),
    (Reason::TlsLegacy, "tls_legacy::old_versions_and_suites_are_named_and_the_chain_is_shown"),
    (Reason::TlsExpired, "tls_verdicts::an_expired_leaf"),
    (Reason::TlsNotYetValid, "tls_verdicts::a_leaf_of_the_future"),
    (Reason::TlsNameMismatch, "tls_verdicts::a_wrong_name"),
    (Reason::TlsUnknownIssuer, "tls_verdicts::an_unknown_issuer"),
    (
        Reason::TlsChainIncomplete,
        "tls_verdicts::a_missing_intermediate_that_is_configured_is_an_incomplete_chain",
    ),
    (Reason::TlsSelfSigned, "tls_verdicts::a_self_signed_leaf"),
    (
        Reason::TlsInvalid,
        "tls_verdicts::a_ca_as_leaf_a_client_purpose_and_broken_constraints_are_invalid",
    ),
    (Reason::TlsWeak, "tls_verdicts::weak_keys_and_signatures"),
    (Reason::TlsRevoked, "tls_revocation::a_revoked_certificate_fails_its_first_run"),
    (
        Reason::TlsRevocationUnavailable,
        "tls_revocation::an_unreachable_list_degrades_softly_and_fails_hard",
    ),
    (
        Reason::TlsMismatch,
        "tls_expect::each_subject_holds_or_is_a_mismatch_that_says_what_was_found",
    ),
    (
        Reason::StarttlsRefused,
        "tls_starttls::a_server_that_does_not_begin_tls_is_told_apart_from_one_that_speaks_another_protocol",
    ),
    (
        Reason::StarttlsProtocol,
        "tls_starttls::a_server_that_does_not_begin_tls_is_told_apart_from_one_that_speaks_another_protocol",
    ),
    (Reason::TlsClientCert, "tls_client_cert::a_wanted_certificate_is_missing_refused_or_accepted"),
    (Reason::HttpStatus, "http_failures::content_reasons_come_from_their_own_rules"),
    (Reason::HttpVersion, "http_failures::a_server_without_http2_is_the_wrong_version"),
    (Reason::RedirectLimit, "http_failures::redirects_without_end_hit_the_limit"),
    (
        Reason::RedirectUnexpectedHost,
        "http_failures::a_redirect_to_a_host_that_is_not_allowed_is_not_followed",
    ),
    (Reason::ResponseTimeout, "http_failures::a_head_that_does_not_come_is_a_response_timeout"),
    (Reason::BodyTimeout, "http_failures::a_body_that_does_not_end_is_a_body_timeout"),
    (
        Reason::BodyTooLarge,
        "http_failures::a_large_body_is_too_large_and_the_limit_is_what_was_read",
    ),
    (
        Reason::BodyDecode,
        "http_failures::a_body_that_is_not_what_its_coding_promises_is_body_decode",
    ),
    (Reason::ProtocolError, "http_failures::garbage_and_huge_heads_break_the_protocol"),
    (
        Reason::JudgeTimeout,
        "strangers::pages::what_cannot_be_judged_in_time_is_unknown_and_stops_nobody",
    ),
    (Reason::TokenFailed, "http_oauth2::trouble_of_the_token_server_is_not_the_services"),
    (Reason::BodyMismatch, "http_failures::content_reasons_come_from_their_own_rules"),
    (Reason::HeaderMismatch, "http_failures::content_reasons_come_from_their_own_rules"),
    (Reason::JsonMismatch, "http_failures::content_reasons_come_from_their_own_rules"),
    (Reason::UrlMismatch, "http_failures::content_reasons_come_from_their_own_rules"),
    (Reason::NoticePage, "http_failures::a_notice_is_seen_whatever_the_status"),
    (Reason::TooSlow, "http_failures::content_reasons_come_from_their_own_rules"),
    (Reason::NotLoggedIn, "login::basics::an_outage_of_the_sign_in_is_down_whatever_its_form"),
    (Reason::FormMissing, "login::basics::a_page_without_the_form_is_form_missing"),
    (Reason::CaptureMissing, "login::rules::the_first_cause_in_the_order_of_a_step_is_the_reason"),
    (
        Reason::BadCredentials,
        "login::basics::a_wrong_password_is_the_accounts_fault_and_not_an_outage",
    ),
    (
        Reason::AccountLocked,
        "login::basics::a_captcha_and_a_locked_account_say_nothing_about_the_service",
    ),
    (
        Reason::Captcha,
        "login::basics::a_captcha_and_a_locked_account_say_nothing_about_the_service",
    ),
    (Reason::MfaRequired, "login::reasons::each_refusal_has_its_reason_its_verdict_and_its_step"),
    (Reason::RateLimited, "login::reasons::each_refusal_has_its_reason_its_verdict_and_its_step"),
    (Reason::WafBlocked, "login::reasons::each_refusal_has_its_reason_its_verdict_and_its_step"),
    (Reason::CertRejected, "login::reasons::each_refusal_has_its_reason_its_verdict_and_its_step"),
    (Reason::PkiBackend, "login::lab::saeol_is_up_and_its_faults_have_their_reasons"),
    (Reason::SessionLost, "login::basics::a_session_that_is_gone_in_a_later_step_is_session_lost"),
    (Reason::LogoutFailed, "login::basics::a_logout_that_fails_degrades_and_never_fails"),
    (
        Reason::AccountHeld,
        "login::guarding::a_held_account_runs_the_anonymous_steps_only_until_its_secret_changes",
    ),
    (
        Reason::SecretMissing,
        "login::secrets::a_secret_that_cannot_be_read_is_secret_missing_and_nothing_is_sent",
    ),
    (Reason::SecretHost, "login::secrets::a_form_that_leads_elsewhere_gets_no_secret"),
    (Reason::SignFailed, "login::signing::a_text_that_the_charset_does_not_have_is_not_signed"),
    (
        Reason::ExecFailed,
        "login::programs::what_a_program_does_wrong_is_ours_and_has_its_own_words",
    ),
    (
        Reason::ExecTimeout,
        "login::programs::what_a_program_does_wrong_is_ours_and_has_its_own_words",
    ),
    (Reason::ProxyFailed, "http_proxy::a_proxy_that_fails_says_nothing_about_the_service"),
    (
        Reason::VantageOffline,
        "controls::what_a_vantage_without_a_connection_cannot_reach_is_vantage_offline",
    ),
    (Reason::ProberStalled, "own_stall::mod::a_process_that_was_stopped_once_blames_nobody"),
    (Reason::NoResolver, "own_resolver::without_a_usable_name_server_nobody_is_down"),
    (Reason::ClockWrong, "own_clock::a_clock_that_is_off_by_a_year_blames_nobody"),
    (Reason::NoTurn, "login::guarding::a_one_time_code_is_not_sent_twice"),
    (
        Reason::Internal,
        "tls_client_cert::roots_are_read_again_when_their_file_changes_and_a_missing_file_is_our_fault",
    ),
    (Reason::WaitingRoom, "login::real_sites::a_waiting_room_is_waited_in_and_degrades"),
    (
        Reason::PasswordExpired,
        "login::real_sites::an_optional_step_is_done_where_there_is_something_to_do",
    ),
    (
        Reason::DuplicateSession,
        "login::real_sites::another_open_session_says_nothing_about_the_service",
    ),
    (Reason::FormChanged, "login::forms::a_field_that_the_page_does_not_have_is_form_changed"),
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_reason_is_produced_in_a_test_that_is_named_here() {
    for &reason in Reason::ALL {
        let named = PRODUCED.iter().filter(|(known, _)| *known == reason).count();
        assert_eq!(named, 1, "{reason:?} has {named} lines in PRODUCED");
    }
    for (reason, test) in PRODUCED {
        let (file, name) = test.rsplit_once("::").unwrap();
        let text = read(&(file.replace("::", "/") + ".rs"));
        assert!(text.contains(&format!("fn {name}()")), "there is no test {test}");
        assert!(text.contains(&format!("Reason::{reason:?}")), "{file} does not name {reason:?}");
    }
}
