//! Distinguished names as text, character for character as Go's `pkix.Name.String` writes them:
//! that is the text on blackbox_exporter's series, and dashboards match on it.
//!
//! The rules (crypto/x509/pkix): nine known attributes are regrouped by type in a fixed order,
//! values of one type joined by `+`; of common names and serial numbers only the last counts;
//! every other attribute comes after them as `oid=#hex`; the whole is written backwards, most
//! specific first.

use std::fmt::Write;

use base::{cut, hex, visible};
use x509_parser::x509::X509Name;

/// An attribute that Go writes by a short name.
struct KnownAttribute {
    /// Last arc of 2.5.4.x.
    arc: &'static str,
    name: &'static str,
    keeps: KeptValues,
}

/// Which of several values of one type are written.
#[derive(Clone, Copy, PartialEq)]
enum KeptValues {
    All,
    Last,
}

/// In Go's order, which is written backwards. Taken from what blackbox_exporter 0.23 shows.
const KNOWN_ATTRIBUTES: [KnownAttribute; 9] = [
    KnownAttribute { arc: "2.5.4.6", name: "C", keeps: KeptValues::All },
    KnownAttribute { arc: "2.5.4.8", name: "ST", keeps: KeptValues::All },
    KnownAttribute { arc: "2.5.4.7", name: "L", keeps: KeptValues::All },
    KnownAttribute { arc: "2.5.4.9", name: "STREET", keeps: KeptValues::All },
    KnownAttribute { arc: "2.5.4.17", name: "POSTALCODE", keeps: KeptValues::All },
    KnownAttribute { arc: "2.5.4.10", name: "O", keeps: KeptValues::All },
    KnownAttribute { arc: "2.5.4.11", name: "OU", keeps: KeptValues::All },
    KnownAttribute { arc: "2.5.4.3", name: "CN", keeps: KeptValues::Last },
    KnownAttribute { arc: "2.5.4.5", name: "SERIALNUMBER", keeps: KeptValues::Last },
];

/// Attributes looked at in one name. A certificate can hold thousands; people use a dozen.
///
/// Limit: attributes of a subject or issuer.
/// Share: of each name.
/// Full: further ones are left out.
/// Filled: a_name_without_end_is_cut
const MAX_ATTRIBUTES: usize = 64;

/// Of a whole name as text. Honest ones have a tenth of it; a label value may have as much.
///
/// Limit: bytes of a subject or issuer.
/// Share: of each name.
/// Full: it is cut.
/// Filled: a_name_without_end_is_cut
const MAX_TEXT_BYTES: usize = 1024;

pub(crate) fn text(name: &X509Name<'_>) -> String {
    let attributes: Vec<(String, String)> = name
        .iter_attributes()
        .take(MAX_ATTRIBUTES)
        .map(|attribute| {
            let value = attribute.attr_value();
            (attribute.attr_type().to_id_string(), decode(value.tag().0, value.data))
        })
        .collect();
    cut(visible(render(&attributes)), MAX_TEXT_BYTES)
}

fn render(attributes: &[(String, String)]) -> String {
    let mut rdns: Vec<String> = Vec::new();
    for (oid, value) in attributes {
        if !KNOWN_ATTRIBUTES.iter().any(|known| known.arc == oid) {
            rdns.push(format!("{oid}=#{}", hex::encode(&marshal(value))));
        }
    }
    for known in &KNOWN_ATTRIBUTES {
        let mut values: Vec<&str> = attributes
            .iter()
            .filter(|(oid, _)| oid == known.arc)
            .map(|(_, value)| value.as_str())
            .collect();
        if known.keeps == KeptValues::Last {
            values = values.last().copied().filter(|value| !value.is_empty()).into_iter().collect();
        }
        if !values.is_empty() {
            let texts: Vec<String> =
                values.iter().map(|value| format!("{}={}", known.name, escape(value))).collect();
            rdns.push(texts.join("+"));
        }
    }
    rdns.reverse();
    rdns.join(",")
}

fn escape(value: &str) -> String {
    let last = value.len().saturating_sub(1);
    value.char_indices().fold(String::with_capacity(value.len()), |mut text, (at, c)| {
        let special = match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            _ => false,
        };
        if special {
            text.push('\\');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{c}");
        text
    })
}

/// A value back as DER, as Go's `asn1.Marshal` does it: PrintableString where the characters
/// allow it, else UTF8String.
fn marshal(value: &str) -> Vec<u8> {
    const PRINTABLE: u8 = 0x13;
    const UTF8: u8 = 0x0c;
    let printable =
        value.bytes().all(|b| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b));
    let mut der = vec![if printable { PRINTABLE } else { UTF8 }];
    let length = value.len();
    match length {
        0..=0x7f => der.push(length as u8),
        0x80..=0xff => der.extend([0x81, length as u8]),
        0x100..=0xffff => der.extend([0x82, (length >> 8) as u8, length as u8]),
        // A handshake message is at most 64 KiB, and re-encoding doubles that at most.
        _ => der.extend([0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8]),
    }
    der.extend(value.as_bytes());
    der
}

/// Text of an ASN.1 string. Old Korean certificates put CP949 bytes into strings that promise
/// something else, so that is tried where UTF-8 fails; bytes are shown as Latin-1 at last.
fn decode(tag: u32, bytes: &[u8]) -> String {
    const UNIVERSAL: u32 = 28;
    const BMP: u32 = 30;
    match tag {
        BMP => {
            let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        UNIVERSAL => bytes
            .chunks_exact(4)
            .map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
            .map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => encoding_rs::EUC_KR
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(|text| text.into_owned())
                .unwrap_or_else(|| bytes.iter().map(|&byte| char::from(byte)).collect()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(attributes: &[(&str, &str)]) -> String {
        let owned: Vec<_> =
            attributes.iter().map(|(oid, value)| (oid.to_string(), value.to_string())).collect();
        render(&owned)
    }

    #[test]
    fn a_name_without_end_is_cut() {
        let subject = |attributes: u64, bytes: usize| {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            for arc in 0..attributes {
                let kind = rcgen::DnType::CustomDnType(vec![1, 2, arc]);
                params.distinguished_name.push(kind, "a".repeat(bytes));
            }
            let key = rcgen::KeyPair::generate().unwrap();
            let cert = params.self_signed(&key).unwrap();
            crate::certificate::Certificate::parse(cert.der()).unwrap().subject
        };
        let many = subject(200, 1);
        assert_eq!(many.matches('=').count(), MAX_ATTRIBUTES, "{many}");
        let long = subject(3, 20_000);
        assert!(long.len() <= MAX_TEXT_BYTES + '…'.len_utf8() && long.ends_with('…'));
    }

    #[test]
    fn the_most_specific_attribute_comes_first() {
        let attributes = [("2.5.4.6", "KR"), ("2.5.4.10", "Example Org"), ("2.5.4.3", "Example")];
        assert_eq!(name(&attributes), "CN=Example,O=Example Org,C=KR");
        let backwards: Vec<_> = attributes.iter().rev().copied().collect();
        assert_eq!(name(&backwards), "CN=Example,O=Example Org,C=KR");
    }

    /// The certificate was shown to blackbox_exporter 0.23.0 by `openssl s_server`; the text is its
    /// `subject` label.
    #[test]
    fn a_name_with_everything_reads_as_blackbox_exporter_writes_it() {
        use rustls::pki_types::pem::PemObject;
        let pem = include_bytes!("../../tests/fixtures/gpki_like.pem");
        let der = rustls::pki_types::CertificateDer::from_pem_slice(pem).unwrap();
        let cert = crate::certificate::Certificate::parse(&der).unwrap();
        assert_eq!(
            cert.subject,
            "SERIALNUMBER=0012,CN=\\  홍길동#1\\;테스트\\<시험\\>\\ ,OU=행정안전부+OU=people,\
             O=Government of Korea,POSTALCODE=30128,STREET=Hannuri-daero,L=Sejong\\, A\\+B,\
             ST=Sejong-si,C=KR,2.5.4.4=#0c03eab980,0.9.2342.19200300.100.1.25=#13026b72,\
             1.2.840.113549.1.9.1=#0c116f7073406578616d706c652e676f2e6b72"
        );
        assert_eq!(
            cert.fingerprint_sha256,
            "b4c4e292ad2da9b77540adf19bb54fc09109cfd698ffd731d64187a7a4e5dd15"
        );
        assert_eq!(cert.dns_names, ["a.example.go.kr", "*.example.go.kr"]);
        assert_eq!(cert.serial, "0a0b0c");
    }

    #[test]
    fn values_of_one_type_are_joined_and_the_last_common_name_wins() {
        let attributes = [
            ("2.5.4.6", "KR"),
            ("2.5.4.10", "Government of Korea"),
            ("2.5.4.11", "행정안전부"),
            ("2.5.4.11", "people"),
            ("2.5.4.3", "first"),
            ("2.5.4.3", "홍길동"),
        ];
        assert_eq!(
            name(&attributes),
            "CN=홍길동,OU=행정안전부+OU=people,O=Government of Korea,C=KR"
        );
    }

    #[test]
    fn attributes_without_a_name_follow_as_hex() {
        let attributes = [
            ("2.5.4.3", "a"),
            ("1.2.840.113549.1.9.1", "a@b"),
            ("0.9.2342.19200300.100.1.25", "kr"),
        ];
        assert_eq!(
            name(&attributes),
            "CN=a,0.9.2342.19200300.100.1.25=#13026b72,1.2.840.113549.1.9.1=#0c03614062"
        );
    }

    #[test]
    fn special_characters_are_escaped_where_rfc_2253_says() {
        assert_eq!(
            name(&[("2.5.4.10", " #a,b+c\"d\\e<f>g;h#i ")]),
            "O=\\ #a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h#i\\ "
        );
        assert_eq!(name(&[("2.5.4.10", "#1")]), "O=\\#1");
    }

    #[test]
    fn korean_text_is_read_from_every_encoding_in_use() {
        assert_eq!(decode(12, "행정".as_bytes()), "행정");
        assert_eq!(decode(30, &[0xd5, 0x89, 0xc8, 0x15]), "행정");
        assert_eq!(decode(20, &[0xc7, 0xe0, 0xc1, 0xa4]), "행정");
        assert_eq!(decode(20, &[0xe9]), "é");
    }

    #[test]
    fn long_values_have_long_lengths() {
        assert_eq!(marshal(&"x".repeat(200))[..3], [0x13, 0x81, 200]);
        assert_eq!(marshal(&"x".repeat(300))[..4], [0x13, 0x82, 1, 44]);
        assert_eq!(marshal(&"x".repeat(70_000))[..5], [0x13, 0x83, 1, 0x11, 0x70]);
    }
}
