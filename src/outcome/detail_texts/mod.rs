//! Details of failures in Korean. A detail is made in English where the failure is found, and kept so in
//! logs, JSON and the record of failures; who reads Korean is shown the sentence of this table. What is
//! not in it stays English, as do quotations: names, values, keys of the configuration, other programs'
//! errors.

mod files;
mod rarer;
mod values;

use std::net::IpAddr;

use self::files::{FILES, FILES_COMPOSED};
use self::rarer::{RARER, RARER_COMPOSED};
use self::values::{VALUES, VALUES_COMPOSED};
use super::Reason;
use crate::sentences::{Row, Sentences, ToldPart};

const NAMES: &[Row] = &[
    ("{} does not exist", "DNS에 없는 이름입니다: {0}"),
    ("\"{}\" is not a name that can exist in the DNS", "DNS에 있을 수 없는 이름입니다: \"{0}\""),
    (
        "the name server says that {} does not exist, and an address of it",
        "DNS 서버가 이름이 없다고 하면서 그 주소를 함께 답했습니다: {0}",
    ),
    (
        "{} has no address of a usable family",
        "사용할 수 있는 종류(IPv4·IPv6)의 주소가 없습니다: {0}",
    ),
    ("no answer about {} from the name server", "DNS 서버가 응답하지 않았습니다: {0}"),
    ("the name server did not answer in time", "DNS 서버가 제한 시간 안에 응답하지 않았습니다"),
    ("the name server answered \"{}\" about {}", "DNS 서버가 오류로 응답했습니다: {1}, \"{0}\""),
    (
        "the name server gave no usable answer about {}: {}",
        "DNS 서버의 응답을 사용할 수 없습니다: {0}, {1}",
    ),
    (
        "the name server says that {} is at {}, which is no address",
        "DNS 서버가 주소가 아닌 값으로 답했습니다: {0}, {1}",
    ),
    (
        "the name server says that {} is at {}, which is this machine itself; if that is meant, say it in \
         /etc/hosts or by connect_to",
        "DNS 서버가 프로버 자신의 주소로 답했습니다: {0}, {1}. 의도한 것이라면 /etc/hosts나 connect_to에 적으십시오",
    ),
    ("none of our name servers answers", "프로버의 DNS 서버가 모두 응답하지 않습니다"),
    (
        "our name servers answer every question with an error",
        "프로버의 DNS 서버가 모든 질의에 오류로 응답합니다",
    ),
];

const CONNECTIONS: &[Row] = &[
    ("the host", "대상 호스트"),
    ("{} refused the connection", "연결이 거부되었습니다 ({0})"),
    ("{} did not accept the connection in time", "제한 시간 안에 연결되지 않았습니다 ({0})"),
    ("there is no way to {}: {}", "가는 경로가 없습니다 ({0}): {1}"),
    (
        "{} closed the connection as it was being made",
        "연결하는 도중에 상대가 연결을 끊었습니다 ({0})",
    ),
    ("no connection to {} could be made: {}", "연결할 수 없습니다 ({0}): {1}"),
    ("there is no address to connect to", "연결할 주소가 없습니다"),
    ("{} is no address to connect to", "연결할 수 있는 주소가 아닙니다 ({0})"),
    ("our clock was set while the run went on", "실행 도중에 프로버의 시계가 바뀌었습니다"),
    ("no socket for a connection: {}", "프로버가 연결용 소켓을 열지 못했습니다: {0}"),
    ("the proxy {} (status {})", "프록시: {0} (상태 코드 {1})"),
    ("the proxy {} (SOCKS reply {})", "프록시: {0} (SOCKS 응답 {1})"),
    ("could not open a tunnel to the host", "대상 호스트로 터널을 열지 못했습니다"),
    ("got no answer from the host in time", "제한 시간 안에 대상 호스트의 응답을 받지 못했습니다"),
    ("wants authentication", "인증이 필요합니다"),
    ("refused the request", "요청을 거부했습니다"),
    ("refused to open a tunnel", "터널을 여는 것을 거부했습니다"),
    ("says that the host refused the connection", "대상 호스트가 연결을 거부했습니다"),
    ("could not find an address of the host", "대상 호스트의 주소를 찾지 못했습니다"),
    ("found no way to the host", "대상 호스트로 가는 경로를 찾지 못했습니다"),
    ("has no way to the host", "대상 호스트로 가는 경로가 없습니다"),
    ("lost the connection to the host", "대상 호스트와의 연결이 끊겼습니다"),
    ("does not allow this connection", "이 연결을 허용하지 않습니다"),
    ("did not make the connection", "연결하지 못했습니다"),
    ("the proxy did not make the connection: {}", "프록시가 연결하지 못했습니다: {0}"),
    (
        "the proxy did not make the connection in time",
        "프록시가 제한 시간 안에 연결하지 못했습니다",
    ),
    (
        "the proxy refused the user name or password",
        "프록시가 사용자 이름이나 비밀번호를 거부했습니다",
    ),
    ("the proxy wants a user name and password", "프록시가 사용자 이름과 비밀번호를 요구합니다"),
    ("the proxy does not speak SOCKS5", "프록시가 SOCKS5를 지원하지 않습니다"),
];

const HANDSHAKES: &[Row] = &[
    ("the TLS handshake did not end in time", "TLS 핸드셰이크가 제한 시간 안에 끝나지 않았습니다"),
    (
        "the server ended the handshake with alert {}",
        "서버가 TLS 핸드셰이크를 끝냈습니다 (alert {0})",
    ),
    ("{} (alert {})", "{0} (alert {1})"),
    ("the server refused our certificate", "서버가 프로버의 인증서를 거부했습니다"),
    (
        "the server wants a client certificate and none is configured",
        "서버가 클라이언트 인증서를 요구하지만 설정된 인증서가 없습니다",
    ),
    ("the certificate is refused: {}", "인증서가 거부되었습니다: {0}"),
    ("the server sent no certificate", "서버가 인증서를 보내지 않았습니다"),
    (
        "the server's answer is not TLS or broken TLS ({})",
        "서버의 응답이 TLS가 아니거나 깨져 있습니다 ({0})",
    ),
    (
        "the connection broke during the handshake: {}",
        "TLS 핸드셰이크 도중에 연결이 끊겼습니다: {0}",
    ),
    ("the handshake failed: {}", "TLS 핸드셰이크에 실패했습니다: {0}"),
    (
        "the server takes {} with {}, which modern clients refuse, and nothing newer",
        "서버가 최신 브라우저가 거부하는 방식만 지원합니다: {0}, {1}",
    ),
    ("took {} s, the limit is {} s", "{0}초 걸렸습니다. 기준은 {1}초입니다"),
    (
        "the server closed the connection before TLS began",
        "TLS를 시작하기 전에 서버가 연결을 끊었습니다",
    ),
    (
        "the server did not begin TLS by {} in time",
        "서버가 제한 시간 안에 TLS를 시작하지 않았습니다 ({0})",
    ),
    ("the server does not offer STARTTLS", "서버가 STARTTLS를 제공하지 않습니다"),
];

const CERTIFICATES: &[Row] = &[
    (
        "the certificate is for {}, not for {}",
        "인증서의 도메인이 다릅니다: 인증서는 {0}, 접속은 {1}",
    ),
    (
        "the certificate of {} has no DNS name, so it is not for {}",
        "인증서 {0}에 도메인 이름이 없습니다. 접속한 도메인: {1}",
    ),
    ("the certificate is not for {}: {}", "인증서가 접속한 도메인의 것이 아닙니다: {0}, {1}"),
    (
        "the certificate of {} has an RSA key of {} bits",
        "인증서 {0}의 RSA 키가 {1}비트로 너무 짧습니다",
    ),
    ("the certificate of {} is signed with {}", "인증서 {0}의 서명 알고리즘: {1}"),
    (
        "the chain ends in {}, which is not trusted",
        "인증서 체인의 끝이 신뢰할 수 없는 인증서입니다: {0}",
    ),
    (
        "no certificate of the issuer {} is sent or trusted",
        "발급 기관의 인증서를 서버가 보내지 않았고 신뢰 목록에도 없습니다: {0}",
    ),
    (
        "the server does not send the intermediate certificate of {}",
        "서버가 중간 인증서를 보내지 않습니다: {0}",
    ),
    (
        "the server sends its own certificate alone, and not that of its issuer {}, which is of the same \
         organisation as the listed root {}{}",
        "서버가 자신의 인증서만 보내고 발급 기관의 인증서는 보내지 않습니다: {0}. 설정된 루트 인증서 중 같은 기관: {1}",
    ),
    ("the certificate says that it is at {}", "인증서에 적힌 위치: {0}"),
    (
        "the certificate of {} is revoked, says the OCSP response that the server stapled",
        "인증서가 폐지되었습니다(서버가 함께 보낸 OCSP 응답): {0}",
    ),
    ("revocation cannot be checked: {}", "폐지 여부를 확인할 수 없습니다: {0}"),
    (
        "a CA certificate is used as the server's certificate",
        "CA 인증서를 서버 인증서로 쓰고 있습니다",
    ),
    ("the certificate is not meant for a TLS server", "TLS 서버용으로 발급된 인증서가 아닙니다"),
    (
        "min_version: the server chose {}, expected {}",
        "min_version: 서버가 고른 버전은 {0}, 예상은 {1}",
    ),
    ("issuer: is {}, expected {}", "issuer: 실제 {0}, 예상 {1}"),
    ("key: is {}, expected {}{}", "key: 실제 {0}, 예상 {1}"),
    ("{}: is {}, which is not expected", "{0}: 예상과 다른 값입니다: {1}"),
    (
        "{}the certificate of {} has {} days left, expected {}",
        "{0}인증서 {1}의 남은 기간 {2}일, 예상 {3}일",
    ),
];

const EXCHANGES: &[Row] = &[
    ("no complete response head came in time", "제한 시간 안에 응답 헤더를 모두 받지 못했습니다"),
    ("the response body did not end in time", "제한 시간 안에 응답 본문을 모두 받지 못했습니다"),
    ("the server closed the connection {}", "서버가 연결을 끊었습니다: {0}"),
    ("before the body was complete", "본문을 모두 보내기 전"),
    ("before it sent a complete response head", "응답 헤더를 모두 보내기 전"),
    ("the server broke the protocol: {}", "서버의 응답이 프로토콜에 맞지 않습니다: {0}"),
    ("the exchange failed: {}", "요청과 응답을 주고받지 못했습니다: {0}"),
    ("the server did not choose HTTP/2", "서버가 HTTP/2를 선택하지 않았습니다"),
    ("the body is {}", "본문: {0}"),
    ("larger than the limit of {} bytes", "크기 한도 {0}바이트를 넘었습니다"),
    ("not valid {}", "올바르지 않은 {0}입니다"),
    (
        "more than {} redirects, the last from {}",
        "리다이렉트가 {0}회를 넘었습니다. 마지막 위치: {1}",
    ),
    (
        "redirected to {}, a host outside allow_hosts",
        "allow_hosts에 없는 호스트로 리다이렉트되었습니다: {0}",
    ),
    (
        "redirected to {}, which is every reader's own machine; if that is meant, say it in allow_hosts",
        "접속하는 사람 자신의 컴퓨터로 리다이렉트되었습니다: {0}. 의도한 것이면 allow_hosts에 적습니다",
    ),
    (
        "more than {} redirects and self-submitting forms",
        "리다이렉트와 자동 제출 양식이 {0}회를 넘었습니다",
    ),
    (
        "a form leads to {}, a host outside allow_hosts",
        "양식이 allow_hosts에 없는 호스트로 제출됩니다: {0}",
    ),
];

const EXPECTATIONS: &[Row] = &[
    ("status {}, expected {}", "상태 코드 {0}, 예상한 값 {1}"),
    ("HTTP/{}, expected {}", "HTTP/{0}, 예상한 버전 {1}"),
    ("the final URL is {}, expected {}", "마지막 URL이 {0}입니다. 예상: {1}"),
    ("{} is not as expected ({}.{}: {})", "{0}: 예상과 다릅니다 ({1}.{2}: {3})"),
    ("the body", "본문"),
    ("header {}", "헤더 {0}"),
    ("cookie {}", "쿠키 {0}"),
    ("the final URL", "마지막 URL"),
    ("the final URL's {}", "마지막 URL의 {0}"),
    ("the body is not JSON", "본문이 JSON이 아닙니다"),
    ("{} s, expected less than {} s ({}.time)", "{0}초, 예상은 {1}초 미만 ({2}.time)"),
    ("fail_if[{}] matched: {}", "fail_if[{0}]에 해당합니다: {1}"),
];

const LOGINS: &[Row] = &[
    ("no sign of a login: {}", "로그인된 흔적이 없습니다. {0}"),
    ("the login page is back: {}", "로그인 화면으로 되돌아왔습니다. {0}"),
    ("the session is not accepted any more: {}", "로그인 세션이 더 이상 인정되지 않습니다. {0}"),
    ("no {} matches {}", "선택자에 맞는 것이 없습니다: {0}, {1}"),
    ("form on the page", "화면의 양식"),
    ("submit button of the form", "양식의 제출 단추"),
    (
        "the form has no field {}, so the page was changed and nothing was sent; what a script adds is \
         written under add",
        "양식에 없는 필드: {0}. 화면이 바뀐 것으로 보고 아무것도 보내지 않았습니다. 스크립트가 추가하는 \
         필드는 add에 적습니다",
    ),
    (
        "{} was not captured, because its step was not done",
        "{0} 값의 단계를 실행하지 않아 값이 없습니다",
    ),
    (
        "account {} at {} is held {}; change its secret, or resume it with POST /-/resume?account={}",
        "계정 {0}({1})의 로그인을 보류했습니다: {2}. 비밀 값을 교체하거나 POST /-/resume?account={3}로 재개하십시오",
    ),
    ("after {}", "직전 결과 {0}"),
    (
        "account {} at {} was in use by other runs all the time",
        "계정 {0}({1})을 다른 실행이 계속 쓰고 있었습니다",
    ),
    (
        "{} is failing and its logins take turns; the last one: {}",
        "{0}의 장애로 로그인을 하나씩 차례로 시도합니다. 마지막 결과: {1}",
    ),
    ("waited {} s to be let in", "대기열에서 {0}초 기다렸습니다"),
    (
        "still not through after {} requests in {} s",
        "{1}초 동안 {0}회 요청했지만 아직 통과하지 못했습니다",
    ),
    (
        "our clock is off by {} s, so no one-time code was sent",
        "프로버의 시계가 {0}초 틀려 일회용 코드를 보내지 않았습니다",
    ),
    ("secret {} {}", "비밀 값 {0}: {1}"),
    ("is not configured", "설정되어 있지 않습니다"),
    ("is not in the environment ({})", "환경 변수에 없습니다 ({0})"),
    ("is empty in the environment ({})", "환경 변수가 비어 있습니다 ({0})"),
    ("cannot be read from {}: {}", "읽을 수 없습니다: {0}, {1}"),
    (
        "secret {} is not bound to {} and was not sent",
        "비밀 값 {0}: {1} 주소로 보내도록 허용되지 않아 보내지 않았습니다",
    ),
    ("identity {} could not sign: {}", "인증서로 서명하지 못했습니다: {0}, {1}"),
];

const OURS: &[Row] = &[
    (
        "no control answers, so this vantage is offline; the run had {}",
        "대조점이 모두 응답하지 않아 관측 지점의 네트워크 단절로 봅니다. 실행 결과: {0}",
    ),
    ("{}; the run had {}", "{0}. 실행 결과: {1}"),
    ("our clock is {} s {} that of the controls", "프로버의 시계가 대조점과 {0}초 다릅니다 ({1})"),
    ("ahead of", "빠름"),
    ("behind", "늦음"),
    ("this prober had no time to judge the page", "프로버가 응답을 판정할 시간이 없었습니다"),
    (
        "this prober stood still for {} s of the run or right before it ({}); the run had {}",
        "실행 중이나 그 직전에 프로버가 {0}초 동안 멈추어 있었습니다 ({1}). 실행 결과: {2}",
    ),
    ("the probe panicked", "감시 항목의 실행이 비정상 종료되었습니다"),
    ("the probe ignored its deadline", "감시 항목이 제한 시간을 지키지 않았습니다"),
];

/// Sentences that the source puts together of parts.
const COMPOSED: &[Row] = &[
    ("the certificate of {} expired on {}", "인증서의 유효기간이 {1}에 끝났습니다: {0}"),
    ("the certificate of {} is not valid before {}", "인증서의 유효기간이 {1}에 시작됩니다: {0}"),
    (
        "the listed root {} expired on {}; browsers refuse it",
        "설정된 루트 인증서의 유효기간이 {1}에 끝나 브라우저가 거부합니다: {0}",
    ),
    (
        "the listed root {} is not valid before {}; browsers refuse it",
        "설정된 루트 인증서의 유효기간이 {1}에 시작되어 브라우저가 거부합니다: {0}",
    ),
    ("{} is not in the response ({})", "응답에 {0} 값이 없습니다 ({1})"),
    ("{} is there but cannot be decoded", "{0} 값이 있지만 해석할 수 없습니다"),
];

/// Tables whose sentences the source has as they are; the others hold what it puts together of parts.
#[cfg(test)]
const WHOLE: usize = 11;

const TABLES: [&[Row]; 15] = [
    NAMES,
    CONNECTIONS,
    HANDSHAKES,
    CERTIFICATES,
    EXCHANGES,
    EXPECTATIONS,
    LOGINS,
    OURS,
    RARER,
    FILES,
    VALUES,
    COMPOSED,
    RARER_COMPOSED,
    FILES_COMPOSED,
    VALUES_COMPOSED,
];

const SENTENCES: Sentences = Sentences {
    tables: &TABLES,
    is_label,
    // Several findings of one kind.
    separator: Some("; "),
};

/// What a sentence is about: what the run had, an address of several, a list that was fetched, a file.
fn is_label(label: &str) -> bool {
    Reason::from_label(label).is_some()
        || matches!(label, "IPv4" | "IPv6")
        || label.parse::<IpAddr>().is_ok()
        || ["/", "http://", "ldap://"].iter().any(|start| label.starts_with(start))
}

/// The detail in Korean, `None` where the table does not have its sentence.
pub fn in_korean(detail: &str) -> Option<Vec<ToldPart<'_>>> {
    SENTENCES.in_korean(detail)
}

#[cfg(test)]
mod tests;
