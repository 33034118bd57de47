"""The identity provider: djangosaml2idp, with the login page of Django's admin.

What is here is its settings; serve.py starts it.
"""

import argparse
import os
import socketserver
import ssl
from datetime import datetime, timedelta, timezone
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.urls import include, path
from saml2 import BINDING_HTTP_POST
from saml2.saml import NAMEID_FORMAT_UNSPECIFIED

parser = argparse.ArgumentParser()
for name in ["dir", "cert", "key", "signing-key", "signing-cert", "user", "password", "idp", "sp"]:
    parser.add_argument(f"--{name}", required=True)
args = parser.parse_args()

settings.configure(
    DEBUG=False,
    SECRET_KEY=os.urandom(24).hex(),
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    STATIC_URL="/static/",
    LOGIN_URL="/admin/login/",
    SESSION_COOKIE_SECURE=True,
    SESSION_COOKIE_SAMESITE="None",
    CSRF_COOKIE_SECURE=True,
    # Dates of metadata are compared with the local time, without a zone.
    USE_TZ=False,
    TIME_ZONE="UTC",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "djangosaml2idp",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
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
            "NAME": os.path.join(args.dir, "db.sqlite3"),
            "OPTIONS": {"timeout": 20},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SAML_IDP_CONFIG={
        "entityid": f"{args.idp}/idp/metadata/",
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "service": {
            "idp": {
                "endpoints": {
                    "single_sign_on_service": [(f"{args.idp}/idp/sso/post/", BINDING_HTTP_POST)],
                },
                "name_id_format": [NAMEID_FORMAT_UNSPECIFIED],
            },
        },
        "key_file": args.signing_key,
        "cert_file": args.signing_cert,
    },
)
django.setup()

from django.contrib import admin  # noqa: E402  (needs the settings)
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from djangosaml2idp.models import ServiceProvider  # noqa: E402

urlpatterns = [path("admin/", admin.site.urls), path("idp/", include("djangosaml2idp.urls"))]

METADATA = """<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{sp}/metadata" validUntil="{until}">
<SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" WantAssertionsSigned="true">
<AssertionConsumerService index="0" Binding="{post}" Location="{sp}/login/callback"/>
</SPSSODescriptor></EntityDescriptor>
"""


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


def main():
    call_command("migrate", verbosity=0)
    get_user_model().objects.create_superuser(args.user, "prober@example.go.kr", args.password)
    until = datetime.now(timezone.utc) + timedelta(days=30)
    host, port = args.idp.removeprefix("https://").split(":")
    # The software keeps metadata in a file of /tmp that is named after the row.
    ServiceProvider.objects.create(
        id=int(port), _sign_response=True, _sign_assertion=True, entity_id=f"{args.sp}/metadata",
        local_metadata=METADATA.format(sp=args.sp, post=BINDING_HTTP_POST, until=until.isoformat()))
    server = make_server(host, int(port), get_wsgi_application(), Server, QuietHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.cert, args.key)
    # The handshake belongs to the connection's own thread, not to the accept loop.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
