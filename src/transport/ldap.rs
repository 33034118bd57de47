//! Fetches one attribute of one entry by LDAP (RFC 4511), anonymously: where the Korean government
//! PKI publishes its revocation lists (`ldap://host:389/cn=...,ou=CRL?certificateRevocationList;binary`).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use super::stream::Stream;

const PORT: u16 = 389;

/// What an answer may have beside the value: names, and the message that ends the search.
///
/// Limit: bytes of an LDAP server's answer beside the list that is asked for.
/// Share: of each fetch.
/// Full: the list is not had (`tls_revocation_unavailable`).
/// Filled: what_is_no_answer_to_a_search_is_left
const BESIDE_VALUE_MAX: usize = 16 * 1024;

/// Longest name of an entry or attribute that is asked for.
///
/// No row: the address that it is read from is bounded already.
const NAME_MAX: usize = 1024;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_RESULT_ENTRY: u8 = 0x64;
const SEARCH_RESULT_DONE: u8 = 0x65;
const SEARCH_RESULT_REFERENCE: u8 = 0x73;

/// What an `ldap:` address asks for (RFC 4516).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LdapUrl {
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    entry: String,
    attribute: String,
}

impl LdapUrl {
    /// Only addresses of one attribute of one entry can be followed.
    pub(super) fn parse(text: &str) -> Result<LdapUrl, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or("names no LDAP server")?;
        let mut query = url.query().unwrap_or_default().split('?');
        let attribute = decoded(query.next().unwrap_or_default())?;
        // RFC 4512 section 2.5: a name or an OID, and options.
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".;-".contains(letter);
        if attribute.is_empty() || !attribute.chars().all(is_plain) {
            return Err("does not name one attribute".to_owned());
        }
        if !matches!(query.next(), None | Some("" | "base")) {
            return Err("asks for more than one entry".to_owned());
        }
        let entry = decoded(url.path().trim_start_matches('/'))?;
        if !is_entry(&entry) {
            return Err("does not name an entry".to_owned());
        }
        Ok(LdapUrl {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(PORT),
            entry,
            attribute,
        })
    }

    /// SearchRequest (RFC 4511 section 4.5.1): the base object alone, whatever its class.
    fn request(&self) -> Vec<u8> {
        const FILTER_PRESENT: u8 = 0x87;
        const BOOLEAN: u8 = 0x01;
        let search = [
            element(OCTET_STRING, self.entry.as_bytes()),
            // baseObject, neverDerefAliases, at most one entry, no time limit, values wanted.
            element(ENUMERATED, &[0]),
            element(ENUMERATED, &[0]),
            element(INTEGER, &[1]),
            element(INTEGER, &[0]),
            element(BOOLEAN, &[0]),
            element(FILTER_PRESENT, b"objectClass"),
            element(SEQUENCE, &element(OCTET_STRING, self.attribute.as_bytes())),
        ];
        let message = [element(INTEGER, &[1]), element(SEARCH_REQUEST, &search.concat())].concat();
        element(SEQUENCE, &message)
    }
}

/// The first value, of at most `limit` bytes; else half a sentence why not.
pub(super) async fn fetch(
    stream: &mut Stream,
    url: &LdapUrl,
    limit: usize,
) -> Result<Vec<u8>, String> {
    stream.write_all(&url.request()).await.map_err(|error| error.to_string())?;
    let mut left = limit + BESIDE_VALUE_MAX;
    loop {
        let message = message(stream, &mut left, limit).await?;
        let strange = || "the server's answer is not LDAP".to_owned();
        let (_id, operation) = take(&message, INTEGER).ok_or_else(strange)?;
        match operation.first() {
            Some(&SEARCH_RESULT_ENTRY) => {
                let (entry, _) = take(operation, SEARCH_RESULT_ENTRY).ok_or_else(strange)?;
                let value = first_value(entry).ok_or_else(strange)?;
                let value = value.ok_or("the entry does not have the attribute")?;
                if value.len() > limit {
                    return Err(format!("more than {limit} bytes"));
                }
                return Ok(value.to_vec());
            }
            Some(&SEARCH_RESULT_REFERENCE) => {}
            Some(&SEARCH_RESULT_DONE) => {
                let (done, _) = take(operation, SEARCH_RESULT_DONE).ok_or_else(strange)?;
                let (code, _) = take(done, ENUMERATED).ok_or_else(strange)?;
                return Err(match code {
                    [0] => "there is no such entry, or it may not be read".to_owned(),
                    [32] => "there is no such entry (noSuchObject)".to_owned(),
                    [code] => format!("the search ended with result code {code}"),
                    _ => strange(),
                });
            }
            _ => return Err(strange()),
        }
    }
}

/// Of a SearchResultEntry. `Some(None)`: it is well-formed and has none.
fn first_value(entry: &[u8]) -> Option<Option<&[u8]>> {
    let (_name, rest) = take(entry, OCTET_STRING)?;
    let (attributes, _) = take(rest, SEQUENCE)?;
    if attributes.is_empty() {
        return Some(None);
    }
    let (attribute, _) = take(attributes, SEQUENCE)?;
    let (_type, rest) = take(attribute, OCTET_STRING)?;
    let (values, _) = take(rest, SET)?;
    if values.is_empty() {
        return Some(None);
    }
    take(values, OCTET_STRING).map(|(value, _)| Some(value))
}

/// The content of the next LDAPMessage.
async fn message(stream: &mut Stream, left: &mut usize, limit: usize) -> Result<Vec<u8>, String> {
    let mut head = [0; 2];
    read(stream, &mut head).await?;
    let length = match head {
        [SEQUENCE, short @ ..=0x7f] => usize::from(short),
        [SEQUENCE, long @ 0x81..=0x84] => {
            let mut bytes = [0; 4];
            let bytes = &mut bytes[..usize::from(long - 0x80)];
            read(stream, bytes).await?;
            length(bytes)
        }
        _ => return Err("the server's answer is not LDAP".to_owned()),
    };
    // References without end count, too.
    *left = left.checked_sub(length + 6).ok_or_else(|| format!("more than {limit} bytes"))?;
    let mut message = Vec::new();
    let mut taken = stream.take(length as u64);
    taken.read_to_end(&mut message).await.map_err(|error| error.to_string())?;
    if message.len() < length {
        return Err("the server closed the connection in the middle of its answer".to_owned());
    }
    Ok(message)
}

async fn read(stream: &mut Stream, bytes: &mut [u8]) -> Result<(), String> {
    let read = stream.read_exact(bytes).await;
    read.map(drop).map_err(|error| format!("the server closed the connection: {error}"))
}

/// The content of the first element, which must have this tag, and what comes after it.
fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (size, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (length(bytes), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(size))?
}

/// Big-endian, of at most four bytes.
fn length(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
}

/// DER; what is written here is shorter than 64 KiB.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut element = match length {
        ..=0x7f => vec![tag, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    element.extend_from_slice(content);
    element
}

/// Whether a text begins as the name of an entry does (RFC 4514). The address is a stranger's word, and what
/// listens there may be no directory: a server that takes lines for commands would find one between the
/// line feeds of a search request (an element's tag is one), and a name holds none of its own.
fn is_entry(name: &str) -> bool {
    let is_of_a_type = |letter: char| letter.is_ascii_alphanumeric() || ".-".contains(letter);
    let attribute = name.split_once('=').map(|(attribute, _)| attribute);
    attribute.is_some_and(|name| !name.is_empty() && name.chars().all(is_of_a_type))
        && !name.contains(char::is_control)
}

/// Percent-encoding undone (RFC 3986 section 2.1).
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| byte == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    if bytes.len() > NAME_MAX {
        return Err(format!("has a name of more than {NAME_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "has a name that is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_government_pki_are_read_with_their_blanks() {
        let text = "ldap://cen.dir.go.kr:389/cn=dp1p1,ou=CRL,o=Government of Korea,c=KR\
                    ?certificateRevocationList;binary";
        let url = LdapUrl::parse(text).unwrap();
        assert_eq!((url.host.as_str(), url.port), ("cen.dir.go.kr", 389));
        assert_eq!(url.entry, "cn=dp1p1,ou=CRL,o=Government of Korea,c=KR");
        assert_eq!(url.attribute, "certificateRevocationList;binary");
        let url = LdapUrl::parse("LDAP://[::1]/cn=a%2Cb?crl?base?(objectClass=*)").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.entry.as_str()), ("::1", 389, "cn=a,b"));
        for wrong in
            ["ldap:///cn=a?crl", "ldap://a.test/cn=a", "ldap://a.test/cn=a?crl?sub", "ldap"]
        {
            assert!(LdapUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_command_is_told_to_a_server_that_is_no_directory() {
        // Ten letters: their length is a line feed, and so is the tag behind them.
        for entry in ["FLUSHALL%20%20", "SET%20a%20b=c", "=aaaaaaaaa", "cn=a%0d%0aFLUSHALL%0d%0a"] {
            let address = format!("ldap://a.test:6379/{entry}?crl");
            assert_eq!(LdapUrl::parse(&address), Err("does not name an entry".to_owned()));
        }
        for attribute in ["a%0aFLUSHALL%0a", "crl%20a", "crl,arl"] {
            let address = format!("ldap://a.test:6379/cn=a?{attribute}");
            assert_eq!(LdapUrl::parse(&address), Err("does not name one attribute".to_owned()));
        }
        let oid = LdapUrl::parse("ldap://a.test/2.5.4.3=a?2.5.4.39;binary");
        assert!(oid.is_ok_and(|url| url.entry == "2.5.4.3=a"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(0u8.., 0..300)) {
            let _ = first_value(&bytes);
        }
    }
}
