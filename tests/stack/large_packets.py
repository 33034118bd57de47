"""17 November 2023 on real packets. A router between the prober and GPKI loses nine of ten packets of
1,500 bytes and more, as the one in Daejeon did; the kernel's TCP, nftables, the daemon, Prometheus
and the rules are the real ones.

    prober 10.77.1.2 ---- router (this script's network) ---- 10.77.2.2 GPKI

- The front page, one small packet each way, stays up: it is what everybody looked at that night.
- The login with a certificate goes down and says in which step: a signed message fills a packet.
- The padded GET, which fills packets without an account, goes down too.
- TCP sends again and again, and the metrics of the login say so.
- LargePacketsLost fires.
- Over a path with smaller packets nothing of this can be seen, and LargePacketBlind says that.

Needs root: network namespaces, nftables, ethtool.
"""

import re
import subprocess
import time

import network
import yaml
from stack import (
    PATIENCE, RULES, Daemon, Failed, Lab, Prometheus, Stack, check, main, until,
)

PROBER, GPKI = 1, 2
ADDRESS = f"10.77.{GPKI}.2"
# Sent in one packet of this size: an Ethernet frame's payload.
LARGE = 1500
LOST_PERCENT = 90
# Payload of such a packet behind the headers of IP and TCP with timestamps.
FULL_SEGMENT = 1448
# A tunnel's. Its packets are all smaller than those that are lost.
TUNNEL_MTU = 1400
# What is looked at again and again while the router is bad. All of it is of the same Prometheus.
FRONT = "probe_success{probe='front'}"
PADDED = "probe_success{probe='padded'}"
LOGIN = "probe_success{probe='login'}"
RETRANSMITS = "max_over_time(bongsu_tcp_retransmits{probe='login'}[1m])"
FAILURE = "bongsu_probe_failure_info{probe='login'}"


def run(*command):
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if ran.returncode:
        raise Failed(f"{' '.join(map(str, command))}: {ran.stderr}")


def whole_packets(place):
    """Packets as they are on a wire. Virtual links carry up to 64 KiB at once otherwise."""
    off = ("tso", "off", "gso", "off", "gro", "off")
    run("ethtool", "-K", place.services, *off)
    run(*place.inside, "ethtool", "-K", f"at-{place.services}", *off)


def join(prober, gpki):
    """The script's own network becomes the router between the two."""
    with open("/proc/sys/net/ipv4/ip_forward", "w") as forwards:
        forwards.write("1")
    prober.ip("route", "add", f"10.77.{GPKI}.0/30", "via", f"10.77.{PROBER}.1")
    gpki.ip("route", "add", f"10.77.{PROBER}.0/30", "via", f"10.77.{GPKI}.1")
    for place in (prober, gpki):
        whole_packets(place)


class BadPort:
    """The port of the router through which packets leave for GPKI."""

    def __init__(self):
        run("nft", "add", "table", "inet", "router")
        run("nft", "add", "chain", "inet", "router", "port",
            "{ type filter hook forward priority 0; }")

    def breaks(self):
        run("nft", "add", "rule", "inet", "router", "port", "oifname", f"services{GPKI}",
            "meta", "length", ">=", LARGE, "numgen", "random", "mod", 100, "<", LOST_PERCENT, "drop")

    def mends(self):
        run("nft", "flush", "chain", "inet", "router", "port")


def only_gpki(lab):
    """The lab's own configuration, of which only the service `gpki` is left."""
    config = yaml.safe_load(lab.config.read_text())
    config["services"] = [one for one in config["services"] if one["name"] == "gpki"]
    path = lab.out / "gpki.yml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False))
    return path


def rules(stack):
    """The shipped rules. Only that the blind path is told after ten minutes is not waited for."""
    folder = stack.subfolder("rules")
    for path in RULES.glob("*.yml"):
        text = re.sub(r"(alert: LargePacketBlind\n(?:.*\n)*?\s+for:) 10m", r"\1 10s", path.read_text())
        (folder / path.name).write_text(text)
    return folder


class Watch:
    """Asks one Prometheus, and prints what it says."""

    def __init__(self, prometheus):
        self.prometheus = prometheus
        self.began = time.monotonic()

    def value(self, expression):
        found = self.prometheus.query(expression)
        return found[0][1] if found else None

    def is_firing(self, alert):
        return bool(self.prometheus.query(f"ALERTS{{alertname='{alert}',alertstate='firing'}}"))

    def tell(self, what):
        words = {1: "up", 0: "DOWN", None: "-"}
        states = [words[self.value(one)] for one in (FRONT, PADDED, LOGIN)]
        again = self.value(RETRANSMITS)
        failure = self.prometheus.query(FAILURE)
        failed = ", ".join(f"step {one['step']}: {one['reason']}" for one, _ in failure)
        print(f"{time.monotonic() - self.began:4.0f} s  {what:34} {states[0]:9} {states[1]:9} "
              f"{states[2]:9} {again if again is not None else 0:5.0f}   {failed}")


def scenario():
    with Stack("large-packets") as stack:
        prober = network.Place(stack, "prober", PROBER)
        gpki = network.Place(stack, "gpki", GPKI)
        join(prober, gpki)
        port = BadPort()
        lab = Lab(stack, "--listen", ADDRESS, "--hostname", ADDRESS, place=gpki)
        daemon = Daemon(stack, only_gpki(lab), "sejong", place=prober)
        prometheus = Prometheus(stack, [daemon], rules=rules(stack))
        watch = Watch(prometheus)
        print(f"{'':6}  {'':34} {'front':9} {'padded':9} {'login':9} {'again':5}")

        until(lambda: watch.value(FRONT) == watch.value(PADDED) == watch.value(LOGIN) == 1,
              PATIENCE, "all three are up on a good road")
        segment = watch.value("bongsu_tcp_snd_mss_bytes{probe='login'}")
        check(segment == FULL_SEGMENT, f"segments of {segment} bytes on a good road")
        check(watch.value(RETRANSMITS) == 0, "a good road loses nothing")
        watch.tell("a good road")

        port.breaks()
        broken = time.time()
        until(lambda: watch.value(LOGIN) == 0 and watch.value(FRONT) == 1, PATIENCE,
              "the login is down, the front page is up")
        failure = prometheus.query(FAILURE)
        check([one["step"] for one, _ in failure] == ["verify"],
              f"the login fails where the signed message is sent: {failure}")
        check(failure[0][0]["component"] == "gpki", f"GPKI is to blame: {failure}")
        watch.tell(f"{LOST_PERCENT} % of {LARGE} bytes are lost")
        until(lambda: watch.value(PADDED) == 0, PATIENCE, "the padded request is down, too")
        until(lambda: (watch.value(RETRANSMITS) or 0) >= 2, PATIENCE,
              "the login's connection sends again")
        watch.tell("the padded request knows it, too")
        until(lambda: watch.is_firing("LargePacketsLost"), PATIENCE, "LargePacketsLost fires")
        watch.tell("LargePacketsLost fires")
        seconds = int(time.time() - broken)
        lowest = watch.value(f"min_over_time({FRONT}[{seconds}s])")
        check(lowest == 1, "the front page was down, too: everybody would have known")
        check(not watch.is_firing("LargePacketBlind"), "segments are large enough to see it")

        port.mends()
        until(lambda: watch.value(FRONT) == watch.value(PADDED) == watch.value(LOGIN) == 1,
              PATIENCE, "all three are up again")
        watch.tell("the port is replaced")

        # A tunnel or an overlay network between: all packets are smaller than those that are lost.
        prober.ip("link", "set", f"at-{prober.services}", "mtu", TUNNEL_MTU)
        port.breaks()
        until(lambda: watch.is_firing("LargePacketBlind"), PATIENCE, "LargePacketBlind fires")
        check(watch.value(LOGIN) == watch.value(PADDED) == 1,
              "small packets are not lost: the fault is there and cannot be seen")
        segment = watch.value("bongsu_tcp_snd_mss_bytes{probe='login'}")
        watch.tell(f"LargePacketBlind: segments of {segment:.0f}")


if __name__ == "__main__":
    main(scenario)
