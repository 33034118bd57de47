"""A network of the script's own: a loopback that nobody else listens on, and ports that nobody else
takes. Two checks may run at the same time, and beside whatever else the machine does.

A free port cannot be reserved for a process that is yet to start, or that is killed and started
again: on a loopback that is shared, another check gets it meanwhile, or the kernel gives it to an
outgoing connection. In a namespace there is nobody else, and ports below those that the kernel gives
away are nobody's. Needs iproute2 and util-linux, and root or unprivileged user namespaces.
"""

import itertools
import os
import shutil
import subprocess
import sys

# Set in the script that already runs in its own namespace: who it was before.
INSIDE = "BONGSU_STACK_NAMESPACE"
# Linux takes ports for outgoing connections, and for who asks for any, from 32768 on.
FIRST_PORT = 20_000

_ports = itertools.count(FIRST_PORT)


def alone():
    """Runs this script again in a network namespace that goes with it."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for needed in ("ip", "nsenter", "unshare"):
        if not shutil.which(needed):
            print(f"FAILED: {needed} is not installed: tests/install.sh installs it")
            sys.exit(1)
    if INSIDE not in os.environ:
        root = os.geteuid() == 0
        os.environ[INSIDE] = "root" if root else "user"
        user = [] if root else ["--user", "--map-root-user"]
        os.execvp("unshare", ["unshare", *user, "--net", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def is_root():
    """Whether the script was started by root, and is not merely called so in its namespace."""
    return os.environ.get(INSIDE) == "root"


def free_port():
    """A port that nobody has, nor will have."""
    return next(_ports)
