//! What stands above the lists of every page: this vantage is offline, this prober stood still, its
//! clock is wrong, a configuration was refused, maintenance is under way. Each changes how everything below is to be read.

use std::collections::HashMap;
use std::fmt::Write;

use super::Site;
use super::display_state::{Running, running};
use super::html::{English, EscapedText, Language};
use crate::calendar;
use crate::config::{Config, WindowKind, WindowTarget};
use crate::probe::surroundings::SKEW_MAX;
use crate::sentences::ToldPart;

/// Services named in one banner; a window over 226 municipalities must not push the list away.
///
/// No row: targets are the configuration's.
const NAMED_MAX: usize = 8;

/// All that apply now, the gravest first.
pub(super) fn banners(site: &Site, config: &Config, language: Language) -> String {
    let mut html = String::new();
    if !site.controls.reading().online {
        push(
            &mut html,
            "offline",
            language.pick(
                "이 관측 지점의 네트워크가 끊겼습니다. 아래 결과는 서비스의 상태가 아닙니다.",
                "This vantage is offline. What is below says nothing about the services.",
            ),
        );
    }
    if let Some(lost) = site.controls.own_time().of_late() {
        let seconds = lost.time.as_secs_f64();
        let cause = lost.cause.to_string();
        let cause: String = language.of_detail(&cause).iter().map(ToldPart::text).collect();
        let text = match language {
            Language::Korean => format!(
                "프로버가 최근 5분 가운데 {seconds:.1}초 동안 멈춰 있었습니다({cause}). 그동안의 시간 초과는 서비스 \
                 장애로 판정하지 않습니다."
            ),
            Language::English => format!(
                "This prober stood still for {seconds:.1} s of the last 5 minutes ({cause}). What ran out \
                 of time meanwhile is not held against the services."
            ),
        };
        push(&mut html, "offline", &text);
    }
    if let Some(skew) =
        site.controls.reading().skew.filter(|skew| skew.abs() > SKEW_MAX.as_secs_f64())
    {
        let (seconds, is_ahead) = (skew.abs(), skew > 0.0);
        let text = match language {
            Language::Korean => format!(
                "프로버의 시계가 대조점보다 {seconds:.0}초 {}. 시계 때문에 생긴 인증서 날짜 오류는 서비스 장애로 \
                 판정하지 않습니다.",
                if is_ahead { "빠릅니다" } else { "느립니다" }
            ),
            Language::English => format!(
                "This prober's clock is {seconds:.0} s {} that of the controls. Dates of certificates \
                 that are wrong by it alone are not held against the services.",
                if is_ahead { "ahead of" } else { "behind" }
            ),
        };
        push(&mut html, "offline", &text);
    }
    if let Some(why) = site.surroundings.accounts.unwritten() {
        let text = match language {
            Language::Korean => format!(
                "상태 디렉터리(--state.dir)에 쓸 수 없어, 재시작하면 최근에 보류된 계정 기록이 사라집니다: {why}"
            ),
            Language::English => format!(
                "The state directory (--state.dir) cannot be written: a restart would forget \
                 accounts held since. {why}"
            ),
        };
        push(&mut html, "refused", &text);
    }
    if let Some(refused) = &*site.refused.borrow() {
        let since = site.local_time.second(refused.since);
        let text = match language {
            Language::Korean => {
                format!("새 설정이 거부되어 이전 설정으로 감시하고 있습니다({since}부터).")
            }
            Language::English => {
                format!("A new configuration was refused and the old one is kept, since {since}.")
            }
        };
        push_html(
            &mut html,
            "refused",
            &format!("{} {}", EscapedText(&text), English(&refused.problem)),
        );
    }
    let titles: HashMap<&str, Option<&str>> =
        config.services.iter().map(|service| (&*service.name, service.title.as_deref())).collect();
    for window in running(config, calendar::now()) {
        let until = site.local_time.minute(window.until);
        push(&mut html, "maintenance", &maintenance(&window, &titles, &until, language));
    }
    html
}

fn maintenance(
    running: &Running<'_>,
    titles: &HashMap<&str, Option<&str>>,
    until: &str,
    language: Language,
) -> String {
    let name = |target: &WindowTarget| {
        let title = titles.get(&*target.service).copied().flatten().unwrap_or(&target.service);
        match &target.site {
            Some(site) => format!("{title} @{site}"),
            None => title.to_owned(),
        }
    };
    let targets = &running.window.targets;
    let mut names: Vec<String> = targets.iter().take(NAMED_MAX).map(name).collect();
    if let Some(more) = targets.len().checked_sub(NAMED_MAX).filter(|&more| more > 0) {
        names.push(format!("+{more}"));
    }
    let names = names.join(", ");
    let reason = running.window.reason.as_deref().unwrap_or(&running.window.name);
    match (running.window.kind, language) {
        (WindowKind::Announced, Language::Korean) => {
            format!("예고된 점검 중: {names} ({until}까지) {reason}")
        }
        (WindowKind::Announced, Language::English) => {
            format!("Maintenance: {names} (until {until}) {reason}")
        }
        (WindowKind::Emergency, Language::Korean) => {
            format!("긴급 점검 중 (장애 시간에 포함): {names} ({until}까지) {reason}")
        }
        (WindowKind::Emergency, Language::English) => {
            format!("Emergency work (counts as a fault): {names} (until {until}) {reason}")
        }
    }
}

fn push(html: &mut String, class: &str, text: &str) {
    push_html(html, class, &EscapedText(text).to_string());
}

fn push_html(html: &mut String, class: &str, inner: &str) {
    // Writing to a String cannot fail.
    let _ = write!(html, "<p class=\"b {class}\" role=\"status\">{inner}</p>");
}
