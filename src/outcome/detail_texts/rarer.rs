//! What is met less often: tokens, programs of logins, STARTTLS, heads of responses, forms, certificates
//! that logins sign with.

use crate::sentences::Row;

pub(super) const RARER: &[Row] = &[
    ("the token cannot stand in a header", "토큰에 헤더에 넣을 수 없는 문자가 있습니다"),
    ("no token of {}: {}", "토큰을 받지 못했습니다 ({0}): {1}"),
    ("it was being asked all the time", "다른 실행이 계속 요청하고 있었습니다"),
    ("the answer is no JSON with an access_token", "응답이 access_token이 있는 JSON이 아닙니다"),
    ("the token is of another type than Bearer", "토큰의 종류가 Bearer가 아닙니다"),
    (
        "{} programs of other logins ran all the time, and no more run at once",
        "다른 로그인의 프로그램이 동시 실행 한도({0}개)를 계속 채우고 있었습니다",
    ),
    ("{} could not be started: {}", "프로그램을 시작하지 못했습니다 ({0}): {1}"),
    ("the thread that starts it ended", "프로그램을 시작하는 스레드가 끝났습니다"),
    (
        "the server agreed to TLS and went on in plain text: {}",
        "서버가 TLS에 동의하고도 평문을 계속 보냈습니다: {0}",
    ),
    (
        "the server answered StartTLS with result code {}: {}",
        "서버가 StartTLS를 거부했습니다 (결과 코드 {0}): {1}",
    ),
    (
        "the server answered N: it does not speak TLS",
        "서버가 N으로 응답했습니다. TLS를 지원하지 않습니다",
    ),
    ("the server answered with an error: {}", "서버가 오류로 응답했습니다: {0}"),
    ("the server sent more than {} bytes of {}", "서버의 응답이 {0}바이트를 넘었습니다 ({1})"),
    ("the server's answer is not {}: {}", "서버의 응답 형식이 다릅니다 ({0}): {1}"),
    ("the server greeted with {}", "서버의 첫 응답: {0}"),
    ("the server answered {} with {}", "서버의 응답이 예상과 다릅니다 ({0}): {1}"),
    ("the connection broke before TLS began: {}", "TLS를 시작하기 전에 연결이 끊겼습니다: {0}"),
    (
        "the redirect has several Location lines that differ; browsers refuse it",
        "리다이렉트에 서로 다른 Location 헤더가 여러 개 있어 브라우저가 거부합니다",
    ),
    (
        "the redirect from {} leads to {}:, no web address",
        "리다이렉트의 위치가 웹 주소가 아닙니다 ({0}): {1}",
    ),
    (
        "the response head has a line that is no header; it was left out, as in browsers",
        "응답 헤더에 헤더가 아닌 줄이 있어 브라우저처럼 무시했습니다",
    ),
    (
        "the response head has a header whose name has characters that no name can have; it was left out, as in browsers",
        "이름에 쓸 수 없는 문자가 있는 응답 헤더를 브라우저처럼 무시했습니다",
    ),
    (
        "the response head has a header with control characters; it was left out",
        "제어 문자가 있는 응답 헤더를 무시했습니다",
    ),
    (
        "the status line is not written as HTTP/1.1 has it (RFC 9112 section 4); it was read as in browsers",
        "상태 줄이 HTTP/1.1 형식(RFC 9112 4절)과 달라 브라우저처럼 읽었습니다",
    ),
    (
        "the response head has a Content-Length that is no number; it was left out, as in browsers",
        "숫자가 아닌 Content-Length를 브라우저처럼 무시했습니다",
    ),
    (
        "the chunks of the body are not written as HTTP/1.1 has them (RFC 9112 section 7.1); they were read as in browsers",
        "본문 청크가 HTTP/1.1 형식(RFC 9112 7.1절)과 달라 브라우저처럼 읽었습니다",
    ),
    (
        "the compressed body has no checksum at its end; it was read as in browsers",
        "압축된 본문의 끝에 검사합이 없어 브라우저처럼 읽었습니다",
    ),
    (
        "the checksum at the end of the compressed body is wrong; it was read as in browsers",
        "압축된 본문의 끝에 있는 검사합이 맞지 않아 브라우저처럼 읽었습니다",
    ),
    (
        "the response head has a blank before a header's colon (RFC 9112 section 5.1)",
        "응답 헤더의 쌍점 앞에 공백이 있습니다 (RFC 9112 5.1절)",
    ),
    ("the form's action is not a URL: {}", "양식의 action이 URL이 아닙니다: {0}"),
    ("the form's action is a {}: address", "양식의 action이 웹 주소가 아닙니다 ({0}:)"),
    ("the form's action has port 0, which nobody listens at", "양식의 action의 포트가 0입니다"),
    (
        "the form of an https page wants to be sent to http://{} in the clear",
        "https 화면의 양식이 암호화되지 않은 주소로 제출됩니다: http://{0}",
    ),
    ("identity {} is not configured", "설정되지 않은 인증서입니다: {0}"),
    ("the names in the certificate of {} cannot be read", "인증서의 이름을 읽을 수 없습니다: {0}"),
    (
        "the VID random number of identity {} is not for {} and was not sent",
        "인증서의 VID 난수를 보내도록 허용되지 않은 주소여서 보내지 않았습니다: {0}, {1}",
    ),
    ("the key of identity {} has no VID random number", "인증서의 키에 VID 난수가 없습니다: {0}"),
    ("the signing thread ended", "서명하는 스레드가 끝났습니다"),
    ("identity {} cannot be used: {}", "인증서를 쓸 수 없습니다 ({0}): {1}"),
    ("without the checksum of its data", "압축된 데이터의 검사합이 없거나 맞지 않습니다"),
    (
        "{} is this machine itself, and the site is elsewhere",
        "사이트는 다른 곳에 있는데 프로버 자신의 주소 {0}(으)로 보내려 하여 접속하지 않았습니다",
    ),
    ("in the content coding {}, which was not asked for", "요청하지 않은 콘텐츠 인코딩입니다: {0}"),
    ("in more than {} content codings", "콘텐츠 인코딩이 {0}개를 넘게 겹쳐 있습니다"),
    ("no socket for the proxy: {}", "프록시에 연결할 소켓을 만들지 못했습니다: {0}"),
    ("there is no connection", "연결이 없습니다"),
    ("the captured values do not make a URL", "응답에서 가져온 값으로 URL을 만들 수 없습니다"),
    (
        "the captured values do not make an http or https URL",
        "응답에서 가져온 값으로 만든 주소가 http나 https URL이 아닙니다",
    ),
    (
        "no certificate can be for this name: it has characters that host names cannot have",
        "호스트 이름에 쓸 수 없는 문자가 있어 이 이름의 인증서는 있을 수 없습니다",
    ),
    (
        "the host did not accept the connection in time",
        "제한 시간 안에 연결되지 않았습니다 (대상 호스트)",
    ),
    (
        "the server sent far more than the body itself: chunk extensions, trailers or control frames \
         without end",
        "서버가 본문보다 훨씬 많은 것을 끝없이 보냅니다(chunk 확장, trailer, 제어 프레임)",
    ),
    (
        "the server sent more than 1 MiB before a final response: interim responses, empty lines or \
         control frames without end",
        "서버가 최종 응답 없이 1 MiB 넘게 보냈습니다(중간 응답, 빈 줄, 제어 프레임)",
    ),
    ("the server sends without end", "서버가 끝없이 보냅니다"),
    (
        "the body ended with the connection and without TLS close_notify, so it may be cut off (RFC 9112 \
         section 9.8)",
        "본문이 TLS close_notify 없이 연결과 함께 끝나 잘렸을 수 있습니다 (RFC 9112 9.8절)",
    ),
    ("the server asks for HTTP/1.1", "서버가 HTTP/1.1을 요구합니다"),
    ("the connection is without TLS", "TLS가 없는 연결입니다"),
    ("TLS is not spoken here", "TLS를 쓰지 않는 감시 항목입니다"),
    (
        "the proxy's user name or password is longer than 255 bytes, which SOCKS5 cannot carry",
        "프록시의 사용자 이름이나 비밀번호가 SOCKS5의 한도인 255바이트를 넘습니다",
    ),
    (
        "the proxy accepts no way of authentication that is known here",
        "프록시가 지원하는 인증 방식 가운데 쓸 수 있는 것이 없습니다",
    ),
    ("the host's name is too long for SOCKS5", "호스트 이름이 SOCKS5에 쓰기에 너무 깁니다"),
    ("its answer has no end", "응답이 끝나지 않습니다"),
    ("{} and {} were not read within {} ms", "{2}ms 안에 읽지 못했습니다: {0}, {1}"),
    ("no socket for a lookup: {}", "프로버가 DNS 조회용 소켓을 열지 못했습니다: {0}"),
    ("too many lookups at once", "동시에 진행 중인 DNS 조회가 너무 많습니다"),
    ("no resolver: {}", "DNS 조회를 준비하지 못했습니다: {0}"),
    (
        "the certificate of {} is signed by itself and not trusted",
        "스스로 서명한 인증서이며 신뢰 목록에 없습니다: {0}",
    ),
    ("no valid path", "유효한 인증서 경로가 없습니다"),
    (
        "a certificate that is not a CA's signs another one",
        "CA가 아닌 인증서가 다른 인증서에 서명했습니다",
    ),
    ("the name is outside what the CA may sign", "CA가 서명할 수 있는 범위 밖의 이름입니다"),
    (
        "there are more CAs on the path than one of them allows",
        "경로의 CA가 허용된 단계 수보다 많습니다",
    ),
    (
        "the certificate has an unknown critical extension",
        "인증서에 알 수 없는 필수(critical) 확장이 있습니다",
    ),
    ("the certificate is not of X.509 version 3", "X.509 버전 3 인증서가 아닙니다"),
    ("the certificate ends before it begins", "인증서의 종료일이 시작일보다 앞섭니다"),
    ("a certificate is badly encoded", "인증서의 인코딩이 잘못되었습니다"),
    ("a key of the path is distrusted", "경로에 신뢰하지 않는 키가 있습니다"),
    ("the chain is refused: {}", "인증서 체인이 거부되었습니다: {0}"),
    ("the server's certificate cannot be decoded", "서버 인증서를 해석할 수 없습니다"),
    (
        "the certificate of {} names no revocation list that can be fetched by HTTP or LDAP",
        "인증서에 HTTP나 LDAP으로 받을 수 있는 폐지 목록이 적혀 있지 않습니다: {0}",
    ),
    ("the certificate of {} is revoked, says {}", "인증서가 폐지되었습니다: {0} (폐지 목록 {1})"),
    (
        "our clock says {}, when the certificates of {} probes from {} unrelated issuers are not valid, \
         and on {} all of them were; the run had {}",
        "프로버의 시계는 {0}이지만 이 날짜에는 서로 무관한 발급 기관 {2}곳의 인증서(감시 항목 {1}개)가 \
         유효하지 않고, {3}에는 모두 유효했습니다. 실행 결과: {4}",
    ),
    (
        "our clock is before 1970 or beyond 9999",
        "프로버의 시계가 1970년 이전이거나 9999년 이후입니다",
    ),
    ("of no known year", "알 수 없는 해"),
    ("another day", "다른 날"),
    ("stopped, or its machine paused", "프로세스나 머신이 멈춤"),
    ("its machine was suspended", "머신이 절전 상태였음"),
    ("throttled by its processor limit", "CPU 한도로 제한됨"),
    ("other processes had the processor", "다른 프로세스가 CPU를 점유함"),
    ("busy with its own work", "프로버 자신의 작업으로 바빴음"),
];

/// The source puts these together from parts.
pub(super) const RARER_COMPOSED: &[Row] = &[
    ("{} gave no capture \"{}\"", "프로그램이 값을 내지 않았습니다 ({0}): \"{1}\""),
    (
        "{} wrote {} bytes that are no JSON (line {}, column {})",
        "프로그램의 출력이 JSON이 아닙니다 ({0}): {1}바이트, {2}행 {3}열",
    ),
    ("{} wrote JSON that is no object", "프로그램이 출력한 JSON이 객체가 아닙니다 ({0})"),
    (
        "{} wrote an object with keys other than captures, or reason and detail",
        "프로그램의 출력에 captures나 reason·detail이 아닌 키가 있습니다 ({0})",
    ),
    (
        "{} wrote neither an object captures nor a reason",
        "프로그램의 출력에 captures 객체도 reason도 없습니다 ({0})",
    ),
    (
        "{} gave a capture that is no text: \"{}\"",
        "프로그램이 낸 값이 문자열이 아닙니다 ({0}): \"{1}\"",
    ),
    (
        "{} gave a reason that no program may give: \"{}\"",
        "프로그램이 낼 수 없는 reason입니다 ({0}): \"{1}\"",
    ),
    ("{} ran out of time and was killed", "프로그램이 제한 시간을 넘겨 강제 종료되었습니다 ({0})"),
    (
        "{} left a process that holds its output open",
        "프로그램이 남긴 프로세스가 출력을 닫지 않았습니다 ({0})",
    ),
    (
        "{} ended and left {} of its processes, which were killed",
        "프로그램이 남긴 프로세스를 강제 종료했습니다 ({0}): {1}개",
    ),
    (
        "{} wrote more than {} KiB to its standard output and was killed",
        "프로그램의 표준 출력이 {1} KiB를 넘어 강제 종료되었습니다 ({0})",
    ),
    ("{} ended with exit code {}", "프로그램의 종료 코드가 {1}입니다 ({0})"),
    ("{} was ended by signal {}", "프로그램이 시그널 {1}에 의해 끝났습니다 ({0})"),
    ("the redirect from {} does not lead to a URL", "리다이렉트의 위치가 URL이 아닙니다 ({0})"),
    (
        "the redirect from {} leads to port 0, which nobody listens at",
        "리다이렉트의 포트가 0입니다 ({0})",
    ),
    (
        "identity {}: our certificate expired at {}; nothing was signed",
        "감시용 인증서의 유효기간이 {1}에 끝나 서명하지 않았습니다 ({0})",
    ),
    (
        "identity {}: our certificate is not valid before {}; nothing was signed",
        "감시용 인증서의 유효기간이 {1}에 시작되어 서명하지 않았습니다 ({0})",
    ),
    ("identity {}: {}", "인증서 {0}: {1}"),
    ("the proxy's name: {}", "프록시의 이름: {0}"),
    ("the proxy: {}", "프록시: {0}"),
    ("the TLS handshake with the proxy: {}", "프록시와의 TLS 핸드셰이크: {0}"),
    (
        "the certificate of {} is signed with {} and a short key",
        "인증서 {0}의 서명 알고리즘과 짧은 키: {1}",
    ),
    (
        "the certificate of {} is signed with {}, which cannot be checked",
        "인증서 {0}의 서명 알고리즘을 확인할 수 없습니다: {1}",
    ),
    (
        "the certificate is for {} and {} more, not for {}",
        "인증서의 도메인이 다릅니다: 인증서는 {0} 외 {1}개, 접속은 {2}",
    ),
];
