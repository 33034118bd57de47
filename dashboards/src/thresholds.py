"""Thresholds of panels, read from the alert rules, so that a board and a page cannot disagree.

Each entry is where in an alert's expression its number stands. A rule that no longer has it, or
has it twice, ends the build.
"""

import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "config/prometheus/rules"

NUMBER = r"(\d+(?:\.\d+)?(?: \* \d+)?)"
WHERE = {
    "ClockSkewed": rf"> {NUMBER}$",
    "ErrorBudgetBurnFast": rf"ratio_1h > on \(service\) {NUMBER} \*",
    "ErrorBudgetBurnFast/6h": rf"ratio_6h > on \(service\) {NUMBER} \*",
    "ErrorBudgetBurnSlow": rf"ratio_1d > on \(service\) {NUMBER} \*",
    "LargePacketBlind": rf"bongsu_tcp_snd_mss_bytes < {NUMBER}\)",
    "LargePacketsLost": rf"retransmits >= {NUMBER}\)",
    "ProberConfigDrift": rf"> {NUMBER}$",
    "ProberQuorumLost": rf"< {NUMBER}$",
    "ProberRunsSkipped": rf"> {NUMBER}$",
    "ProberSchedulerLag": rf"> {NUMBER}$",
    "ProberStalled": rf"> {NUMBER}$",
    "ServiceFlapping": rf"> {NUMBER}$",
    "ServiceRecoveryUnstable": rf"ratio_30m > {NUMBER}\)",
    "ServiceSlow": rf"clamp_min\({NUMBER} \* \(probe",
    "SitesDown": rf"service:sites:down > {NUMBER}$",
    "AlertmanagerFailedToSendAlerts": rf"> {NUMBER}$",
    "ProberDown": rf"== {NUMBER}$",
    "VantageOffline": rf"== {NUMBER}$",
    "AllVantagesOffline": rf"== {NUMBER}$",
    "ProberConfigReloadFailed": rf"== {NUMBER}$",
    "ProbeAccountHeld": rf"== {NUMBER}$",
    "TLSCertificateExpired": rf'cert:remaining:seconds\{{position!="root"\}} <= {NUMBER}\)',
    "TLSCertificateExpiringSoon/days": rf"cert:lifetime:seconds, {NUMBER}\)",
    "TLSCertificateRenewalOverdue/days": rf"cert:lifetime:seconds, {NUMBER}\)",
    "PrometheusNotConnectedToAlertmanagers": rf"< {NUMBER}$",
}
# A part of an expression that panels ask about as a whole.
CLAMP = r"(clamp_max\([^()]* \* cert:lifetime:seconds, [^()]*\))"


def documents():
    for path in sorted(RULES.glob("*.yml")):
        yield from yaml.safe_load(path.read_text())["groups"]


def alerts():
    """Every alert by name."""
    return {rule["alert"]: rule for group in documents() for rule in group["rules"]
            if "alert" in rule}


def records():
    """Names that recording rules make."""
    return {rule["record"] for group in documents() for rule in group["rules"]
            if "record" in rule}


ALERTS = alerts()


def part(alert, pattern):
    """The one place in the alert's expression that matches."""
    expression = ALERTS[alert]["expr"].strip()
    found = set(re.findall(pattern, expression, re.MULTILINE))
    if len(found) != 1:
        raise SystemExit(f"{alert}: {len(found)} matches of {pattern} in\n{expression}")
    return found.pop()


def of(key):
    """The number of an alert; `key` is in WHERE."""
    product = 1.0
    for factor in part(key.split("/")[0], WHERE[key]).split(" * "):
        product *= float(factor)
    return product / 86400 if key.endswith("/days") else product


def limits():
    """The two limits of a certificate's remaining life, as expressions of the rules."""
    return {name: part(name, CLAMP)
            for name in ("TLSCertificateExpiringSoon", "TLSCertificateRenewalOverdue")}


def slow_limit():
    """What ServiceSlow compares a median with, as an expression of the rule."""
    return part("ServiceSlow", r"(clamp_min\(.*, \d+\)\))")[:-1]


def fragments():
    """Limits that are expressions, by alert."""
    return {**limits(), "ServiceSlow": slow_limit()}


def keys(alert):
    """The numbers that belong to one alert."""
    return [key for key in WHERE if key.split("/")[0] == alert]


def runbooks():
    """Where runbooks are, as the alerts say."""
    one = ALERTS["ServiceDown"]["annotations"]["runbook_url"]
    return one.rsplit("/", 1)[0]


if __name__ == "__main__":
    for key in WHERE:
        print(f"{key}: {of(key):g}")
    print(limits(), runbooks())
