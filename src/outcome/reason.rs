//! The closed list of causes, by stage. A name here is a metric label: dashboards and alert rules
//! rely on it, so it is never changed, only added to.

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
    /// Signing in.
    Login,
    /// Our own side: never the service's fault.
    Probe,
}

impl Stage {
    /// The label value.
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

/// Declares [`Reason`] once: variant, stage, label and meaning stand on one line, so that a new
/// reason cannot be left out of a table.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $stage:ident $label:literal,)*) => {
        /// The closed list of causes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// Every reason, by stage.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The label value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $label,)* }
            }

            /// The part of the run it belongs to.
            pub const fn stage(self) -> Stage {
                match self { $(Reason::$variant => Stage::$stage,)* }
            }
        }
    };
}

reasons! {
    /// The name does not exist (RFC 2308, NXDOMAIN).
    DnsNxdomain Dns "dns_nxdomain",
    /// The server answered SERVFAIL or another error.
    DnsServfail Dns "dns_servfail",
    /// No answer in time.
    DnsTimeout Dns "dns_timeout",
    /// The name exists but has no address of a usable family.
    DnsNoAddress Dns "dns_no_address",
    /// The host refused the connection.
    ConnectRefused Tcp "connect_refused",
    /// No answer to the connection attempt in time.
    ConnectTimeout Tcp "connect_timeout",
    /// No route to the host, or a router refused.
    ConnectUnreachable Tcp "connect_unreachable",
    /// The peer closed or reset an open connection.
    ConnectionReset Tcp "connection_reset",
    /// The handshake failed for a cause that no other reason names.
    TlsHandshake Tls "tls_handshake",
    /// The handshake did not end in time.
    TlsTimeout Tls "tls_timeout",
    /// The server speaks nothing newer than TLS 1.1, RSA key exchange or CBC suites.
    TlsLegacy Tls "tls_legacy",
    /// A certificate of the path is past its `notAfter`.
    TlsExpired Tls "tls_expired",
    /// A certificate of the path is before its `notBefore`.
    TlsNotYetValid Tls "tls_not_yet_valid",
    /// The leaf is not for this name.
    TlsNameMismatch Tls "tls_name_mismatch",
    /// No path to a trusted root.
    TlsUnknownIssuer Tls "tls_unknown_issuer",
    /// No path as served, but one with an intermediate that browsers fetch by themselves.
    TlsChainIncomplete Tls "tls_chain_incomplete",
    /// The leaf is its own issuer and not trusted.
    TlsSelfSigned Tls "tls_self_signed",
    /// Bad encoding, purpose, constraint, or a CA used as a leaf.
    TlsInvalid Tls "tls_invalid",
    /// A signature algorithm or key below today's minimum.
    TlsWeak Tls "tls_weak",
    /// Revoked by its issuer.
    TlsRevoked Tls "tls_revoked",
    /// The revocation list could not be had. Fails only with `revocation: hard`.
    TlsRevocationUnavailable Tls "tls_revocation_unavailable",
    /// The server refused our client certificate or the lack of one.
    TlsClientCert Tls "tls_client_cert",
    /// A status other than expected.
    HttpStatus Http "http_status",
    /// A protocol version other than expected.
    HttpVersion Http "http_version",
    /// More redirects than allowed.
    RedirectLimit Http "redirect_limit",
    /// A redirect to a host outside `allow_hosts`, or to no web address at all.
    RedirectUnexpectedHost Http "redirect_unexpected_host",
    /// The request was sent and no complete response head came in time.
    ResponseTimeout Http "response_timeout",
    /// The response body did not end in time.
    BodyTimeout Http "body_timeout",
    /// The body is larger than the limit.
    BodyTooLarge Http "body_too_large",
    /// The body could not be decompressed or decoded.
    BodyDecode Http "body_decode",
    /// The peer broke the protocol.
    ProtocolError Http "protocol_error",
    /// A `body` or `css` expectation failed.
    BodyMismatch Content "body_mismatch",
    /// A `header` or `cookie` expectation failed.
    HeaderMismatch Content "header_mismatch",
    /// A `json` expectation failed.
    JsonMismatch Content "json_mismatch",
    /// The final URL, or its scheme, is not the expected one.
    UrlMismatch Content "url_mismatch",
    /// A notice instead of the service: status 200, nothing works (2023-11-17 13:55).
    NoticePage Content "notice_page",
    /// Slower than an expected time.
    TooSlow Content "too_slow",
    /// The flow ended without the positive marker.
    NotLoggedIn Login "not_logged_in",
    /// The form to submit is not on the page.
    FormMissing Login "form_missing",
    /// A value to capture is not in the response.
    CaptureMissing Login "capture_missing",
    /// The service said that the password is wrong.
    BadCredentials Login "bad_credentials",
    /// The service said that the account is locked.
    AccountLocked Login "account_locked",
    /// A captcha stands in the way.
    Captcha Login "captcha",
    /// A second factor is asked for that the flow does not have.
    MfaRequired Login "mfa_required",
    /// The service limits our rate.
    RateLimited Login "rate_limited",
    /// A web application firewall stands in the way.
    WafBlocked Login "waf_blocked",
    /// The service refused our signing certificate.
    CertRejected Login "cert_rejected",
    /// The service's certificate verification server failed (the cause of 2023-11-17).
    PkiBackend Login "pki_backend",
    /// The session was gone in a later step.
    SessionLost Login "session_lost",
    /// The logout failed; degrades only.
    LogoutFailed Login "logout_failed",
    /// The account is held by the guard.
    AccountHeld Probe "account_held",
    /// A secret cannot be read.
    SecretMissing Probe "secret_missing",
    /// A secret would have gone to a host it is not bound to.
    SecretHost Probe "secret_host",
    /// Our signing failed.
    SignFailed Probe "sign_failed",
    /// The proxy refused or could not be reached.
    ProxyFailed Probe "proxy_failed",
    /// All controls fail: this vantage is offline.
    VantageOffline Probe "vantage_offline",
    /// A fault of the prober itself.
    Internal Probe "internal",
}

impl Reason {
    /// Finds a reason by its label.
    pub fn from_label(label: &str) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|reason| reason.as_str() == label)
    }

    /// True for causes on our side of the test: they make a ticket, never an outage.
    pub const fn says_nothing_about_the_service(self) -> bool {
        matches!(self.stage(), Stage::Probe)
            || matches!(
                self,
                Reason::BadCredentials
                    | Reason::AccountLocked
                    | Reason::Captcha
                    | Reason::MfaRequired
                    | Reason::RateLimited
                    | Reason::WafBlocked
                    | Reason::CertRejected
            )
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
