"""Serves Django's admin over TLS, with django-otp's admin when asked.

Prints `READY {"port": N}` and serves until standard input closes.
"""

import argparse
import json
import socketserver
import ssl
import sys
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.urls import path

parser = argparse.ArgumentParser()
parser.add_argument("--dir", required=True, help="where the database goes")
parser.add_argument("--cert", required=True, help="PEM chain")
parser.add_argument("--key", required=True, help="PEM key")
parser.add_argument("--user", default="prober")
parser.add_argument("--password", required=True)
parser.add_argument("--totp-hex", help="hex key of the user's TOTP device; serves django-otp's admin")
args = parser.parse_args()

settings.configure(
    DEBUG=False,
    SECRET_KEY="only-for-this-test-run",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    STATIC_URL="/static/",
    SESSION_COOKIE_SECURE=True,
    CSRF_COOKIE_SECURE=True,
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django_otp",
        "django_otp.plugins.otp_totp",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django_otp.middleware.OTPMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(Path(args.dir) / "db.sqlite3"),
            "OPTIONS": {"timeout": 20},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from django.contrib import admin  # noqa: E402  (needs the settings)
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django_otp.admin import OTPAdminSite  # noqa: E402
from django_otp.plugins.otp_totp.models import TOTPDevice  # noqa: E402


def open_sessions(_request):
    """How many sessions hold a signed-in user: a logout must bring this back to 0."""
    signed_in = [s for s in Session.objects.all() if "_auth_user_id" in s.get_decoded()]
    return JsonResponse({"open": len(signed_in)})


site = OTPAdminSite(name="otpadmin") if args.totp_hex else admin.site
urlpatterns = [path("admin/", site.urls), path("open-sessions", open_sessions)]

call_command("migrate", verbosity=0)
user = get_user_model().objects.create_superuser(args.user, "prober@example.go.kr", args.password)
if args.totp_hex:
    TOTPDevice.objects.create(user=user, name="phone", key=args.totp_hex, confirmed=True)


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_args):
        pass

    def get_environ(self):
        environ = super().get_environ()
        environ["wsgi.url_scheme"] = "https"
        environ["HTTPS"] = "on"
        return environ


server = make_server("127.0.0.1", 0, get_wsgi_application(), Server, QuietHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(args.cert, args.key)
# The handshake belongs to the connection's own thread, not to the accept loop.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("READY " + json.dumps({"port": server.server_port}), flush=True)
sys.stdin.read()
