//! Forms are sent as browsers send them (HTML standard, sections 4.10 and 13.2): which controls
//! belong to a form, what each of them sends, and how the whole is written.

use std::net::{IpAddr, Ipv4Addr};

use bongsu::outcome::{Reason, Verdict};
use encoding_rs::EUC_KR;

use super::flow::{Flow, PASS};
use crate::support::http::{Asked, Reply, RoutedSite, Routes};

const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A site that shows the page and takes everything at `/go`.
async fn serving(page: Reply) -> RoutedSite {
    Routes::new()
        .on("GET", "/page", move |_| page.clone())
        .on("POST", "/go", |_| Reply::html("done"))
        .on("GET", "/go", |_| Reply::html("done"))
        .serve()
        .await
}

/// What the site got of the form, submitted as the mapping says.
async fn sent(page: Reply, submit: &str) -> Asked {
    let site = serving(page).await;
    let flow = format!(
        "base: {}\nsteps:\n  - {{ name: page, get: /page }}\n  - {{ name: in, submit: {{ {submit} }} \
         }}\n",
        site.url("")
    );
    Flow::new(&flow).succeed().await;
    site.asked().pop().unwrap()
}

async fn body(html: &str, submit: &str) -> String {
    sent(Reply::html(html), submit).await.text()
}

/// The form element pointer: what stands between the tags belongs to the form, wherever the parser
/// puts it.
#[tokio::test]
async fn controls_between_the_tags_belong_to_the_form_also_in_tables_and_crossed_tags() {
    let open = "<form id=f method=post action=/go>";
    let controls = "<input type=hidden name=csrf value=t0k><button name=go value=1>x</button>";
    for page in [
        format!("<table>{open}<tr><td>{controls}</td></tr></form></table>"),
        format!("<table><tr>{open}<td>{controls}</td></form></tr></table>"),
        format!("<table><tbody>{open}<tr><td>{controls}</table>"),
        format!("<div>{open}</div>{controls}</form>"),
        format!("<table><tr><td>{open}</td><td>{controls}</td></tr></form></table>"),
        format!("<fieldset>{open}</fieldset>{controls}</form>"),
        format!("<p>{open}<div></p>{controls}</div></form>"),
        format!("<center>{open}</center><table><tr><td>{controls}</table></form>"),
        format!("<b>{open}</b><i>{controls}</i></form>"),
        // The second form of a page begins where the first has ended.
        format!("<form id=other></form><div>{open}</div>{controls}</form>"),
        // What stands behind the end tag still inside the form's element.
        format!("{open}<div></form>{controls}</div>"),
        // By name, from anywhere.
        format!("{open}</form>{}", controls.replace(" name=", " form=f name=")),
    ] {
        for submit in ["form: form#f", "form: form#f, button: 'button[name=go]'"] {
            assert_eq!(body(&page, submit).await, "csrf=t0k&go=1", "{page} {submit}");
        }
    }
}

#[tokio::test]
async fn an_action_that_is_no_web_address_is_told_as_such() {
    for (action, said) in [
        ("unix:/x", "the form's action is a unix: address"),
        ("http://127.0.0.1:0/in", "the form's action has port 0, which nobody listens at"),
        ("//127.0.0.1:0", "the form's action has port 0, which nobody listens at"),
    ] {
        let page = Reply::html(format!("<form id=f method=post action='{action}'></form>"));
        let site = serving(page).await;
        let flow = format!(
            "base: {}\nsteps:\n  - {{ name: page, get: /page }}\n  - {{ name: in, submit: {{ form: form }} }}\n",
            site.url("")
        );
        let failure = Flow::new(&flow).run().await.result.expect_err("it fails");
        assert_eq!((failure.reason, &*failure.detail), (Reason::FormMissing, said), "{action}");
    }
}

#[tokio::test]
async fn controls_of_others_are_not_sent() {
    let open = "<form id=f method=post action=/go><input name=a value=1>";
    for page in [
        format!("{open}</form><input name=b value=2>"),
        format!("{open}<input form=other name=b value=2></form><form id=other></form>"),
        format!("{open}<input form=nobody name=b value=2></form>"),
        format!("{open}<input form='' name=b value=2></form>"),
        // The first element of that name is no form.
        format!("<p id=f></p>{open}</form><input form=f name=b value=2>"),
        format!("{open}<template><input name=b value=2></template></form>"),
        format!("<template><form id=f action=/wrong></form></template>{open}</form>"),
        format!("{open}<datalist><input name=b value=2></datalist></form>"),
    ] {
        assert_eq!(body(&page, "form: form#f").await, "a=1", "{page}");
    }
}

#[tokio::test]
async fn each_control_sends_what_it_sends_in_a_browser() {
    let cases = [
        ("<select name=s size=5><option>1<option>2</select>", ""),
        ("<select name=s size=1><option>1<option>2</select>", "s=1"),
        ("<select name=s size=x><option>1<option>2</select>", "s=1"),
        ("<select name=s size=5><option>1<option selected>2</select>", "s=2"),
        ("<select name=s multiple><option>1<option>2</select>", ""),
        ("<select name=s><option disabled>1<option>2</select>", "s=2"),
        ("<select name=s><option selected disabled>1<option>2</select>", ""),
        ("<select name=s><optgroup disabled><option>1</optgroup><option>2</select>", "s=2"),
        ("<input type=hidden name=h value='a&#10;b'>", "h=a%0D%0Ab"),
        ("<input type=hidden name=h value='a&#13;b'>", "h=a%0D%0Ab"),
        ("<input type=hidden name='h&#10;i' value=a>", "h%0D%0Ai=a"),
        ("<input name=t value='a&#10;b'>", "t=ab"),
        ("<input type=email name=t value=' a@b '>", "t=a%40b"),
        ("<input type=number name=t value=many>", "t="),
        ("<input type=range name=t>", "t=50"),
        ("<input type=range name=t min=10 max=20 value=99>", "t=20"),
        ("<input type=color name=t>", "t=%23000000"),
        ("<input type=file name=f>", "f="),
        ("<input type=checkbox name=c checked><input type=checkbox name=d>", "c=on"),
        ("<input type=image name=i>", "i.x=0&i.y=0"),
        ("<input type=reset name=r value=1><button type=button name=b>x</button>", ""),
        ("<textarea name=t>\na\r\nb</textarea>", "t=a%0D%0Ab"),
        ("<input name=t value=x dirname=t.dir>", "t=x&t.dir=ltr"),
        ("<input type=hidden name=_charset_>", "_charset_=UTF-8"),
        ("<input name=_charset_>", "_charset_="),
        ("<fieldset disabled><legend><input name=a></legend><input name=b></fieldset>", "a="),
        ("<input value=nameless><input name='' value=x>", ""),
    ];
    for (controls, expected) in cases {
        let page = format!("<form id=f method=post action=/go>{controls}</form>");
        assert_eq!(body(&page, "form: form#f").await, expected, "{controls}");
    }
}

#[tokio::test]
async fn a_form_is_written_as_its_enctype_says() {
    let form = |enctype: &str| {
        Reply::html(format!(
            "<form id=f method=post action=/go enctype='{enctype}'><input name=a value='1 2'><input \
             type=file name='u\"p'><input type=hidden name=c value='x&#10;y'></form>"
        ))
    };
    let plain = sent(form("text/plain"), "form: form").await;
    assert_eq!(plain.header("content-type"), Some("text/plain"));
    assert_eq!(plain.text(), "a=1 2\r\nu\"p=\r\nc=x\r\ny\r\n");
    let multipart = sent(form("Multipart/Form-Data"), "form: form").await;
    let kind = multipart.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let part = |head: &str, value: &str| {
        format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let file = "name=\"u%22p\"; filename=\"\"\r\nContent-Type: application/octet-stream";
    let expected = part("name=\"a\"", "1 2") + &part(file, "") + &part("name=\"c\"", "x\r\ny");
    assert_eq!(multipart.text(), format!("{expected}--{boundary}--\r\n"));
    let unknown = sent(form("application/json"), "form: form").await;
    assert_eq!(unknown.header("content-type"), Some("application/x-www-form-urlencoded"));
}

/// The page's charset counts in the body and in the query of the action.
#[tokio::test]
async fn the_charset_of_the_page_is_that_of_action_and_fields() {
    let page = |attributes: &str| {
        let mut page = Reply::status(200).header("Content-Type", "text/html; charset=euc-kr");
        let text = format!(
            "<form id=f {attributes}><input name=이름 value=홍길동><input type=hidden \
             name=_charset_></form>"
        );
        page.body = EUC_KR.encode(&text).0.into_owned();
        page
    };
    let fields = "%C0%CC%B8%A7=%C8%AB%B1%E6%B5%BF&_charset_=EUC-KR";
    let posted = sent(page("method=post action='/go?q=한글'"), "form: form").await;
    assert_eq!((&*posted.query, &*posted.text()), ("q=%C7%D1%B1%DB", fields));
    let got = sent(page("action='/go?q=한글'"), "form: form").await;
    assert_eq!((&*got.method, &*got.query), ("GET", fields));
    let other = sent(page("method=post action=/go accept-charset=utf-8"), "form: form").await;
    let in_utf8 = "%EC%9D%B4%EB%A6%84=%ED%99%8D%EA%B8%B8%EB%8F%99&_charset_=UTF-8";
    assert_eq!(other.text(), in_utf8);
}

#[tokio::test]
async fn the_pressed_button_says_where_and_how() {
    let page = "<form id=f method=post action=/wrong enctype=text/plain><input name=a value=1>\
        <button name=b value=1 formaction=/go formenctype=application/x-www-form-urlencoded>x\
        </button><button id=get name=c value=2 formaction=/go formmethod=get>x</button></form>\
        <button id=elsewhere>x</button>";
    assert_eq!(body(page, "form: form").await, "a=1&b=1");
    let got = sent(Reply::html(page), "form: form, button: '#get'").await;
    assert_eq!((&*got.method, &*got.query), ("GET", "a=1&c=2"));
    let site = serving(Reply::html(page)).await;
    let flow = Flow::new(&format!(
        "base: {}\nsteps:\n  - {{ name: page, get: /page }}\n  - {{ name: in, submit: {{ form: form, \
         button: '#elsewhere' }} }}\n",
        site.url("")
    ));
    assert_eq!(flow.fail().await, ("in".into(), Reason::FormMissing));
}

/// eGovFrame's templates: the form has no action, or `#LINK`; a script sets it and sends the form.
#[tokio::test]
async fn what_a_script_does_to_the_form_is_said_in_the_file() {
    let page = "<base href=/app/><form id=f action='#LINK'><input name=user><input name=pw>\
        <input name=pin value=0><input type=radio name=se value=GNR checked>\
        <input type=radio name=se value=ENT><input type=submit name=go value=1></form>";
    let submit = "form: form, action: ../go, method: post, button: none, drop: [pin, none], \
        fields: { user: u, se: ENT }, add: { enc: ['1', '2'] }";
    let asked = sent(Reply::html(page), submit).await;
    assert_eq!((&*asked.method, &*asked.text()), ("POST", "user=u&pw=&se=ENT&enc=1&enc=2"));
    // The page's own action may be anything when the file says where the form goes.
    let script = page.replace("#LINK", "javascript:go()");
    let asked = sent(Reply::html(script), "form: form, action: /go, method: get").await;
    assert_eq!((&*asked.method, &*asked.path), ("GET", "/go"));
}

/// An action that the page's script holds is captured.
#[tokio::test]
async fn an_action_can_be_captured() {
    let page = "<form id=f method=post><input name=a value=1></form>\
        <script>document.f.action = '/go?x=1';</script>";
    let site = serving(Reply::html(page)).await;
    let flow = format!(
        "base: {}\nsteps:\n  - {{ name: page, get: /page, capture: {{ to: {{ regex: \"action = \
         '([^']+)'\" }} }} }}\n  - {{ name: in, submit: {{ form: form, action: '${{to}}' }} }}\n",
        site.url("")
    );
    Flow::new(&flow).succeed().await;
    let asked = site.asked().pop().unwrap();
    assert_eq!((&*asked.path, &*asked.query, &*asked.text()), ("/go", "x=1", "a=1"));
}

/// A redesign is not a wrong password: nothing is sent, and the account is as free as before.
#[tokio::test]
async fn a_field_that_the_page_does_not_have_is_form_changed() {
    let page = "<form id=f method=post action=/go><input name=userId><input type=password \
        name=userPassword></form>";
    let site = serving(Reply::html(page)).await;
    let flow = |key: &str, more: &str| {
        Flow::new(&format!(
            "base: {}\n{more}steps:\n  - {{ name: page, get: /page }}\n  - {{ name: in, submit: {{ form: \
             form, fields: {{ userId: u }}, {key}: {{ userPw: '${{secret.pass}}' }} }}, expect: {{ \
             body: {{ contains: done }} }} }}\n",
            site.url("")
        ).replace("fields: { userId: u }, fields: {", "fields: { userId: u,"))
    };
    let changed = flow("fields", "");
    for _ in 0..2 {
        let outcome = changed.run().await;
        assert_eq!(outcome.verdict(), Verdict::Unknown);
        let failure = outcome.result.err().unwrap();
        assert_eq!(failure.reason, Reason::FormChanged);
        assert!(failure.detail.contains("userPw"), "{failure}");
    }
    assert_eq!(site.of("POST", "/go").len(), 0);
    assert_eq!(changed.surroundings.accounts.holds(), []);
    let outcome = flow("fields", "form_changed: down\n").run().await;
    assert_eq!(outcome.verdict(), Verdict::Down);
    assert_eq!(outcome.result.err().unwrap().reason, Reason::FormChanged);
    flow("add", "").succeed().await;
    assert_eq!(site.of("POST", "/go")[0].field("userPw").as_deref(), Some(PASS));
}

/// What frameworks check against forged requests.
#[tokio::test]
async fn origin_and_referer_are_those_of_a_browser() {
    let other =
        Routes::new().on("POST", "/go", |_| Reply::html("done")).serve_at(OTHER, None).await;
    let away = other.url("/go");
    let site = Routes::new()
        .on("GET", "/page", move |_| {
            Reply::html(format!(
                "<form id=own method=post action=/go></form><form id=get action=/go></form><form \
                 id=away method=post action='{away}'></form>"
            ))
        })
        .on("POST", "/go", |_| Reply::redirect("/page"))
        .on("GET", "/go", |_| Reply::html("done"))
        .serve()
        .await;
    let origin = site.url("");
    let page = site.url("/page?t=1");
    let told = |asked: &Asked| {
        let text = |name| asked.header(name).unwrap_or("-").to_owned();
        (text("referer"), text("origin"))
    };
    let step = |form: &str| {
        Flow::new(&format!(
            "base: {origin}\nallow_hosts: [127.0.0.2]\nsteps:\n  - {{ name: page, get: '/page?t=1' }}\n  \
             - {{ name: in, submit: {{ form: 'form#{form}' }} }}\n"
        ))
    };
    step("own").succeed().await;
    let asked = site.asked();
    assert_eq!(told(&asked[0]), ("-".into(), "-".into()), "an address that was typed");
    assert_eq!(told(&asked[1]), (page.clone(), origin.clone()));
    assert_eq!(told(&asked[2]), (page.clone(), "-".into()), "GET after the redirect");
    step("get").succeed().await;
    assert_eq!(told(&site.asked()[4]), (page, "-".into()));
    step("away").succeed().await;
    assert_eq!(told(&other.asked()[0]), (format!("{origin}/"), origin.clone()));
}
