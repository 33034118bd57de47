"""Logins step by step: where they break, whose fault it is, and whether our accounts still work."""

import library
import thresholds
from frame import Board, row_to_service, to_service
from panels import (BLUE, BROKEN, Column, GREEN, GREY, ORANGE, RED, TEXT, YELLOW, Query, bars, graph,
                    now, rows, stat, table, timeline)
from texts import REASON, SERVICE, STEP, both, reason_mapping, words

PLACE = library.PLACE
LOGIN = f'kind="login",{PLACE}'
WORKS = words({0: ("실패 · FAILS", RED), 1: ("성공 · WORKS", GREEN)})
DOWN = words({0: ("정상 · UP", GREEN), 1: ("장애 · DOWN", RED)})


def verdicts():
    """Grey for what says nothing of the service."""
    return stat(
        both("로그인", "Logins"),
        "서비스별 로그인. 감시용 계정이 거부되면 장애가 아니라 판단 불가(회색)이다.",
        "The login of each service. A refused test account is no outage: nobody can tell (grey).",
        [now("sort_desc(2 * max by (service) (probe:down{kind=\"login\",service=~\"$service\","
             "site=~\"$site\"}) or on (service) 0 * count by (service) (bongsu_probe_interval_seconds{"
             f"{LOGIN}}}) + 1)", "{{service}}")],
        defaults={"mappings": [words({2: ("실패 · FAILS", RED), 1: ("판단 불가 · NO VERDICT", GREY),
                                      0: ("성공 · WORKS", GREEN)})],
                  "links": [to_service()]},
        empty="로그인 감시 항목 없음 · no login probe", alerts=("LoginBroken", "ProbeUnknown"),
        options={"textMode": "value_and_name", "text": {"titleSize": 16, "valueSize": 20}},
    )


def step_history():
    return timeline(
        both("실패한 단계의 경과", "Steps that failed, over time"),
        "이 기간에 한 번이라도 실패한 단계. 마지막 로그인에서 예상한 것을 찾았는지 보인다. 앞 단계가 실패한 동안은 비어 있다.",
        "Steps that failed at any time in this range: whether each found what it expects. It is absent"
        " while an earlier one fails.",
        [Query(f"min by (service, step) (bongsu_step_success{{{PLACE}}}) and on (service, step)"
               f" (min by (service, step) (min_over_time(bongsu_step_success{{{PLACE}}}[$__range] @ end())) == 0)",
               "{{service}} / {{step}}", expected=BROKEN)],
        WORKS, empty="모든 단계 성공 · every step succeeded", alerts=("LoginBroken",),
    )


def waterfall():
    return bars(
        both("단계별 소요 시간", "Time of each step"),
        "로그인 한 번이 단계마다 쓰는 시간의 평균(지금), 가장 긴 열 단계.",
        "What one login takes in each step, on average, now: the ten that take longest.",
        [now(f"topk(10, avg by (service, step) (bongsu_step_duration_seconds{{{PLACE}}}))",
             "{{service}} / {{step}}")],
        unit="s", steps=[(None, BLUE)], defaults={"min": 0, "decimals": 2},
    )


def where():
    return library.failures(
        both("실패한 단계와 원인", "Where and why it fails"),
        ("실패한 로그인의 수, 단계와 원인별.", "Failed logins, by step and reason."),
        ["service", "step", "reason"], LOGIN,
        options={"legend": {"showLegend": True, "displayMode": "list", "placement": "right", "calcs": []}},
    )


def components():
    return timeline(
        both("인증 구성 요소", "Components behind the logins"),
        "로그인 단계들이 가리키는 구성 요소(GPKI, 통합인증)의 상태. 서비스 둘과 절반이 같은 곳을 지목하면 장애로 본다.",
        "What the steps of the logins depend on (GPKI, sign-on). It is down when two services and"
        " half of those that test it blame it.",
        [Query("max by (component) (component:down)", "{{component}}")],
        DOWN, alerts=("CauseDown",),
    )


def blame():
    return table(
        both("로그인 실패, 지금", "Logins that fail now"),
        "마지막 로그인이 실패한 단계, 원인, 책임 구성 요소.",
        "Step, reason and component of the last failed logins.",
        [rows("count by (service, site, step, reason, component)"
              f" (bongsu_probe_failure_info{{{LOGIN}}})", BROKEN)],
        [
            ("service", Column(SERVICE, width=160, links=[row_to_service()])),
            ("site", Column(both("기관", "Site"), width=110)),
            ("step", Column(STEP, width=115)),
            ("reason", Column(REASON, mapping=reason_mapping())),
            ("component", Column(both("구성 요소", "Component"), width=175)),
            ("Value", Column(both("관측 지점", "Vantages"), width=150)),
        ],
        sort=[(SERVICE, "asc")], cell="sm", empty="모두 성공 · all succeed", alerts=("LoginBroken",),
    )


def difference():
    return graph(
        both("로그인과 첫 화면의 시간", "Login beside front page"),
        "가장 느린 로그인 전체의 시간과, 로그인이 있는 서비스의 가장 느린 첫 화면의 시간. 첫 화면만 감시하면 위 선을 알 수 없다.",
        "The slowest whole login, and the slowest front page of those services. Who watches only front"
        " pages never sees the upper line.",
        [Query(f"max(avg by (service) (probe_duration_seconds{{{LOGIN}}}))",
               "가장 느린 로그인 · slowest login"),
         Query("max(avg by (service) (probe_duration_seconds{" f'kind="http",{PLACE}' "}"
               f" and on (service) probe_duration_seconds{{{LOGIN}}}))",
               "가장 느린 첫 화면 · slowest front page")],
        unit="s", defaults={"min": 0}, related=("ServiceSlow",),
    )


def held():
    # Held is 1, so the threshold is where the value stands.
    return stat(
        both("로그인 보류", "Accounts held"),
        "잠기지 않도록 로그인을 보류한 감시용 계정의 수. 비밀 값을 교체하거나 보류를 풀 때까지 그 로그인은 실행되지 않는다.",
        "Test accounts that are held back lest they be locked. Their logins stop until the secret"
        " changes or somebody resumes them.",
        [now("count(max by (account, host) (bongsu_account_held) == 1) or 0 * count(bongsu_account_held)")],
        steps=[(None, GREY), (0, GREEN), (thresholds.of("ProbeAccountHeld"), ORANGE)],
        alerts=("ProbeAccountHeld",),
    )


def refused():
    return stat(
        both("거부된 계정", "Accounts refused"),
        "감시용 계정이나 인증서가 거부되는 서비스의 수. 장애가 아니라 계정을 갱신할 일이다.",
        "Services that refuse our test account or certificate. Not an outage: renew it.",
        [now("(count(count by (service) (bongsu_probe_failure_info{service=~\"$service\","
             'reason=~"bad_credentials|account_locked|cert_rejected"})) or vector(0))'
             f" {library.WATCHED}")],
        steps=[(None, GREY), (0, GREEN), (1, ORANGE)], alerts=("LoginProbeCredentialRejected",),
    )


def board():
    login = Board("bongsu-login", "로그인이 어느 단계에서 왜 막히는가. "
                  "Where and why logins break.")
    login.add(5, (12, verdicts()), (3, refused()), (3, held()), (3, library.vantages()),
              (3, library.freshness()))
    login.add(7, (12, step_history()), (6, waterfall()), (6, library.last_login()))
    login.add(9, (12, blame()), (12, where()))
    login.add(6, (8, components()), (8, difference()), (8, library.firing()))
    return login
