//! Recipes of `config/logins` about pages that a script, a notice or a waiting room stands before:
//! each signs in as it is written. Those about tokens and ciphers are beside their tests.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bongsu::outcome::{Reason, Verdict};

use super::flow::{Flow, PASS, USER};
use crate::support::http::{Asked, Reply, Routes};

const FORM: &str = "<form id=loginForm method=post action=/login.do><input name=id><input \
    type=password name=password></form>";
const MAIN: &str = "<a href=/logout.do>로그아웃</a>";

fn is_right(asked: &Asked) -> bool {
    asked.field("id").as_deref() == Some(USER) && asked.field("password").as_deref() == Some(PASS)
}

/// The cookbook names each recipe, and some test signs in with it.
#[test]
fn every_recipe_is_in_the_cookbook_and_is_tried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cookbook = fs::read_to_string(root.join("docs/logins.md")).unwrap();
    let files =
        fs::read_dir(root.join("tests/it/login")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let tests: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut recipes = 0;
    for entry in fs::read_dir(root.join("config/logins")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(recipe) = name.strip_suffix(".yml") else { continue };
        assert!(cookbook.contains(&format!("](../config/logins/{name})")), "{name}");
        assert!(tests.contains(&format!("\"{recipe}\"")), "no test signs in with {name}");
        recipes += 1;
    }
    assert!(recipes > 20, "only {recipes} recipes");
    // Of the eighteen public examples; what is said above the table is what stands in it.
    let (_, table) = cookbook.split_once("| | site or framework |").unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| starts_with_a_number(line)).collect();
    let works = |row: &&&str| row.split('|').nth(3).unwrap().trim().starts_with("works");
    assert_eq!((rows.len(), rows.iter().filter(works).count()), (18, 16));
    assert!(cookbook.contains("Sixteen work; two need the owner"), "the sentence above the table");
}

fn starts_with_a_number(row: &str) -> bool {
    row.trim_start_matches(['|', ' ']).starts_with(|c: char| c.is_ascii_digit())
}

#[tokio::test]
async fn a_form_whose_action_a_script_sets() {
    let site = Routes::new()
        .on("GET", "/uat/uia/egovLoginUsr.do", |_| {
            Reply::html(
                "<form id=loginForm action='#LINK'><input type=hidden name=message><input type=radio \
                 name=userSe value=GNR><input type=radio name=userSe value=ENT checked><input \
                 name=id><input type=password name=password><input type=submit name=go></form>",
            )
        })
        .on("POST", "/uat/uia/actionSecurityLogin.do", |asked| {
            let is_general = asked.field("userSe").as_deref() == Some("GNR");
            match is_right(asked) && is_general && asked.field("go").is_none() {
                true => Reply::html("<a href=/uat/uia/actionLogout.do>로그아웃</a>"),
                false => Reply::html("로그인 정보가 올바르지 않습니다"),
            }
        })
        .on("GET", "/uat/uia/actionLogout.do", |_| Reply::html("bye"))
        .serve()
        .await;
    let flow = Flow::of_recipe("script-action", &site.url(""));
    flow.succeed().await;
    flow.write("pass", "wrong");
    assert_eq!(flow.fail().await, ("login".into(), Reason::BadCredentials));
}

#[tokio::test]
async fn a_question_whether_the_other_session_is_to_end() {
    for is_elsewhere in [true, false] {
        let site = Routes::new()
            .on("GET", "/login.do", |_| Reply::html(FORM))
            .on("POST", "/login.do", move |asked| match is_right(asked) {
                true if is_elsewhere => Reply::html(
                    "기존 접속을 종료하시겠습니까?<form id=endOther method=post action=/end.do><input \
                     type=hidden name=choice value=Y></form>",
                ),
                true => Reply::redirect("/main.do"),
                false => Reply::html("일치하지 않습니다"),
            })
            .on("POST", "/end.do", |asked| match asked.field("choice").as_deref() {
                Some("Y") => Reply::redirect("/main.do").header("Set-Cookie", "S=in"),
                _ => Reply::html("?"),
            })
            .on("GET", "/main.do", move |asked| {
                let is_in = !is_elsewhere || asked.cookie("S").as_deref() == Some("in");
                Reply::html(if is_in { MAIN } else { FORM })
            })
            .on("GET", "/logout.do", |_| Reply::redirect("/login.do"))
            .serve()
            .await;
        let flow = Flow::of_recipe("other-session", &site.url(""));
        flow.succeed().await;
        assert_eq!(site.of("POST", "/end.do").len(), usize::from(is_elsewhere));
        flow.write("pass", "wrong");
        assert_eq!(flow.fail().await, ("login".into(), Reason::BadCredentials));
    }
}

#[tokio::test]
async fn a_notice_that_appears_once_a_quarter() {
    for shows in [true, false] {
        let site = Routes::new()
            .on("GET", "/login.do", |_| Reply::html(FORM))
            .on("POST", "/login.do", move |asked| match is_right(asked) {
                true if shows => Reply::redirect("/noticeExpirePwd.do"),
                true => Reply::redirect("/main.do"),
                false => Reply::html("일치하지 않습니다"),
            })
            .on("GET", "/noticeExpirePwd.do", |_| {
                Reply::html("<form id=changeLater method=post action=/later.do></form>")
            })
            .on("POST", "/later.do", |_| Reply::redirect("/main.do"))
            .on("GET", "/main.do", |_| Reply::html(MAIN))
            .on("GET", "/logout.do", |_| Reply::html("bye"))
            .serve()
            .await;
        Flow::of_recipe("password-notice", &site.url("")).succeed().await;
        assert_eq!(site.of("POST", "/later.do").len(), usize::from(shows));
    }
}

#[tokio::test]
async fn a_waiting_room_before_the_page() {
    let waits = Arc::new(AtomicUsize::new(0));
    let site = Routes::new()
        .on("GET", "/ts.wseq", move |asked| {
            let waited = waits.fetch_add(1, Ordering::SeqCst);
            let code = if waited < 2 { 201 } else { 200 };
            let expected = match waited {
                0 => "opcode=5101&aid=login".to_owned(),
                1 | 2 => format!("opcode=5002&key=k{}", waited - 1),
                _ => "opcode=5004&key=k2".to_owned(),
            };
            assert_eq!(asked.query, expected);
            Reply::html(format!("NetFunnel.gControl.result='5002:{code}:key=k{waited}&nwait=1';"))
        })
        .on("GET", "/login.do", |asked| match asked.query.as_str() {
            "netfunnel_key=k2" => Reply::html(FORM),
            _ => Reply::html("no key").with_status(403),
        })
        .on("POST", "/login.do", |asked| match is_right(asked) {
            true => Reply::html(MAIN),
            false => Reply::html("일치하지 않습니다"),
        })
        .serve()
        .await;
    let outcome = Flow::of_recipe("waiting-room", &site.url("")).run().await;
    assert_eq!(outcome.verdict(), Verdict::Degraded, "{:?}", outcome.result);
    let reasons: Vec<Reason> =
        outcome.facts.warnings.iter().map(|warning| warning.reason).collect();
    assert_eq!(reasons, [Reason::WaitingRoom]);
    assert_eq!(site.of("GET", "/ts.wseq").len(), 4);
}

#[tokio::test]
async fn pairs_between_record_separators() {
    let site = Routes::new()
        .on("POST", "/nexacro/login.do", |asked| {
            let right = format!("SSV:utf-8\x1euserId={USER}\x1epassword={PASS}\x1e");
            match asked.text() == right {
                true => Reply::html("SSV:utf-8\x1eErrorCode:int=0\x1etoken=t-00123\x1e"),
                false => Reply::html("SSV:utf-8\x1eErrorCode:int=-1\x1e"),
            }
        })
        .on("POST", "/nexacro/main.do", |asked| match asked.text().as_str() {
            "SSV:utf-8\x1etoken=t-00123\x1e" => Reply::html("SSV:utf-8\x1euserName=x\x1e"),
            _ => Reply::html("SSV:utf-8\x1eErrorCode:int=-2\x1e"),
        })
        .serve()
        .await;
    let flow = Flow::of_recipe("nexacro", &site.url(""));
    flow.succeed().await;
    flow.write("pass", "wrong");
    assert_eq!(flow.fail().await, ("login".into(), Reason::BadCredentials));
}

#[tokio::test]
async fn an_answer_in_xml() {
    let xml = |text: &str| {
        let mut reply = Reply::status(200).header("Content-Type", "application/xml; charset=utf-8");
        reply.body = format!("<?xml version='1.0'?><map>{text}</map>").into_bytes();
        reply
    };
    let site = Routes::new()
        .on("POST", "/wsq/login.do", move |asked| {
            let right = serde_json::json!({ "dma_login": { "userId": USER, "userPw": PASS } });
            match serde_json::from_slice::<serde_json::Value>(&asked.body).unwrap() == right {
                true => xml("<code>S</code><ticket>00123-x</ticket>"),
                false => xml("<code>E01</code>"),
            }
        })
        .on("GET", "/wsq/main.do", move |asked| match asked.query.as_str() {
            "ticket=00123-x" => xml("<userName>x</userName>"),
            _ => xml("<code>E02</code>"),
        })
        .serve()
        .await;
    let flow = Flow::of_recipe("websquare", &site.url(""));
    flow.succeed().await;
    flow.write("pass", "wrong");
    assert_eq!(flow.fail().await, ("login".into(), Reason::BadCredentials));
}
