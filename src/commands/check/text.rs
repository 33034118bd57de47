//! The plan as text for a terminal.

use std::fmt::{self, Write};
use std::time::Duration;

use super::ends::Use;
use super::plan::{CheckedPlan, PlannedProbe, PlannedService};
use crate::commands::terminal::padded;
use crate::language::Language;
use crate::server::times::LocalTime;

/// Larger estates are summed up; nobody reads a table of 300 lines in a terminal.
const TABLE_MAX: usize = 60;

/// Windows and certificates that are named; the next ones matter.
const NEXT_MAX: usize = 5;

/// Columns of what stands before each line.
const LABEL: usize = 12;

/// The text, ending in a line break.
pub(super) fn text(plan: &CheckedPlan, times: &LocalTime, language: Language) -> String {
    let mut paper = Paper { text: String::new(), language, times };
    // Writing into a string cannot fail.
    let _ = paper.plan(plan);
    paper.text
}

struct Paper<'a> {
    text: String,
    language: Language,
    times: &'a LocalTime,
}

impl Paper<'_> {
    fn pick(&self, korean: &'static str, english: &'static str) -> &'static str {
        self.language.pick(korean, english)
    }

    fn line(&mut self, label: &str, rest: &str) -> fmt::Result {
        writeln!(self.text, "  {} {rest}", padded(label, LABEL))
    }

    /// `1 probe`, `2 probes`; `감시 항목 2개`.
    fn counted(&self, count: usize, korean: &str, english: &str) -> String {
        match self.language {
            Language::Korean => format!("{korean} {count}개"),
            Language::English if count == 1 => format!("{count} {english}"),
            Language::English => format!("{count} {english}s"),
        }
    }

    fn plan(&mut self, plan: &CheckedPlan) -> fmt::Result {
        let valid = self.pick("이상 없음", "valid");
        writeln!(self.text, "{}: {valid}", plan.files.join(", "))?;
        self.line(self.pick("서비스", "services"), &plan.services.len().to_string())?;
        self.line(self.pick("감시 항목", "probes"), &kinds(plan))?;
        let rate = plan.runs_per_second;
        let rate = match self.language {
            Language::Korean => format!("초당 {rate:.2}회"),
            Language::English => format!("{rate:.2} per second"),
        };
        self.line(self.pick("실행", "runs"), &rate)?;
        let at_once = match self.language {
            Language::Korean => format!("동시에 최대 {}회", plan.runs_at_once),
            Language::English => {
                format!("{} in flight at once", self.counted(plan.runs_at_once, "", "run"))
            }
        };
        self.line(self.pick("동시 실행", "permits"), &at_once)?;
        if !plan.disabled.is_empty() {
            let disabled = self.counted(plan.disabled.len(), "감시 항목", "probe");
            self.line(self.pick("꺼짐", "disabled"), &disabled)?;
        }
        if !plan.maintenance.is_empty() {
            let weekly = plan.maintenance.iter().filter(|window| window.weekly).count();
            let windows = self.counted(plan.maintenance.len(), "", "window");
            let windows = match self.language {
                Language::Korean => {
                    format!("{}개, 그중 매주·매월 {weekly}개", plan.maintenance.len())
                }
                Language::English => format!("{windows}, {weekly} of them every week or month"),
            };
            self.line(self.pick("예고된 점검", "maintenance"), &windows)?;
        }
        self.line(self.pick("대조점", "controls"), &plan.controls.to_string())?;
        self.line(self.pick("해시", "hash"), &plan.hash)?;
        if plan.services.len() <= TABLE_MAX {
            self.table(plan)?;
        }
        self.windows(plan)?;
        self.certificates(plan)?;
        self.secrets(plan)?;
        self.accounts(plan)?;
        if !plan.advice.is_empty() {
            writeln!(self.text, "\n{}", self.pick("조언", "advice"))?;
            for advice in &plan.advice {
                writeln!(self.text, "  {advice}")?;
            }
        }
        Ok(())
    }

    /// A line for each service: its name, grade, probes, needs.
    fn table(&mut self, plan: &CheckedPlan) -> fmt::Result {
        let width = plan.services.iter().map(|service| service.name.len()).max().unwrap_or(0);
        writeln!(self.text)?;
        for service in &plan.services {
            let about = self.about(service);
            writeln!(self.text, "  {:<width$}  {about}", service.name)?;
        }
        Ok(())
    }

    fn about(&self, service: &PlannedService) -> String {
        let probes: Vec<String> = service.probes.iter().map(about_probe).collect();
        let mut what = vec![match probes.is_empty() {
            true => self.pick("감시 항목 없음", "no probes").to_owned(),
            false => probes.join(", "),
        }];
        if service.disabled > 0 {
            what.push(match self.language {
                Language::Korean => format!("꺼짐 {}개", service.disabled),
                Language::English => format!("{} disabled", service.disabled),
            });
        }
        if let Some(grade) = service.grade {
            what.push(match self.language {
                Language::Korean => format!("{grade}등급"),
                Language::English => format!("grade {grade}"),
            });
        }
        if !service.needs.is_empty() {
            let needs = self.pick("필요:", "needs");
            what.push(format!("{needs} {}", service.needs.join(", ")));
        }
        what.join("; ")
    }

    /// Which windows open next.
    fn windows(&mut self, plan: &CheckedPlan) -> fmt::Result {
        let next =
            plan.maintenance.iter().filter_map(|window| Some((window, window.next.as_ref()?)));
        let next: Vec<_> = next.take(NEXT_MAX).collect();
        if next.is_empty() {
            return Ok(());
        }
        writeln!(self.text, "\n{}", self.pick("다음 예고된 점검", "next maintenance"))?;
        for (window, next) in next {
            let open = if next.open { self.pick(" (지금)", " (now)") } else { "" };
            let (start, end) = (self.times.minute(next.start), self.times.minute(next.end));
            writeln!(self.text, "  {}: {start} - {end}{open}", window.name)?;
        }
        Ok(())
    }

    /// Which certificates end first.
    fn certificates(&mut self, plan: &CheckedPlan) -> fmt::Result {
        if plan.certificates.is_empty() {
            return Ok(());
        }
        writeln!(self.text, "\n{}", self.pick("인증서 만료", "certificates that end first"))?;
        for end in plan.certificates.iter().take(NEXT_MAX) {
            let purpose = match end.purpose {
                Use::Identity => self.pick("로그인 인증서", "identity"),
                Use::ClientCertificate => self.pick("클라이언트 인증서", "client certificate"),
                Use::Root => self.pick("신뢰하는 루트", "root"),
            };
            let day = end.not_after.get(..10).unwrap_or_default();
            let days = match self.language {
                Language::Korean => format!("{}일 남음", end.days_left),
                Language::English => format!("{} days left", end.days_left),
            };
            writeln!(self.text, "  {purpose} {}: {day}, {days} ({})", end.name, end.subject)?;
        }
        Ok(())
    }

    fn secrets(&mut self, plan: &CheckedPlan) -> fmt::Result {
        if plan.secrets.is_empty() {
            return Ok(());
        }
        writeln!(
            self.text,
            "\n{}",
            self.pick("비밀 값 (모두 읽음)", "secrets, all of them readable")
        )?;
        for secret in plan.secrets.iter().take(TABLE_MAX) {
            let to = self.pick("받는 곳:", "for");
            let hosts = match secret.hosts.is_empty() {
                true => self.pick("없음", "nobody"),
                false => &secret.hosts.join(", "),
            };
            writeln!(self.text, "  {}: {}, {to} {hosts}", secret.name, secret.source)?;
        }
        self.rest(plan.secrets.len(), "비밀 값", "more secret")
    }

    fn rest(&mut self, all: usize, korean: &str, english: &str) -> fmt::Result {
        let Some(rest) = all.checked_sub(TABLE_MAX).filter(|rest| *rest > 0) else { return Ok(()) };
        let rest = self.counted(rest, korean, english);
        match self.language {
            Language::Korean => writeln!(self.text, "  그 밖의 {rest}"),
            Language::English => writeln!(self.text, "  and {rest}"),
        }
    }

    /// What each account that logins use has to bear at worst.
    fn accounts(&mut self, plan: &CheckedPlan) -> fmt::Result {
        if plan.accounts.is_empty() {
            return Ok(());
        }
        writeln!(self.text, "\n{}", self.pick("계정", "accounts"))?;
        for of in plan.accounts.iter().take(TABLE_MAX) {
            let (account, rate, named) = (&of.account, of.bad_logins_per_hour, of.named_refusals);
            match self.language {
                Language::Korean => writeln!(
                    self.text,
                    "  {account}: 규칙으로 설명되지 않는 거부는 최악의 경우 시간당 {rate:.1}회, 잘못된 \
                     비밀번호는 모두 합해 {named}회"
                )?,
                Language::English => writeln!(
                    self.text,
                    "  {account}: at worst {rate:.1} bad logins per hour for refusals that no rule \
                     explains, {named} in all for a wrong password"
                )?,
            }
        }
        for of in plan.crowded.iter().take(TABLE_MAX) {
            let (account, host, logins, each) = (&of.account, &of.host, of.logins, of.seconds_each);
            match self.language {
                Language::Korean => writeln!(
                    self.text,
                    "  {account}: {host}의 로그인 {logins}개가 차례로 실행되어 각각 {each:.1}초를 쓰며, 시간이 \
                     모자라면 건너뜁니다. 기관마다 계정을 따로 두거나 간격을 늘리십시오."
                )?,
                Language::English => writeln!(
                    self.text,
                    "  {account}: {logins} logins at {host} take turns, {each:.1} s each; what does \
                     not fit is skipped. Give each site an account of its own, or a longer interval"
                )?,
            }
        }
        self.rest(plan.accounts.len(), "계정", "more account")?;
        let said = self.pick(
            "관측 지점이 늘면 그만큼 더해집니다. 관측 지점마다 계정을 따로 두십시오.",
            "each vantage adds as many: give every vantage an account of its own",
        );
        writeln!(self.text, "  {said}")
    }
}

fn about_probe(probe: &PlannedProbe) -> String {
    let every = Duration::from_secs_f64(probe.interval_seconds);
    let every = humantime::format_duration(every).to_string().replace(' ', "");
    let sites = probe.sites.map(|sites| format!(" x {sites}")).unwrap_or_default();
    format!("{}{sites} ({}, {every})", probe.name, probe.kind)
}

/// `12 (8 http, 4 tls)`.
fn kinds(plan: &CheckedPlan) -> String {
    let all: usize = plan.kinds.values().sum();
    let counts: Vec<String> =
        plan.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if counts.is_empty() { "0".into() } else { format!("{all} ({})", counts.join(", ")) }
}
