"""Processes as a container engine runs them, where there is none: an address and a root of their
own, process 1, the given user, no capabilities, nothing writable but what is mounted so.

    bridge()                                        # needs root; leaves nothing behind
    addresses = Addresses(["web"])
    with Stack("name") as stack:
        one = Container(stack, addresses, "web", rootfs, ["/bongsu"], user=(65532, 65532))
        one.inside(["/bongsu", "healthcheck"])

The script runs in a network of its own (own_network.py), so addresses are the same each time and
end with the script. Names are in each container's /etc/hosts.
"""

import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

import own_network
from network import ip
from stack import PATIENCE, PR_SET_PDEATHSIG, Failed, Process, until

NETWORK = "10.89.0"
PR_SET_NO_NEW_PRIVS = 38
PR_CAPBSET_DROP = 24
DEVICES = ("null", "zero", "full", "random", "urandom")


def bridge():
    """Gives the script's own network the bridge that containers are plugged into."""
    if not own_network.is_root():
        raise Failed("a container's root and user need root")
    ip("link", "add", "bridge", "type", "bridge")
    ip("address", "add", f"{NETWORK}.1/24", "dev", "bridge")
    ip("link", "set", "bridge", "up")


class Addresses:
    """Who has which address."""

    def __init__(self, names):
        self.of = {name: f"{NETWORK}.{10 + index}" for index, name in enumerate(names)}

    def hosts(self):
        lines = ["127.0.0.1 localhost"]
        lines += [f"{address} {name}" for name, address in self.of.items()]
        return "".join(f"{line}\n" for line in lines)


class Container(Process):
    """One process. `lower` is the root it sees: an image's file system, or None for the tools of
    this machine. `mounts` are (source, target, "ro" or "rw"); `tmpfs` are empty writable folders."""

    def __init__(self, stack, addresses, name, lower, command, user, mounts=(), tmpfs=(),
                 environment=None, nameserver=None):
        self.address = addresses.of[name]
        self.user, self.variables = user, {"PATH": "/usr/bin:/bin", **(environment or {})}
        folder = stack.subfolder(f"container-{name}")
        (folder / "root").mkdir()
        (folder / "hosts").write_text(addresses.hosts())
        (folder / "resolv.conf").write_text(f"nameserver {nameserver}\n" if nameserver else "")
        own = [(str(folder / file), f"/etc/{file}", "ro") for file in ("hosts", "resolv.conf")]
        self.go = folder / "go"
        os.mkfifo(self.go)
        plan = {
            "root": str(folder / "root"), "lower": lower and str(lower), "go": str(self.go),
            "mounts": [*own, *([str(a), b, c] for a, b, c in mounts)], "tmpfs": list(tmpfs),
            "command": command, "user": user, "environment": self.variables,
        }
        (folder / "plan.json").write_text(json.dumps(plan))
        super().__init__(stack, name, [
            "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
            sys.executable, pathlib.Path(__file__).resolve(), folder / "plan.json"])
        self._connect()

    def _connect(self):
        children = f"/proc/{self.child.pid}/task/{self.child.pid}/children"
        self.pid = int(until(lambda: open(children).read().split(), PATIENCE, f"{self.name} forks")[0])
        cable = f"to-{self.address.rsplit('.', 1)[1]}"
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", self.pid)
        ip("link", "set", cable, "master", "bridge", "up")
        inside = ["nsenter", f"--net=/proc/{self.pid}/ns/net"]
        ip("link", "set", "lo", "up", inside=inside)
        ip("address", "add", f"{self.address}/24", "dev", "eth0", inside=inside)
        ip("link", "set", "eth0", "up", inside=inside)
        with open(self.go, "w") as go:
            go.write("go")

    def inside(self, command):
        """Runs a command in the container as its user; returns the status and what it said."""
        user, group = self.user
        done = subprocess.run(
            ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "--root", "--wd",
             "--setgid", str(group), "--setuid", str(user), "--", *command],
            env=self.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def status(self):
        """/proc/PID/status as a dict."""
        lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    def terminate(self, seconds):
        """SIGTERM to process 1 alone, as an engine sends it; the exit status."""
        os.kill(self.pid, signal.SIGTERM)
        try:
            status = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} still runs {seconds} s after SIGTERM\n{self.tail()}") from None
        self.child = None
        return status


def publish(port, address, target):
    """What `ports:` does: a port of loopback leads into the network."""
    listener = socket.create_server(("127.0.0.1", port))

    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                end.close()

    def serve():
        while True:
            outside, _ = listener.accept()
            try:
                inside = socket.create_connection((address, target), timeout=10)
            except OSError:
                outside.close()
                continue
            inside.settimeout(None)
            for pair in ((outside, inside), (inside, outside)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


# --- From here on inside the container, as process 1, before the program takes its place. ---


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def mount_point(path, like):
    """A place to mount something of this kind on, as engines make them."""
    if like.is_dir():
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch()


def bind(source, target, mode):
    mount_point(target, pathlib.Path(source))
    mount("--bind", source, target)
    if mode == "ro":
        mount("-o", "remount,bind,ro", target)


def build_root(plan):
    root = pathlib.Path(plan["root"])
    mount("--make-rprivate", "/")
    # Over an image's files only mount points are added; those of this machine are mounted one by one.
    scratch = root.parent / "scratch"
    scratch.mkdir()
    mount("-t", "tmpfs", "tmpfs", scratch)
    if plan["lower"]:
        for part in ("upper", "work"):
            (scratch / part).mkdir()
        options = f"lowerdir={plan['lower']},upperdir={scratch}/upper,workdir={scratch}/work"
        mount("-t", "overlay", "overlay", "-o", options, root)
    else:
        mount("--bind", scratch, root)
        bind("/usr", root / "usr", "ro")
        for name in ("bin", "lib", "lib64", "sbin"):
            if os.path.islink(f"/{name}"):
                (root / name).symlink_to(os.readlink(f"/{name}"))
    for device in DEVICES:
        bind(f"/dev/{device}", root / "dev" / device, "rw")
    (root / "proc").mkdir(exist_ok=True)
    mount("-t", "proc", "proc", root / "proc")
    for folder in plan["tmpfs"]:
        mount_point(root / folder.lstrip("/"), pathlib.Path("/"))
        mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", root / folder.lstrip("/"))
    for source, target, mode in plan["mounts"]:
        bind(source, root / target.lstrip("/"), mode)
    # The mount alone: a superblock that is shared could be in use for writing elsewhere.
    mount("-o", "remount,bind,ro", root)
    return root


def give_up_privileges(user, group):
    libc = ctypes.CDLL(None, use_errno=True)
    last = int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # `unshare --kill-child` asked for this, and the change of user undid it.
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def become(plan):
    with open(plan["go"]) as go:
        go.read()
    root = build_root(plan)
    os.chroot(root)
    os.chdir("/")
    give_up_privileges(*plan["user"])
    os.execvpe(plan["command"][0], plan["command"], plan["environment"])


if __name__ == "__main__":
    become(json.loads(pathlib.Path(sys.argv[1]).read_text()))
