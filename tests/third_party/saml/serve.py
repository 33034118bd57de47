"""SimpleSAMLphp as the identity provider and Apache's mod_auth_mellon as the service provider.

Both are Debian's, each in an Apache of its own: the provider at 127.0.0.1, the service at
127.0.0.2. Both bindings are HTTP-POST, so that the request and the answer are forms which a
script of the page submits. Prints `READY {json}` and ends with its standard input.
"""

import argparse
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import apache  # noqa: E402

PHP = "/usr/share/simplesamlphp"

CONFIG_PHP = """<?php
$config = [
    'baseurlpath' => '{idp}/simplesaml/',
    'certdir' => '{place}/',
    'loggingdir' => '{place}/',
    'datadir' => '{place}/',
    'tempdir' => '{sessions}',
    'metadatadir' => '{place}/metadata/',
    'attributenamemapdir' => '/etc/simplesamlphp/attributemap/',
    'timezone' => 'Asia/Seoul',
    'secretsalt' => '{salt}',
    'auth.adminpassword' => '{salt}',
    'technicalcontact_name' => 'Operations', 'technicalcontact_email' => 'ops@example.go.kr',
    'showerrors' => true, 'errorreporting' => false,
    'logging.level' => SimpleSAML\\Logger::WARNING, 'logging.handler' => 'errorlog',
    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'session.cookie.secure' => true,
    'session.phpsession.savepath' => '{sessions}',
    'session.phpsession.httponly' => true,
    'store.type' => 'phpsession',
    'language.available' => ['en'], 'language.default' => 'en',
    'metadata.sources' => [['type' => 'flatfile']],
    'production' => true,
];
"""

# The user's name and password are PHP strings: single quotes and backslashes are escaped.
AUTHSOURCES_PHP = """<?php
$config = ['users' => ['exampleauth:UserPass', {login} => ['uid' => [{user}]]]];
"""

HOSTED_PHP = """<?php
$metadata['{idp}/metadata'] = [
    'host' => '__DEFAULT__', 'privatekey' => 'signing.key', 'certificate' => 'signing.pem',
    'auth' => 'users', 'sign.logout' => true, 'redirect.sign' => true, 'SingleSignOnServiceBinding' => ['{post}'],
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
];
"""

REMOTE_PHP = """<?php
$metadata['{sp}/mellon/metadata'] = [
    'AssertionConsumerService' => '{sp}/mellon/postResponse',
    'SingleLogoutService' => '{sp}/mellon/logout',
];
"""

IDP_XML = """<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{idp}/metadata">
<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
<X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
 Location="{idp}/simplesaml/saml2/idp/SingleLogoutService.php"/>
<SingleSignOnService Binding="{post}" Location="{idp}/simplesaml/saml2/idp/SSOService.php"/>
</IDPSSODescriptor></EntityDescriptor>
"""

POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"

IDP_SITE = """
SetEnv SIMPLESAMLPHP_CONFIG_DIR {place}
Alias /simplesaml {php}/www
DocumentRoot {php}/www
<Directory {php}/www>
  Require all granted
  DirectoryIndex index.php
  <FilesMatch "\\.php$">
    SetHandler application/x-httpd-php
  </FilesMatch>
</Directory>
"""

SP_SITE = """
DocumentRoot {place}/www
<Location />
  MellonEnable info
  MellonEndpointPath /mellon
  MellonSPentityId {sp}/mellon/metadata
  MellonSPPrivateKeyFile {place}/signing.key
  MellonSPCertFile {place}/signing.pem
  MellonIdPMetadataFile {place}/idp.xml
  MellonVariable portal
  MellonSecureCookie On
  MellonCookieSameSite None
  MellonUser uid
  Require all granted
</Location>
<Location /main>
  MellonEnable auth
  Require valid-user
</Location>
"""


def php(text):
    """A string of PHP."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write(place, name, text):
    path = os.path.join(place, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def signing_key(place):
    """A key of its own for messages, as RSA because SimpleSAMLphp signs with nothing else."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
         "/CN=saml", "-keyout", "signing.key", "-out", "signing.pem"],
        cwd=place, check=True, stderr=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser()
    for name in ["dir", "cert", "key", "user", "password"]:
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    idp_place, sp_place = os.path.join(args.dir, "idp"), os.path.join(args.dir, "sp")
    idp_port, sp_port = apache.free_port("127.0.0.1"), apache.free_port("127.0.0.2")
    idp, sp = f"https://127.0.0.1:{idp_port}", f"https://127.0.0.2:{sp_port}"
    sessions = os.path.join(idp_place, "sessions")
    values = {"idp": idp, "sp": sp, "post": POST, "place": idp_place, "sessions": sessions,
              "salt": os.urandom(16).hex(), "php": PHP, "user": php(args.user),
              "login": php(f"{args.user}:{args.password}")}
    os.chmod(args.dir, 0o755)
    for place in [idp_place, sp_place]:
        os.makedirs(place)
        signing_key(place)
    # Apache reads its key as root, SimpleSAMLphp as www-data.
    os.chmod(os.path.join(idp_place, "signing.key"), 0o644)
    os.makedirs(sessions)
    os.chmod(sessions, 0o1777)
    for name, text in [("config.php", CONFIG_PHP), ("authsources.php", AUTHSOURCES_PHP),
                       ("metadata/saml20-idp-hosted.php", HOSTED_PHP),
                       ("metadata/saml20-sp-remote.php", REMOTE_PHP)]:
        write(idp_place, name, text.format(**values))
    with open(os.path.join(idp_place, "signing.pem"), encoding="utf-8") as file:
        certificate = "".join(line for line in file if not line.startswith("-"))
    write(sp_place, "idp.xml", IDP_XML.format(certificate=certificate, **values))
    write(sp_place, "www/index.html", '<h1>포털</h1><a href="/main/">로그인</a>\n')
    write(sp_place, "www/main/index.html", '<h1>업무</h1><a href="/mellon/logout?ReturnTo=/">로그아웃</a>\n')
    values["place"] = idp_place
    processes = {
        "idp": apache.start(idp_place, "127.0.0.1", idp_port, args.cert, args.key,
                            ["alias", "env", "php"], IDP_SITE.format(**values)),
    }
    values["place"] = sp_place
    processes["sp"] = apache.start(sp_place, "127.0.0.2", sp_port, args.cert, args.key,
                                   ["auth_mellon"], SP_SITE.format(**values))
    pids = {name: process.pid for name, process in processes.items()}
    try:
        print("READY " + json.dumps({"idp": idp, "sp": sp, "pids": pids}), flush=True)
        sys.stdin.read()
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait()


main()
