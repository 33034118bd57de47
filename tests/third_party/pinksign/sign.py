"""What PyPinkSign makes of a certificate, a key file and its password: a raw signature over a text,
the random number of the owner's identification, and a signed message. Prints them as JSON.

    sign.py CERTIFICATE KEY PASSWORD-FILE BASE64-DATA
"""

import base64
import json
import sys

from pypinksign import PinkSign

certificate, key, password_file, data = sys.argv[1:]
with open(password_file, "rb") as file:
    password = file.read()
signer = PinkSign(pubkey_path=certificate, prikey_path=key, prikey_password=password)
data = base64.b64decode(data)
print(json.dumps({
    "raw": base64.b64encode(signer.sign(data)).decode(),
    "message": base64.b64encode(signer.pkcs7_signed_msg(data)).decode(),
    "serial": str(signer.serialnum()),
    "verified": signer.verify(signer.sign(data), data),
    "random": base64.b64encode(bytes(signer._rand_num.asOctets()[-20:])).decode(),
}))
