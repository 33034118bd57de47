"""Every text of the boards that is used more than once, in Korean and English, from one place.

A title is "한국어 · English": one set of boards serves the room and its visitors. A description
has the Korean sentence first and the English one after it.
"""

# States of service:state and site:state in 8-boards.yml: number, colour, text.
STATES = [
    (5, "dark-red", "중단 · DOWN"),
    (4, "orange", "회복 확인 중 · RECOVERING"),
    (3, "#6e7077", "판단 불가 · NO VERDICT"),
    (2, "#c8a200", "일부 이상 · PARTLY"),
    (1, "blue", "점검 · PLANNED"),
    (0, "#2f7d32", "정상 · UP"),
]

# Reasons of a failure as people say them. The closed list is in src/outcome.rs.
REASONS = {
    "dns_nxdomain": "이름 없음", "dns_servfail": "이름 서버 오류", "dns_timeout": "이름 조회 시간 초과",
    "dns_no_address": "주소 없음",
    "connect_refused": "연결 거부", "connect_timeout": "연결 시간 초과",
    "connect_unreachable": "경로 없음", "connection_reset": "연결 끊김",
    "tls_handshake": "TLS 협상 실패", "tls_timeout": "TLS 시간 초과", "tls_legacy": "구형 TLS",
    "tls_expired": "인증서 만료", "tls_not_yet_valid": "인증서 시작 전",
    "tls_name_mismatch": "인증서 이름 불일치", "tls_unknown_issuer": "모르는 발급자",
    "tls_chain_incomplete": "중간 인증서 누락", "tls_self_signed": "자체 서명 인증서",
    "tls_invalid": "잘못된 인증서", "tls_weak": "약한 인증서", "tls_revoked": "폐기된 인증서",
    "tls_revocation_unavailable": "폐기 확인 불가", "tls_client_cert": "클라이언트 인증서 거부",
    "http_status": "오류 응답", "http_version": "HTTP 버전", "redirect_limit": "이동 반복",
    "redirect_unexpected_host": "엉뚱한 곳으로 이동", "response_timeout": "응답 없음",
    "body_timeout": "본문 시간 초과", "body_too_large": "본문 과대", "body_decode": "본문 해독 실패",
    "protocol_error": "프로토콜 오류",
    "body_mismatch": "내용 불일치", "header_mismatch": "헤더 불일치", "json_mismatch": "JSON 불일치",
    "url_mismatch": "주소 불일치", "notice_page": "안내 화면", "too_slow": "느림",
    "not_logged_in": "로그인 안 됨", "form_missing": "입력 양식 없음", "capture_missing": "값 없음",
    "bad_credentials": "비밀번호 거부", "account_locked": "계정 잠김", "captcha": "자동입력 방지",
    "mfa_required": "추가 인증 요구", "rate_limited": "요청 제한", "waf_blocked": "방화벽 차단",
    "cert_rejected": "점검용 인증서 거부", "pki_backend": "인증 검증 실패",
    "session_lost": "세션 유실", "logout_failed": "로그아웃 실패",
    "account_held": "점검 계정 중지", "secret_missing": "비밀값 없음", "secret_host": "비밀값 대상 아님",
    "sign_failed": "서명 실패", "proxy_failed": "프록시 실패", "vantage_offline": "관측 지점 단절",
    "internal": "프로버 내부 오류",
}

SEVERITIES = {
    "page": ("dark-red", "호출 · page"), "escalation": ("dark-red", "대리 호출 · escalation"),
    "ticket": ("#c8a200", "티켓 · ticket"), "chat": ("blue", "알림 · chat"),
}

# Columns of tables.
SERVICE = "서비스 · Service"
STATE = "상태 · State"
REASON = "원인 · Reason"
STEP = "단계 · Step"


def both(korean, english):
    """A title in both languages."""
    return f"{korean} · {english}"


def state_mapping():
    """Numbers of states to their text and colour."""
    return {"type": "value", "options": {
        str(number): {"text": text, "color": color, "index": index}
        for index, (number, color, text) in enumerate(STATES)}}


def reason_mapping():
    """The metric's word stays readable beside the Korean one: logs and alerts use it."""
    return {"type": "value", "options": {
        reason: {"text": f"{korean} · {reason}", "index": index}
        for index, (reason, korean) in enumerate(REASONS.items())}}


def severity_mapping():
    return {"type": "value", "options": {
        name: {"text": text, "color": color, "index": index}
        for index, (name, (color, text)) in enumerate(SEVERITIES.items())}}


def words(table):
    """A mapping of numbers to (text, colour)."""
    return {"type": "value", "options": {
        str(number): {"text": text, "color": color, "index": index}
        for index, (number, (text, color)) in enumerate(table.items())}}
