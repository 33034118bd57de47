"""One factor for every time in the alerting chain, so that hours can be played in minutes.

    python3 tests/stack/scale.py --test       sees that nothing was forgotten

A run at factor 40 is the shipped one with its clock turned faster: `for: 2m` is 3 s, a group that is
evaluated every 15 s is evaluated every 375 ms, and a probe that runs once a minute runs every 1.5 s.
What is not a time of the chain stays: how large a share counts as half, how many samples are 90 % of
an hour (interval and range shrink alike), how long certificates live, and what hour it is in Korea.

Numbers in expressions have no unit, so each is decided on here by name. A rule with a number that
nobody decided on is refused: whoever adds it says whether it is a time.
"""

import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]

DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
                "w": 7 * 86_400_000, "y": 365 * 86_400_000}

# Seconds in expressions that are times of the chain.
SCALED = {
    "prober:service:seen_timestamp": ["6 * 3600"],
    "ErrorBudgetBurnFast": ["> 60"],
    "ErrorBudgetBurnSlow": ["> 60"],
    "service:outage:limit_seconds": ["7200", "10800"],
    "MaintenanceOverrunning": ["600"],
    "OutageLasting": ["3 * 86400"],
}
# Numbers that stay, and why.
KEPT = {
    "service:urgent": {"3": "a grade"},
    "vantage:probe:down": {"1": "a failure", "2": "failures in a row"},
    "probe:suspect": {"2": "half of the votes"},
    "probe:down": {"2": "votes"},
    "service:own:down": {"2": "sites", "0.05": "a share of the sites"},
    "component:credentials_refused": {"3": "accounts"},
    "component:down": {"2": "witnesses"},
    "cause:dependents_down:share": {"2": "more than any share", "5": "dependents"},
    "cause:falling": {"2": "dependents", "5": "dependents", "0.5": "a share of them", "10": "dependents", "0.1": "a share of them"},
    "cause:inferred": {"3": "dependents"},
    "cause:returning": {"2": "half of what fell"},
    "service:opening": {"10": "dependents"},
    "service:outage:limit_seconds": {"2": "a grade"},
    "service:stopped": {"2": "half of the probes"},
    "service:incident:long": {"40": "samples: interval and range shrink alike"},
    "service:stable": {"216": "samples of an hour", "18": "samples of five minutes"},
    "ServiceFlapping": {"5": "changes of state"},
    "ServiceRecoveryUnstable": {"0.1": "a share of time"},
    "vantage:disagrees": {"5": "services"},
    "LargePacketsLost": {"3": "retransmits"},
    "LargePacketBlind": {"1448": "bytes"},
    "probe:duration:median15m": {"0.5": "a quantile"},
    "probe:duration:median1d": {"0.5": "a quantile"},
    "ServiceSlow": {"3": "times the daily median; answers do not come faster"},
    "service:burn:ratio_5m": {"0.5": "the vantage in the middle"},
    "ErrorBudgetBurnFast": {"14.4": "a rate", "6": "a rate", "2": "failures in a row"},
    "ErrorBudgetBurnSlow": {"3": "a rate", "2": "failures in a row"},
    "TLSCertificateRenewalOverdue": {"0.25": "a share", "30": "days of a certificate's life",
                                     "86400": "seconds of its day"},
    "TLSCertificateExpiringSoon": {"0.1": "a share", "7": "days of a certificate's life",
                                   "86400": "seconds of its day"},
    "IdentityRenewalOverdue": {"0.25": "a share", "30": "days of a certificate's life",
                               "86400": "seconds of its day"},
    "IdentityExpiringSoon": {"0.1": "a share", "7": "days of a certificate's life",
                             "86400": "seconds of its day"},
    "TLSCertificateInvalid": {"0.5": "more than half"},
    "ProberQuorumLost": {"0.5": "half of the probers"},
    "ProberSchedulerLag": {"0.99": "a quantile; the lag is the machine's"},
    "ProberStalled": {"5": "seconds that a real machine loses"},
    "ClockSkewed": {"15": "seconds between two real clocks"},
    "TestPage": {"9": "hours to Korea", "3600": "seconds of an hour", "3": "Wednesday",
                 "7": "the first week", "10": "o'clock", "15": "minutes past"},
    "HolidayTableExpiring": {"1861887600": "a date", "60": "days", "86400": "seconds of a day"},
    "AlertmanagerFailedToSendAlerts": {"0.01": "a share"},
    "SmsBridgeCannotSend": {"120": "seconds of a bridge, which keeps its own pace"},
    "MaintenanceOverrunning": {"2": "sites", "0.05": "a share of the sites"},
    "service:state": dict.fromkeys("2345", "a colour of the boards"),
    "month:kst": {"9": "hours to Korea", "3600": "seconds of an hour"},
    "service:budget:minutes": dict.fromkeys(["30", "24", "60"], "a month, of which samples are minutes"),
    "site:state": dict.fromkeys("235", "a colour of the boards"),
}
# What Prometheus says in flags, with its defaults.
FLAGS = {
    "query.lookback-delta": "5m",
    "rules.alert.for-outage-tolerance": "1h",
    "rules.alert.for-grace-period": "10m",
    "rules.alert.resend-delay": "1m",
}
PROMETHEUS_KEYS = {"scrape_interval", "scrape_timeout", "evaluation_interval"}
ALERTMANAGER_KEYS = {"group_wait", "group_interval", "repeat_interval", "resolve_timeout"}
# `lt` is how slow is slow; it must stay below the timeout.
PROBE_KEYS = {"interval", "timeout", "recheck", "lt", "every", "at_most"}
# The pace of a login guard, which nothing reaches while passwords are right.
PROBE_KEYS_KEPT = {"slow_to"}


class Undecided(Exception):
    """A number of which nobody said whether it is a time."""


def milliseconds(duration):
    return sum(int(number) * MILLISECONDS[unit]
               for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))


def scaled(duration, factor):
    """`5m` at 40 is `7500ms`."""
    return f"{max(1, round(milliseconds(duration) / factor))}ms"


def ranges(text, factor):
    """Range selectors, subqueries and offsets of an expression, also inside a template."""
    def inner(found):
        return re.sub(DURATION, lambda one: scaled(one[0], factor), found[0])
    text = re.sub(rf"\[{DURATION}(?::(?:{DURATION})?)?\]", inner, text)
    return re.sub(rf"\boffset\s+-?{DURATION}", inner, text)


def numbers(expression):
    """The numbers of an expression that are neither durations, names nor 0 and 1."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(rf"\[[^\]]*\]|\boffset\s+-?{DURATION}", " ", bare)
    found = re.findall(r"(?<![\w.:])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.:])", bare)
    return [number for number in found if number not in ("0", "1")]


def rule(one, factor):
    name = one.get("record") or one.get("alert")
    expression = one["expr"]
    for text in SCALED.get(name, []):
        if text not in expression:
            raise Undecided(f"{name}: {text!r} is gone; see SCALED in {__file__}")
    rest = expression
    for text in SCALED.get(name, []):
        rest = rest.replace(text, "")
    for number in numbers(rest):
        if number not in KEPT.get(name, {}):
            raise Undecided(f"{name}: is {number} a time? Say so in {__file__}: SCALED or KEPT")
    for text in SCALED.get(name, []):
        expression = expression.replace(text, f"{text} / {factor:g}")
    changed = {**one, "expr": ranges(expression, factor)}
    for key in ("for", "keep_firing_for"):
        if key in one:
            changed[key] = scaled(one[key], factor)
    if "annotations" in one:
        changed["annotations"] = {
            key: ranges(text, factor) for key, text in one["annotations"].items()}
    return changed


def rules(document, factor):
    """A file of rules."""
    groups = []
    for group in document["groups"]:
        changed = {**group, "rules": [rule(one, factor) for one in group["rules"]]}
        for key in ("interval", "query_offset"):
            if key in group:
                changed[key] = scaled(group[key], factor)
        groups.append(changed)
    return {**document, "groups": groups}


def keyed(value, keys, factor):
    """The durations under these keys, wherever they are."""
    if isinstance(value, dict):
        return {key: scaled(one, factor) if key in keys and re.fullmatch(DURATION, str(one))
                else keyed(one, keys, factor) for key, one in value.items()}
    if isinstance(value, list):
        return [keyed(one, keys, factor) for one in value]
    return value


def prometheus(config, factor):
    return keyed(config, PROMETHEUS_KEYS, factor)


def alertmanager(config, factor):
    return keyed(config, ALERTMANAGER_KEYS, factor)


def probes(config, factor):
    return keyed(config, PROBE_KEYS, factor)


def flags(factor):
    """Arguments for Prometheus: times that are not in its files."""
    return [f"--{name}={scaled(duration, factor)}" for name, duration in FLAGS.items()]


def rule_folder(source, target, factor):
    """All files of rules, scaled, in another folder."""
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.glob("*.yml")):
        document = rules(yaml.safe_load(file.read_text()), factor)
        (target / file.name).write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))
    return target


# --- its test ---------------------------------------------------------------------------------

# With 7, no whole second stays one: whatever is scaled is written in milliseconds.
TEST_FACTOR = 7


def durations(text):
    """Durations anywhere in a text, but not in names such as `ratio_30m`."""
    return re.findall(rf"(?<![\w.:-]){DURATION}(?![\w:])", text)


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from leaves(one, (*path, index))
    else:
        yield path, str(value)


def compare(name, before, after, kept=frozenset()):
    """Every duration of `before` is in `after`, divided; nothing else differs. Returns how many."""
    count = 0
    old, new = dict(leaves(before)), dict(leaves(after))
    assert old.keys() == new.keys(), f"{name}: keys differ"
    for path, text in old.items():
        if kept & set(path):
            assert text == new[path], f"{name} {path}: changed"
            continue
        was, now = durations(text), durations(new[path])
        assert now == [scaled(one, TEST_FACTOR) for one in was], f"{name} {path}: {was} became {now}"
        rest = re.sub(rf"{DURATION}| / {TEST_FACTOR}", "", new[path])
        assert rest == re.sub(DURATION, "", text), f"{name} {path}: more than durations changed"
        count += len(was)
    return count


def refused(text):
    """The name of the problem that scaling a changed rule has."""
    try:
        rules(yaml.safe_load(text), TEST_FACTOR)
    except Undecided as undecided:
        return str(undecided)
    raise AssertionError(f"nobody decided on a number in {text!r}, and it was accepted")


def test():
    assert scaled("5m", 40) == "7500ms" and scaled("1h30m", 60) == "90000ms"
    assert scaled("1ms", 40) == "1ms", "never zero"
    assert ranges("a[5m] offset -1m + rate(b[1h:15s]) > 60", 10) == \
        "a[30000ms] offset -6000ms + rate(b[360000ms:1500ms]) > 60"
    assert "is 900 a time" in refused(
        "groups: [{name: x, rules: [{record: y, expr: time() - z > 900}]}]")
    assert "is gone" in refused(
        "groups: [{name: x, rules: [{record: 'prober:service:seen_timestamp', expr: z > 3}]}]")

    total, constants = 0, 0
    seen = set()
    for file in sorted((ROOT / "config/prometheus/rules").glob("*.yml")):
        before = yaml.safe_load(file.read_text())
        after = rules(before, TEST_FACTOR)
        total += compare(file.name, before, after)
        constants += str(after).count(f" / {TEST_FACTOR}")
        seen |= {one.get("record") or one.get("alert")
                 for group in before["groups"] for one in group["rules"]}
    assert total > 100, f"only {total} durations in the rules"
    assert constants == sum(len(texts) for texts in SCALED.values()), "constants in seconds"
    stale = (SCALED.keys() | KEPT.keys()) - seen
    assert not stale, f"no rules any more: {stale}"
    # Samples that are a share of a range stay, because the interval shrinks with the range.
    stable = next(one for group in rules(yaml.safe_load(
        (ROOT / "config/prometheus/rules/2-verdicts.yml").read_text()), 40)["groups"]
        for one in group["rules"] if one.get("record") == "service:stable")
    assert "[90000ms]) >= 216" in stable["expr"], stable["expr"]

    for path, function, least, kept in [
        ("config/prometheus/prometheus.yml", prometheus, 2, frozenset()),
        ("config/alertmanager/alertmanager.yml", alertmanager, 15, frozenset()),
        ("config/bongsu.yml", probes, 3, PROBE_KEYS_KEPT),
    ]:
        before = yaml.safe_load((ROOT / path).read_text())
        found = compare(path, before, function(before, TEST_FACTOR), kept)
        assert found >= least, f"{path}: only {found} durations"
        total += found
    print(f"{total} durations and {constants} constants scaled, none left")


if __name__ == "__main__":
    if sys.argv[1:] != ["--test"]:
        sys.exit(__doc__)
    test()
