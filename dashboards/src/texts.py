"""Every text of the boards that is used more than once, in Korean and English, from one place.

A title is "한국어 · English": one set of boards serves the room and its visitors. A description
has the Korean sentence first and the English one after it.
"""

import json
import pathlib

# States of service:state and site:state in 8-boards.yml: number, colour, text.
STATES = [
    (5, "dark-red", "장애 · DOWN"),
    (4, "orange", "회복 확인 중 · RECOVERING"),
    (3, "#6e7077", "판단 불가 · NO VERDICT"),
    (2, "#c8a200", "일부 이상 · PARTLY"),
    (1, "blue", "점검 · PLANNED"),
    (0, "#2f7d32", "정상 · UP"),
]

# Reasons of a failure as people say them, from the table of the source.
REASONS = {row["reason"]: row["short"]["ko"] for row in json.loads(
    (pathlib.Path(__file__).resolve().parents[2] / "docs/reasons.json").read_text())}

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
