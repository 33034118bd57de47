//! The same pages are submitted by Chromium and by this prober, and what arrives is compared byte by
//! byte: method, address, type and body.

use std::process::{Child, Command, Stdio};

use encoding_rs::EUC_KR;

use super::flow::Flow;
use crate::support::daemon::eventually;
use crate::support::http::{Asked, Reply, RoutedSite, Routes};

/// Presses the default button of the form, or submits it where it has none, as a browser does when
/// somebody presses Enter. Constraints are not checked, as with `novalidate`.
const PRESSES_ENTER: &str = "<script>addEventListener('load', () => {\
    const form = document.querySelector('#f'), all = [...document.querySelectorAll('button, input')];\
    form.noValidate = true;\
    const first = all.find(one => one.form === form && ['submit', 'image'].includes(one.type));\
    first ? first.click() : form.requestSubmit();\
})</script>";

/// What stands in `<form id=f method=post action=/go/N>`. Known to differ and left out: steps of a range,
/// colours by name, times and dates that are none, `dir=auto`; and controls within a datalist, which
/// Chromium sends against the standard.
const CONTROLS: &[&str] = &[
    "<input type=hidden name=a value=1><input type=hidden name=a value=2><input name=a>",
    "<input type=hidden name=a value='  x  '><input name=b value='  x  '>",
    "<input type=hidden name=a value='1&#10;2&#13;3&#13;&#10;4'><input name=b value='1&#10;2'>",
    "<textarea name=t>\n1\r\n2\n\n3</textarea><textarea name=u></textarea><textarea name=v>\n\n1</textarea>",
    "<textarea name=t>&lt;b>&amp;</textarea><textarea name=u disabled>x</textarea><textarea>y</textarea>",
    "<select name=s><option>1<option>2</select>",
    "<select name=s><option>  a \n b  </option></select>",
    "<select name=s><option value>1</select><select name=t><option value=''>1</select>",
    "<select name=s><option selected>1<option selected>2</select>",
    "<select name=s multiple><option selected>1<option>2<option selected value=x>3</select>",
    "<select name=s multiple><option>1<option>2</select><select name=t></select>",
    "<select name=s size=3><option>1<option>2</select>",
    "<select name=s><option disabled>1<option>2</select>",
    "<select name=s><option selected disabled>1<option>2</select>",
    "<select name=s><option disabled>1</select>",
    "<select name=s><optgroup disabled><option>1</optgroup><option>2</select>",
    "<select name=s><optgroup label=g><option>1<option selected>2</optgroup></select>",
    "<select name=s><option label=L>text</select><select name=t><option label=L></select>",
    "<select name=s disabled><option>1</select>",
    "<input type=checkbox name=a checked><input type=checkbox name=a value=2 checked>\
     <input type=checkbox name=b>",
    "<input type=radio name=r value=1 checked><input type=radio name=r value=2 checked>\
     <input type=radio name=q value=1>",
    "<input type=radio name=r checked><input type=radio name=R value=2 checked>",
    "<input type=text name=t maxlength=2 value=abcd><input name=u readonly value=1><input name=v disabled>",
    "<input type=password name=p value=x><input type=search name=s value=' y '><input type=tel name=t>",
    "<input type=email name=e value=' a@b '><input type=email multiple name=f value=' a@b , c@d '>",
    "<input type=url name=u value=' https://a.kr/ '>",
    "<input type=number name=n value=1e3><input type=number name=m value=x><input type=number name=o \
     value=-0.50><input type=number name=p value='+1'>",
    "<input type=range name=a><input type=range name=b value=33.4><input type=range name=d min=10 max=5>",
    "<input type=color name=a><input type=color name=b value='#ABCDEF'>",
    "<input type=unheard-of name=a value=' 1 '><input type=HIDDEN name=b value=2>",
    "<input type=file name=f><input name=a value=1>",
    "<input type=image name=i value=x><input name=a>",
    "<input type=image><input name=a value=1>",
    "<input type=submit name=a value=1><input type=submit name=b value=2>",
    "<button name=a value=1>x</button><button name=b>y</button>",
    "<button name=a>text</button>",
    "<button type=button name=a value=1>x</button><input type=reset name=b value=2><input name=c>",
    "<button type=unheard-of name=a value=1>x</button>",
    "<input type=button name=a value=1><input name=b value=2>",
    "<fieldset disabled><legend><input name=a></legend><legend><input name=b></legend><input name=c>\
     </fieldset>",
    "<fieldset disabled><div><legend><input name=a></legend></div></fieldset><input name=b>",
    "<fieldset disabled><legend><fieldset disabled><input name=a></fieldset><input name=b></legend></fieldset>",
    "<fieldset disabled><fieldset><legend><input name=a></legend></fieldset></fieldset><input name=b>",
    "<input name=a value=x dirname=a.dir><textarea name=b dirname=b.dir>x</textarea>",
    "<div dir=rtl><input name=a value=x dirname=a.dir></div><input name=b dir=rtl dirname=b.dir>",
    "<input type=hidden name=_charset_><input type=hidden name=_charset_ value=x><input name=_charset_>",
    "<input type=hidden name=_CHARSET_ value=x><input name=isindex value=1>",
    "<input name=b list=l><datalist id=l><option>1</datalist>",
    "<template><input name=a></template><input name=b><template><template><input name=c></template></template>",
    "<noscript><input name=a></noscript><input name=b>",
    "<iframe><input name=a></iframe><input name=b><object><input name=c></object>",
    "<output name=a>1</output><meter name=b></meter><progress name=c></progress><label name=d></label><input name=e>",
    "<form action=/wrong method=get><input name=a></form><input name=b>",
    "<style><input name=a></style><!-- <input name=b> --><input name=c><textarea name=d></form></textarea>",
    "<svg><input name=a></svg><math><input name=b></math><input name=c>",
    "<input name='a b&c=d' value='ü +*-._~!()%&#39;'><input name=이름 value=홍길동><input name=e value=😀>",
    "<input name=a value='\u{0}x'><input type=hidden name=b value='&#0;&#x80;'>",
    "<input name=a name=b value=1 value=2><input NAME=c VALUE=3>",
    "<input name='' value=1><input value=2><input name=' ' value=3>",
    "<input name=a hidden value=1><div style='display:none'><input name=b value=2></div>",
];

/// Whole pages, whose form `f` goes to `/go/N` where it says `HERE`.
const PAGES: &[&str] = &[
    "<table><form id=f method=post action=HERE><tr><td><input name=a></td></tr></form></table>",
    "<table><tr><form id=f method=post action=HERE><td><input name=a></form></td></tr></table><input name=b>",
    "<table><tr><td><form id=f method=post action=HERE></td><td><input name=a></td></form></tr></table>",
    "<div><form id=f method=post action=HERE></div><input name=a></form><input name=b>",
    "<form id=f method=post action=HERE><div></form><input name=a></div><input name=b>",
    "<form id=f method=post action=HERE><table><input name=a><tr><td><input name=b></form><input name=c></table>",
    "<p><form id=f method=post action=HERE><p><input name=a></form></p><input name=b>",
    "<select><form id=f method=post action=HERE></select><form id=f method=post action=HERE><input name=a></form>",
    "<input name=z form=f value=0><form id=f method=post action=HERE><input name=a></form><input name=b form=f>\
     <button form=f name=c value=1>x</button>",
    "<form id=f method=post action=HERE><input name=a form=g><input name=b form=''><input name=c></form>\
     <form id=g></form>",
    "<form id=f method=post action=HERE><input name=a></form><form id=f action=/wrong><input name=b></form>\
     <input name=c form=f>",
    "<form id=f method=post action=/wrong><button formaction=HERE name=a value=1>x</button></form>",
    "<form id=f action=/wrong><input name=b value=2><button formaction='HERE?q=1' formmethod=post name=a>x</button></form>",
    "<form id=f method=post action='HERE?q=1&r=한글'><input name=a value='1 2'></form>",
    "<form id=f action='HERE?q=1#frag'><input name=a value='1 2'><input name=b value=한글></form>",
    "<form id=f method=dialog action=/wrong><button formmethod=get formaction=HERE name=a value=1>x</button></form>",
    "<form id=f method=unheard-of action=HERE><input name=a value=1></form>",
    "<base href=/go/><form id=f method=post action=NUMBER><input name=a value=1></form>",
    "<base target=_self><base href=/go/><base href=/wrong/><form id=f method=post action='./NUMBER'>\
     <input name=a value=1></form>",
    "<form id=f method=post action=' HERE '><input name=a value=1></form>",
    "<form id=f method=post action='\n/g\no/NUMBER'><input name=a value=1></form>",
    "<form id=f method=post action='HERE?a b\"<>`|{}[]^'><input name=a value=1></form>",
    "<form id=f action='HERE?a b'><input name='a\"b' value='<>`|{}[]^'></form>",
    "<form id=f method=post enctype=text/plain action=HERE><input name=a value='1 2'><input type=hidden name=b \
     value='x&#10;y'><input type=file name=c></form>",
    "<form id=f method=post enctype=multipart/form-data action=HERE><input name='a\"b' value='1&2'><input \
     type=hidden name='c&#10;d' value='x&#10;y'><input type=file name='f\"g'></form>",
    "<form id=f method=post enctype=unheard-of action=HERE><input name=a value=1></form>",
    "<form id=f method=post action=HERE enctype=text/plain><button formenctype=multipart/form-data name=a \
     value=1>x</button></form>",
    "<form id=f method=post action=HERE accept-charset=euc-kr><input name=a value='한글 €'><input type=hidden \
     name=_charset_></form>",
    "<form id=f method=post action=HERE accept-charset='unheard-of euc-kr'><input name=a value=한글></form>",
    "<form id=f method=post action=HERE accept-charset=utf-16><input name=a value=한글></form>",
    "<form id=f action=HERE accept-charset=euc-kr><input name=a value=한글></form>",
    "<form id=f method=get enctype=multipart/form-data action=HERE><input name=a value='1 2'></form>",
    "<form id=f method=post action=HERE></form>",
    "<form id=f action=HERE></form>",
    "<form id=f action='HERE?q=1'></form>",
];

/// Pages that are sent as EUC-KR.
const KOREAN: &[&str] = &[
    "<form id=f method=post action='HERE?q=한글'><input name=이름 value='홍길동 쀍'><input type=hidden name=_charset_></form>",
    "<form id=f action='HERE?q=한글'><input name=이름 value=홍길동></form>",
    "<form id=f method=post action=HERE><input name=a value='&#128512; &#12354; &#8364;'></form>",
    "<form id=f method=post enctype=multipart/form-data action=HERE><input name=이름 value='홍길동&#128512;'></form>",
    "<form id=f method=post enctype=text/plain action=HERE><input name=이름 value='홍길동&#128512;'></form>",
    "<form id=f method=post action=HERE accept-charset=utf-8><input name=이름 value=홍길동></form>",
    "<form id=f method=post action='/go/NUMBER/한글'><input name=a></form>",
];

fn pages() -> Vec<(String, Reply)> {
    let controls = CONTROLS
        .iter()
        .map(|controls| format!("<form id=f method=post action=HERE>{controls}</form>"));
    let others = PAGES.iter().map(|page| (*page).to_owned());
    let unicode = controls.chain(others).map(|page| (page, false));
    let korean = KOREAN.iter().map(|page| ((*page).to_owned(), true));
    let place = |(number, (page, korean)): (usize, (String, bool))| {
        let here = page.replace("HERE", &format!("/go/{number}"));
        let here = here.replace("NUMBER", &number.to_string());
        let whole = format!("<!doctype html><head>{PRESSES_ENTER}<body>{here}");
        let reply = if korean {
            let mut reply = Reply::status(200).header("Content-Type", "text/html; charset=euc-kr");
            reply.body = EUC_KR.encode(&whole).0.into_owned();
            reply
        } else {
            Reply::html(whole)
        };
        (page, reply)
    };
    unicode.chain(korean).enumerate().map(place).collect()
}

/// Whoever submits a page is led to the next.
async fn site(pages: &[(String, Reply)]) -> RoutedSite {
    let mut routes = Routes::new().on("GET", "/page/end", |_| Reply::html("done"));
    for (number, (_, page)) in pages.iter().enumerate() {
        let page = page.clone();
        let next = if number + 1 < pages.len() { (number + 1).to_string() } else { "end".into() };
        routes = routes.on("GET", &format!("/page/{number}"), move |_| page.clone());
        for path in [format!("/go/{number}"), format!("/go/{number}/%ED%95%9C%EA%B8%80")] {
            for method in ["GET", "POST"] {
                let next = format!("<script>location.replace('/page/{next}')</script>");
                routes = routes.on(method, &path, move |_| Reply::html(&*next));
            }
        }
    }
    routes.serve().await
}

/// What a site got, with the same boundary for all.
fn told(asked: &Asked) -> String {
    let kind = asked.header("content-type").unwrap_or("-");
    let text = format!(
        "{} {}?{}\n{kind}\n{}",
        asked.method,
        asked.path,
        asked.query,
        asked.body.escape_ascii()
    );
    match kind.split_once("boundary=") {
        Some((_, boundary)) => text.replace(boundary, "BOUNDARY"),
        None => text,
    }
}

fn submitted(site: &RoutedSite, number: usize) -> String {
    let of = |asked: &Asked| {
        let mut parts = asked.path.split('/').skip(1);
        parts.next() == Some("go") && parts.next() == Some(&number.to_string())
    };
    let found: Vec<String> = site.asked().iter().filter(|asked| of(asked)).map(told).collect();
    found.join("\n")
}

struct Chromium(Child);

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A browser at a page. With a port for remote control it stays until it is ended.
fn chromium(url: &str, profile: &std::path::Path) -> Chromium {
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--lang=en"]);
    command.args(["--remote-debugging-port=0", "--disable-background-networking"]);
    command.arg(format!("--user-data-dir={}", profile.display())).arg(url);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Chromium(command.spawn().expect("chromium is missing: run tests/install.sh"))
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_arrive_byte_by_byte_as_chromium_sends_them() {
    let pages = pages();
    let theirs = site(&pages).await;
    let profile = tempfile::tempdir().unwrap();
    let browser = chromium(&theirs.url("/page/0"), profile.path());
    tokio::task::block_in_place(|| {
        // Each page for itself: together they take longer on a busy machine.
        let numbers = (0..pages.len()).map(|number| number.to_string());
        for number in numbers.chain(["end".into()]) {
            let path = format!("/page/{number}");
            eventually(&format!("{path} in the browser"), || {
                theirs.asked().iter().any(|asked| asked.path == path).then_some(())
            });
        }
    });
    drop(browser);
    let ours = site(&pages).await;
    let mut different = Vec::new();
    for (number, (page, _)) in pages.iter().enumerate() {
        let flow = Flow::new(&format!(
            "base: {}\nsteps:\n  - {{ name: page, get: /page/{number} }}\n  - {{ name: in, submit: {{ \
             form: form#f }} }}\n",
            ours.url("")
        ));
        let outcome = flow.run().await;
        let wanted = submitted(&theirs, number);
        let sent = submitted(&ours, number);
        if sent != wanted || wanted.is_empty() {
            let result = outcome.result.map_err(|failure| failure.detail);
            different.push(format!("{page}\nChromium: {wanted}\nours: {sent}\n{result:?}\n"));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}
