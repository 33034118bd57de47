//! What stands above the lists of every page: this vantage is offline, a configuration was refused,
//! maintenance is under way. Each changes how everything below is to be read.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::Site;
use super::html::{Language, Text};
use super::shown::{Running, running};
use crate::config::{Config, WindowTarget};

/// Services named in one banner; a window over 226 municipalities must not push the list away.
const NAMED_MAX: usize = 8;

/// Announcements are made in Korean time, and have no other since 1988.
const KST: Offset = Offset::constant(9);

/// All that apply now, the gravest first.
pub(super) fn banners(site: &Site, config: &Config, language: Language) -> String {
    let mut html = String::new();
    if !site.controls.reading().online {
        push(
            &mut html,
            "offline",
            language.pick(
                "이 점검 거점의 통신망이 끊겼습니다. 아래 결과는 서비스의 상태가 아닙니다.",
                "This vantage is offline. What is below says nothing about the services.",
            ),
        );
    }
    if let Some(why) = site.net.accounts.unwritten() {
        let text = match language {
            Language::Korean => format!(
                "상태 디렉터리(--state.dir)에 쓸 수 없어, 다시 시작하면 새로 보류된 계정을 잊습니다: {why}"
            ),
            Language::English => format!(
                "The state directory (--state.dir) cannot be written: a restart would forget \
                 accounts held since. {why}"
            ),
        };
        push(&mut html, "refused", &text);
    }
    if let Some(refused) = &*site.refused.borrow() {
        let since = kst_of(refused.since);
        let text = match language {
            Language::Korean => format!(
                "새 설정이 거부되어 이전 설정으로 점검하고 있습니다({since}부터). {}",
                refused.problem
            ),
            Language::English => format!(
                "A new configuration was refused and the old one is kept, since {since}. {}",
                refused.problem
            ),
        };
        push(&mut html, "refused", &text);
    }
    let titles: HashMap<&str, Option<&str>> =
        config.services.iter().map(|service| (&*service.name, service.title.as_deref())).collect();
    for window in running(config, Timestamp::now()) {
        push(&mut html, "maintenance", &maintenance(&window, &titles, language));
    }
    html
}

fn maintenance(
    running: &Running<'_>,
    titles: &HashMap<&str, Option<&str>>,
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
    let (names, until) = (names.join(", "), kst(running.until));
    let reason = running.window.reason.as_deref().unwrap_or(&running.window.name);
    match language {
        Language::Korean => format!("점검 작업 중: {names} ({until}까지) {reason}"),
        Language::English => format!("Maintenance: {names} (until {until}) {reason}"),
    }
}

fn push(html: &mut String, class: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = write!(html, "<p class=\"b {class}\" role=\"status\">{}</p>", Text(text));
}

/// Korean time to the minute.
fn kst(time: Timestamp) -> String {
    time.to_zoned(TimeZone::fixed(KST)).strftime("%Y-%m-%d %H:%M KST").to_string()
}

fn kst_of(time: SystemTime) -> String {
    Timestamp::try_from(time).map(kst).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_korean_wherever_the_machine_is() {
        let time: Timestamp = "2026-12-05T17:00:00Z".parse().unwrap();
        assert_eq!(kst(time), "2026-12-06 02:00 KST");
    }
}
