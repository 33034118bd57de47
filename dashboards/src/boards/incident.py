"""One outage, looked at afterwards: what fell first, how it spread, what the repairs achieved."""

import library
from frame import Board, row_to_service, to_service
from panels import (ALWAYS, BLUE, BROKEN, Column, GREEN, GREY, ORANGE, RED, TEXT, YELLOW, Query, bars,
                    graph, now, rows, stacked, stat, table, timeline)
from texts import SERVICE, both, reason_mapping, state_mapping, words

CHOSEN = 'service=~"$service"'
# The first moment of the range at which it was down; 15 s is how often the rules look.
FELL = f"min_over_time((timestamp(service:down{{{CHOSEN}}} == 1))[$__range:15s])"
SPENT = f"sum by (service) (sum_over_time(service:down_minutes:increase1m{{{CHOSEN}}}[$__range]))"


def first():
    return stat(
        both("최초 장애", "What fell first"),
        "이 기간에 가장 먼저 장애가 난 서비스와 그 시각.",
        "The service that was the first to fall in this range, and when.",
        [now(f"1000 * bottomk(1, max by (service) ({FELL}))", "{{service}}", BROKEN)],
        unit="dateTimeAsIso", steps=[(None, GREY), (0, RED)], empty="장애 없음 · nothing fell",
        alerts=("CauseDown",), options={"textMode": "value_and_name", "text": {"titleSize": 20, "valueSize": 28}},
    )


def most():
    return stat(
        both("동시 장애 최대", "At its worst"),
        "이 기간에 동시에 장애였던 서비스의 최대 수.",
        "The most services that were down together in this range.",
        [now(f"max_over_time(sum(service:down{{{CHOSEN}}})[$__range:15s])")],
        steps=[(None, GREY), (0, GREEN), (1, RED)], alerts=("ServiceDown",),
    )


def worst_sites():
    return stat(
        both("기관 최대", "Most sites"),
        "이 기간에 동시에 장애였던 기관의 최대 수.",
        "The most sites that were down together in this range.",
        [now(f"max_over_time(sum(service:sites:down{{{CHOSEN}}})[$__range:15s])")],
        steps=[(None, GREY), (0, GREEN), (library.first_above("SitesDown"), RED)], empty="기관 없음 · no sites",
        alerts=("SitesDown",),
    )


def attempts():
    return stat(
        both("회복 시도", "Recovery attempts"),
        "장애 뒤에 다시 응답한 횟수(가장 많은 서비스). 1보다 크면 '복구'가 성급했다.",
        "How often the worst service came back from being down. More than 1 means that a recovery"
        " was announced too early.",
        [now(f"max(resets(service:stability:down{{{CHOSEN}}}[$__range]))")],
        steps=[(None, GREY), (0, GREEN), (1, BLUE), (2, ORANGE)], alerts=("ServiceRelapsed",),
    )


def spent_most():
    return stat(
        both("쓴 예산", "Budget spent"),
        "이 기간에 장애가 가장 길었던 서비스가 쓴 월 예산의 비율.",
        "The share of its monthly minutes that the worst service spent in this range.",
        [now(f"max({SPENT} / on (service) service:budget:minutes) or vector(0)")],
        unit="percentunit", steps=[(None, GREY), (0, GREEN), (0.5, ORANGE), (1, RED)],
        defaults={"decimals": 0}, related=("ErrorBudgetBurnFast",),
    )


def order():
    return table(
        both("장애 순서", "Order of the falls"),
        "장애가 난 순서와, 최초 장애보다 늦은 시간. 거리는 지금 원인으로 보이는 것에서 몇 단계 건너에 있는지.",
        "Who fell when, and how long after the first. The distance is how many needs away the likely"
        " cause is.",
        [
            rows(f"1000 * max by (service) ({FELL})", BROKEN),
            rows(f"max by (service) ({FELL}) - on () group_left () min({FELL})", BROKEN),
            rows(f"max by (service, title) (service:card) and on (service) max by (service) ({FELL})",
                 BROKEN),
            rows("topk by (service) (1, max by (service, needs, distance) (bongsu_service_needs"
                 " and on (service, needs) label_replace(max_over_time(service:root_cause["
                 '$__range]), "needs", "$1", "cause", "(.+)")))'
                 f" and on (service) max by (service) ({FELL})", BROKEN),
            rows(f"max by (service) (resets(service:stability:up{{{CHOSEN}}}[$__range]))"
                 f" and on (service) max by (service) ({FELL})", BROKEN),
            rows(SPENT, BROKEN),
        ],
        [
            ("title", Column(SERVICE, width=240, links=[row_to_service()])),
            ("Value #A", Column(both("장애 시작", "Fell at"), unit="dateTimeAsIso", width=165)),
            ("Value #B", Column(both("경과", "After first"), unit="s", width=125)),
            ("Value #E", Column(both("횟수", "Falls"), width=90, decimals=0)),
            ("Value #F", Column(both("쓴 분", "Minutes"), width=115, decimals=1)),
            ("needs", Column(both("원인 추정", "Likely cause"), width=170)),
            ("distance", Column(both("거리", "Needs away"))),
        ],
        sort=[(both("장애 시작", "Fell at"), "asc")], cell="sm", empty="장애 없음 · nothing fell",
        alerts=("ServiceHeldBack",),
    )


def spread():
    return stacked(
        both("원인별로 번진 수", "Spread by likely cause"),
        "같은 원인을 가진 것으로 보이는 장애 서비스의 수. 한 원인에서 번지는 모습이 계단으로 보인다.",
        "Services that are down, by the cause they seem to share. A spreading cause is a staircase.",
        [Query(f"count by (cause) (service:root_cause{{{CHOSEN}}})", "{{cause}}", expected=BROKEN)],
        unit="short", style={"lineInterpolation": "stepAfter"}, defaults={"min": 0, "decimals": 0},
        empty="장애 없음 · nothing fell", alerts=("CauseDown",),
    )


def distance():
    return graph(
        both("거리별로 번진 수", "Spread along needs"),
        "원인에서 1단계, 2단계 건너 필요로 하는 서비스 가운데 장애인 수.",
        "Services that are down one or two needs away from something that is down.",
        [Query("count by (distance) (max by (service, distance) (bongsu_service_needs"
               f" and on (service) service:down{{{CHOSEN}}} == 1 and on (needs)"
               ' label_replace(service:down == 1, "needs", "$1", "service", "(.+)")))',
               "{{distance}}단계 · needs away", expected=BROKEN)],
        unit="short", style={"lineInterpolation": "stepAfter"}, defaults={"min": 0, "decimals": 0},
        empty="번지지 않음 · did not spread", alerts=("ServiceHeldBack",),
    )


def sites():
    return graph(
        both("장애 기관", "Sites down"),
        "시간에 따른 장애 기관의 수.",
        "How many sites were down over time.",
        [Query(f"service:sites:down{{{CHOSEN}}}", "{{service}}"),
         Query(f"service:sites:total{{{CHOSEN}}}", "{{service}} 전체 · all")],
        unit="short", style={"lineInterpolation": "stepAfter"}, defaults={"min": 0, "decimals": 0},
        empty="기관 없음 · no sites", related=("SitesDown",),
    )


def reasons():
    return library.failures(
        both("원인의 변화", "Reasons over time"),
        ("실패한 실행의 수, 원인별. 원인이 바뀌면 장애의 성격이 바뀐 것이다.",
         "Failed runs by reason. When the reasons change, so did the fault."),
        ["reason"],
    )


def spent():
    return bars(
        both("이 기간에 쓴 분", "Minutes spent in this range"),
        "서비스마다 이 기간에 쓴 월 예산의 분. 한도는 34.6분(1등급), 43.2분(나머지)이다.",
        "The minutes of the month that each service spent in this range, of 34.6 (grade 1) or 43.2.",
        [now(f"sort_desc({SPENT} * on (service) group_left (title) service:card)", "{{title}}",
             BROKEN)],
        unit="m", steps=[(None, BLUE), (17, ORANGE), (34.6, RED)],
        defaults={"min": 0, "max": 43.2, "decimals": 1, "links": [to_service()]},
        empty="쓴 시간 없음 · nothing spent", related=("ErrorBudgetBurnFast",),
    )


def restored():
    return table(
        both("회복 현황", "Restored"),
        "장애의 원인을 필요로 하는 서비스 가운데 다시 정상인 수와 전체, 등급별.",
        "Of the services that need a cause whose incident is open, how many stand again, by grade.",
        [
            rows("max by (cause, grade) (cause:services:up)", BROKEN),
            rows("max by (cause, grade) (cause:services:total)", BROKEN),
            rows("cause:services:up / cause:services:total", BROKEN),
        ],
        [
            ("cause", Column(both("원인", "Cause"), width=130)),
            ("grade", Column(both("등급", "Grade"), width=105)),
            ("Value #A", Column(both("정상", "Up"), width=85, decimals=0)),
            ("Value #B", Column(both("전체", "Of"), width=85, decimals=0)),
            ("Value #C", Column(both("비율", "Share"), unit="percentunit", cell="gauge",
                                steps=[(None, RED), (0.5, ORANGE), (1, GREEN)], limits=(0, 1), decimals=0)),
        ],
        key=None, sort=[(both("등급", "Grade"), "asc")], cell="sm", empty="공통 원인 없음 · no common cause",
        alerts=("CauseDown",),
    )


def pages():
    return timeline(
        both("호출의 기록", "Pages over time"),
        "사람을 부른 경보. 하나의 장애는 하나의 호출이어야 한다.",
        "What paged. One outage should be one page.",
        [Query('max by (alertname, service) (ALERTS{alertstate="firing",severity="page",'
               'service=~"($service)|"})', "{{alertname}} {{service}}", expected=BROKEN)],
        words({1: ("발생 · FIRING", RED)}), empty="호출 없음 · no page", alerts=("PageUnacknowledged",),
    )


def board():
    incident = Board("bongsu-incident", "한 장애를 되짚는다: 어디서 먼저 장애가 나고 어떻게 번졌는가. "
                     "One outage: what fell first, and how it spread.")
    incident.add(4, (7, first()), (4, most()), (4, worst_sites()), (3, attempts()), (3, spent_most()),
                 (3, library.freshness()))
    incident.add(10, (10, library.states()), (14, order()))
    incident.add(7, (8, spread()), (8, distance()), (8, sites()))
    incident.add(8, (6, reasons()), (7, restored()), (6, pages()), (5, spent()))
    return incident
