"""Apache of Debian in the foreground, from a configuration of its own."""

import glob
import os
import socket
import subprocess
import time

MODULES = "/usr/lib/apache2/modules"

# What every one of them needs; the rest of the modules and of the site is the caller's.
FRAME = """
ServerRoot {place}
ServerName {host}
PidFile {place}/apache.pid
ErrorLog {place}/error.log
DefaultRuntimeDir {place}
User www-data
Group www-data
Timeout 30
{load}
TypesConfig /dev/null
AddType text/html .html
AddDefaultCharset utf-8
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
StartServers 2
MinSpareServers 1
MaxSpareServers 4
Listen {host}:{port}
SSLEngine on
SSLCertificateFile {cert}
SSLCertificateKeyFile {key}
{site}
"""

ALWAYS = ["authz_core", "authn_core", "authz_user", "dir", "mime", "ssl"]


def file(module):
    """Where Debian puts a module; that of PHP has the version in its name."""
    if module == "php":
        return glob.glob(f"{MODULES}/libphp*.so")[0]
    return f"{MODULES}/mod_{module}.so"


def free_port(host):
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def start(place, host, port, cert, key, modules, site):
    """The running process, once it accepts connections."""
    if not os.path.exists("/usr/sbin/apache2"):
        raise SystemExit("apache2 is not installed: tests/install.sh")
    os.makedirs(place, exist_ok=True)
    # Root starts it and www-data serves.
    os.chmod(place, 0o755)
    load = "\n".join(f"LoadModule {name}_module {file(name)}" for name in ALWAYS + modules)
    path = os.path.join(place, "apache.conf")
    with open(path, "w", encoding="utf-8") as config:
        config.write(FRAME.format(place=place, host=host, port=port, cert=cert, key=key, load=load,
                                modules=MODULES, site=site))
    # At its end Apache signals its whole process group, which must not be that of the tests.
    process = subprocess.Popen(["/usr/sbin/apache2", "-DFOREGROUND", "-f", path],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               start_new_session=True)
    end = time.monotonic() + 60
    # It writes its number when it listens. To connect would be no proof: a connection from one of
    # the machine's own ports to a free one can meet itself.
    while not os.path.exists(os.path.join(place, "apache.pid")):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            log = os.path.join(place, "error.log")
            told = open(log, encoding="utf-8").read() if os.path.exists(log) else "nothing"
            raise SystemExit(f"apache2 at {host}:{port} did not start; it says: {told}")
        time.sleep(0.02)
    return process
