//! The words behind a `|`: what a page's script would do to a value before it is sent.

use crate::config::names::KnownNames;
use crate::secret::Secret;
use crate::template::cipher::BlockCipher;
use crate::template::hash::{Hash, KeyedHash};
use crate::template::pipe::Notation;
use crate::template::rsa::Padding;
use crate::template::{FlowSource, Function, Pipe, Source};

/// Of one value; a page's script does fewer things.
pub(super) const PIPES_MAX: usize = 16;

/// Functions of the value alone.
const PLAIN: &[(&str, Function)] = &[
    ("upper", Function::Upper),
    ("lower", Function::Lower),
    ("md5", Function::Digest(Hash::Md5)),
    ("sha1", Function::Digest(Hash::Sha1)),
    ("sha256", Function::Digest(Hash::Sha256)),
    ("sha512", Function::Digest(Hash::Sha512)),
    ("hex", Function::Hex),
    ("base64", Function::Base64),
    ("base64_decode", Function::Base64Decode),
    ("hex_decode", Function::HexDecode),
    ("base64url", Function::Base64Url),
    ("urlencode", Function::UrlEncode),
    ("euc_kr", Function::EucKr),
];

const HMACS: &[(&str, KeyedHash)] = &[
    ("hmac_sha1", KeyedHash::Sha1),
    ("hmac_sha256", KeyedHash::Sha256),
    ("hmac_sha512", KeyedHash::Sha512),
];

const CIPHERS: &[(&str, BlockCipher)] =
    &[("aes_cbc", BlockCipher::Aes), ("seed_cbc", BlockCipher::Seed)];

const PADDINGS: &[(&str, Padding)] = &[
    ("pkcs1", Padding::Pkcs1),
    ("oaep-sha1", Padding::Oaep(Hash::Sha1)),
    ("oaep-sha256", Padding::Oaep(Hash::Sha256)),
];

/// How a key is written; no value is called so.
const NOTATIONS: &[(&str, Notation)] =
    &[("text", Notation::Text), ("hex", Notation::Hex), ("base64", Notation::Base64)];

/// Reads `NAME` or `NAME:WORD,WORD`.
pub(super) fn pipe(word: &str, names: KnownNames<'_>) -> Result<Pipe<FlowSource>, String> {
    let (name, behind) = match word.split_once(':') {
        Some((name, behind)) => (name.trim(), Some(behind)),
        None => (word, None),
    };
    let words: Vec<&str> =
        behind.into_iter().flat_map(|text| text.split(',')).map(str::trim).collect();
    let (function, operands) = if let Some(function) = find(PLAIN, name) {
        if behind.is_some() {
            return Err(format!("{name} takes nothing behind a colon"));
        }
        (function, Vec::new())
    } else if let Some(hash) = find(HMACS, name) {
        let (keys, notation) = keys(name, &words, &["KEY"])?;
        (Function::Hmac(hash, notation), keys)
    } else if let Some(cipher) = find(CIPHERS, name) {
        let (keys, notation) = keys(name, &words, &["KEY", "IV"])?;
        (Function::Encrypt(cipher, notation), keys)
    } else if name == "rsa" {
        let (keys, padding) = match &words[..] {
            [keys @ .., last] if find(PADDINGS, last).is_some() => {
                (keys, find(PADDINGS, last).unwrap_or(Padding::Pkcs1))
            }
            keys => (keys, Padding::Pkcs1),
        };
        if !(1..=2).contains(&keys.len()) || keys.contains(&"") {
            return Err("write rsa:MODULUS,EXPONENT with the names of values in hex, or rsa:KEY with \
                        one in PEM or base64; behind them may stand pkcs1, oaep-sha1 or oaep-sha256 \
                        (pkcs1 without it)"
                .into());
        }
        (Function::Rsa(padding), keys.to_vec())
    } else if ["totp", "uuid"].contains(&name) {
        return Err(format!("{name} takes nothing behind a colon"));
    } else {
        return Err(format!("there is no pipe \"{name}\"{}", near_or_all(name)));
    };
    let operands = operands.into_iter().map(|word| operand(name, word, names));
    let operands = operands.collect::<Result<Vec<_>, _>>()?;
    if operands.iter().all(Source::is_literal) {
        let written: Vec<Secret> = operands.iter().map(|word| Secret::new(word.text())).collect();
        function.check(&written).map_err(|said| format!("{name}: {said}"))?;
    }
    Ok(Pipe { function, operands })
}

/// Whether what comes out can be written into a request.
pub(super) fn ends_as_text(pipes: &[Pipe<FlowSource>]) -> Result<(), String> {
    match pipes.last() {
        Some(last) if last.function.gives_bytes() => {
            Err("its last pipe gives bytes and no text; add | base64 or | hex".into())
        }
        _ => Ok(()),
    }
}

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
}

/// The pipe that was meant, or all there are.
fn near_or_all(name: &str) -> String {
    let plain = PLAIN.iter().map(|(name, _)| *name);
    let keyed = HMACS.iter().map(|(name, _)| *name);
    let ciphers = CIPHERS.iter().map(|(name, _)| *name);
    let others = ["rsa", "date:FORMAT", "uuid", "totp"];
    let all: Vec<&str> = plain.chain(keyed).chain(ciphers).chain(others).collect();
    match read::hint(name, all.iter().copied()) {
        none if none.is_empty() => format!("; there are {}", all.join(", ")),
        hint => hint,
    }
}

/// The names of keys, and how all of them are written.
fn keys<'w>(
    name: &str,
    words: &[&'w str],
    wanted: &[&str],
) -> Result<(Vec<&'w str>, Notation), String> {
    let (keys, notation) = match words {
        [keys @ .., last] if find(NOTATIONS, last).is_some() => {
            (keys, find(NOTATIONS, last).unwrap_or(Notation::Text))
        }
        keys => (keys, Notation::Text),
    };
    if keys.len() != wanted.len() || keys.contains(&"") {
        return Err(format!(
            "write {name}:{}, with the names of values; behind them may stand text, hex or base64, \
             which says how they are written (text without it)",
            wanted.join(",")
        ));
    }
    Ok((keys.to_vec(), notation))
}

/// A value without pipes of its own.
fn operand(pipe: &str, word: &str, names: KnownNames<'_>) -> Result<FlowSource, String> {
    if word.starts_with("${") {
        return Err(format!("{pipe}: write names behind a colon without ${{ }}"));
    }
    super::names::source(word, names).map_err(|said| format!("{pipe}: {said}"))
}
