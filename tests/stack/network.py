"""Vantages with networks of their own, so that one can be cut off from what it watches. The script's
own namespace (own_network.py) is the world between them: none of this touches the machine's network.

    place = Place(stack, "gwangju", 3)
    Daemon(stack, config, "gwangju", place=place)
    place.cut()

A place has two links to the script's own namespace, as machines in data centres do: one to the
services (10.77.N.0/30), and one for management (10.78.N.0/30), over which Prometheus scrapes. What is
watched has addresses in 10.77.0.0/24, given by `serve`.
"""

import os
import subprocess

from stack import PATIENCE, Failed, Process, until


def ip(*arguments, inside=()):
    """Runs ip(8), here or in a place."""
    ran = subprocess.run([*inside, "ip", *map(str, arguments)], capture_output=True, text=True)
    if ran.returncode:
        raise Failed(f"ip {' '.join(map(str, arguments))}: {ran.stderr}")


def serve(address):
    """Gives the script's namespace an address that places reach."""
    ip("address", "add", f"{address}/32", "dev", "lo")
    return address


class Place(Process):
    """A namespace with two links. It lives as long as the process that holds it."""

    def __init__(self, stack, name, number):
        super().__init__(stack, f"place-{name}", ["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{self.child.pid}/ns/net") != own, PATIENCE, f"{name} is a place")
        # A command in front of another runs that one here.
        self.inside = ["nsenter", f"--net=/proc/{self.child.pid}/ns/net"]
        self.services = f"services{number}"
        self.address = f"10.78.{number}.2"
        self.ip("link", "set", "lo", "up")
        for link, network in ((self.services, 77), (f"manage{number}", 78)):
            ip("link", "add", link, "type", "veth", "peer", "name", f"at-{link}"[:15],
               "netns", self.child.pid)
            ip("address", "add", f"10.{network}.{number}.1/30", "dev", link)
            ip("link", "set", link, "up")
            self.ip("address", "add", f"10.{network}.{number}.2/30", "dev", f"at-{link}"[:15])
            self.ip("link", "set", f"at-{link}"[:15], "up")
        self.ip("route", "add", "10.77.0.0/24", "via", f"10.77.{number}.1")

    def ip(self, *arguments):
        ip(*arguments, inside=self.inside)

    def cut(self):
        """The far end of the link to the services goes down; nothing here is told."""
        ip("link", "set", self.services, "down")

    def mend(self):
        ip("link", "set", self.services, "up")

    def lose(self, address):
        """One address cannot be reached from here any more."""
        self.ip("route", "add", "unreachable", address)

    def find(self, address):
        self.ip("route", "del", "unreachable", address)
