//! What is wrong with probes: addresses, times, requests, expectations, TLS and logins.

use crate::sentences::Row;

pub(super) const ADDRESSES: &[Row] = &[
    (
        "port 0 cannot be connected to; write a port from 1 to 65535",
        "포트 0에는 연결할 수 없습니다. 1부터 65535까지의 포트를 적으십시오",
    ),
    (
        "{}: is followed by no port; write http://HOST:PORT/ or https://HOST/",
        "{0}: 뒤에 포트가 없습니다. http://HOST:PORT/나 https://HOST/로 적으십시오",
    ),
    ("\"{}\" is a URL; write host:port", "\"{0}\": URL입니다. host:port로 적으십시오"),
    (
        "an IPv6 address needs brackets: [{}] or [{}]:443",
        "IPv6 주소는 대괄호로 묶으십시오: [{0}]이나 [{1}]:443",
    ),
    ("\"{}\" is not a port from 1 to 65535", "\"{0}\": 1부터 65535까지의 포트가 아닙니다"),
    ("\"{}\" has no port; write host:port", "\"{0}\": 포트가 없습니다. host:port로 적으십시오"),
    (
        "{} is no machine's address; write that of the service",
        "{0}: 장비에 접속할 수 있는 주소가 아닙니다. 서비스의 주소를 적으십시오",
    ),
    ("\"{}\" is not a host name", "\"{0}\": 호스트 이름이 아닙니다"),
    ("\"{}\" is not a host name or address", "\"{0}\": 호스트 이름이나 주소가 아닙니다"),
    (
        "\"{}\" has port 0; a name server listens at one from 1 to 65535",
        "\"{0}\": 포트가 0입니다. DNS 서버의 포트는 1부터 65535까지입니다",
    ),
    (
        "\"{}\" is not an address; a name server is written as 10.0.0.1 or 10.0.0.1:5353",
        "\"{0}\": 주소가 아닙니다. DNS 서버는 10.0.0.1이나 10.0.0.1:5353으로 적으십시오",
    ),
    ("has {} servers; the most is {}", "서버가 {0}개입니다. 최대 {1}개입니다"),
    (
        "not a URL: its host has a character that no host name can have",
        "URL이 아닙니다: 호스트에 쓸 수 없는 문자가 있습니다",
    ),
    ("not a URL: {}", "URL이 아닙니다: {0}"),
    (
        "{}:// cannot be probed here; use {}://",
        "{0}://는 여기에 쓸 수 없습니다. 쓸 수 있는 것: {1}://",
    ),
    (
        "a user name or password in a URL would be shown on every page; remove it ({})",
        "URL의 사용자 이름과 비밀번호는 모든 화면에 보입니다. 지우십시오 ({0})",
    ),
    ("{} cannot have {}://; use {}://", "{0}에 {1}://는 쓸 수 없습니다. 쓸 수 있는 것: {2}://"),
    ("a proxy", "프록시"),
    ("a token_url", "token_url"),
    ("client_secret takes a secret", "client_secret에 비밀 값을 씁니다"),
    ("a control is asked without one", "대조점에는 쓰지 않습니다"),
    ("username and password take secrets", "username과 password에 비밀 값을 씁니다"),
    ("basic_auth takes a secret", "basic_auth에 비밀 값을 씁니다"),
    ("the URL has no host", "URL에 호스트가 없습니다"),
    (
        "\"{}\" is no network; write one such as 10.0.0.0/8",
        "\"{0}\": 네트워크가 아닙니다. 10.0.0.0/8처럼 적으십시오",
    ),
    (
        "has a user name and no password; write both or neither",
        "사용자 이름만 있고 비밀번호가 없습니다. 둘 다 적거나 둘 다 지우십시오",
    ),
    (
        "has a password and no user name; write both or neither",
        "비밀번호만 있고 사용자 이름이 없습니다. 둘 다 적거나 둘 다 지우십시오",
    ),
    (
        "both families cannot be asked for through {}://, which resolves the name itself; use socks5://, \
         no_proxy, or addresses: all",
        "{0}:// 프록시는 이름을 스스로 조회하므로 IPv4와 IPv6를 모두 감시할 수 없습니다. socks5://, no_proxy, \
         addresses: all 중 하나를 쓰십시오",
    ),
    (
        "a login over both families would be two logins; choose one family",
        "IPv4와 IPv6를 모두 쓰면 로그인이 두 번이 됩니다. 하나만 고르십시오",
    ),
    ("up means something only where look_at is all", "up은 look_at이 all일 때만 뜻이 있습니다"),
];

pub(super) const PROBES: &[Row] = &[
    (
        "there is no such kind of probe; the kinds are {}",
        "그런 종류의 감시 항목이 없습니다. 쓸 수 있는 것: {0}",
    ),
    (
        "a probe is exactly one of http, tls, login; {} here",
        "감시 항목에는 http, tls, login 중 하나만 적으십시오 ({0})",
    ),
    (
        "{} is not shorter than the interval of {}, so it would confirm nothing; shorten it, or write off",
        "{0}: interval {1}보다 짧지 않아 재확인이 되지 않습니다. 줄이거나 off로 적으십시오",
    ),
    (
        "{} is not longer than the timeout of {}{}; a run must end before the next one starts, so set a \
         shorter timeout",
        "{0}: timeout {1}보다 길지 않습니다{2}. 다음 실행 전에 끝나도록 timeout을 줄이십시오",
    ),
    (
        "{} is not shorter than the interval of {}{}; a run must end before the next one starts, so shorten it",
        "{0}: interval {1}보다 짧지 않습니다{2}. 다음 실행 전에 끝나도록 줄이십시오",
    ),
    (
        "{} is not shorter than the timeout of {}, so it would never say anything",
        "{0}: timeout {1}보다 짧지 않아 해당되는 일이 없습니다. 줄이십시오",
    ),
];

pub(super) const REQUESTS: &[Row] = &[
    (
        "not a header name; use letters, digits and -, such as Content-Type",
        "헤더 이름이 아닙니다. Content-Type처럼 글자, 숫자, -만 쓰십시오",
    ),
    ("has {} headers; the most is {}", "헤더가 {0}개입니다. 최대 {1}개입니다"),
    (
        "a header's value cannot hold line breaks or control characters",
        "헤더 값에는 줄바꿈이나 제어 문자를 쓸 수 없습니다",
    ),
    ("write compression: true or false", "compression: true나 false로 적으십시오"),
    ("the client sets it", "프로버가 채웁니다"),
    ("write pad_request", "pad_request를 적으십시오"),
    (
        "{} sends no body; remove the body or write POST",
        "{0} 요청에는 본문이 없습니다. 본문을 지우거나 POST로 적으십시오",
    ),
    (
        "a request has one body; keep one of {}",
        "본문은 하나만 쓸 수 있습니다. 하나만 남기십시오: {0}",
    ),
    ("JSON has no such number; put it in quotes", "JSON에 없는 숫자입니다. 따옴표로 묶으십시오"),
    (
        "a request has one Authorization; keep basic_auth or bearer",
        "Authorization은 하나만 쓸 수 있습니다. basic_auth와 bearer 중 하나만 남기십시오",
    ),
    (
        "a request has one Authorization; keep one of basic_auth, bearer, oauth2",
        "Authorization은 하나만 쓸 수 있습니다. basic_auth, bearer, oauth2 중 하나만 남기십시오",
    ),
    (
        "\"{}\" is not a charset; write one such as euc-kr or utf-8",
        "\"{0}\": 문자 집합이 아닙니다. euc-kr, utf-8처럼 적으십시오",
    ),
    (
        "the response to HEAD has no body to expect anything of; write GET",
        "HEAD의 응답에는 본문이 없습니다. GET으로 적으십시오",
    ),
    (
        "a scope is words of ASCII with blanks between them, such as read status",
        "scope는 read status처럼 공백으로 나눈 ASCII 단어입니다",
    ),
];

pub(super) const EXPECTATIONS: &[Row] = &[
    (
        "a rule cannot look at the time; write it under expect or warn",
        "이 규칙에는 time을 쓸 수 없습니다. expect나 warn에 적으십시오",
    ),
    (
        "says no subject, so it would always hold; add one such as body or css",
        "볼 대상이 없어 언제나 해당됩니다. body나 css 등을 적으십시오",
    ),
    (
        "\"{}\" belongs to the {} stage; a page can only show a reason of http, content or login, such as \
         notice_page",
        "\"{0}\": {1} 단계의 원인입니다. 화면에서는 notice_page처럼 http, content, login 단계의 원인만 쓸 수 \
         있습니다",
    ),
    ("; docs/reasons.md has them all", ". 모든 원인은 docs/reasons.md에 있습니다"),
    ("no reason is called \"{}\"{}", "그런 이름의 원인이 없습니다: \"{0}\"{1}"),
    (
        "is an empty list; no status could ever be right",
        "빈 목록이라 어떤 상태 코드도 맞을 수 없습니다. 값을 적으십시오",
    ),
    (
        "\"{}\" is not a status; write 200, 2xx, 200-299 or a list of these",
        "\"{0}\": 상태 코드가 아닙니다. 200, 2xx, 200-299나 그 목록으로 적으십시오",
    ),
    ("{} ends before it begins", "{0}: 끝이 시작보다 앞입니다"),
    ("write the limit as { lt: 2s }", "기준은 { lt: 2s }처럼 적으십시오"),
    (
        "a response always has a body; write { matches: . } for one that is not empty",
        "응답에는 언제나 본문이 있습니다. 비어 있지 않은 본문은 { matches: . }로 적으십시오",
    ),
    (
        "needs exactly one matcher: a bare value, exists, absent, {}",
        "비교 방법을 하나만 적으십시오: 값, exists, absent, {0}",
    ),
    ("needs exactly one matcher: a bare value, {}", "비교 방법을 하나만 적으십시오: 값, {0}"),
    (
        "unknown key; a value alone means equal",
        "알 수 없는 키입니다. 값만 적으면 같은지 비교합니다",
    ),
    (
        "unknown key; exists and absent are words without a mapping",
        "알 수 없는 키입니다. exists와 absent는 매핑 없이 적으십시오",
    ),
    ("matches every text, the empty one too{}", "빈 글자를 포함해 어떤 글자에도 맞습니다{0}"),
    ("; remove the | with nothing beside it", ". 옆이 빈 |를 지우십시오"),
    (
        "; write what is looked for, such as [0-9]+ in place of [0-9]*",
        ". [0-9]* 대신 [0-9]+처럼 찾을 것을 적으십시오",
    ),
    (
        "is an empty list; nothing could ever be right",
        "빈 목록이라 무엇도 맞을 수 없습니다. 값을 적으십시오",
    ),
    ("is empty; write one of {}", "비어 있습니다. 다음에서 고르십시오: {0}"),
    ("has {} rules; the most is {}", "규칙이 {0}개입니다. 최대 {1}개입니다"),
    ("not a regular expression: {}", "정규식이 아닙니다: {0}"),
    (
        "not a CSS selector; write it as in a style sheet, such as form#login or a[href*=logout]",
        "CSS 선택자가 아닙니다. form#login, a[href*=logout]처럼 적으십시오",
    ),
    (
        "not a JSONPath (RFC 9535), such as $.status: {}",
        "$.status와 같은 JSONPath(RFC 9535)가 아닙니다: {0}",
    ),
];

pub(super) const TLS: &[Row] = &[
    (
        "expected a mapping, found text; write { roots: {} }",
        "매핑이어야 하는데 글자입니다. { roots: {0} }처럼 적으십시오",
    ),
    (
        "expected a mapping, found a list; write { roots: [...] }",
        "매핑이어야 하는데 목록입니다. { roots: [...] }처럼 적으십시오",
    ),
    (
        "is empty; write roots: webpki, a PEM file, or both in a list",
        "비어 있습니다. roots에 webpki나 PEM 파일, 또는 둘의 목록을 적으십시오",
    ),
    (
        "only one file can be named; put all roots into it",
        "파일은 하나만 쓸 수 있습니다. 루트 인증서를 모두 한 파일에 두십시오",
    ),
    (
        "is an empty list; nobody would be trusted",
        "빈 목록이라 아무도 신뢰하지 않게 됩니다. 값을 적으십시오",
    ),
    (
        "an issuer is a text that is always there; write its name, contains, matches or starts_with",
        "발급 기관은 언제나 있습니다. 그 이름이나 contains, matches, starts_with를 적으십시오",
    ),
    ("is empty; write type, min_bits or both", "비어 있습니다. type이나 min_bits를 적으십시오"),
    (
        "is an empty list; no certificate could ever be right",
        "빈 목록이라 어떤 인증서도 맞을 수 없습니다. 값을 적으십시오",
    ),
    (
        "\"{}\" is not a SHA-256; write its 64 hexadecimal digits, with or without colons, or 44 characters \
         of base64",
        "\"{0}\": SHA-256이 아닙니다. 16진수 64자리(콜론은 있어도 됨)나 base64 44자로 적으십시오",
    ),
    ("has {} names; the most is {}", "이름이 {0}개입니다. 최대 {1}개입니다"),
];

pub(super) const LOGINS: &[Row] = &[
    (
        "a relative URL needs base; write base beside steps, or the whole URL",
        "상대 URL에는 base가 필요합니다. steps 옆에 base를 적거나 URL 전체를 적으십시오",
    ),
    ("is empty; a flow has at least one step", "비어 있습니다. 단계를 하나 이상 적으십시오"),
    ("has {} steps; the most is {}", "단계가 {0}개입니다. 최대 {1}개입니다"),
    ("another step is called \"{}\" already", "이미 다른 단계의 이름입니다: \"{0}\""),
    (
        "expected a mapping, found text; say where the value is: { json: $.token }, { css: \
         'meta[name=token]', attr: content }, { header: X-Token }",
        "매핑이어야 하는데 글자입니다. 값이 있는 곳을 적으십시오: { json: $.token }, { css: \
         'meta[name=token]', attr: content }, { header: X-Token }",
    ),
    (
        "a capture has exactly one source, one of css, json, header, cookie, regex, url_query",
        "css, json, header, cookie, regex, url_query 중 하나만 적으십시오",
    ),
    (
        "a step has exactly one action, one of {}; {} here",
        "단계에는 다음 중 하나만 적으십시오: {0} ({1})",
    ),
    ("means nothing beside {}; remove it", "{0} 옆에서는 뜻이 없습니다. 지우십시오"),
    (
        "{} sends no body; write post, or query in its place",
        "{0} 요청에는 본문이 없습니다. post로 적거나 query를 쓰십시오",
    ),
    (
        "a secret cannot stand in a URL, which is shown; write it under query",
        "URL은 화면에 보이므로 비밀 값을 쓸 수 없습니다. query에 적으십시오",
    ),
    (
        "\"{}\" is captured already; choose another name",
        "\"{0}\": 이미 쓰인 이름입니다. 다른 이름을 쓰십시오",
    ),
    ("no identity named \"{}\" under identities{}", "identities에 없는 이름입니다: \"{0}\"{1}"),
    (
        "no secret or identity is called \"{}\"{}",
        "그런 이름의 비밀 값이나 인증서가 없습니다: \"{0}\"{1}",
    ),
    ("no step is called \"{}\"{}", "그런 이름의 단계가 없습니다: \"{0}\"{1}"),
    ("there is no pipe \"{}\"{}", "그런 이름의 파이프가 없습니다: \"{0}\"{1}"),
    ("; there are {}", ". 쓸 수 있는 것: {0}"),
    ("{} takes nothing behind a colon", "{0}: 콜론 뒤에 아무것도 적지 않습니다"),
    (
        "nothing from step {} on shows that the login worked, and the login page itself answers 200; expect \
         what only a logged-in user sees, such as css: { 'a[href*=logout]': exists }",
        "단계 {0}부터 로그인되었음을 보이는 것이 없고, 로그인 화면도 200으로 응답합니다. css: { \
         'a[href*=logout]': exists }처럼 로그인한 사용자에게만 보이는 것을 expect에 적으십시오",
    ),
    (
        "is empty; write the path of a program, then its arguments",
        "비어 있습니다. 프로그램의 경로와 인자를 적으십시오",
    ),
    ("has {} arguments; the most is {}", "인자가 {0}개입니다. 최대 {1}개입니다"),
    ("has {} variables; the most is {}", "변수가 {0}개입니다. 최대 {1}개입니다"),
    ("has {} captures; the most is {}", "capture가 {0}개입니다. 최대 {1}개입니다"),
    ("has {} values; the most is {}", "값이 {0}개입니다. 최대 {1}개입니다"),
    ("has {} pipes; the most is {}", "파이프(|)가 {0}개입니다. 최대 {1}개입니다"),
    (
        "holds a NUL character, which no program can be given",
        "NUL 문자는 프로그램에 넘길 수 없습니다. 지우십시오",
    ),
    (
        "\"{}\" cannot be a value's name; use letters, digits, _ and -",
        "\"{0}\": 값의 이름으로 쓸 수 없습니다. 글자, 숫자, _, -만 쓰십시오",
    ),
    (
        "join says how all matches are put together; add all: true",
        "join은 찾은 것을 모두 잇는 방법입니다. all: true를 함께 적으십시오",
    ),
    (
        "attr names an attribute of what css finds; it needs css",
        "attr는 css로 찾은 것의 속성입니다. css를 함께 적으십시오",
    ),
    ("two files are written as cert and key", "파일 두 개는 cert와 key로 적으십시오"),
    (
        "has pkcs12, which holds certificate and key; remove cert and key",
        "pkcs12에 인증서와 키가 들어 있습니다. cert와 key를 지우십시오",
    ),
    (
        "write down, degraded, or { degraded_for: 10m }, after which it is down",
        "down이나 degraded, 또는 { degraded_for: 10m }(그 뒤에는 장애)으로 적으십시오",
    ),
    ("only steps of finally have a condition", "조건은 finally의 단계에만 쓸 수 있습니다"),
    (
        "a request with a secret is sent once and never again; poll in a step of its own",
        "비밀 값이 든 요청은 한 번만 보냅니다. 반복은 다른 단계에 적으십시오",
    ),
    (
        "a secret cannot stand in a URL, which is shown; write it under fields",
        "URL은 화면에 보이므로 비밀 값을 쓸 수 없습니다. fields에 적으십시오",
    ),
    (
        "\"{}\" is set beside it; drop leaves a field out altogether",
        "\"{0}\": 값도 적혀 있습니다. drop은 필드를 아예 뺍니다. 하나만 남기십시오",
    ),
    (
        "\"{}\" is under fields already; write it once",
        "\"{0}\": 이미 fields에 있습니다. 한 번만 적으십시오",
    ),
    (
        "says no subject, so it would never end; add one such as body or json",
        "볼 대상이 없어 끝나지 않습니다. body나 json 등을 적으십시오",
    ),
    (
        "write the name of a step with .ok or .sent, such as submit.sent",
        "submit.sent처럼 단계의 이름에 .ok나 .sent를 붙여 적으십시오",
    ),
    (
        "means nothing here: no step of finally can fail the run; remove it",
        "finally의 단계는 실행을 실패로 만들지 않아 뜻이 없습니다. 지우십시오",
    ),
    (
        "the steps wait {} and {} is kept for finally, which does not fit the timeout of {}",
        "단계의 대기 {0}와 finally의 몫 {1}이(가) timeout {2}에 들어가지 않습니다. 대기를 줄이거나 timeout을 늘리십시오",
    ),
    (
        "totp stands directly behind a secret: ${secret.NAME | totp}",
        "totp는 비밀 값 바로 뒤에 적으십시오: ${secret.NAME | totp}",
    ),
    (
        "an envelope needs the service's certificate, with an RSA key",
        "envelope에는 RSA 키가 있는 서비스의 인증서가 필요합니다",
    ),
    (
        "means nothing for a raw signature; remove it, or write format: cms",
        "raw 서명에는 뜻이 없습니다. 지우거나 format: cms를 적으십시오",
    ),
    (
        "a secret cannot be signed: the message would show it to whoever reads it",
        "비밀 값에는 서명할 수 없습니다. 메시지를 읽는 누구나 보게 됩니다",
    ),
    (
        "its last pipe gives bytes and no text; add | base64 or | hex",
        "마지막 파이프의 결과가 글자가 아닙니다. | base64나 | hex를 붙이십시오",
    ),
    ("an identity has no \"{}\"{}", "인증서에 없는 값입니다: \"{0}\"{1}"),
    (
        "write identity.NAME.serial, or another of its fields",
        "identity.NAME.serial처럼 값의 이름까지 적으십시오",
    ),
];
