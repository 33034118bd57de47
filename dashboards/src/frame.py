"""What all boards share: variables, annotations, links, and the place of panels on the grid."""

import panels
import thresholds

COLUMNS = 24
TAG = "bongsu"
SCHEMA_VERSION = 39

# Board by uid: the titles that links carry.
BOARDS = {
    "bongsu-overview": "상황판 · Overview",
    "bongsu-service": "서비스 · Service",
    "bongsu-login": "로그인 · Login flows",
    "bongsu-tls": "인증서 · Certificates",
    "bongsu-health": "감시 상태 · Prober health",
    "bongsu-incident": "장애 되짚기 · Incident",
}

# Values of variables travel with a link, and so does the time.
CARRIED = "${__url_time_range}&${grade:queryparam}&${site:queryparam}&${vantage:queryparam}"


def to_service(uid="bongsu-service", label="service"):
    """A link of a row or series to its service on another board."""
    return {
        "title": f"{BOARDS[uid]}: ${{__field.labels.{label}}}", "targetBlank": False,
        "url": f"/d/{uid}?var-service=${{__field.labels.{label}}}&{CARRIED}",
    }


def row_to_service(uid="bongsu-service", column="service"):
    """The same for tables, whose labels are columns."""
    return {
        "title": BOARDS[uid], "targetBlank": False,
        "url": f"/d/{uid}?var-service=${{__data.fields.{column}}}&{CARRIED}",
    }


def runbook():
    return {"title": "대응 절차 · Runbook", "targetBlank": True,
            "url": f"{thresholds.runbooks()}/${{__data.fields.alertname}}"}


def variable(name, label, query, regex="", **more):
    """A variable whose values come from Prometheus, asked again when the time changes."""
    return {
        "name": name, "label": label, "type": "query", "datasource": panels.DATASOURCE,
        "query": {"query": query, "refId": name}, "definition": query, "regex": regex,
        "refresh": 2, "sort": 1, "multi": True, "includeAll": True, "hide": 0,
        "current": {"text": ["All"], "value": ["$__all"]}, "options": [], "skipUrlSync": False,
        **more,
    }


def variables(one_service):
    """`one_service`: the board is about a single service."""
    service = {}
    if one_service:
        service = {"multi": False, "includeAll": False, "current": {}}
    return [
        {"name": "datasource", "label": "데이터 · Data source", "type": "datasource",
         "query": "prometheus", "regex": "", "refresh": 1, "hide": 2, "multi": False,
         "includeAll": False, "current": {}, "options": [], "skipUrlSync": False},
        # The shipped scrape job is named bongsu; another name is found as well.
        variable("job", "작업 · Job", "label_values(bongsu_build_info, job)", hide=2),
        variable("grade", "등급 · Grade", "label_values(service:card, grade)"),
        # The list shows titles, the values are names.
        variable("service", "서비스 · Service",
                 'query_result(service:card{grade=~"$grade"})',
                 '/service="(?<value>[^"]+)".*title="(?<text>[^"]+)"/', **service),
        # Services without sites must match "All", so it is everything and not a list.
        variable("site", "기관 · Site",
                 'label_values(bongsu_probe_interval_seconds{service=~"$service"}, site)',
                 allValue=".*"),
        variable("vantage", "관측 지점 · Vantage", 'label_values(up{job=~"$job"}, vantage)',
                 allValue=".*"),
    ]


def annotations():
    """Pages, and announced maintenance."""
    def one(name, expression, colour, title):
        return {"name": name, "datasource": panels.DATASOURCE, "enable": True, "hide": False,
                "iconColor": colour, "expr": expression, "step": "60s", "titleFormat": title,
                "textFormat": "", "tagKeys": "service,severity", "useValueForTime": False}

    return {"list": [
        one("호출 · Pages",
            'ALERTS{alertstate="firing",severity="page",service=~"($service)|"}',
            "red", "{{alertname}} {{service}}"),
        one("점검 · Maintenance", 'bongsu_maintenance_active{service=~"$service"} == 1',
            "blue", "점검 · Maintenance {{service}} {{name}}"),
    ]}


def links(uid):
    """To the other boards, with the time and the variables."""
    return [
        {"type": "link", "title": title, "url": f"/d/{other}", "icon": "dashboard",
         "keepTime": True, "includeVars": True, "asDropdown": False, "targetBlank": False,
         "tags": [], "tooltip": title}
        for other, title in BOARDS.items() if other != uid
    ]


class Board:
    """Rows of panels. `add(height, (width, panel)...)` fills a row from the left."""

    def __init__(self, uid, description, since="now-6h", one_service=False):
        self.uid, self.description, self.since = uid, description, since
        self.one_service = one_service
        self.placed, self.bottom = [], 0

    def add(self, height, *row):
        x = 0
        for width, panel in row:
            self.placed.append(((x, self.bottom, width, height), panel))
            x += width
        if x != COLUMNS:
            raise SystemExit(f"{self.uid}: a row of {x} columns at {self.bottom}")
        self.bottom += height

    def panels(self):
        """(number, panel) for those who ask about more than the JSON."""
        return [(number, panel) for number, (_, panel) in enumerate(self.placed, 1)]

    def json(self):
        return {
            "uid": self.uid, "title": f"봉수 {BOARDS[self.uid]}",
            "description": self.description, "tags": [TAG], "schemaVersion": SCHEMA_VERSION,
            "version": 1, "editable": False, "graphTooltip": 1, "fiscalYearStartMonth": 0,
            "timezone": "Asia/Seoul", "weekStart": "monday", "refresh": "30s", "liveNow": False,
            "time": {"from": self.since, "to": "now"}, "timepicker": {},
            "links": links(self.uid), "annotations": annotations(),
            "templating": {"list": variables(self.one_service)},
            "panels": [panel.json(number, place)
                       for number, (place, panel) in enumerate(self.placed, 1)],
        }
