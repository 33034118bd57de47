#!/usr/bin/env python3
"""The image's root file system, run as an orchestrator that trusts nobody would run it: user 65532,
no capabilities, nothing writable, process 1. Usage: image.py ROOT [INSPECTED.json]

It looks names up, verifies certificate chains, signs in, serves its metrics, answers its own health
check, and ends on SIGTERM with 0. INSPECTED.json is what `buildah inspect --type image` says.
"""

import json
import os
import pathlib
import socket
import struct
import sys
import threading
import time

from container import NETWORK, Addresses, Container, bridge
from stack import PATIENCE, Stack, check, main, request, until

NONROOT = (65532, 65532)
SIZE_MAX_BYTES = 15_000_000
HOSTNAME = "estate.test"
# --shutdown.grace is 10 s, and the machine may be busy.
END_SECONDS = 20
DNS_A, DNS_IN, DNS_TTL_SECONDS = 1, 1, 30


class NameServer:
    """Knows one name, by its address; of every other it says that there is none."""

    def __init__(self, name, address):
        self.name, self.address, self.asked = name, address, set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((f"{NETWORK}.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, client = self.socket.recvfrom(512)
            labels, at = [], 12
            while length := query[at]:
                labels.append(query[at + 1:at + 1 + length].decode())
                at += 1 + length
            question = query[12:at + 5]
            name = ".".join(labels).lower()
            self.asked.add(name)
            known = name == self.name
            wanted = known and struct.unpack("!H", question[-4:-2])[0] == DNS_A
            # RFC 1035: QR, AA, RD, RA; NXDOMAIN is 3. The answer's name points at the question.
            flags = 0x8580 | (0 if known else 3)
            head = query[:2] + struct.pack("!5H", flags, 1, int(wanted), 0, 0)
            answer = struct.pack("!HHHIH", 0xC00C, DNS_A, DNS_IN, DNS_TTL_SECONDS, 4)
            answer += socket.inet_aton(self.address)
            self.socket.sendto(head + question + (answer if wanted else b""), client)


def check_config(inspected):
    """What the image says of itself."""
    config = json.loads(pathlib.Path(inspected).read_text())["Docker"]["config"]
    check(config["User"] == "65532:65532", f"User {config['User']}")
    check(config["Entrypoint"] == ["/bongsu"], f"Entrypoint {config['Entrypoint']}")
    check(config["Healthcheck"]["Test"] == ["CMD", "/bongsu", "healthcheck"],
          f"Healthcheck {config['Healthcheck']}")
    check("10915/tcp" in config["ExposedPorts"], f"ExposedPorts {config['ExposedPorts']}")
    check(config["StopSignal"] == "SIGTERM", f"StopSignal {config['StopSignal']}")
    labels = {key.rsplit(".", 1)[1]: value for key, value in config["Labels"].items()
              if key.startswith("org.opencontainers.image.")}
    for key in ("title", "description", "licenses", "version", "revision"):
        check(labels.get(key), f"no label {key}: {labels}")
    print(f"configured: {labels['title']} {labels['version']} of {labels['revision']}")


def check_size(root):
    files = {path.relative_to(root): path.stat().st_size
             for path in sorted(root.rglob("*")) if path.is_file()}
    for path, size in files.items():
        print(f"  {size:>10,} /{path}")
    total = sum(files.values())
    print(f"  {total:>10,} bytes")
    check(total < SIZE_MAX_BYTES, f"larger than {SIZE_MAX_BYTES} bytes")


def check_privileges(daemon):
    status = daemon.status()
    check(set(status["Uid"].split()) == {"65532"}, f"Uid {status['Uid']}")
    check(set(status["Gid"].split()) == {"65532"} and not status["Groups"].strip(),
          f"Gid {status['Gid']}, Groups {status['Groups']}")
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        check(int(status[kind], 16) == 0, f"{kind} {status[kind]}")
    check(status["NSpid"].split()[-1] == "1", f"NSpid {status['NSpid']}")
    mounts = pathlib.Path(f"/proc/{daemon.pid}/mountinfo").read_text().splitlines()
    root = [line.split() for line in mounts if line.split()[4] == "/"]
    check("ro" in root[-1][5].split(","), f"the root is writable: {root}")


def states(url):
    """Probes by what was found of them."""
    found = {}
    for service in json.loads(request(f"{url}/api/v1/status")[1])["services"]:
        for probe in service.get("probes", []):
            found.setdefault(probe["state"], []).append(probe["id"])
    return found


def refuses_to_start(stack, addresses, root):
    """Without a configuration it says so and does not run with none."""
    alone = Container(stack, addresses, "alone", root, ["/bongsu"], NONROOT)
    stack.processes.remove(alone)
    status = alone.child.wait(PATIENCE)
    check(status == 2 and "/etc/bongsu/bongsu.yml" in alone.tail(), f"{status}: {alone.tail()}")


def scenario():
    bridge()
    root = pathlib.Path(sys.argv[1]).resolve()
    if len(sys.argv) > 2:
        check_config(sys.argv[2])
        check_size(root)
    addresses = Addresses(["lab", "bongsu", "alone"])
    dns = NameServer(HOSTNAME, addresses.of["lab"])
    with Stack("image") as stack:
        estate, state = stack.subfolder("estate"), stack.subfolder("state")
        for folder in (estate, state):
            os.chown(folder, *NONROOT)
        lab = Container(
            stack, addresses, "lab", root,
            ["/bongsu", "lab", "--targets-only", "--listen=0.0.0.0", f"--hostname={HOSTNAME}",
             "--out=/var/lib/bongsu"],
            NONROOT, [(estate, "/var/lib/bongsu", "rw")],
            environment={"BONGSU_WEB_LISTEN_ADDRESS": ":10916"})
        until(lambda: lab.inside(["/bongsu", "healthcheck"])[0] == 0, PATIENCE, "the lab is healthy")

        # The listen address is a name of /etc/hosts: the static C library looks it up by itself.
        daemon = Container(
            stack, addresses, "bongsu", root, ["/bongsu"], NONROOT,
            [(estate, "/etc/bongsu", "ro"), (state, "/var/lib/bongsu", "rw")],
            environment={"BONGSU_WEB_LISTEN_ADDRESS": "bongsu:10915", "TZ": "Asia/Seoul",
                         "BONGSU_STATE_DIR": "/var/lib/bongsu"},
            nameserver=f"{NETWORK}.1")
        url = f"http://{daemon.address}:10915"
        until(lambda: request(f"{url}/-/ready")[0] == 200, PATIENCE, "the daemon is ready")
        # On a busy machine an answer may be slow, which is degraded.
        until(lambda: set(states(url)) <= {"up", "degraded"}, PATIENCE, "every probe is up")
        check(HOSTNAME in dns.asked, f"the name server was asked about {dns.asked}")
        print("all probes up: names, chains and logins")
        check_privileges(daemon)

        metrics = request(f"{url}/metrics")[1]
        for wanted in ('bongsu_cert_not_after_timestamp_seconds{service="gpki"',
                       'probe_success{service="saeol",probe="login"', "process_open_fds"):
            check(wanted in metrics, f"no {wanted} in /metrics")
        check("+09:00" in request(f"{url}/?lang=ko")[1], "the page does not tell the time in KST")
        until(lambda: (state / "accounts.json").exists(), PATIENCE, "the state is kept")
        status, said = daemon.inside(["/bongsu", "healthcheck"])
        check(status == 0, f"healthcheck: {status} {said}")
        status, said = daemon.inside(["/bongsu", "--web.listen-address=:1", "healthcheck"])
        check(status == 1, f"healthcheck where nobody listens: {status} {said}")
        refuses_to_start(stack, addresses, root)

        begun = time.monotonic()
        status = daemon.terminate(END_SECONDS)
        check(status == 0, f"exit status {status}\n{daemon.tail()}")
        print(f"ended by SIGTERM with 0 in {time.monotonic() - begun:.1f} s")
        check(lab.terminate(END_SECONDS) == 0, "the lab did not end with 0")


if __name__ == "__main__":
    main(scenario)
