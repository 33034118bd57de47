"""Certificates: which end soon by their own lifetime, which are refused, and why."""

import library
import thresholds
from frame import Board, row_to_service
from panels import (ALWAYS, BLUE, BROKEN, Column, GREEN, GREY, ORANGE, RED, TEXT, YELLOW, bars, now,
                    rows, stat, table)
from texts import SERVICE, both, words

CHOSEN = 'service=~"$service",site=~"$site"'
KEY = "service, probe, site, position, serial"
LEFT = f"cert:remaining:seconds{{{CHOSEN}}}"
LIMITS = thresholds.limits()
SOON, OVERDUE = LIMITS["TLSCertificateExpiringSoon"], LIMITS["TLSCertificateRenewalOverdue"]
# The alerts' own questions, as numbers; the worst first.
TIER = (f"3 * ({LEFT} <= bool {thresholds.of('TLSCertificateExpired'):g} == 1)"
        f" or 2 * ({LEFT} < bool {SOON} == 1) or 1 * ({LEFT} < bool {OVERDUE} == 1) or 0 * {LEFT}")
TIERS = words({3: ("만료 · EXPIRED", RED), 2: ("임박 · SOON", ORANGE), 1: ("갱신 지연 · OVERDUE", YELLOW),
               0: ("정상 · OK", GREEN)})
DAY = 86400
DAYS = "suffix: 일"
# A table of more is not read; the worst are on top.
SHOWN_MAX = 100
WORST = f"bottomk({SHOWN_MAX}, max by ({KEY}) ({LEFT}))"


def counts():
    def one(korean, english, explanation, meaning, query, alert, colour):
        return stat(both(korean, english), explanation, meaning, [now(f"count({query}) or 0 * count({LEFT})")],
                    steps=[(None, GREY), (0, GREEN), (1, colour)], alerts=(alert,))

    return [
        one("만료", "Expired", "유효기간이 끝난 인증서.", "Certificates that have ended.",
            f"{LEFT} <= {thresholds.of('TLSCertificateExpired'):g}", "TLSCertificateExpired", RED),
        one("만료 임박", "Expiring soon", "남은 기간이 수명의 10분의 1(최대 7일)보다 짧은 인증서.",
            "Less than a tenth of the lifetime is left, at most 7 days.",
            f"({LEFT} > 0) < {SOON}", "TLSCertificateExpiringSoon", ORANGE),
        one("갱신 지연", "Renewal overdue", "남은 기간이 수명의 4분의 1(최대 30일)보다 짧은 인증서.",
            "Less than a quarter of the lifetime is left, at most 30 days.",
            f"({LEFT} > 0) < {OVERDUE}", "TLSCertificateRenewalOverdue", YELLOW),
        one("검증 실패", "Refused", "브라우저나 프로그램이 받아들이지 않는 인증서를 가진 감시 항목.",
            "Probes whose chain is not accepted by clients.",
            f"count by (service, probe, site) (bongsu_cert_invalid{{{CHOSEN}}})",
            "TLSCertificateInvalid", RED),
    ]


def every():
    return table(
        both("인증서, 급한 것부터", "Certificates, most urgent first"),
        "수명에 비추어 급한 것부터. 고정된 날수가 아니라 수명의 비율로 판단한다: 수명은 지금 200일이고 2029년에는 47일이다.",
        "Judged by a share of their lifetime and not by fixed days: lifetimes are 200 days now and 47"
        " by 2029.",
        [
            rows(f"{WORST} / {DAY}"),
            rows(f"max by ({KEY}) ({TIER}) and on ({KEY}) {WORST}"),
            rows(f"max by ({KEY}) (cert:lifetime:seconds{{{CHOSEN}}}) / {DAY} and on ({KEY}) {WORST}"),
            rows(f"max by ({KEY}) (clamp_min({LEFT} / cert:lifetime:seconds, 0)) and on ({KEY}) {WORST}"),
        ],
        [
            ("service", Column(SERVICE, width=190, links=[row_to_service()])),
            ("probe", Column(both("감시 항목", "Probe"), width=130)),
            ("site", Column(both("기관", "Site"), width=120)),
            ("position", Column(both("위치", "Position"), width=110)),
            ("Value #B", Column(both("판정", "Verdict"), width=200, mapping=TIERS,
                                cell="color-background")),
            ("Value #A", Column(both("남은 기간", "Left"), unit=DAYS, width=140, decimals=1)),
            ("Value #C", Column(both("수명", "Lifetime"), unit=DAYS, width=140, decimals=1)),
            ("Value #D", Column(both("남은 비율", "Share left"), unit="percentunit", cell="gauge",
                                decimals=0, limits=(0, 1), steps=[(None, RED), (0.1, YELLOW),
                                                                  (0.25, GREEN)])),
        ],
        key=None, sort=[(both("판정", "Verdict"), "desc")], cell="sm",
        empty="인증서 없음 · no certificate",
        alerts=("TLSCertificateExpired", "TLSCertificateExpiringSoon",
                "TLSCertificateRenewalOverdue"),
    )


def invalid():
    return table(
        both("검증에 실패한 이유", "Why chains are refused"),
        "체인에서 찾은 모든 잘못. 검증이 실패해도 체인은 끝까지 읽는다.",
        "Every fault found in a chain. The chain is read also when it is refused.",
        [rows(f"count by (service, probe, site, reason) (bongsu_cert_invalid{{{CHOSEN}}})", BROKEN)],
        [
            ("service", Column(SERVICE, width=160, links=[row_to_service()])),
            ("probe", Column(both("감시 항목", "Probe"), width=135)),
            ("site", Column(both("기관", "Site"), width=110)),
            ("reason", Column(both("이유", "Reason"))),
            ("Value", Column(both("관측 지점", "Vantages"), width=150)),
        ],
        sort=[(SERVICE, "asc")], cell="sm", empty="모두 유효 · all valid",
        alerts=("TLSCertificateInvalid",),
    )


def calendar():
    """How many end within each span of the next months."""
    edges = [0, 7, 14, 30, 60, 100, 200, 400]
    return bars(
        both("만료 달력", "Ends within"),
        "앞으로 며칠 안에 끝나는 리프 인증서의 수.",
        "Leaf certificates by the number of days until they end.",
        [now(f'count({LEFT[:-1]},position="0"}} > {low} * {DAY} <= {high} * {DAY}) or vector(0)',
             f"{low}~{high}일") for low, high in zip(edges, edges[1:])],
        unit="short", steps=[(None, BLUE)], defaults={"min": 0, "decimals": 0},
    )


def lifetimes():
    """What the CA/Browser Forum allows from when on."""
    spans = [(0, 47, "≤ 47일 · d (2029-03-15~)"), (47, 100, "≤ 100일 · d (2027-03-15~)"),
             (100, 200, "≤ 200일 · d (2026-03-15~)"), (200, 36500, "> 200일 · d")]
    return bars(
        both("수명 분포", "Lifetimes"),
        "리프 인증서의 수명. 공개 인증서의 한도는 200일, 2027년 100일, 2029년 47일로 줄어든다.",
        "Lifetimes of leaf certificates. The limit for public ones falls from 200 days to 100 in 2027"
        " and 47 in 2029.",
        [now(f'count(cert:lifetime:seconds{{{CHOSEN},position="0"}} > {low} * {DAY} <= {high} * {DAY})'
             " or vector(0)", label) for low, high, label in spans],
        unit="short", steps=[(None, BLUE)], defaults={"min": 0, "decimals": 0},
    )


def versions():
    return bars(
        both("TLS 버전", "TLS versions"),
        "협상된 TLS 버전.",
        "The versions that probes negotiated.",
        [now("sort_desc(count by (version) (count by (service, probe, site, version)"
             f" (probe_tls_version_info{{{CHOSEN}}})))", "{{version}}")],
        unit="short", steps=[(None, BLUE)], defaults={"min": 0, "decimals": 0},
    )


def earliest():
    return bars(
        both("서비스별 가장 빠른 만료", "First to end, by service"),
        "서비스마다 가장 먼저 끝나는 인증서까지 남은 기간.",
        "Time until the first certificate of each service ends.",
        [now(f"sort(min by (service) ({LEFT}) / {DAY})", "{{service}}")],
        unit=DAYS, steps=[(None, RED), (thresholds.of("TLSCertificateExpiringSoon/days"), ORANGE),
                         (thresholds.of("TLSCertificateRenewalOverdue/days"), GREEN)],
        defaults={"min": 0, "max": 200, "decimals": 1},
        alerts=("TLSCertificateExpiringSoon", "TLSCertificateRenewalOverdue"),
    )


def board():
    tls = Board("bongsu-tls", "어느 인증서가 곧 끝나거나 거부되는가. "
                "Which certificates end soon or are refused.")
    tls.add(4, *((4, panel) for panel in counts()), (4, library.vantages()), (4, library.freshness()))
    tls.add(12, (15, every()), (9, earliest()))
    tls.add(7, (6, calendar()), (6, lifetimes()), (3, versions()), (9, invalid()))
    tls.add(6, (24, library.firing()))
    return tls
