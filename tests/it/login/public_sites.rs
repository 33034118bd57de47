//! Recipes of `config/logins` for public sites, each at a server that takes what the real page is known
//! to post and refuses anything else. No real site is contacted.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bongsu::outcome::Reason;
use lab::signers::message;
use lab::signers::officers::{OFFICER, OFFICER_PASSWORD, SignerPki};

use super::ciphers::{Key, unhex};
use super::flow::{Flow, PASS, USER};
use super::tokens::json;
use crate::support::http::{Asked, Reply, Routes};
use crate::support::openssl::openssl;

const MAIN: &str = "<a href=/logout.do>로그아웃</a>";
const WRONG: &str = "아이디 또는 비밀번호가 일치하지 않습니다.";

/// The fields of a body in their order.
fn fields(asked: &Asked) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&asked.body).into_owned().collect()
}

/// Whether a body has these fields and no other.
fn is_exactly(asked: &Asked, wanted: &[(&str, &str)]) -> bool {
    let mut wanted: Vec<(String, String)> =
        wanted.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let mut found = fields(asked);
    wanted.sort_unstable();
    found.sort_unstable();
    wanted == found
}

#[tokio::test(flavor = "multi_thread")]
async fn dhlottery_encrypts_the_name_too() {
    for (after, reason) in [
        ("/loginSuccess.do", None),
        ("/mbrsrvc/ExpryPswdNoti", Some(Reason::PasswordExpired)),
        ("/index_check.html", Some(Reason::NoticePage)),
    ] {
        let key = Arc::new(Key::new("1024"));
        let modulus = key.modulus();
        let site = Routes::new()
            .on("GET", "/login", |_| {
                Reply::html("<form id=loginForm></form>").header("Set-Cookie", "DHJSESSIONID=s-1")
            })
            .on("GET", "/login/selectRsaModulus.do", move |asked| {
                // A key belongs to a session.
                match asked.cookie("DHJSESSIONID").as_deref() {
                    Some("s-1") => json(&serde_json::json!({
                        "data": { "rsaModulus": modulus, "publicExponent": "10001" }
                    })),
                    _ => Reply::status(403),
                }
            })
            .on("POST", "/login/securityLoginCheck.do", move |asked| {
                let sent = fields(asked);
                let [(id, id_sent), (pass, pass_sent), (shown, shown_sent)] = &sent[..] else {
                    return Reply::html(WRONG);
                };
                let names = [id.as_str(), pass, shown];
                let plain = |sent: &str| key.decrypt(&unhex(sent), &[]);
                let is_right = names == ["userId", "userPswdEncn", "inpUserId"]
                    && plain(id_sent) == USER.as_bytes()
                    && plain(pass_sent) == PASS.as_bytes()
                    && shown_sent == USER;
                if is_right { Reply::redirect(after) } else { Reply::html(WRONG) }
            })
            .on("GET", after, |_| Reply::html("<p>안내</p>"))
            .serve()
            .await;
        let flow = Flow::of_recipe("dhlottery", &site.url(""));
        match reason {
            None => drop(flow.succeed().await),
            Some(reason) => assert_eq!(flow.fail().await, ("login".into(), reason)),
        }
        flow.write("pass", "wrong");
        assert_eq!(flow.fail().await, ("login".into(), Reason::BadCredentials), "{after}");
    }
}

#[tokio::test]
async fn docu24_has_an_action_that_a_script_sets() {
    let site = Routes::new()
        .on("GET", "/cmm/main/loginForm.do", |_| {
            Reply::html(
                "<form id=search action=/search><input name=q></form><form id=loginDataForm \
                 name=loginDataForm><input type=hidden name=userSe value=corporate><input \
                 name=userId><input type=password name=userPw><button name=go \
                 value=1>로그인</button></form>",
            )
        })
        .on("POST", "/cmm/main/login.do", |asked| {
            let wanted = [("userSe", "personal"), ("userId", USER), ("userPw", PASS)];
            Reply::html(if is_exactly(asked, &wanted) { MAIN } else { WRONG })
        })
        .on("GET", "/cmm/main/logout.do", |_| Reply::html("bye"))
        .serve()
        .await;
    let flow = Flow::of_recipe("docu24", &site.url(""));
    flow.succeed().await;
    flow.write("pass", "wrong");
    assert_eq!(flow.fail().await, ("login".into(), Reason::BadCredentials));
}

#[tokio::test]
async fn epeople_has_a_token_of_the_session() {
    let site = Routes::new()
        .on("GET", "/login", |_| {
            Reply::html(
                "<form method=post action=/loginProc><input type=hidden name=_csrf \
                 value=0f2b-9c><input name=userId><input type=password name=userPw></form>",
            )
            .header("Set-Cookie", "JSESSIONID=of-0f2b-9c")
        })
        .on("POST", "/loginProc", |asked| {
            let token = asked.field("_csrf").unwrap_or_default();
            if asked.cookie("JSESSIONID") != Some(format!("of-{token}")) {
                return Reply::html("Forbidden").with_status(403);
            }
            let wanted = [("_csrf", token.as_str()), ("userId", USER), ("userPw", PASS)];
            Reply::html(if is_exactly(asked, &wanted) { MAIN } else { WRONG })
        })
        .on("GET", "/logout", |_| Reply::html("bye"))
        .serve()
        .await;
    let flow = Flow::of_recipe("epeople", &site.url(""));
    flow.succeed().await;
    flow.write("pass", "wrong");
    assert_eq!(flow.fail().await, ("login".into(), Reason::BadCredentials));
}

#[tokio::test]
async fn swmaestro_answers_with_a_form_that_is_posted_again() {
    const HASH: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMye";
    let site = Routes::new()
        .on("GET", "/sw/member/user/forLogin.do", |_| {
            Reply::html(
                "<form id=login_form onsubmit='return false'><input type=hidden name=loginFlag \
                 value=''><input type=hidden name=menuNo value=200025><input type=hidden \
                 name=csrfToken id=csrfToken value=c-77><input name=username><input type=password \
                 name=password><button class=btn-login name=b value=1></button></form>",
            )
        })
        .on("POST", "/sw/member/user/toLogin.do", |asked| {
            let wanted = [
                ("loginFlag", ""),
                ("menuNo", "200025"),
                ("csrfToken", "c-77"),
                ("username", USER),
                ("password", PASS),
            ];
            let right = format!(
                "<form name=f method=post action='/sw/login.do'><input type=hidden name=password \
                 value='{HASH}'><input type=hidden name=username value='{USER}'></form><script>\
                 document.f.submit()</script>"
            );
            Reply::html(if is_exactly(asked, &wanted) { right } else { WRONG.into() })
        })
        .on("POST", "/sw/login.do", |asked| {
            let wanted = [("password", HASH), ("username", USER)];
            Reply::html(if is_exactly(asked, &wanted) { MAIN } else { WRONG })
        })
        .on("GET", "/sw/logout.do", |_| Reply::html("bye"))
        .serve()
        .await;
    let flow = Flow::of_recipe("swmaestro", &site.url(""));
    flow.succeed().await;
    assert_eq!(site.of("POST", "/sw/login.do").len(), 1);
    flow.write("pass", "wrong");
    assert_eq!(flow.fail().await, ("login".into(), Reason::BadCredentials));
}

/// What the owner of a certificate has on a USB stick.
fn certificate(pki: &SignerPki) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("signCert.der", pki.officer.certificate.to_vec()),
        ("signPri.key", pki.officer_key_file().unwrap()),
        ("cert-password", OFFICER_PASSWORD.as_bytes().to_vec()),
    ]
}

/// SEQUENCE { PrintableString "", BIT STRING } around the random number of the officer.
const RANDOM: &[u8] = b"\x30\x19\x13\x00\x03\x15\x00lab-vid-random-0001!";

#[tokio::test(flavor = "multi_thread")]
async fn gov24_gets_a_signed_message_and_an_encrypted_random_number() {
    const KEY_BYTES: usize = 256;
    let pki = Arc::new(SignerPki::new().unwrap());
    let server = Arc::new(Key::new("2048"));
    let mut files = certificate(&pki);
    files.push(("server-key.pem", server.public().into_bytes()));
    let site = Routes::new()
        .on("GET", "/nlogin/", |_| Reply::html("<script>svr_cert += '...';</script>"))
        .on("POST", "/nlogin/loginByIdPwd", move |asked| {
            let (vid, signed) = (asked.field("vidMsg").unwrap(), asked.field("xml").unwrap());
            let mut wanted =
                vec![("a", "/nlogin/loginByIdPwd"), ("vidMsg", &vid), ("xml", &signed)];
            wanted.extend([("pkcs1Msg", signed.as_str()), ("loginType", "browserLogin")]);
            wanted.extend([("browserYn", "Y"), ("dynaPathVer", "N/A")]);
            wanted.extend(
                ["currUrl", "randomnum", "certiType", "certiType2", "regYn", "isTouchYn"]
                    .map(|empty| (empty, "")),
            );
            wanted.extend(["loginGb", "loginFlag", "cdFlag"].map(|empty| (empty, "")));
            let list = pki.revocation_list(false).unwrap();
            let signed = message::verify(&unhex(&signed), &pki, &list).unwrap();
            let text = encoding_rs::EUC_KR.encode("공동인증서로그인").0;
            let vid = unhex(&vid);
            let (key, random) = vid.split_at(KEY_BYTES);
            let key = server.decrypt(key, &[]);
            let random =
                server.decrypt_blocks_with("-seed-cbc", &hex(&key), &hex(&[0; 16]), random);
            let is_right = is_exactly(asked, &wanted)
                && (signed.signer.as_str(), &signed.content[..]) == (OFFICER, &text[..])
                && random == RANDOM;
            if is_right { Reply::redirect("/portal/main") } else { Reply::html(WRONG) }
        })
        .on("GET", "/portal/main", |_| Reply::html("<script>var userNm = \"홍길동\";</script>"))
        .serve()
        .await;
    let flow = Flow::of_recipe_beside("gov24-certificate", &site.url(""), &files);
    flow.succeed().await;
    flow.succeed().await;
    // Another key in each run.
    let sent = site.of("POST", "/nlogin/loginByIdPwd");
    let of_random = |asked: &Asked| asked.field("vidMsg").unwrap()[2 * KEY_BYTES..].to_owned();
    assert_ne!(of_random(&sent[0]), of_random(&sent[1]));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hometax_gets_a_raw_signature_with_the_time_in_korea() {
    const CHALLENGE: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";
    let xml = |text: String| {
        let mut reply = Reply::status(200).header("Content-Type", "application/xml; charset=utf-8");
        reply.body = format!("<?xml version='1.0'?>{text}").into_bytes();
        reply
    };
    let pki = SignerPki::new().unwrap();
    let files = certificate(&pki);
    let place = Arc::new(tempfile::tempdir().unwrap());
    std::fs::write(place.path().join("cert.der"), &pki.officer.certificate).unwrap();
    openssl(place.path(), &["x509", "-inform", "DER", "-in", "cert.der", "-out", "cert.pem"]);
    let serial = openssl(place.path(), &["x509", "-in", "cert.pem", "-serial", "-noout"]);
    let serial = serial.trim().trim_start_matches("serial=").to_ascii_lowercase();
    let public = openssl(place.path(), &["x509", "-in", "cert.pem", "-pubkey", "-noout"]);
    std::fs::write(place.path().join("public.pem"), public).unwrap();
    let site = Routes::new()
        .on("GET", "/", |_| Reply::html("hometax").header("Set-Cookie", "TXPPsessionID=s-1"))
        .on("POST", "/wqAction.do", move |asked| {
            assert_eq!(asked.query, "actionId=ATXPPZXA001R01&screenId=UTXPPABA01");
            assert_eq!(asked.text(), "<map id=\"ATXPPZXA001R01\"></map>");
            xml(format!(
                "<map id='ATXPPZXA001R01'><map id='resultMsg'/><msg/><pkcEncSsn><![CDATA[{CHALLENGE}]]>\
                 </pkcEncSsn></map>"
            ))
        })
        .on("POST", "/pubcLogin.do", move |asked| {
            let cert = asked.field("cert").unwrap();
            let log = asked.field("logSgnt").unwrap();
            let random = STANDARD.encode(b"lab-vid-random-0001!");
            let wanted = [
                ("cert", cert.as_str()),
                ("logSgnt", &log),
                ("pkcLgnClCd", "04"),
                ("pkcLoginYnImpv", "Y"),
                ("randomEnc", &random),
            ];
            let text = String::from_utf8(STANDARD.decode(&log).unwrap()).unwrap();
            let parts: Vec<&str> = text.split('$').collect();
            let [challenge, named, time, signature] = parts[..] else { panic!("{text}") };
            std::fs::write(place.path().join("data"), CHALLENGE).unwrap();
            std::fs::write(place.path().join("sig"), STANDARD.decode(signature).unwrap()).unwrap();
            let verify = ["dgst", "-sha256", "-verify", "public.pem", "-signature", "sig", "data"];
            assert_eq!(openssl(place.path(), &verify).trim(), "Verified OK");
            let their_time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", time).unwrap();
            let seoul = jiff::Timestamp::now().in_tz("Asia/Seoul").unwrap().datetime();
            let late = seoul.duration_since(their_time);
            let is_right = is_exactly(asked, &wanted)
                && cert == std::fs::read_to_string(place.path().join("cert.pem")).unwrap()
                && (challenge, named) == (CHALLENGE, &serial)
                && late.abs() < jiff::SignedDuration::from_mins(1)
                && asked.query == "domain=hometax.go.kr&mainSys=Y";
            let code = if is_right { 'S' } else { 'F' };
            Reply::html(format!(
                "nts_loginSystemCallback('TXPP', {{'code' : '{code}', 'tin' : null}});"
            ))
        })
        .on("POST", "/permission.do", move |asked| match asked.cookie("TXPPsessionID").as_deref() {
            Some("s-1") => xml("<map id='r'><map id='m'><userId>x</userId></map></map>".into()),
            _ => xml("<map id='r'></map>".into()),
        })
        .serve()
        .await;
    let flow = Flow::of_recipe_beside("hometax-certificate", &site.url(""), &files);
    flow.succeed().await;
}
