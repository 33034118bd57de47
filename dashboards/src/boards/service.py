"""One service: what is wrong with it, where, since when, and what it needs."""

import library
import thresholds
from frame import Board, to_service
from panels import (ALWAYS, BLUE, BROKEN, Column, GREEN, GREY, ORANGE, RED, TEXT, YELLOW, Query,
                    graph, now, rows, stacked, stat, table, timeline)
from texts import REASON, SERVICE, STATE, STEP, both, reason_mapping, state_mapping, words

ONE = 'service=~"$service"'
PLACE = library.PLACE
PROBE = "{{probe}} {{site}}"
NEEDS = {"titleSize": 16, "valueSize": 20}


def state():
    return stat(
        both("상태", "State"),
        "서비스의 지금 상태와 실패한 단계, 원인.",
        "The state of the service now, with the failing step and the reason.",
        [now(f"service:state{{{ONE}}} * on (service) group_left (title) service:card"
             " * on (service) group_left (step, reason) service:reason"
             f" or on (service) service:state{{{ONE}}} * on (service) group_left (title) service:card",
             "{{title}} {{step}} {{reason}}")],
        defaults={"mappings": [state_mapping()]}, empty="감시 안 됨 · NOT WATCHED",
        alerts=("ServiceDown", "NoticePage", "ServiceUnwatched"),
        options={"textMode": "value_and_name", "text": {"titleSize": 20, "valueSize": 34}},
    )


def clock():
    since = f"(service:outage:since_timestamp{{{ONE}}} > 0)"
    return stat(
        both("장애 시계", "Outage clock"),
        "장애가 시작된 뒤 지난 시간과 처리 시한(1등급 2시간, 2등급 3시간, 그 밖에는 없음). 잠깐 회복해도 멈추지 않는다.",
        "Time since the outage began, and the limit for its repair (2 hours in grade 1, 3 in"
        " grade 2, none elsewhere). A short recovery does not stop it.",
        [now(f"time() - {since}", "경과 · since", BROKEN),
         now(f"service:outage:limit_seconds{{{ONE}}}", "시한 · limit")],
        unit="dthms", steps=[(None, GREY), (0, ORANGE), (7200, RED)],
        overrides=[library.plain("시한 · limit")], empty="장애 아님 · no outage",
        options={"textMode": "value_and_name", "text": {"titleSize": 16, "valueSize": 30}},
    )


def availability():
    return stat(
        both("가용률", "Availability"),
        "실제 시간으로 센 가용률: 1시간, 1일, 30일. 기준은 목표(1등급 99.92%, 나머지 99.90%).",
        "Availability by time over an hour, a day and 30 days. The objective is 99.92 % in grade 1"
        " and 99.90 % in the others.",
        [now(f"service:availability:ratio_{window}{{{ONE}}}", label) for window, label in
         (("1h", "1시간 · 1h"), ("1d", "1일 · 1d"), ("30d", "30일 · 30d"))],
        unit="percentunit", steps=[(None, GREY), (0, RED), (0.999, ORANGE), (0.9992, GREEN)],
        defaults={"decimals": 2}, related=("ErrorBudgetBurnFast",),
        options={"textMode": "value_and_name", "text": {"titleSize": 15, "valueSize": 28}},
    )


def budget():
    return stat(
        both("남은 분(평균)", "Min left, mean"),
        "이번 달(한국 시각)에 남은 장애 허용 시간. 감시 항목의 평균으로 센 값이며, 계약의 장애 시간 보고서와 다를 수 있다.",
        "How many minutes it may still be down in this month of Korea: of the mean over probes, not of"
        " the contract's report of fault minutes.",
        [now(f"service:budget_left:minutes{{{ONE}}}")],
        unit="m", steps=library.MINUTES_LEFT, defaults={"decimals": 1},
        related=("ErrorBudgetBurnSlow",),
    )


def sites():
    return stat(
        both("기관", "Sites"),
        "장애 기관과 전체. 2곳이고 5%를 넘으면 서비스 장애로 본다.",
        "Sites that are down, and all. From 2 sites and 5 % up, the service is down.",
        [now(f"service:sites:down{{{ONE}}}", "장애 · down"),
         now(f"service:sites:total{{{ONE}}}", "전체 · all")],
        steps=[(None, GREY), (0, GREEN), (library.first_above("SitesDown"), RED)],
        overrides=[library.plain("전체 · all")], empty="기관 없음 · no sites",
        alerts=("SitesDown",), options=library.PAIR,
    )


def grid():
    return stat(
        both("기관별 상태, 나쁜 것부터", "Every site, worst first"),
        "기관마다 한 칸. 226개 시군구가 한눈에 들어온다. 이상이 있는 곳의 이름은 옆의 표에, 모든 이름은 칸의 링크에 있다. 회색은 판단할 수 없다는 뜻이다.",
        "One tile a site; 226 municipalities at a glance. The table beside it names those in trouble, and"
        " each tile's link its own. Grey means that nobody can tell.",
        [now(f'sort_desc(site:state{{{ONE},site=~"$site"}})', "{{site}}")],
        defaults={"mappings": [state_mapping()], "links": [{
            "title": "이 기관만 · this site only: ${__field.labels.site}", "targetBlank": False,
            "url": "/d/bongsu-service?${__url_time_range}&${service:queryparam}"
                   "&${grade:queryparam}&${vantage:queryparam}&var-site=${__field.labels.site}"}]},
        empty="기관 없음 · no sites", alerts=("SitesDown",),
        options={"textMode": "none"},
    )


def troubled():
    return table(
        both("이상이 있는 기관", "Sites in trouble"),
        "정상이 아닌 기관, 나쁜 것부터. 감시 항목이 여럿이면 가장 흔한 단계와 원인 하나.",
        "Sites that are not up, worst first. Of several probes, the commonest step and reason.",
        [rows(f'max by (site) (site:state{{{ONE},site=~"$site"}}) > 0', BROKEN),
         rows("topk by (site) (1, count by (site, step, reason)"
              f" (bongsu_probe_failure_info{{site!=\"\",{PLACE}}}))", BROKEN)],
        [
            ("site", Column(both("기관", "Site"), width=170)),
            ("Value #A", Column(STATE, width=200, mapping=state_mapping(), cell="color-background")),
            ("step", Column(STEP, width=120)),
            ("reason", Column(REASON, mapping=reason_mapping())),
        ],
        key="site", sort=[(STATE, "desc"), (both("기관", "Site"), "asc")], cell="sm",
        empty="모두 정상 · all are up", alerts=("SitesDown",),
    )


def votes():
    return timeline(
        both("관측 지점별 판정", "Verdict of each vantage"),
        "감시 항목마다, 관측 지점마다의 판정. 두 번 이어진 실패만 장애로 센다. 기관이 여럿이면 하나라도 장애이면 빨강.",
        "What each vantage says of each probe. Only two failures in a row count. Of several sites,"
        " one that is down is enough for red.",
        [Query(f"max by (probe, vantage) (vantage:probe:down{{{PLACE}}})", "{{probe}} @ {{vantage}}")],
        words({0: ("정상 · UP", GREEN), 1: ("장애 · DOWN", RED)}),
        alerts=("ServiceDegradedFromSomeVantages",),
    )


def burn():
    fast, slow = thresholds.of("ErrorBudgetBurnFast"), thresholds.of("ErrorBudgetBurnFast/6h")
    return graph(
        both("예산 소진 속도", "Burn rate of the error budget"),
        f"1이면 30일에 예산을 다 쓴다. 1시간 {fast:g}배, 6시간 {slow:g}배에서 호출한다.",
        f"1 uses the budget up in 30 days. It pages at {fast:g} over an hour and at {slow:g} over six.",
        [Query(f"service:unavailability:ratio_{window}{{{ONE}}} / on (service)"
               " service:error_budget:ratio", window) for window in ("1h", "6h")],
        steps=[(None, TEXT), (slow, ORANGE), (fast, RED)], defaults={"min": 0},
        alerts=("ErrorBudgetBurnFast",),
    )


def failures():
    return library.failures(
        both("원인별 실패", "Failures by reason"),
        ("실패한 실행의 수, 단계와 원인별.", "Failed runs, by step and reason."),
        ["step", "reason"],
    )


def reasons():
    return table(
        both("지금 실패하는 감시 항목", "Probes that fail now"),
        "마지막 실행이 실패한 단계와 원인, 그런 기관의 수. 구성 요소는 실패의 책임이 있는 곳이다.",
        "Where and why last runs failed, and at how many sites. The component is what is to blame.",
        [rows("count by (probe, step, reason, component) (count by (probe, site, step, reason, component)"
              f" (bongsu_probe_failure_info{{{PLACE}}}))", BROKEN)],
        [
            ("probe", Column(both("감시 항목", "Probe"), width=130)),
            ("step", Column(STEP, width=130)),
            ("reason", Column(REASON, mapping=reason_mapping())),
            ("component", Column(both("구성 요소", "Component"), width=190)),
            ("Value", Column(both("곳", "Places"), width=120)),
        ],
        sort=[(both("곳", "Places"), "desc")], cell="sm", empty="모두 성공 · all succeed",
    )


def latency():
    factor, limit = thresholds.of("ServiceSlow"), thresholds.slow_limit()
    return graph(
        both("응답 시간", "Response time"),
        f"감시 항목별 소요 시간(관측 지점 중 가장 느린 곳), 하루 중앙값과 목표. 중앙값의 {factor:g}배를 넘으면 알린다.",
        f"Duration of each probe at its slowest vantage, the daily median, and the objective. Above"
        f" {factor:g} times the median there is a message.",
        [Query(f"max by (probe) (probe_duration_seconds{{{PLACE}}})", "{{probe}}"),
         Query(f'max by (probe) (probe:duration:median1d{{{ONE},site=~"$site"}})',
               "{{probe}} 하루 중앙값 · daily median"),
         Query(f"max by (probe) ({limit} and on (service, probe, site)"
               f" bongsu_probe_interval_seconds{{{PLACE}}})", "{{probe}} 경보 한도 · alert limit"),
         Query(f"min by (probe) (bongsu_latency_objective_seconds{{{PLACE}}})",
               "{{probe}} 목표 · objective")],
        unit="s", defaults={"min": 0}, alerts=("ServiceSlow", "ServiceOverLatencyObjective"),
        overrides=[{"matcher": {"id": "byRegexp", "options": ".*(median|limit|objective)$"},
                    "properties": [{"id": "custom.lineStyle",
                                    "value": {"fill": "dash", "dash": [8, 8]}},
                                   {"id": "custom.fillOpacity", "value": 0}]}],
    )


def phases():
    return stacked(
        both("HTTP 단계별 시간", "Where the time goes"),
        "DNS 조회, 연결, TLS, 처리, 전송. 합이 실행 시간이다.",
        "Name, connection, TLS, processing and transfer; together they are the run.",
        [Query(f"avg by (phase) (probe_http_duration_seconds{{{PLACE}}})", "{{phase}}")],
        unit="s", defaults={"min": 0},
    )


def codes():
    return graph(
        both("상태 코드", "Status codes"),
        "마지막 응답의 상태 코드. 안내 화면은 200으로 답하면서 서비스를 하지 않는다.",
        "Status of the last answer. A notice page answers 200 and does no service.",
        [Query(f"max by (probe) (probe_http_status_code{{{PLACE}}} > 0)", "{{probe}}")],
        style={"drawStyle": "points", "showPoints": "always", "pointSize": 6},
        defaults={"min": 100, "max": 600, "decimals": 0},
    )


def packets():
    return graph(
        both("큰 패킷 재전송", "Segments sent again"),
        "크기를 키운 요청에서 다시 보낸 세그먼트. 2023년처럼 큰 패킷만 잃는 장비를 드러낸다.",
        "Segments sent again on padded requests. They give away a device that loses large packets"
        " only, as in 2023.",
        [Query(f"max by (probe, vantage) (bongsu_tcp_retransmits{{{PLACE}}})",
               "{{probe}} @ {{vantage}}")],
        unit="short", steps=[(None, TEXT), (thresholds.of("LargePacketsLost"), ORANGE)],
        defaults={"min": 0, "decimals": 0}, alerts=("LargePacketsLost",),
        empty="크기를 키운 감시 항목 없음 · no padded probe",
    )


def segments():
    return stat(
        both("세그먼트 크기", "Segment size"),
        f"{thresholds.of('LargePacketBlind'):g}바이트보다 작으면 큰 패킷 유실을 볼 수 없다.",
        f"Below {thresholds.of('LargePacketBlind'):g} bytes the loss of large packets cannot be seen.",
        [now(f"min by (vantage) (bongsu_tcp_snd_mss_bytes{{{PLACE}}})", "{{vantage}}")],
        unit="bytes", steps=[(None, GREY), (0, ORANGE), (thresholds.of("LargePacketBlind"), GREEN)],
        empty="크기를 키운 감시 항목 없음 · no padded probe", alerts=("LargePacketBlind",),
        options={"text": {"titleSize": 15, "valueSize": 20}},
    )


def transitions():
    return graph(
        both("상태가 바뀐 횟수", "Changes of state"),
        "30분 동안 정상과 장애를 오간 횟수. 많으면 판정이 아니라 서비스가 불안정한 것이다.",
        "Changes between up and down within 30 minutes. Many of them mean an unstable service.",
        [Query("max(avg by (probe, site) (increase(bongsu_probe_transitions_total{"
               f"{PLACE}}}[30m])))", "변화 · changes")],
        unit="short", steps=[(None, TEXT), (thresholds.of("ServiceFlapping"), ORANGE)],
        defaults={"min": 0}, alerts=("ServiceFlapping",),
    )


def needs():
    """Both directions of `needs`."""
    return stat(
        both("필요로 하는 것", "What it needs"),
        "이 서비스가 직접 또는 건너서 필요로 하는 것의 상태. 장애인 것이 있으면 그것이 원인일 수 있다.",
        "The state of what this service needs, directly or through others. What is down here may be"
        " the cause.",
        [now("sort_desc(service:state and on (service) label_replace(max by (needs)"
             f' (service:needs{{{ONE}}}), "service", "$1", "needs", "(.+)"))', "{{service}}")],
        defaults={"mappings": [state_mapping()], "links": [to_service()]},
        empty="없음 · nothing", alerts=("CauseDown",),
        options={"textMode": "value_and_name", "text": NEEDS},
    )


def needed_by():
    return stat(
        both("이것을 필요로 하는 것", "What needs it"),
        "이 서비스에 장애가 나면 영향을 받는 것의 상태.",
        "The state of what suffers when this service is down.",
        [now(f'sort_desc(service:state and on (service) service:needs{{needs=~"$service"}})',
             "{{service}}")],
        defaults={"mappings": [state_mapping()], "links": [to_service()]},
        empty="없음 · nothing", alerts=("ServiceHeldBack",),
        options={"textMode": "value_and_name", "text": NEEDS},
    )


def site_history():
    return graph(
        both("장애 기관 수", "Sites down over time"),
        "장애 기관의 수. 한꺼번에 늘면 기관이 아니라 공통 시스템이 원인이다.",
        "How many sites were down. If they fall together, the cause is what they share.",
        [Query(f"service:sites:down{{{ONE}}}", "장애 · down"),
         Query(f"service:sites:total{{{ONE}}}", "전체 · all")],
        unit="short", defaults={"min": 0, "decimals": 0}, related=("SitesDown",),
        style={"lineInterpolation": "stepAfter"}, empty="기관 없음 · no sites",
    )


def board():
    service = Board("bongsu-service", "한 서비스의 무엇이, 어디서, 언제부터 안 되는가. "
                    "One service: what fails, where, and since when.", one_service=True)
    service.add(5, (6, state()), (4, clock()), (5, availability()), (3, budget()), (3, sites()),
                (3, library.freshness()))
    service.add(7, (12, votes()), (12, reasons()))
    service.add(10, (14, grid()), (10, troubled()))
    service.add(7, (8, failures()), (8, latency()), (8, phases()))
    service.add(7, (8, burn()), (8, site_history()), (8, codes()))
    service.add(6, (8, packets()), (3, segments()), (5, transitions()), (4, needs()),
                (4, needed_by()))
    service.add(6, (12, library.states()), (12, library.firing('service=~"$service"')))
    return service
