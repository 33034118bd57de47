// JSEncrypt with a private key, and with modulus and exponent as a page sets them. Takes one line of
// JSON on standard input, prints one, and ends.
import { createRequire } from 'node:module';
import { argv, stdin, stdout } from 'node:process';

const JSEncrypt = createRequire(argv[2] + '/')('jsencrypt');

let text = '';
for await (const chunk of stdin) text += chunk;
const asked = JSON.parse(text);

const key = new JSEncrypt();
key.setPrivateKey(asked.pem);
const page = new JSEncrypt().getKey();
page.setPublic(asked.modulus, asked.exponent);
stdout.write(JSON.stringify({
  decrypted: asked.ciphertexts.map((ciphertext) => key.getKey().decrypt(ciphertext)),
  encrypted: page.encrypt(asked.message),
}) + '\n');
