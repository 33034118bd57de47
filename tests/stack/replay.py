"""17 November 2023 from end to end: the lab replays the outage, two daemons probe it, Prometheus and
Alertmanager decide, and this script is everybody who is called.

    python3 tests/stack/replay.py [--report FILE]

All of it runs FACTOR times as fast (scale.py: rules, intervals of Alertmanager, schedules of probes,
delays of the lab), and the stretches in which nothing changes are left out. What arrives is printed
with the time of the story, and judged at the end. `--report` writes what `bongsu report incident` says of it.
"""

import argparse
import datetime
import pathlib
import re
import time

import yaml

import scale
import story_time
from pulse import Pulse
from stack import (
    PATIENCE, ROOT, RULES, Alertmanager, Daemon, Failed, Lab, Prometheus, Stack, Webhook, check, main,
    until,
)

FACTOR = 40
DRILL = ROOT / "config/lab/2023-11-17.yml"
# How often the catalogue of real services is probed, and logins are in config/example.yml.
PROBES = ROOT / "config/egov-kr.yml"
LOGIN_INTERVAL = "3m"
# How long probes wait, in the story; shipped are 15 and 30 s. Divided by 40 those are 0.4 s, and a
# machine that is not ours alone stands still for as long. Whatever hangs is found later by this, and
# nothing is found sooner.
TIMEOUT, LOGIN_TIMEOUT = "48s", "96s"
# Nobody may look at a waiting room more often than every 100 ms.
POLLS = {"every": "4s", "at_most": "8s"}
# A system waits this long for another. Less than a probe does, so that the failure has its name.
BACKEND_PATIENCE = "24s"
# Scrapes, and the rules that have no interval of their own: 40 s of the story instead of 5 s. A page of
# metrics that takes 200 ms on a busy machine is in time for a scrape that may take 5 s; of an eighth of
# a second it would be a daemon that is gone.
LOOKED_AT_EVERY = "1s"
# Alertmanager takes for over what was not repeated for four times this. A fortieth would be 6 s, and a
# machine that is not ours alone keeps Prometheus waiting for as long.
REPEATED_EVERY = "5s"
# The whole, from start to end.
WITHIN_SECONDS = 360
# Who is still for a second is still for 40 s of the story, as an outage of everything would be; of
# evaluations the proof of stability allows a tenth to be missing. A machine that did worse has no say:
# a run that went wrong on it is repeated.
STANDSTILL_SECONDS = 1
MISSED = 0.05
ATTEMPTS = 2

CAUSE = ("CauseDown", "gpki")
STOPPED = ("NoticePage", "gov24")
# When each is over: an hour after it answers again, which the rules count by evaluations.
PROVEN = [(CAUSE, "2023-11-18 09:30", "2023-11-18 09:45"),
          (STOPPED, "2023-11-18 10:00", "2023-11-18 10:15")]
# Down because of GPKI, or tested through it.
DEPENDENTS = ["saeol", "resident", "welfare", "bypass"]


def moment(text):
    return datetime.datetime.strptime(text, "%Y-%m-%d %H:%M")


class Story:
    """What is played of the drill, and how its clock and ours belong together."""

    PLAYED = [
        ("2023-11-17 01:24", "2023-11-17 01:58"),  # it breaks; nobody acknowledges
        ("2023-11-17 12:15", "2023-11-17 13:25"),  # the false recovery and the relapse
        ("2023-11-17 13:52", "2023-11-17 14:02"),  # Government24 is stopped
        ("2023-11-18 08:28", "2023-11-18 10:06"),  # the real recovery, and its hour of proof
    ]

    def __init__(self):
        self.played = [(moment(start), moment(end)) for start, end in self.PLAYED]
        self.starts = self.played[0][0]
        self.length = sum((end - start for start, end in self.played), datetime.timedelta())
        self.zero, self.moments = None, []

    def position(self, at):
        """How far into what is played a moment is; one that is left out is where the gap is."""
        before = datetime.timedelta()
        for start, end in self.played:
            if at < end:
                return before + max(at - start, datetime.timedelta())
            before += end - start
        return None

    def at(self, position):
        """The story's time at a position."""
        for start, end in self.played:
            if position < end - start:
                return start + position
            position -= end - start
        return self.played[-1][1] + position

    def drill(self):
        """The drill as the lab is to play it: without the gaps, its delays scaled."""
        drill = yaml.safe_load(DRILL.read_text())
        events = []
        for event in drill["events"]:
            at = datetime.datetime.fromisoformat(str(event["at"]))
            position = self.position(at)
            if position is None:
                continue
            self.moments.append(at)
            event["at"] = str(self.starts + position)
            if "set" in event:
                faults = event["set"] if isinstance(event["set"], list) else [event["set"]]
                event["set"] = [re.sub(scale.DURATION, lambda one: scale.scaled(one[0], FACTOR), one)
                                if "=" in one else one for one in faults]
            events.append(event)
        return {**drill, "starts": str(self.starts), "ends": str(self.starts + self.length),
                "speed": FACTOR, "events": events}

    def synchronise(self, lab):
        """When the lab began. It moves its clock twice a second; the least delay is the truth."""
        began = []

        def looked():
            clock = datetime.datetime.strptime(lab.replay()["clock"][:19], "%Y-%m-%d %H:%M:%S")
            began.append(time.time() - (clock - self.starts).total_seconds() / FACTOR)
            return clock > self.starts and began[-1] - began[0] < 0 or len(began) > 40
        until(looked, PATIENCE, "the drill runs")
        self.zero = min(began)

    def now(self, wall=None):
        wall = time.time() if wall is None else wall
        return self.at(datetime.timedelta(seconds=(wall - self.zero) * FACTOR))

    def over(self):
        return (time.time() - self.zero) * FACTOR > self.length.total_seconds()


def schedule(config, given):
    """The lab's configuration with a schedule that is not the lab's, scaled."""
    document = yaml.safe_load(config.read_text())
    document["defaults"].update(interval=given["interval"], recheck=given["recheck"], timeout=TIMEOUT)
    for service in document["services"]:
        for probe in service.get("probes", []):
            if "login" in probe:
                probe.update(interval=LOGIN_INTERVAL, timeout=LOGIN_TIMEOUT)
                for step in probe["login"]["steps"]:
                    if "poll_until" in step:
                        step["poll_until"].update(POLLS)
            if "warn" in probe.get("http", {}):
                probe["http"]["warn"] = {"time": {"lt": "3s"}}
    changed = config.with_name("accelerated.yml")
    changed.write_text(yaml.safe_dump(scale.probes(document, FACTOR), allow_unicode=True))
    return changed


def slower(config):
    """Of Prometheus, what looks at the daemons; all other times are in the rules."""
    for key in ("scrape_interval", "evaluation_interval"):
        config["global"][key] = LOOKED_AT_EVERY


def flags():
    """Of Prometheus, scaled but for the one that a busy machine could not keep."""
    delay = "--rules.alert.resend-delay="
    return [delay + REPEATED_EVERY if flag.startswith(delay) else flag for flag in scale.flags(FACTOR)]


class Timeline:
    """Prints what arrives, when it arrives."""

    def __init__(self, story, webhook, lab):
        self.story, self.webhook, self.lab = story, webhook, lab
        self.seen, self.told, self.known = 0, 0, set()

    def look(self):
        for event in self.lab.replay()["events"][self.told:]:
            if not event["done"]:
                break
            at = self.story.moments[self.told]
            self.told += 1
            print(f"\n{at:%d. %H:%M}     -- {event['note_ko']}\n{'':14}{event['note_en']}")
        for one in self.webhook.all()[self.seen:]:
            self.seen += 1
            if one["receiver"] != "deadman":
                for alert in one["body"]["alerts"]:
                    self.show(one, alert)
        return self.story.over()

    def show(self, one, alert):
        key = (one["receiver"], alert["fingerprint"], alert["startsAt"], alert["status"])
        again = " (reminder)" if key in self.known else ""
        self.known.add(key)
        labels, texts = alert["labels"], alert["annotations"]
        at = f"{self.story.now(one['time']):%d. %H:%M:%S}"
        about = labels.get("service", "") + (f" ({labels['page']})" if "page" in labels else "")
        print(f"{at}  {one['receiver']:6}  {alert['status']:8}  {labels['alertname']} {about}{again}"
              f"\n{'':14}{texts['summary_ko']}\n{'':14}{texts['summary']}")


class Judge:
    """What was sent, against what should have been. Finds all that is wrong, not the first alone."""

    def __init__(self, story, webhook):
        self.story, self.webhook, self.wrong = story, webhook, []

    def expect(self, truth, what):
        if not truth:
            self.wrong.append(what)

    def of(self, receiver, name=None, status=None):
        labels = {"alertname": name[0], "service": name[1]} if name else {}
        return self.webhook.alerts(receiver, status, **labels)

    def when(self, alert):
        return self.story.now(alert["time"])

    def between(self, alerts, start, end, what):
        """Those that came from one time of the story to another; there must be some."""
        found = [one for one in alerts if moment(start) <= self.when(one) <= moment(end)]
        seen = [f"{self.when(one):%d. %H:%M:%S}" for one in alerts]
        self.expect(found, f"{what}: not from {start} to {end}, but at {seen}")
        return found

    def pages(self):
        first = self.of("page")[:1]
        for one in first:
            self.expect((one["labels"]["alertname"], one["labels"].get("service")) == CAUSE
                        and one["annotations"]["summary_ko"].startswith("gpki: "),
                        f"the first page does not name gpki: {one['annotations']['summary']}")
        self.between(first, "2023-11-17 01:42", "2023-11-17 01:46", "the first page")
        names = {(one["labels"]["alertname"], one["labels"].get("service"))
                 for one in self.of("page")}
        self.expect(names == {CAUSE, STOPPED},
                    f"pages about {sorted(map(str, names))}, not one cause and one notice page")
        for name in (CAUSE, STOPPED):
            begun = {one["startsAt"] for one in self.of("page", name)}
            self.expect(len(begun) == 1, f"{name} is {len(begun)} incidents, not one")
            firing = self.of("page", name, "firing")
            # Alertmanager reminds once an hour of what is not acknowledged; sooner is a new page.
            gaps = [later["time"] - sooner["time"] for sooner, later in zip(firing, firing[1:])]
            minutes = [round(gap * FACTOR / 60) for gap in gaps]
            self.expect(all(gap >= 54 for gap in minutes),
                        f"{name} was paged again after minutes: {minutes}")
        self.between(self.of("page", STOPPED, "firing"),
                     "2023-11-17 13:55", "2023-11-17 13:59", "the notice page")

    def dependents(self, held):
        """They were bad enough, and nobody was woken for them."""
        self.expect("saeol" in held, f"Saeol was never held back, only {held}")
        for receiver in ("page", "deputy", "chat", "course"):
            loud = {(one["labels"]["alertname"], one["labels"]["service"])
                    for one in self.of(receiver) if one["labels"].get("service") in DEPENDENTS}
            self.expect(not loud, f"dependents are not quiet: {receiver} got {loud}")

    def relapse(self):
        self.between(self.of("deputy", ("PageUnacknowledged", "gpki"), "firing"),
                     "2023-11-17 01:52", "2023-11-17 01:58", "the deputy")
        self.between(self.of("course", ("ServiceRecovering", "gpki"), "firing"),
                     "2023-11-17 12:20", "2023-11-17 12:40", "recovering, not recovered")
        for one in self.between(self.of("course", ("ServiceRelapsed", "gpki"), "firing"),
                                "2023-11-17 13:05", "2023-11-17 13:25", "the relapse"):
            falls = re.search(r"Falls within a day, this one included: (\d+)", one["annotations"]["description"])
            self.expect(falls and int(falls[1]) >= 2, "the relapse is not counted: "
                        + one["annotations"]["description"])

    def no_good_news(self):
        """From the false recovery to the true one nobody is told that anything is over."""
        for receiver in ("page", "deputy", "chat", "course", "ticket"):
            told = [f"{self.when(one):%d. %H:%M} {receiver} {one['labels']['alertname']}"
                    for one in self.of(receiver, status="resolved")
                    if moment("2023-11-17 12:20") <= self.when(one) < moment("2023-11-18 08:30")]
            self.expect(not told, f"announced as over in the midst of it: {told}")

    def heard_the_end(self):
        """The last that is to come has come, or its time is over."""
        return self.of("page", STOPPED, "resolved") or self.story.now() > moment(PROVEN[-1][-1])

    def recovery(self):
        for name, start, end in PROVEN:
            resolved = self.of("page", name, "resolved")
            early = [f"{self.when(one):%d. %H:%M}" for one in resolved
                     if self.when(one) < moment(start)]
            self.expect(not early, f"{name} was announced as over too early: {early}")
            self.between(resolved, start, end, f"{name} resolved")
            self.expect(len(resolved) == 1, f"{name} was resolved {len(resolved)} times")

    def titles(self):
        """What the chat shows, rendered by the shipped templates."""
        titles = [one["body"]["attachments"][0]["title"] for one in self.webhook.all("page", "slack")]
        for start in ("[장애] gpki: ", "[복구] gpki: "):
            self.expect(any(title.startswith(start) for title in titles), f"{start}: {titles}")


class Disturbed(Failed):
    """It is not as it should be, and neither was the machine: this shows nothing of the rules."""


def play(report):
    begun = time.monotonic()
    with Stack("replay") as stack, Pulse() as pulse:
        story = Story()
        drill = stack.folder / "drill.yml"
        drill.write_text(yaml.safe_dump(story.drill(), allow_unicode=True, sort_keys=False))
        webhook = Webhook(stack)
        alertmanager = Alertmanager(
            stack, webhook, edit=lambda config: config.update(scale.alertmanager(config, FACTOR)))
        rules = scale.rule_folder(RULES, stack.subfolder("rules"), FACTOR)
        given = yaml.safe_load(PROBES.read_text())["defaults"]
        title = yaml.safe_load(DRILL.read_text())["title_ko"]
        # From here on the clock of the story runs.
        lab = Lab(stack, "--replay", drill, "--speed", FACTOR,
                  "--patience", scale.scaled(BACKEND_PATIENCE, FACTOR))
        story.synchronise(lab)
        config = schedule(lab.config, given)
        daemons = [Daemon(stack, config, vantage="daejeon"), Daemon(stack, config, vantage="gwangju")]
        prometheus = Prometheus(stack, daemons, [alertmanager], rules=rules, edit=slower,
                                arguments=flags())
        until(lambda: prometheus.query('service:down{service="gpki"} == 0'), PATIENCE, "the rules see gpki")
        check(story.now() < moment("2023-11-17 01:42"),
              f"everything runs only at {story.now():%H:%M}, when it is broken already")
        print(f"{title}, x{FACTOR}; watched since {story.now():%d. %H:%M}")
        timeline = Timeline(story, webhook, lab)
        judge = Judge(story, webhook)
        until(lambda: timeline.look() and judge.heard_the_end(), WITHIN_SECONDS, "the drill is over")
        judge.pages()
        judge.dependents({labels["service"] for labels, _ in
                          prometheus.query("max_over_time(service:held[10m]) == 1")})
        judge.relapse()
        judge.no_good_news()
        judge.recovery()
        judge.titles()
        judge.wrong += prometheus.rule_errors()
        missed = prometheus.evaluations_missed()
        machine = (f"the machine stood still for {pulse.longest:.2f} s at most, and {missed:.1%} of the "
                   "evaluations of rules were missed")
        print(f"\n{machine}")
        if judge.wrong:
            kept_up = pulse.longest < STANDSTILL_SECONDS and missed < MISSED
            raise (Failed if kept_up else Disturbed)(
                "\n  ".join(["not as it should be:", *judge.wrong, machine]))
        seconds = time.monotonic() - begun
        if report:
            told = story_time.in_story_time(stack, story, FACTOR, prometheus, f"{WITHIN_SECONDS}s")
            report.write_text(story_time.page(told, alertmanager, CAUSE[1], "2023-11-17T02:00"))
    check(seconds <= WITHIN_SECONDS, f"the replay took {seconds:.0f} s, not {WITHIN_SECONDS}")
    print(f"\nas it should be, in {seconds:.0f} s")


def scenario():
    """Where the machine was taken away from the run, the run is repeated, and judged the same."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--report", type=pathlib.Path)
    report = parser.parse_args().report
    for _ in range(ATTEMPTS - 1):
        try:
            return play(report)
        except Disturbed as why:
            print(f"{why}\nWhat was seen is what the machine did, not what the rules do: once more.\n", flush=True)
    return play(report)


if __name__ == "__main__":
    main(scenario)
