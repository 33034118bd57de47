//! The control page: one card a system, one button a fault, the drill's clock on top. Plain HTML
//! with its own style; it reloads itself, and every button is a form.

use std::fmt::Write as _;

use base::EscapedText;

use crate::drill::DrillState;
use crate::faults::{Fault, FaultKind};
use crate::system::SimulatedSystem;
use crate::systems;
use crate::world::LabWorld;

/// The page reloads itself after this long.
const RELOAD_SECONDS: u32 = 5;
/// The same while a drill is played, so that its clock moves.
const RELOAD_SECONDS_IN_DRILL: u32 = 1;
/// Events shown before and after the drill's clock, each.
const EVENTS_SHOWN: usize = 3;

const STYLE: &str = include_str!("style.css");

/// The page as it is now, with a mistake on top if one was made.
pub(super) fn render(world: &LabWorld, mistake: Option<&str>) -> String {
    let drill = world.drill.borrow().clone();
    let reload = match &drill {
        Some(state) if !state.finished() => RELOAD_SECONDS_IN_DRILL,
        _ => RELOAD_SECONDS,
    };
    // A page with a message does not reload, so that the message can be read.
    let refresh = match mistake {
        None => format!("<meta http-equiv=\"refresh\" content=\"{reload}\">"),
        Some(_) => String::new(),
    };
    let mut html = format!(
        "<!DOCTYPE html><html lang=\"ko\"><head><meta charset=\"utf-8\">{refresh}\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>봉수 모의 훈련 환경 · Bongsu lab</title><style>{STYLE}</style></head><body>"
    );
    header(&mut html, world);
    if let Some(mistake) = mistake {
        let _ = write!(
            html,
            "<p class=\"mistake\" role=\"alert\">{} <a href=\"/\">돌아가기 back</a></p>",
            EscapedText(mistake)
        );
    }
    if let Some(state) = &drill {
        drill_banner(&mut html, state);
    }
    html.push_str("<main>");
    for system in systems::ALL {
        card(&mut html, world, system);
    }
    html.push_str("</main>");
    footer(&mut html, world);
    html.push_str("</body></html>\n");
    html
}

fn header(html: &mut String, world: &LabWorld) {
    let broken = systems::ALL
        .iter()
        .filter(|system| world.faults.of(system).switched_on().next().is_some())
        .count();
    let state = match broken {
        0 => "<strong class=\"well\">모두 정상 all well</strong>".to_owned(),
        n => format!("<strong class=\"broken\">장애 {n} broken</strong>"),
    };
    let daemon = match world.daemon_url.get() {
        Some(url) => format!(
            "<a href=\"{0}\">봉수 상태 화면 status page</a> <a href=\"{0}metrics\">/metrics</a>",
            EscapedText(url)
        ),
        None => String::new(),
    };
    let _ = write!(
        html,
        "<header><h1>봉수 모의 훈련 환경 <small>Bongsu lab</small></h1>{state}<nav>{daemon} \
         <a href=\"/api/systems\">API</a></nav>\
         <form method=\"post\" action=\"/faults\"><input type=\"hidden\" name=\"system\" value=\"all\">\
         <button name=\"action\" value=\"clear\" class=\"calm\">모두 복구 clear all</button></form>\
         </header>"
    );
}

fn drill_banner(html: &mut String, state: &DrillState) {
    let drill = &state.drill;
    let phase = if state.finished() { "종료 finished" } else { "재생 중 playing" };
    let _ = write!(
        html,
        "<section class=\"drill\"><div><h2>{}</h2><p>{}</p></div>\
         <p class=\"clock\"><time>{}</time><span>{phase} · ×{}</span></p><ol>",
        EscapedText(&drill.title.ko),
        EscapedText(&drill.title.en),
        EscapedText(&drill.clock(state.now)),
        state.speed
    );
    let first = state.done.saturating_sub(EVENTS_SHOWN);
    let shown = drill.events.iter().enumerate().skip(first).take(2 * EVENTS_SHOWN);
    for (index, event) in shown {
        let class = if index < state.done { "past" } else { "coming" };
        let _ = write!(
            html,
            "<li class=\"{class}\"><time>{}</time> {} <em>{}</em></li>",
            EscapedText(&drill.clock(event.at)),
            EscapedText(&event.note.ko),
            EscapedText(&event.note.en)
        );
    }
    html.push_str("</ol></section>");
}

fn card(html: &mut String, world: &LabWorld, system: &SimulatedSystem) {
    let site = world.site(system);
    let on: Vec<Fault> = world.faults.of(system).switched_on().collect();
    let class = if on.is_empty() { "well" } else { "broken" };
    let _ = write!(
        html,
        "<section class=\"card {class}\" id=\"{name}\"><h2>{title} <small>{english}</small></h2>\
         <p class=\"facts\"><code>{name}</code> <a href=\"{base}/\">{base}</a></p><p class=\"facts\">",
        name = system.name,
        title = EscapedText(system.title),
        english = EscapedText(system.english),
        base = EscapedText(&site.base),
    );
    if !system.needs.is_empty() {
        let _ = write!(html, "<span>필요 needs {}</span>", system.needs.join(", "));
    }
    let _ = write!(html, "<span>세션 sessions {}</span>", site.sessions.signed_in().len());
    html.push_str("</p>");
    let locked = site.accounts.locked();
    if !locked.is_empty() {
        let _ = write!(
            html,
            "<form method=\"post\" action=\"/accounts/reset\" class=\"locked\">잠긴 계정 locked: {} \
             <button name=\"system\" value=\"{}\">해제 reset</button></form>",
            EscapedText(&locked.join(", ")),
            system.name
        );
    }
    html.push_str("<div class=\"faults\">");
    for &kind in FaultKind::ALL {
        button(html, system, kind, on.iter().find(|fault| fault.kind() == kind));
    }
    html.push_str("</div></section>");
}

fn button(html: &mut String, system: &SimulatedSystem, kind: FaultKind, on: Option<&Fault>) {
    let (action, class) = if on.is_some() { ("clear", "on") } else { ("set", "off") };
    let value = match on {
        Some(fault) => fault.to_string(),
        None => Fault::new(kind).to_string(),
    };
    let value = value.split_once('=').map(|(_, value)| format!(" {value}")).unwrap_or_default();
    let pressed = on.is_some();
    let _ = write!(
        html,
        "<form method=\"post\" action=\"/faults\"><input type=\"hidden\" name=\"system\" value=\"{}\">\
         <input type=\"hidden\" name=\"action\" value=\"{action}\">\
         <button name=\"fault\" value=\"{}\" class=\"{class}\" aria-pressed=\"{pressed}\" title=\"{}\">\
         {}{value}<small>{}</small></button></form>",
        system.name,
        kind.name(),
        EscapedText(kind.english()),
        kind.title(),
        // Long names may break where they are joined.
        kind.name().replace('_', "_<wbr>"),
    );
}

fn footer(html: &mut String, world: &LabWorld) {
    let _ = write!(
        html,
        "<footer><p>명령줄에서도 됩니다 · the same from a shell:</p>\
         <pre>curl -d '{{\"system\":\"gpki\",\"fault\":\"stall_large\"}}' {url}api/faults\n\
         curl -X DELETE '{url}api/faults?system=gpki'</pre></footer>",
        url = EscapedText(&world.control_url)
    );
}
