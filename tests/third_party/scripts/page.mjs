// What the scripts of login pages do: JSEncrypt (whose arithmetic is jsbn) and CryptoJS. Takes one
// line of JSON on standard input, prints one, and ends.
import { createRequire } from 'node:module';
import { argv, stdin, stdout } from 'node:process';

const require = createRequire(argv[2] + '/');
const JSEncrypt = require('jsencrypt');
const CryptoJS = require('crypto-js');

let text = '';
for await (const chunk of stdin) text += chunk;
const asked = JSON.parse(text);

const key = new JSEncrypt();
key.setPrivateKey(asked.pem);
const hex = CryptoJS.enc.Hex.parse;
const aes = CryptoJS.AES.encrypt(asked.message, hex(asked.key), { iv: hex(asked.iv) });
stdout.write(JSON.stringify({
  // Hex and base64 as they come from the prober.
  decrypted: key.getKey().decrypt(asked.rsa_hex),
  decrypted_base64: key.decrypt(asked.rsa_base64),
  // What the page itself would send.
  encrypted: key.getKey().encrypt(asked.message),
  aes: aes.toString(),
  hmac: CryptoJS.HmacSHA256(asked.message, hex(asked.key)).toString(),
  digest: CryptoJS.SHA256(asked.message).toString(CryptoJS.enc.Base64),
  md5: CryptoJS.MD5(asked.message).toString(),
  sha512: CryptoJS.SHA512(asked.message).toString().toUpperCase(),
}) + '\n');
