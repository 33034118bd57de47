"""Bongsu itself: is anybody watching, and with what delay."""

import library
import thresholds
from frame import Board
from panels import (ALWAYS, BLUE, BROKEN, Column, GREEN, GREY, ORANGE, PIPELINE, RED, TEXT, YELLOW,
                    Query, graph, now, rows, stacked, stat, table, timeline)
from texts import both, words

OURS = 'job=~"$job",vantage=~"$vantage"'
WHO = "vantage, prober"
NAME = "{{vantage}} / {{prober}}"


def alive():
    return stat(
        both("프로버 수집", "Probers scraped"),
        "Prometheus가 각 프로버의 지표를 가져오고 있는지.",
        "Whether Prometheus can scrape each prober.",
        [now(f"min by ({WHO}) (up{{{OURS}}})", NAME)],
        defaults={"mappings": [words({0: ("실패 · DOWN", RED), 1: ("정상 · UP", GREEN)})]},
        empty="프로버 없음 · no prober", alerts=("ProberDown", "ProberTargetMissing"),
        options={"textMode": "value_and_name", "text": {"titleSize": 15, "valueSize": 24}},
    )


def quorum():
    return stat(
        both("판정 참여", "Share that can vote"),
        "수집되고 네트워크도 살아 있는 프로버의 비율. 절반 아래로 내려가면 호출한다.",
        "The share of probers that can be scraped and are online. Below half, it pages.",
        [now("avg((prober:up unless on (vantage, prober) bongsu_vantage_online == 0) or 0 * prober:up)")],
        unit="percentunit",
        steps=[(None, GREY), (0, RED), (thresholds.of("ProberQuorumLost"), GREEN)],
        alerts=("ProberQuorumLost",),
    )


def watchdog():
    return stat(
        both("감시 경로", "Watchdog"),
        "늘 발생해 있어야 하는 경보. 사라지면 외부 감시가 호출한다.",
        "An alert that must always fire. When it stops, an outside service pages.",
        [now('count(ALERTS{alertname="Watchdog",alertstate="firing"})')],
        defaults={"mappings": [words({1: ("동작 · WORKS", GREEN)})]},
        steps=[(None, RED), (0, GREEN)], empty="끊김 · BROKEN", alerts=("Watchdog",),
    )


def stale():
    return stat(
        both("결과 없음", "Stale probes"),
        "세 주기 동안 결과가 없는 감시 항목의 수.",
        "Probes without a result for three intervals.",
        [now(f"count(bongsu_probe_interval_seconds{{{OURS},site=~\"$site\"}} unless on (service, probe, site, vantage,"
             " prober) bongsu_probe_verdict) or vector(0)")],
        steps=[(None, GREY), (0, GREEN), (1, ORANGE)], alerts=("ProbeStale",),
    )


def versions():
    return table(
        both("버전과 설정", "Versions and configurations"),
        "관측 지점마다 같은 설정이어야 한다. 해시가 다르면 다시 읽지 않은 곳이 있다.",
        "Every vantage should run the same configuration. Another hash means that one was not"
        " reloaded.",
        [rows(f"max by (vantage, prober, version) (bongsu_build_info{{{OURS}}})"),
         rows(f"max by (vantage, prober, hash) (bongsu_config_info{{{OURS}}})"),
         rows("1000 * max by (vantage, prober)"
              f" (bongsu_config_last_reload_success_timestamp_seconds{{{OURS}}})"),
         rows("max by (vantage, prober)"
              f" (bongsu_config_last_reload_successful{{{OURS}}})")],
        [
            ("vantage", Column(both("관측 지점", "Vantage"), width=140)),
            ("prober", Column(both("프로버", "Prober"), width=120)),
            ("version", Column(both("버전", "Version"), width=110)),
            ("hash", Column(both("설정", "Configuration"), width=190)),
            ("Value #C", Column(both("읽은 때", "Loaded"), unit="dateTimeAsIso", width=190)),
            ("Value #D", Column(both("마지막 읽기", "Last reload"), cell="color-background",
                                mapping=words({0: ("거부됨 · REFUSED", RED), 1: ("성공 · OK", GREEN)}))),
        ],
        key=None, sort=[(both("관측 지점", "Vantage"), "asc")], cell="sm",
        alerts=("ProberConfigReloadFailed", "ProberConfigDrift"),
    )


def drift():
    return stat(
        both("설정", "Configs"),
        "프로버들이 쓰는 설정의 가짓수. 하나여야 한다.",
        "How many different configurations are in use. It should be one.",
        [now(f"count(count by (hash) (bongsu_config_info{{{OURS}}}))")],
        steps=[(None, GREY), (0, GREEN), (library.first_above("ProberConfigDrift"), ORANGE)],
        alerts=("ProberConfigDrift",),
    )


def online():
    return timeline(
        both("관측 지점 네트워크", "Network of the vantages"),
        "대조점(controls)이 하나라도 응답하는지.",
        "Whether any of its controls answers.",
        [Query(f"min by (vantage) (bongsu_vantage_online{{{OURS}}})", "{{vantage}}")],
        words({0: ("단절 · OFFLINE", RED), 1: ("온라인 · ONLINE", GREEN)}), alerts=("VantageOffline",),
    )


def runs():
    return stacked(
        both("초당 실행", "Runs per second"),
        "초당 실행 수, 결과별.",
        "Runs per second by result.",
        [Query(f"sum by (result) (rate(bongsu_probe_runs_total{{{OURS}}}[$__rate_interval]))",
               "{{result}}")],
        unit="ops", defaults={"min": 0},
    )


def flight():
    return graph(
        both("진행 중인 실행", "Probes in flight"),
        "지금 동시에 진행 중인 실행. 전국 장애 때는 모두가 시간 초과를 기다린다.",
        "Probes that run at this moment. In a national outage every one waits for its timeout.",
        [Query(f"sum by ({WHO}) (bongsu_probes_in_flight{{{OURS}}})", NAME)],
        unit="short", defaults={"min": 0},
    )


def lag():
    return graph(
        both("시작 지연 p99", "Start lag, p99"),
        "정해진 때보다 늦게 시작한 시간. 경보도 그만큼 늦는다.",
        "How late probes start. Alerts come late by as much.",
        [Query(f"histogram_quantile(0.99, sum by ({WHO}, le)"
               f" (rate(bongsu_scheduler_lag_seconds_bucket{{{OURS}}}[$__rate_interval])))", NAME)],
        unit="s", steps=[(None, TEXT), (thresholds.of("ProberSchedulerLag"), RED)],
        defaults={"min": 0}, alerts=("ProberSchedulerLag",),
    )


def skipped():
    return graph(
        both("건너뛴 실행", "Runs left out"),
        "정해진 때에 시작하지 못해 빠진 실행과 재확인.",
        "Runs and rechecks that could not start in time.",
        [Query(f"sum by ({WHO}) (increase(bongsu_scheduler_skipped_runs_total{{{OURS}}}[$__rate_interval]))",
               NAME),
         Query(f"sum by ({WHO}) (increase(bongsu_scheduler_shed_rechecks_total{{{OURS}}}[$__rate_interval]))",
               f"{NAME} 재확인 · rechecks")],
        unit="short", steps=[(None, TEXT), (library.first_above("ProberRunsSkipped"), RED)],
        defaults={"min": 0}, alerts=("ProberRunsSkipped",),
    )


def stalled():
    limit = thresholds.of("ProberStalled")
    return graph(
        both("프로버 멈춤", "Time the prober stood still"),
        "최근 15분 가운데 프로버가 멈춰 있었거나 CPU를 얻지 못한 시간. 그동안의 시간 초과는 판단 불가이다.",
        "Of the last 15 minutes, how long the prober was stopped, throttled or crowded out. What ran out"
        " of time meanwhile is unknown.",
        [Query(f"sum by ({WHO}) (increase(bongsu_prober_stall_seconds_total{{{OURS}}}[15m]))", NAME)],
        unit="s", steps=[(None, TEXT), (limit, RED)], defaults={"min": 0}, alerts=("ProberStalled",),
    )


def clock():
    limit = thresholds.of("ClockSkewed")
    return graph(
        both("시각 오차", "Clock skew"),
        f"대조점의 시각과의 차이. {limit:g}초를 넘으면 일회용 비밀번호를 보내지 않는다.",
        f"Difference from the clocks of the controls. Above {limit:g} seconds no one-time password"
        " is sent.",
        [Query(f"max by ({WHO}) (abs(bongsu_clock_skew_seconds{{{OURS}}}))", NAME)],
        unit="s", steps=[(None, TEXT), (limit, RED)], defaults={"min": 0}, alerts=("ClockSkewed",),
        empty="대조점 없음 · no controls",
    )


def unobserved():
    return graph(
        both("보지 못한 시간", "Time not observed"),
        "판단 불가이거나 보지 못한 시간의 비율. 이 시간은 가용률에서 빠진다.",
        "The share of time that was unknown or unobserved. It counts neither way.",
        [Query("sum by (verdict) (rate(bongsu_probe_verdict_seconds_total{"
               f'verdict=~"unknown|unobserved",{OURS}}}[$__rate_interval])) / on () group_left ()'
               f" sum(rate(bongsu_probe_verdict_seconds_total{{{OURS}}}[$__rate_interval]))",
               "{{verdict}}")],
        unit="percentunit", defaults={"min": 0}, alerts=("ProbeUnknown",),
    )


def process(korean, english, explanation, meaning, query, unit):
    return graph(both(korean, english), explanation, meaning, [Query(query, NAME)], unit=unit,
                 defaults={"min": 0})


def scrape():
    return graph(
        both("수집 시간", "Scrape duration"),
        "Prometheus가 지표를 가져오는 소요 시간.",
        "How long Prometheus takes to fetch the metrics.",
        [Query(f"max by ({WHO}) (scrape_duration_seconds{{{OURS}}})", NAME)],
        unit="s", defaults={"min": 0},
    )


def samples():
    return graph(
        both("수집한 값", "Samples per scrape"),
        "한 번에 가져온 값의 수. 감시 항목마다 48개를 넘지 않는다.",
        "Samples of one scrape; at most 48 a probe.",
        [Query(f"max by ({WHO}) (scrape_samples_scraped{{{OURS}}})", NAME)],
        unit="short", defaults={"min": 0},
    )


def rules():
    return graph(
        both("규칙 계산 시간", "Rule evaluation"),
        "규칙 묶음마다 한 번 계산하는 소요 시간과 실패한 횟수.",
        "How long each group of rules takes, and how often one failed.",
        [Query("max by (rule_group) (label_replace(prometheus_rule_group_last_duration_seconds"
               '{rule_group=~".*bongsu-.*"}, "rule_group", "$1", "rule_group", ".*;(.*)"))',
               "{{rule_group}}", expected=PIPELINE),
         Query("sum(increase(prometheus_rule_evaluation_failures_total[$__rate_interval]))",
               "실패 · failures", expected=PIPELINE)],
        unit="s", defaults={"min": 0}, alerts=("PrometheusRuleFailures",),
        options={"legend": {"showLegend": True, "displayMode": "list", "placement": "right",
                            "calcs": []}},
        empty="Prometheus를 수집하지 않음 · Prometheus is not scraped",
    )


def delivery():
    return graph(
        both("발송 실패 비율", "Failed notifications"),
        "Alertmanager가 보내지 못한 알림의 비율.",
        "The share of notifications that Alertmanager could not send.",
        [Query("sum by (integration) (rate(alertmanager_notifications_failed_total[$__rate_interval]))"
               " / (sum by (integration) (rate(alertmanager_notifications_total[$__rate_interval]))"
               " > 0)", "{{integration}}", expected=BROKEN)],
        unit="percentunit", steps=[(None, TEXT), (thresholds.of("AlertmanagerFailedToSendAlerts"), RED)],
        defaults={"min": 0, "max": 1}, alerts=("AlertmanagerFailedToSendAlerts",),
        empty="보낸 알림 없음 · nothing was sent",
    )


def managers():
    return stat(
        both("알림 서버", "Alertmanagers"),
        "Prometheus가 아는 Alertmanager의 수.",
        "Alertmanagers that Prometheus knows.",
        [now("max(prometheus_notifications_alertmanagers_discovered)", expected=PIPELINE)],
        steps=[(None, GREY), (0, RED), (thresholds.of("PrometheusNotConnectedToAlertmanagers"), GREEN)],
        empty="Prometheus를 수집하지 않음 · Prometheus is not scraped",
        alerts=("PrometheusNotConnectedToAlertmanagers",),
    )


def board():
    health = Board("bongsu-health", "봉수가 제대로 보고 있는가. Is Bongsu itself well?")
    health.add(4, (4, alive()), (3, quorum()), (3, library.vantages()), (3, library.freshness()),
               (3, watchdog()), (3, stale()), (2, drift()), (3, managers()))
    health.add(7, (12, versions()), (4, online()), (4, stalled()), (4, unobserved()))
    health.add(7, (6, runs()), (6, flight()), (6, lag()), (6, skipped()))
    health.add(7, (6, clock()), (6, scrape()), (6, samples()),
               (6, process("메모리", "Memory", "상주 메모리.", "Resident memory.",
                           f"max by ({WHO}) (process_resident_memory_bytes{{{OURS}}})", "bytes")))
    health.add(7, (6, process("CPU", "cores", "쓰고 있는 코어 수.", "Cores in use.",
                              f"sum by ({WHO}) (rate(process_cpu_seconds_total{{{OURS}}}"
                              "[$__rate_interval]))", "short")),
               (6, process("열린 파일", "Open files", "열린 디스크립터. 한도에 닿으면 실행을 시작하지 못한다.",
                           "Open descriptors. At the limit no probe can start.",
                           f"max by ({WHO}) (process_open_fds{{{OURS}}})", "short")),
               (7, rules()), (5, delivery()))
    return health
