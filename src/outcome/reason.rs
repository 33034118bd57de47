//! The closed list of causes, each on one row: name, stage, label, and what a person needs to
//! know. Labels may be relied on by alert rules. The page shows the Korean sentence above the
//! detail of the failure; `docs/reasons.md` and `docs/reasons.json` are this table (a test compares
//! them), and boards and alerts take their words from the latter.

use super::nature::Nature;

/// The part of a run in which a failure happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Name resolution.
    Dns,
    /// Opening a connection.
    Tcp,
    /// The handshake and the certificate.
    Tls,
    /// The exchange of messages.
    Http,
    /// What the answer says.
    Content,
    Login,
    /// Our own side: never the service's fault.
    Probe,
}

impl Stage {
    /// Every stage, in the order of a run.
    pub const ALL: [Stage; 7] = [
        Stage::Dns,
        Stage::Tcp,
        Stage::Tls,
        Stage::Http,
        Stage::Content,
        Stage::Login,
        Stage::Probe,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Dns => "dns",
            Stage::Tcp => "tcp",
            Stage::Tls => "tls",
            Stage::Http => "http",
            Stage::Content => "content",
            Stage::Login => "login",
            Stage::Probe => "probe",
        }
    }
}

/// A sentence in both languages of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bilingual {
    pub korean: &'static str,
    pub english: &'static str,
}

/// Declares [`Reason`] once, so that a new reason cannot be left out of a table. A row is: the
/// meaning in English, as documentation; variant, stage, label, [natures](Nature); a name of few words in both
/// languages, for boards and tables; the meaning in Korean; and what to check first, in both.
macro_rules! reasons {
    ($(
        #[doc = $english:literal]
        $variant:ident $stage:ident $label:literal [$($nature:ident),*]
        [$short_korean:literal, $short_english:literal]
        $korean:literal
        [$look_korean:literal, $look_english:literal],
    )*) => {
        /// The closed list of causes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $(#[doc = $english] $variant,)* }

        impl Reason {
            /// Every reason, by stage.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $label,)* }
            }

            /// The part of the run it belongs to.
            pub const fn stage(self) -> Stage {
                match self { $(Reason::$variant => Stage::$stage,)* }
            }

            /// What it is beside its stage.
            const fn natures(self) -> &'static [Nature] {
                match self { $(Reason::$variant => &[$(Nature::$nature),*],)* }
            }

            /// Its name in few words.
            pub const fn short(self) -> Bilingual {
                match self {
                    $(Reason::$variant => Bilingual {
                        korean: $short_korean,
                        english: $short_english,
                    },)*
                }
            }

            pub const fn meaning(self) -> Bilingual {
                match self {
                    $(Reason::$variant => Bilingual {
                        korean: $korean,
                        english: $english.trim_ascii(),
                    },)*
                }
            }

            /// What to check first.
            pub const fn first_look(self) -> Bilingual {
                match self {
                    $(Reason::$variant => Bilingual {
                        korean: $look_korean,
                        english: $look_english,
                    },)*
                }
            }
        }
    };
}

reasons! {
    /// The name does not exist (RFC 2308, NXDOMAIN).
    DnsNxdomain Dns "dns_nxdomain" []
    ["도메인 없음", "no such domain"]
    "도메인 이름이 DNS에 없습니다."
    ["도메인 이름이 바뀌었거나 등록이 만료되었는지: dig 이름",
     "Whether the name was changed or its registration lapsed: dig NAME"],
    /// The server answered SERVFAIL or another error.
    DnsServfail Dns "dns_servfail" []
    ["DNS 서버 오류", "DNS server error"]
    "DNS 서버가 오류로 응답했습니다."
    ["해당 도메인의 DNS 서버와 DNSSEC 서명 만료: dig +trace 이름",
     "The domain's name servers and its DNSSEC signatures: dig +trace NAME"],
    /// No answer in time.
    DnsTimeout Dns "dns_timeout" [OfTime]
    ["DNS 조회 시간 초과", "DNS timeout"]
    "DNS 서버가 제한 시간 안에 응답하지 않았습니다."
    ["이 관측 지점에서 DNS 서버까지의 경로, 다른 관측 지점에서도 같은지",
     "The way from this vantage to its resolver, and whether other vantages see the same"],
    /// The name exists but has no address of a usable family.
    DnsNoAddress Dns "dns_no_address" []
    ["주소 없음", "no address"]
    "도메인은 있으나 사용할 수 있는 A/AAAA 레코드가 없습니다."
    ["최근에 바뀐 DNS 레코드와 감시 항목의 ip 설정",
     "Recently changed records, and the probe's choice of address family"],
    /// The host refused the connection.
    ConnectRefused Tcp "connect_refused" []
    ["연결 거부", "connection refused"]
    "서버가 접속을 거부했습니다."
    ["서버 프로세스가 실행 중인지, 포트와 방화벽(reject) 규칙",
     "Whether the server process runs; the port; firewall rules that reject"],
    /// No answer to the connection attempt in time.
    ConnectTimeout Tcp "connect_timeout" [OfTime]
    ["연결 시간 초과", "connection timeout"]
    "접속 요청에 제한 시간 안에 응답이 없습니다."
    ["서버와 L4의 전원·연결, 방화벽(drop) 규칙, 다른 관측 지점에서도 같은지",
     "Power and link of server and load balancer; firewall rules that drop; other vantages"],
    /// No route to the host, or a router refused.
    ConnectUnreachable Tcp "connect_unreachable" []
    ["경로 없음", "no route"]
    "서버 주소로 가는 경로가 없습니다."
    ["이 관측 지점의 라우팅과 중간 라우터: traceroute 주소",
     "Routing at this vantage and on the way: traceroute ADDRESS"],
    /// The peer closed or reset an open connection.
    ConnectionReset Tcp "connection_reset" [GaveUp]
    ["연결 끊김", "connection reset"]
    "연결된 뒤 서버가 연결을 끊었습니다."
    ["서버 재시작·과부하, L4·WAF의 세션 한도와 로그",
     "Restarts and overload of the server; limits and logs of load balancer and firewall"],
    /// The handshake failed for a cause that no other reason names.
    TlsHandshake Tls "tls_handshake" []
    ["TLS 협상 실패", "handshake failed"]
    "TLS 협상에 실패했습니다."
    ["상세 내용에 있는 경고(alert) 이름, 서버의 최근 TLS 설정 변경",
     "The alert named in the detail; recent changes of the server's TLS settings"],
    /// The handshake did not end in time.
    TlsTimeout Tls "tls_timeout" [OfTime]
    ["TLS 시간 초과", "TLS timeout"]
    "TLS 협상이 제한 시간 안에 끝나지 않았습니다."
    ["대용량 패킷 유실(인증서 체인은 1,500바이트를 넘습니다)과 서버 과부하",
     "Loss of large packets (a chain is above 1,500 bytes) and overload of the server"],
    /// The server speaks nothing newer than TLS 1.1, RSA key exchange or CBC suites.
    TlsLegacy Tls "tls_legacy" []
    ["구형 TLS", "obsolete TLS"]
    "서버가 오래된 TLS(1.1 이하, RSA 키 교환, CBC)만 지원합니다."
    ["서버의 TLS 버전과 암호군 설정: 최신 브라우저도 접속하지 못합니다",
     "TLS versions and cipher suites of the server: current browsers cannot connect either"],
    /// A certificate of the path is past its `notAfter`.
    TlsExpired Tls "tls_expired" [OfItsCertificate]
    ["인증서 만료", "certificate expired"]
    "인증서의 유효기간이 지났습니다."
    ["갱신한 인증서를 모든 서버에 설치하고 다시 읽었는지",
     "Whether the renewed certificate is on every server and was loaded"],
    /// A certificate of the path is before its `notBefore`.
    TlsNotYetValid Tls "tls_not_yet_valid" [OfItsCertificate]
    ["유효기간 시작 전", "certificate not yet valid"]
    "인증서의 유효기간이 아직 시작되지 않았습니다."
    ["인증서 교체 시점과 이 관측 지점의 시계(bongsu_clock_skew_seconds)",
     "When the certificate was replaced, and this vantage's clock (bongsu_clock_skew_seconds)"],
    /// The leaf is not for this name.
    TlsNameMismatch Tls "tls_name_mismatch" [OfItsCertificate]
    ["인증서 이름 불일치", "certificate for another name"]
    "이 도메인에 발급된 인증서가 아닙니다."
    ["서버의 가상 호스트(SNI) 설정과 인증서의 대체 이름(SAN)",
     "Virtual hosts (SNI) of the server, and the names in the certificate"],
    /// No path to a trusted root.
    TlsUnknownIssuer Tls "tls_unknown_issuer" [OfItsCertificate]
    ["알 수 없는 발급 기관", "unknown issuer"]
    "신뢰하는 최상위 인증기관까지 이어지지 않는 인증서입니다."
    ["발급 기관, 감시 항목의 trust.roots 설정(GPKI는 파일로 지정)",
     "Who issued it, and the probe's trust.roots (GPKI needs its file)"],
    /// No path as served, but one with an intermediate that browsers fetch by themselves.
    TlsChainIncomplete Tls "tls_chain_incomplete" [OfItsCertificate]
    ["중간 인증서 누락", "intermediate missing"]
    "서버가 중간 인증서를 보내지 않습니다. 브라우저에서는 열려도 앱과 연계 시스템은 접속하지 못합니다."
    ["서버의 인증서 체인 파일",
     "The chain file of the server: browsers fetch what is missing, programs do not"],
    /// The leaf is its own issuer and not trusted.
    TlsSelfSigned Tls "tls_self_signed" [OfItsCertificate]
    ["자체 서명 인증서", "self-signed certificate"]
    "신뢰하지 않는 자체 서명 인증서입니다."
    ["장비의 기본 인증서로 돌아갔는지, 내부용이면 trust.roots에 등록",
     "Whether a device fell back to its default; if it is meant, list it in trust.roots"],
    /// Bad encoding, purpose, constraint, or a CA used as a leaf.
    TlsInvalid Tls "tls_invalid" [OfItsCertificate]
    ["잘못된 인증서", "invalid certificate"]
    "인증서의 형식, 용도 또는 제약이 잘못되었습니다."
    ["상세 내용과 발급 기관의 발급 프로파일",
     "The detail, and the profile the issuer used"],
    /// A signature algorithm or key below today's minimum.
    TlsWeak Tls "tls_weak" [OfItsCertificate]
    ["취약한 인증서", "weak certificate"]
    "서명 알고리즘이나 키가 현재의 최소 보안 기준에 미치지 못합니다."
    ["SHA-1 서명, 2,048비트 미만 RSA 키: 재발급",
     "SHA-1 signatures and RSA keys below 2,048 bits: have it issued anew"],
    /// Revoked by its issuer.
    TlsRevoked Tls "tls_revoked" [OfItsCertificate]
    ["폐지된 인증서", "certificate revoked"]
    "발급 기관이 폐지한 인증서입니다."
    ["폐지 사유를 발급 기관에 확인하고 새 인증서로 교체",
     "Ask the issuer why, and replace the certificate"],
    /// The revocation list could not be had. Fails only with `revocation: hard`.
    TlsRevocationUnavailable Tls "tls_revocation_unavailable" [OfTime]
    ["폐지 확인 불가", "revocation unknown"]
    "인증서 폐지 목록(CRL)을 받을 수 없습니다."
    ["CRL 배포 주소에 이 관측 지점에서 접속할 수 있는지",
     "Whether the distribution point answers from this vantage"],
    /// Version, issuer, key, days left or fingerprint are not as expected.
    TlsMismatch Tls "tls_mismatch" []
    ["TLS 조건 불일치", "unexpected TLS"]
    "TLS 버전이나 인증서가 예상과 다릅니다."
    ["상세 내용: 인증서가 교체되었으면 감시 항목의 expect를 고치고, 아니면 변조나 중간 장비",
     "The detail: renewed on purpose (change expect), not renewed in time, or exchanged on the way"],
    /// The server speaks its protocol and does not start TLS in it.
    StarttlsRefused Tls "starttls_refused" []
    ["STARTTLS 거부", "STARTTLS refused"]
    "서버가 STARTTLS를 지원하지 않거나 거부했습니다."
    ["서버의 TLS 설정과 인증서 파일, STARTTLS를 지우는 중간 장비",
     "The server's TLS settings and certificate files, and devices that strip STARTTLS"],
    /// What the server sent before TLS is not the protocol that STARTTLS was to be said in.
    StarttlsProtocol Tls "starttls_protocol" []
    ["STARTTLS 규약 오류", "not the STARTTLS protocol"]
    "STARTTLS를 시작할 프로토콜에 맞지 않는 응답입니다."
    ["포트와 starttls의 프로토콜 혼동, 처음부터 TLS를 쓰는 포트(465, 993)",
     "A port of another protocol, or one that speaks TLS from the first byte (465, 993)"],
    /// The server refused our client certificate or the lack of one.
    TlsClientCert Tls "tls_client_cert" []
    ["클라이언트 인증서 거부", "client certificate refused"]
    "서버가 클라이언트 인증서를 거부했거나 요구했습니다."
    ["감시용 인증서의 만료와 서버의 허용 목록",
     "Expiry of the probe's certificate, and what the server admits"],
    /// A status other than expected.
    HttpStatus Http "http_status" []
    ["비정상 상태 코드", "unexpected status"]
    "예상과 다른 HTTP 상태 코드입니다."
    ["상태 코드: 5xx는 WAS·연계 시스템, 403은 WAF·접근 제어, 404는 배포",
     "The code: 5xx points to the application and what it needs, 403 to a firewall, 404 to a release"],
    /// A protocol version other than expected.
    HttpVersion Http "http_version" []
    ["HTTP 버전 불일치", "unexpected HTTP version"]
    "예상과 다른 HTTP 버전입니다."
    ["L7·CDN의 HTTP/2 설정 변경",
     "Changes of HTTP/2 at load balancer or CDN"],
    /// More redirects than allowed.
    RedirectLimit Http "redirect_limit" []
    ["리다이렉트 초과", "too many redirects"]
    "리다이렉트가 허용 횟수를 넘었습니다."
    ["http와 https 사이, 로그인 화면 사이의 리다이렉트 반복(루프)",
     "A loop between http and https, or through a login page"],
    /// A redirect to a host outside `allow_hosts`, or to no web address at all.
    RedirectUnexpectedHost Http "redirect_unexpected_host" []
    ["허용되지 않은 주소로 이동", "redirect to another host"]
    "허용되지 않은 사이트나 웹 주소가 아닌 곳으로 리다이렉트합니다."
    ["이동한 주소: 점검 안내 사이트이거나 변조일 수 있습니다",
     "Where it leads: a notice site, or tampering"],
    /// The request was sent and no complete response head came in time.
    ResponseTimeout Http "response_timeout" [OfTime]
    ["응답 없음", "no response"]
    "요청을 보냈으나 제한 시간 안에 응답이 오지 않았습니다."
    ["WAS 스레드와 DB, 연계 시스템의 지연, 대용량 패킷 유실",
     "Threads and database of the application, what it waits for, loss of large packets"],
    /// The response body did not end in time.
    BodyTimeout Http "body_timeout" [OfTime]
    ["본문 시간 초과", "body timeout"]
    "응답 본문을 제한 시간 안에 모두 받지 못했습니다."
    ["회선 대역폭과 패킷 유실, 서버의 느린 출력",
     "Bandwidth and packet loss, slow output of the server"],
    /// The body is larger than the limit.
    BodyTooLarge Http "body_too_large" []
    ["본문 크기 초과", "body too large"]
    "응답 본문이 제한 크기보다 큽니다."
    ["페이지가 바뀌었는지, 감시 항목의 body_limit",
     "Whether the page changed; the probe's body_limit"],
    /// The body could not be decompressed or decoded.
    BodyDecode Http "body_decode" []
    ["본문 해독 실패", "undecodable body"]
    "응답 본문의 압축을 풀거나 문자 인코딩을 해석할 수 없습니다."
    ["Content-Encoding과 charset, 중간 장비의 변형",
     "Content-Encoding and charset, and devices in between that change bodies"],
    /// The peer broke the protocol.
    ProtocolError Http "protocol_error" []
    ["프로토콜 오류", "protocol error"]
    "서버가 HTTP 규약에 맞지 않게 응답했습니다."
    ["포트와 프로토콜(http/https) 혼동, 중간 장비",
     "A port that speaks something else (http for https), and devices in between"],
    /// A `body` or `css` expectation failed.
    BodyMismatch Content "body_mismatch" [MissedExpectation]
    ["내용 불일치", "unexpected content"]
    "화면에 있어야 할 내용이 없습니다."
    ["사이트 개편이면 감시 항목의 expect를 고치고, 아니면 화면을 직접 확인",
     "Look at the page: redesigned (change expect) or broken"],
    /// A `header` or `cookie` expectation failed.
    HeaderMismatch Content "header_mismatch" [MissedExpectation]
    ["헤더 불일치", "unexpected header"]
    "응답 헤더나 쿠키가 예상과 다릅니다."
    ["L7·WAS의 헤더 설정 변경",
     "Changed headers at load balancer or application"],
    /// A `json` expectation failed.
    JsonMismatch Content "json_mismatch" [MissedExpectation]
    ["JSON 불일치", "unexpected JSON"]
    "JSON 응답의 내용이 예상과 다릅니다."
    ["API의 오류 코드 항목과 최근 변경",
     "The error field of the API, and its recent changes"],
    /// The final URL, or its scheme, is not the expected one.
    UrlMismatch Content "url_mismatch" [MissedExpectation]
    ["주소 불일치", "unexpected address"]
    "최종 주소가 예상과 다릅니다."
    ["오류 화면이나 로그인 화면으로 이동했는지",
     "Whether it was sent to an error page or a login page"],
    /// A waiting room stood in front of the service.
    WaitingRoom Content "waiting_room" [NotAsked]
    ["접속 대기", "waiting room"]
    "접속자가 많아 접속 대기 화면에서 더 들어가지 못했습니다."
    ["접속 대기열(NetFunnel 등)의 허용량과 접속자 수",
     "How many the waiting room lets in, and how many are waiting"],
    /// A notice instead of the service: it answers, and nothing works.
    NoticePage Content "notice_page" [NotAsked]
    ["안내 화면", "notice page"]
    "서비스 대신 점검·장애 안내 화면이 나옵니다."
    ["예고된 점검인지: 아니면 이용자에게는 장애입니다",
     "Whether it was announced: if not, this is an outage for its users"],
    /// Slower than an expected time.
    TooSlow Content "too_slow" [OfTime]
    ["응답 지연", "too slow"]
    "기준 시간보다 응답이 느립니다."
    ["단계별 시간(resolve, connect, tls, processing, transfer)에서 늘어난 곳",
     "Which phase grew: resolve, connect, tls, processing or transfer"],
    /// The flow ended without the positive marker.
    NotLoggedIn Login "not_logged_in" [Refusal, NothingToDo]
    ["로그인 실패", "login failed"]
    "로그인 절차가 끝났지만 로그인된 화면이 아닙니다."
    ["화면의 오류 문구, 인증 연계(GPKI·Any-ID) 상태",
     "What the page says, and the sign-in services behind it"],
    /// The form to submit is not on the page.
    FormMissing Login "form_missing" [NothingToDo]
    ["입력 양식 없음", "form missing"]
    "제출할 양식이 화면에 없습니다."
    ["로그인 화면 개편, 점검 안내 화면",
     "A redesigned login page, or a notice in its place"],
    /// A value to capture is not in the response.
    CaptureMissing Login "capture_missing" [NothingToDo]
    ["추출 값 없음", "value missing"]
    "응답에서 가져와야 할 값이 없습니다."
    ["화면 개편이나 앞 단계의 오류 화면",
     "A redesign, or an error page in the step before"],
    /// The account's password has expired and the service asks for a new one.
    PasswordExpired Login "password_expired" [OurAccount, Refusal]
    ["비밀번호 만료", "password expired"]
    "감시용 계정의 비밀번호 유효기간이 지났다는 안내를 받았습니다. 서비스 장애가 아닙니다."
    ["감시용 계정의 비밀번호를 변경하고 비밀 값을 교체",
     "Change the account's password, then the secret"],
    /// The service says that another session of the account is open.
    DuplicateSession Login "duplicate_session" [OurAccount, Refusal, NotAsked]
    ["중복 로그인", "another session open"]
    "감시용 계정이 다른 곳에서 로그인되어 있다는 안내를 받았습니다. 서비스 장애가 아닙니다."
    ["관측 지점마다 다른 계정을 쓰는지, 로그아웃(finally)이 되는지",
     "Whether every vantage has an account of its own, and whether the flow signs out"],
    /// The login page no longer has a field that the flow fills in.
    FormChanged Login "form_changed" [NotAsked, OurFlow]
    ["로그인 화면 변경", "form changed"]
    "로그인 화면의 입력 항목이 설정과 달라져 아무것도 보내지 않았습니다. 서비스 장애가 아닙니다."
    ["로그인 화면의 입력 항목 이름(name)과 설정의 fields",
     "The names of the page's fields, and fields of the step"],
    /// The service said that the password is wrong.
    BadCredentials Login "bad_credentials" [OurAccount, Refusal]
    ["비밀번호 거부", "password refused"]
    "감시용 계정의 비밀번호가 틀렸다는 응답을 받았습니다. 서비스 장애가 아닙니다."
    ["감시용 계정의 비밀번호 변경·만료: 비밀 값을 교체하면 다시 시도합니다",
     "Whether the password was changed or ran out; the probe goes on when the secret changes"],
    /// The service said that the account is locked.
    AccountLocked Login "account_locked" [OurAccount, Refusal]
    ["계정 잠김", "account locked"]
    "감시용 계정이 잠겼습니다. 서비스 장애가 아닙니다."
    ["서비스 담당자에게 잠금 해제를 요청하고 POST /-/resume",
     "Have the account unlocked, then POST /-/resume"],
    /// A captcha stands in the way.
    Captcha Login "captcha" [OurAccount, Refusal]
    ["자동 입력 방지", "captcha"]
    "자동 입력 방지(캡차)가 로그인을 막았습니다."
    ["프로버의 주소를 예외로 등록할 수 있는지",
     "Whether the prober's address can be exempted"],
    /// A second factor is asked for that the flow does not have.
    MfaRequired Login "mfa_required" [OurAccount, Refusal]
    ["추가 인증 요구", "second factor required"]
    "로그인 절차에 없는 추가 인증을 요구했습니다."
    ["계정의 2차 인증 설정과 새 기기 정책",
     "The account's second factor, and rules for new devices"],
    /// The service limits our rate.
    RateLimited Login "rate_limited" [OurAccount]
    ["요청 제한", "rate limited"]
    "서비스가 프로버의 요청 빈도를 제한했습니다."
    ["감시 주기를 늘리거나 예외로 등록",
     "A longer interval, or an exemption"],
    /// A web application firewall stands in the way.
    WafBlocked Login "waf_blocked" [OurAccount]
    ["웹 방화벽 차단", "blocked by firewall"]
    "웹 방화벽이 프로버를 차단했습니다."
    ["WAF 로그에서 프로버의 주소와 User-Agent",
     "The firewall's log for the prober's address and user agent"],
    /// The service refused our signing certificate.
    CertRejected Login "cert_rejected" [OurAccount, Refusal]
    ["감시용 인증서 거부", "our certificate refused"]
    "서비스가 감시용 인증서를 거부했습니다. 서비스 장애가 아닙니다."
    ["감시용 인증서의 만료·폐지와 사용자 등록",
     "Expiry or revocation of the probe's certificate, and its registration"],
    /// The certificate verification server behind the service failed.
    PkiBackend Login "pki_backend" [NotAsked]
    ["인증 검증 실패", "certificate verification failed"]
    "서비스가 쓰는 인증서 검증 서버에 장애가 있습니다."
    ["행정전자서명(GPKI) 검증 서버와 그 사이의 통신망 장비",
     "The certificate verification servers and the network devices on the way to them"],
    /// The session was gone in a later step.
    SessionLost Login "session_lost" [GaveUp, NothingToDo]
    ["세션 유실", "session lost"]
    "로그인 뒤의 단계에서 세션이 사라졌습니다."
    ["WAS 사이의 세션 공유와 L4의 세션 고정(sticky)",
     "Shared sessions between servers, and stickiness of the load balancer"],
    /// The logout failed; degrades only.
    LogoutFailed Login "logout_failed" [OfTime]
    ["로그아웃 실패", "logout failed"]
    "로그아웃에 실패했습니다. '저하'로만 처리합니다."
    ["로그아웃 주소 변경, 감시용 계정의 세션이 쌓여 중복 로그인 제한에 걸리지 않는지",
     "A changed logout address; whether open sessions of the account pile up"],
    /// The account is held by the guard.
    AccountHeld Probe "account_held" [OurAccount]
    ["로그인 보류", "login held"]
    "감시용 계정이 잠기지 않도록 로그인을 보류했습니다."
    ["거부된 원인을 해결한 뒤 비밀 값을 교체하거나 POST /-/resume",
     "Mend why it was refused; then change the secret or POST /-/resume"],
    /// A secret cannot be read.
    SecretMissing Probe "secret_missing" []
    ["비밀 값 없음", "secret missing"]
    "감시에 쓸 비밀 값을 읽을 수 없습니다."
    ["상세 내용에 있는 파일이나 환경 변수와 그 권한",
     "The file or variable named in the detail, and its permissions"],
    /// A secret would have gone to a host it is not bound to.
    SecretHost Probe "secret_host" []
    ["비밀 값 전송 차단", "secret kept back"]
    "비밀 값이 허용되지 않은 호스트로 전송되려 하여 차단했습니다."
    ["로그인이 다른 호스트로 옮겨졌는지, secrets의 hosts",
     "Whether the login moved to another host; hosts of the secret"],
    /// Our signing failed.
    SignFailed Probe "sign_failed" []
    ["서명 실패", "signing failed"]
    "감시용 인증서로 서명하지 못했습니다."
    ["키 파일과 그 비밀번호",
     "The key file and its passphrase"],
    /// The proxy refused or could not be reached.
    ProxyFailed Probe "proxy_failed" []
    ["프록시 실패", "proxy failed"]
    "프록시가 연결을 거부했거나 프록시에 접속할 수 없습니다."
    ["프록시 상태와 접근 규칙",
     "The proxy and its rules"],
    /// The page came, but judging it takes more time or memory than this prober gives it.
    JudgeTimeout Probe "judge_timeout" []
    ["페이지 판정 불가", "page not judged"]
    "페이지는 받았지만 제한된 시간과 메모리 안에서 내용을 판정하지 못했습니다. 서비스 장애가 아닙니다."
    ["상세 내용, 페이지의 크기와 구조, 감시 항목의 css·json·matches 조건, 프로버의 CPU",
     "The detail, the page's size and shape, the probe's css, json and matches rules, the prober's processor"],
    /// The server that gives the probe its access token gave none.
    TokenFailed Probe "token_failed" []
    ["토큰 발급 실패", "no access token"]
    "토큰 서버에서 접근 토큰을 받지 못해 감시 요청을 보내지 못했습니다. 감시하는 서비스의 상태는 알 수 없습니다."
    ["상세 내용에 적힌 토큰 서버와 클라이언트 비밀 값: 토큰 서버에는 따로 감시 항목을 두십시오",
     "The token server that the detail names, and the client secret; give that server a probe of its own"],
    /// All controls fail: this vantage is offline.
    VantageOffline Probe "vantage_offline" []
    ["관측 지점 단절", "vantage offline"]
    "이 관측 지점의 네트워크가 끊겼습니다. 서비스의 상태는 알 수 없습니다."
    ["관측 지점의 회선: 대조점(controls)이 모두 응답하지 않습니다",
     "The vantage's own link: no control answers"],
    /// The prober itself stood still: stopped, throttled, or crowded out of the processor.
    ProberStalled Probe "prober_stalled" []
    ["프로버 멈춤", "prober stood still"]
    "프로버가 멈춰 있었거나 CPU를 얻지 못했습니다. 서비스의 상태는 알 수 없습니다."
    ["프로버가 실행되는 호스트의 CPU 사용률과 컨테이너의 CPU 제한, 가상 머신의 일시 정지",
     "The processor of the prober's host, the processor limit of its container, pauses of its virtual machine"],
    /// Our own clock is wrong, as the controls show, and dates or one-time codes were judged by it.
    ClockWrong Probe "clock_wrong" []
    ["프로버 시계 오류", "prober's clock wrong"]
    "프로버의 시계가 대조점과 어긋나 있습니다. 서비스의 상태는 알 수 없습니다."
    ["프로버가 실행되는 호스트의 시각 동기화(chrony)와 bongsu_clock_skew_seconds",
     "Time synchronisation (chrony) of the prober's host, and bongsu_clock_skew_seconds"],
    /// None of our own name servers answers a question, so no name could be looked up.
    NoResolver Probe "no_resolver" []
    ["프로버 DNS 불가", "no name server"]
    "프로버가 쓰는 DNS 서버가 모두 응답하지 않거나 오류만 돌려줍니다. 서비스의 상태는 알 수 없습니다."
    ["프로버가 실행되는 호스트의 /etc/resolv.conf와 defaults.dns의 DNS 서버",
     "/etc/resolv.conf of the prober's host, and the name servers of defaults.dns"],
    /// A program of a login's step could not do its work, or gave no answer that is understood.
    ExecFailed Probe "exec_failed" []
    ["로그인 프로그램 실패", "program failed"]
    "로그인 단계에서 실행한 프로그램이 제대로 끝나지 않았습니다. 서비스의 상태는 알 수 없습니다."
    ["상세 내용에 적힌 프로그램: bongsu probe로 한 번 실행하여 프로그램의 표준 오류 출력 확인",
     "The program that the detail names: run it once by bongsu probe, which shows its standard error"],
    /// A program of a login's step did not end in its time and was killed.
    ExecTimeout Probe "exec_timeout" []
    ["프로그램 시간 초과", "program timeout"]
    "로그인 단계에서 실행한 프로그램이 제한 시간 안에 끝나지 않아 강제로 종료했습니다. 서비스의 상태는 알 수 없습니다."
    ["프로그램이 기다리는 페이지, exec의 timeout과 프로버의 CPU: 페이지를 기다린 시간은 프로그램이 먼저 response_timeout으로 알려야 합니다",
     "The page that the program waits for, timeout of exec, the prober's processor: a program should say response_timeout itself before its time is over"],
    /// The account was in use by other runs all the time; the run is skipped.
    NoTurn Probe "no_turn" []
    ["로그인 차례 없음", "no turn to log in"]
    "같은 감시용 계정을 다른 실행이 계속 사용하여 이번 실행을 건너뛰었습니다."
    ["한 계정을 쓰는 기관의 수와 감시 주기: bongsu check, 기관마다 다른 계정",
     "How many sites share the account, and the interval: bongsu check; an account for each site"],
    /// A fault of the prober itself.
    Internal Probe "internal" []
    ["프로버 내부 오류", "prober fault"]
    "프로버 자체의 문제입니다."
    ["상세 내용과 bongsu 로그",
     "The detail, and the log of bongsu"],
}

impl Reason {
    /// Finds a reason by its label.
    pub fn from_label(label: &str) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|reason| reason.as_str() == label)
    }

    pub fn is(self, nature: Nature) -> bool {
        self.natures().contains(&nature)
    }

    /// True for causes on our side of the test: they make a ticket, never an outage.
    pub fn says_nothing_about_the_service(self) -> bool {
        self.stage() == Stage::Probe || self.is(Nature::OurFlow) || self.is(Nature::OurAccount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_unique_and_found_again() {
        for &reason in Reason::ALL {
            assert_eq!(Reason::from_label(reason.as_str()), Some(reason));
        }
    }
}
