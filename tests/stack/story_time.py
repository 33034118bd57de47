"""What a Prometheus recorded while a story ran at another speed, at the times of the story, in a Prometheus
of its own: so that a report of the incident has the dates and minutes that readers know.

Each sample is moved to its moment of the story. Where the story leaves out a stretch in which nothing
changes, what was true before it is repeated through it. Values that are moments or times of the chain are
moved and stretched as well.
"""

import datetime
import subprocess

from stack import Prometheus, bongsu, tool

KOREA = datetime.timezone(datetime.timedelta(hours=9))
# What `bongsu report incident` asks for (src/report).
RECORDED = (
    "ALERTS|service:(down|incident:open|outage:.+|root_cause|reason|card|sites:.+)|site:(down|excused)"
    "|probe:down|vantage:probe:down|bongsu_maintenance_active"
    "|bongsu_probe_(failure_info|consecutive_failures|last_run_timestamp_seconds)")
MOMENTS = {"service:outage:since_timestamp", "bongsu_probe_last_run_timestamp_seconds"}
LENGTHS = {"service:outage:limit_seconds"}
# Samples further apart than this are of a series that was gone in between.
PAUSE_SECONDS = 3


def moved(story, factor, labels, samples):
    """(moment, value) in the story, in seconds since 1970."""
    name = labels["__name__"]
    last = None
    for wall, value in samples:
        at = epoch(story, wall)
        if last and wall - last[0] <= PAUSE_SECONDS:
            # A stretch that the story leaves out.
            between = last[1] + factor
            while between < at - factor:
                yield between, last[2]
                between += factor
        if name in MOMENTS and value > 0:
            value = epoch(story, value)
        if name in LENGTHS:
            value *= factor
        if not last or at > last[1]:
            yield at, value
            last = (wall, at, value)


def epoch(story, wall):
    return story.now(wall).replace(tzinfo=KOREA).timestamp()


def escaped(value):
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def exposition(story, factor, prometheus, window):
    """OpenMetrics with times, as promtool reads it."""
    series = prometheus.samples(f'{{__name__=~"{RECORDED}"}}', window)
    for labels, samples in sorted(series, key=lambda one: one[0]["__name__"]):
        written = ",".join(f'{key}="{escaped(value)}"' for key, value in labels.items() if key != "__name__")
        for at, value in moved(story, factor, labels, samples):
            yield f"{labels['__name__']}{{{written}}} {value!r} {at:.3f}\n"
    yield "# EOF\n"


def in_story_time(stack, story, factor, prometheus, window):
    """A Prometheus that has the last `window` of another one at the times of the story."""
    text = stack.folder / "story.txt"
    with text.open("w") as file:
        file.writelines(exposition(story, factor, prometheus, window))
    subprocess.run([tool("PROMTOOL", "promtool"), "tsdb", "create-blocks-from", "openmetrics", text,
                    stack.subfolder("story") / "data"], check=True, capture_output=True)
    return Prometheus(stack, [], name="story")


PAGE = """# An incident's report

What `bongsu report incident` prints of [the replay of 17 November 2023](incident-replay.md), which writes this
page at its end (`make example-report`). Forty times as fast, it finds things up to two minutes later than the
shipped settings do; the recording was moved to the times of the story, and where the replay leaves out a stretch in
which nothing changes, what was true before it lasts. Nobody acknowledged a page. The lines "to be written" are for
whoever signs.

## 한국어

```
{ko}
```

## English

```
{en}
```
"""


def page(prometheus, alertmanager, service, at):
    """The report in both languages, as a page of docs."""
    def told(language):
        return subprocess.run(
            [bongsu(), "report", "incident", f"--service={service}", f"--at={at}", f"--lang={language}",
             f"--prometheus={prometheus.url}", f"--alertmanager={alertmanager.url}"],
            check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return PAGE.format(ko=told("ko"), en=told("en"))
