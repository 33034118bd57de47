"""Panels that several boards show. The same question has the same panel everywhere."""

import thresholds
from frame import row_to_service, runbook, to_service
from panels import (ALWAYS, BROKEN, Column, GREEN, GREY, ORANGE, RED, TEXT, YELLOW, bars, graph, now,
                    Query, rows, stacked, stat, table, timeline)
from texts import (REASON, SERVICE, STATE, STEP, both, reason_mapping, severity_mapping,
                   state_mapping)

CHOSEN = 'service=~"$service"'
PLACE = 'service=~"$service",site=~"$site",vantage=~"$vantage"'
# Minutes of the month that are left: some, few, none.
MINUTES_LEFT = [(None, RED), (0, ORANGE), (10, GREEN)]
# What is counted is believed only while somebody has a fresh verdict; else the panel is grey.
WATCHED = "and on () bongsu_probe_verdict"
# A text without data fits beside the numbers, and names can be read.
SMALL = {"text": {"titleSize": 19, "valueSize": 34}}
# Two numbers side by side, each with what it counts.
PAIR = {"textMode": "value_and_name", "text": {"titleSize": 12, "valueSize": 42}}
# A scrape comes every 5 s; what is older than a minute is no longer "now".
STALE_SECONDS = 60


def first_above(key):
    """The first whole number above an alert's strict threshold, for counts."""
    return thresholds.of(key) + 1


def plain(name):
    """A value of a stat that only gives the scale."""
    return {"matcher": {"id": "byName", "options": name},
            "properties": [{"id": "thresholds",
                            "value": {"mode": "absolute", "steps": [{"value": None, "color": GREY}]}}]}


def titled(expression, labels="title"):
    """The service's title beside its name."""
    return f"{expression} * on (service) group_left ({labels}) service:card"


def breakable(expression, label):
    """With the reason once more as `label`, in which a narrow tile may break the line within one of the
    long reasons."""
    whole = f'label_replace({expression}, "{label}", "$1", "reason", "(.+)")'
    return f'label_replace({whole}, "{label}", "$1\\u200b$2", "reason", "(.{{7,14}}_)(.{{10,}})")'


def vantages():
    """Who is watching, and who could."""
    return stat(
        both("관측 지점", "Vantages online"),
        "자기 네트워크가 살아 있는 관측 지점과 전체. 끊긴 지점의 판정은 쓰지 않는다.",
        "Vantages whose own network works, and all of them. The verdicts of the others do not count.",
        [now('count(max by (vantage) (bongsu_vantage_online{vantage=~"$vantage"}) == 1) or vector(0)',
             "온라인 · online"),
         now('count(count by (vantage) (up{job=~"$job",vantage=~"$vantage"}))', "전체 · all")],
        steps=[(None, RED), (first_above("AllVantagesOffline"), GREEN)],
        overrides=[plain("전체 · all")],
        alerts=("AllVantagesOffline", "VantageOffline"), options=PAIR,
    )


def freshness():
    """A board that shows old numbers in green is worse than none."""
    return stat(
        both("화면의 나이", "Age of this board"),
        f"마지막 감시 결과가 나온 뒤 지난 시간. {STALE_SECONDS}초를 넘으면 회색이 되며, 그때 이 화면의 다른 값은 믿지 않는다.",
        f"Time since the last result of any probe. Grey beyond {STALE_SECONDS} seconds: then do not "
        "believe the rest of this board.",
        [now("clamp_min(time() - max(bongsu_probe_last_run_timestamp_seconds), 0)")],
        unit="s", steps=[(None, GREY), (0, GREEN), (STALE_SECONDS, GREY)], empty="감시 안 됨 · NOT WATCHED",
        defaults={"decimals": 0}, alerts=("Watchdog", "ServiceUnwatched"),
    )


def minutes_left():
    return bars(
        both("이번 달 남은 분(평균)", "Minutes left this month, mean"),
        "SLA 목표(30일 기준 1등급 34.6분, 나머지 43.2분)에서 이번 달(한국 시각)에 쓴 시간을 뺀 값(감시 항목의 평균으로 센 값이며, 계약의 장애 시간 보고서와 다를 수 있다). "
        "실패한 횟수가 아니라 실제 장애 시간으로 센다. 예고된 점검은 빼고 센다.",
        "What is left of 34.6 minutes (grade 1) or 43.2 minutes (others) in this month of Korea. "
        "It is the mean over probes, not the contract's report of fault minutes. "
        "Counted as time down, not as failed runs; announced maintenance does not count.",
        [now(f"sort({titled(f'service:budget_left:minutes{{{CHOSEN}}}')})", "{{title}}")],
        unit="m", steps=MINUTES_LEFT, defaults={"decimals": 1, "min": 0, "max": 45,
                                                "links": [to_service()]},
        related=("ErrorBudgetBurnFast", "ErrorBudgetBurnSlow"),
    )


def last_login():
    """What a test by hand on a Saturday was for, every few minutes."""
    worst = "min by (service) (bongsu_probe_last_success_timestamp_seconds{kind=\"login\"," + CHOSEN \
            + ",site=~\"$site\"})"
    return bars(
        both("마지막 로그인 성공 후", "Since the last good login"),
        "감시용 계정의 로그인이 끝까지 성공한 뒤 지난 시간. 기관이 여럿이면 가장 오래된 곳.",
        "Time since a login of the test account last went through to its end; of several sites, the "
        "oldest.",
        [now(f"sort_desc({titled(f'(time() - {worst})')})", "{{title}}")],
        unit="s", steps=[(None, GREY), (0, GREEN), (600, ORANGE), (1800, RED)],
        defaults={"decimals": 0, "min": 0, "max": 3600, "links": [to_service("bongsu-login")]},
        empty="로그인 감시 항목 없음 · no login probe", alerts=("LoginBroken",),
    )


def failures(title, texts, labels, where=PLACE, **more):
    """Failed runs as bars, counted by `labels`; `texts` are the description in both languages."""
    return stacked(
        title, *texts,
        [Query(f"sum by ({', '.join(labels)}) (increase(bongsu_probe_failures_total{{"
               f"{where}}}[$__rate_interval]))", " ".join(f"{{{{{label}}}}}" for label in labels),
               expected=BROKEN)],
        unit="short", style={"drawStyle": "bars"}, defaults={"min": 0},
        empty="실패 없음 · no failure", **more,
    )


def states():
    """The day of every service."""
    return timeline(
        both("상태 변화", "States over time"),
        "서비스 상태의 변화. 점검 중이거나 판단할 수 없던 때도 보인다.",
        "How the states changed, with maintenance and times in which nobody could tell.",
        [Query(titled(f"service:state{{{CHOSEN}}}"), "{{title}}")],
        state_mapping(), related=("ServiceFlapping", "ServiceRecovering"),
    )


def firing(service='service=~"($service)|"', height="sm"):
    """`ALERTS_FOR_STATE` says since when."""
    return table(
        both("발생 중인 경보", "Firing alerts"),
        "지금 발생 중인 경보와 시작된 뒤 지난 시간. 이름을 누르면 대응 절차가 열린다.",
        "Alerts that fire now, and for how long. The name opens its runbook.",
        [rows("time() - ALERTS_FOR_STATE and ignoring (alertstate)"
              f' ALERTS{{alertstate="firing",severity!="none",{service}}}', BROKEN)],
        [
            ("severity", Column(both("등급", "Severity"), width=110, mapping=severity_mapping(),
                                cell="color-text")),
            ("alertname", Column(both("경보", "Alert"), links=[runbook()])),
            ("service", Column(SERVICE, width=160, links=[row_to_service()])),
            ("Value", Column(both("경과", "Since"), unit="dthms", width=120)),
        ],
        sort=[(both("경과", "Since"), "asc")], cell=height, empty="발생 중인 경보 없음 · no alert fires",
    )
