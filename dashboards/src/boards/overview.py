"""The wall of the operations room: what is down now, since when, why, and what to tell people.

It fits a screen of 1080 lines in kiosk mode without scrolling: 27 rows of the grid.
"""

import library
from frame import Board, row_to_service, to_service
from panels import (ALWAYS, BLUE, BROKEN, Column, GREEN, GREY, ORANGE, RED, YELLOW, bars, now, rows,
                    stat, table)
from texts import REASON, SERVICE, STATE, STEP, both, reason_mapping, state_mapping, words

CHOSEN = 'service=~"$service"'
# So many tiles of text that can be read have room, and so many with a reason in them.
TILES, TILES_WITH_REASONS = 24, 12
# Of the services in trouble only; the rest have their tiles.
TROUBLED = f"and on (service) service:state{{{CHOSEN}}} >= 2"


def counters():
    red_from_one = [(None, GREY), (0, GREEN), (1, RED)]
    unknown = "판단 불가 · NO VERDICT"
    return [
        stat(both("장애 서비스", "Services down"),
             "지금 장애로 확인된 서비스의 수.",
             "Services that are confirmed to be down now.",
             [now(f"(count(service:state{{{CHOSEN}}} == 5) or vector(0)) {library.WATCHED}")],
             steps=red_from_one, empty=unknown, alerts=("ServiceDown", "CauseDown", "NoticePage")),
        stat(both("로그인 불가", "Logins broken"),
             "로그인에 실패하는 서비스의 수. 첫 화면이 열려도 로그인이 안 되면 장애이다.",
             "Services whose login probe fails. A front page that opens is not a service that works.",
             [now(f'(count(max by (service) (probe:down{{kind="login",{CHOSEN},site=~"$site"}}) == 1)'
                  f" or vector(0)) {library.WATCHED}")],
             steps=red_from_one, empty=unknown, alerts=("LoginBroken",)),
        stat(both("공통 원인", "Common causes"),
             "여러 서비스 장애의 공통 원인으로 보이는 구성 요소. 우선 확인한다.",
             "Components that seem to hold several services down. Look at these first.",
             [now("(count by (cause) (service:root_cause) > 1)"
                  f" and on (cause) service:root_cause{{{CHOSEN}}}", "{{cause}}", BROKEN)],
             steps=red_from_one, empty="없음 · none", alerts=("CauseDown",),
             options={"textMode": "value_and_name", **library.SMALL}),
        stat(both("장애 기관", "Sites down"),
             "장애 기관의 수와 감시하는 기관의 수.",
             "Sites that are down, and sites that are watched.",
             [now(f"sum(service:sites:down{{{CHOSEN}}})", "장애 · down"),
              now(f"sum(service:sites:total{{{CHOSEN}}})", "전체 · all")],
             steps=[(None, GREY), (0, GREEN), (library.first_above("SitesDown"), YELLOW)],
             overrides=[library.plain("전체 · all")], empty="기관 없음 · no sites",
             alerts=("SitesDown",), options=library.PAIR),
        library.vantages(),
        stat(both("호출 경보", "Pages firing"),
             "지금 사람을 부르고 있는 경보의 수.",
             "Alerts that are paging somebody now.",
             [now('count(ALERTS{alertstate="firing",severity="page",service=~"($service)|"})'
                  " or vector(0)")],
             steps=red_from_one, alerts=("PageUnacknowledged",)),
        library.freshness(),
        stat(both("예고된 점검", "Maintenance"),
             "지금 열려 있는 점검 시간. 시작할 때 정상이던 것만 장애에서 뺀다.",
             "Windows that are open now. They excuse only what was up when they began.",
             [now(f"max by (service, name) (bongsu_maintenance_active{{{CHOSEN},kind!=\"emergency\"}}) == 1",
                  "{{service}} {{name}}")],
             steps=[(None, GREY), (1, BLUE)], empty="없음 · none", alerts=("MaintenanceActive",),
             defaults={"mappings": [words({1: ("점검 중 · OPEN", BLUE)})]},
             options={"textMode": "value_and_name",
                      "text": {"titleSize": 16, "valueSize": 22}}),
    ]


def tiles():
    names = "* on (service) group_left (title) service:card"
    state = f"service:state{{{CHOSEN}}}"
    few = f"count({state}) <= {TILES_WITH_REASONS}"
    return stat(
        both("서비스, 나쁜 것부터", "Services, worst first"),
        f"서비스마다 한 칸, 나쁜 {TILES}개까지. 서비스가 {TILES_WITH_REASONS}개 이하이면 실패한 단계와 원인이 이름 옆에 붙는다. "
        "회색은 판단할 수 없다는 뜻이다.",
        f"One tile a service, the worst {TILES}; with the failing step and the reason where there are no"
        f" more than {TILES_WITH_REASONS} services. Grey means that nobody can tell.",
        [now(f"sort_desc(topk({TILES}, ({state} >= 2) {names} * on (service) group_left (step, reason, why)"
             f" ({library.breakable('service:reason', 'why')} and on () {few})"
             f" or on (service) {state} {names}))",
             "{{title}} {{step}} {{why}}")],
        defaults={"mappings": [state_mapping()], "links": [to_service()]},
        alerts=("ServiceUnwatched",), empty="감시 안 됨 · NOT WATCHED",
        options={"textMode": "value_and_name", "text": {"titleSize": 16, "valueSize": 18}},
    )


def outages():
    since = "(service:outage:since_timestamp > 0)"
    used = [(None, GREEN), (0.5, ORANGE), (1, RED)]
    return table(
        both("장애 현황", "What is wrong now"),
        "이상이 있는 서비스만, 나쁜 것부터. 시계는 장애가 시작된 때부터 흐르며, 처리 시한은 1등급 2시간, "
        "2등급 3시간이며 그 밖에는 없다. 이번 달 남은 시간은 30일 기준 34.6분(1등급), 43.2분(나머지)에서 줄어든다.",
        "Only services in trouble, worst first. The clock runs from the fall; the limit is 2 hours in"
        " grade 1, 3 in grade 2 and none elsewhere. The month's minutes start at 34.6 (grade 1) or 43.2.",
        [
            rows(f"max by (service) (service:state{{{CHOSEN}}}) >= 2", BROKEN),
            rows(f"service:card {TROUBLED}", BROKEN),
            rows(f"service:reason {TROUBLED}", BROKEN),
            rows(f"max by (service, cause) (service:root_cause) {TROUBLED}", BROKEN),
            rows(f"max by (service) (time() - {since}"
                 f" and on (service) service:state{{{CHOSEN}}} == 5)", BROKEN),
            rows(f"max by (service) ((time() - {since}) / service:outage:limit_seconds"
                 f" and on (service) service:state{{{CHOSEN}}} == 5)", BROKEN),
            rows(f"max by (service) (service:sites:down) {TROUBLED}", BROKEN),
            rows(f"max by (service) (service:budget_left:minutes) {TROUBLED}", BROKEN),
        ],
        [
            ("title", Column(SERVICE, width=240, links=[row_to_service()])),
            ("Value #A", Column(STATE, width=200, mapping=state_mapping(), cell="color-background")),
            ("step", Column(STEP, width=120)),
            ("reason", Column(REASON, width=260, mapping=reason_mapping())),
            ("cause", Column(both("원인 추정", "Likely cause"), width=190)),
            ("Value #E", Column(both("경과", "Since"), unit="dthms", width=120)),
            ("Value #F", Column(both("처리 시한", "Limit used"), unit="percentunit", width=180,
                                cell="gauge", steps=used, limits=(0, 1), decimals=0)),
            ("Value #G", Column(both("기관", "Sites"), width=90, decimals=0)),
            ("Value #H", Column(both("남은 분(평균)", "Min left, mean"), width=200, decimals=1,
                                cell="color-text", steps=library.MINUTES_LEFT)),
            ("alternative", Column(both("대체 창구", "Alternative"))),
        ],
        sort=[(STATE, "desc"), (both("경과", "Since"), "desc")], cell="sm", empty="이상 없음 · Nothing is wrong",
    )


def board():
    overview = Board("bongsu-overview", "지금 무엇이, 언제부터, 왜 안 되는가. "
                     "What is down now, since when, and why.")
    overview.add(4, *((3, panel) for panel in counters()))
    overview.add(6, (24, tiles()))
    overview.add(10, (24, outages()))
    overview.add(7, (6, library.minutes_left()), (5, library.last_login()),
                 (6, library.states()), (7, library.firing()))
    return overview
