//! A reader of DER's outer shape, for the few places where the exact bytes matter: signatures are
//! made over them, and trust anchors are compared by them.
//!
//! Only definite lengths up to four bytes are read; everything else is refused.

pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const BIT_STRING: u8 = 0x03;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// Identifier, length and content.
    pub(crate) whole: &'a [u8],
}

/// Reads the first element of `bytes` and gives what follows it.
pub(crate) fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, after_tag) = bytes.split_first()?;
    let (&first, after_first) = after_tag.split_first()?;
    let (length, header) = match first {
        0..=0x7f => (usize::from(first), 2),
        0x81..=0x84 => {
            let octets = after_first.get(..usize::from(first & 0x7f))?;
            let length = octets.iter().fold(0usize, |sum, &octet| (sum << 8) | usize::from(octet));
            (length, 2 + octets.len())
        }
        _ => return None,
    };
    let end = header.checked_add(length)?;
    let whole = bytes.get(..end)?;
    Some((Element { tag, content: &whole[header..], whole }, &bytes[end..]))
}

/// Reads an element; `None` when it has another tag.
pub(crate) fn expect(bytes: &[u8], tag: u8) -> Option<(Element<'_>, &[u8])> {
    element(bytes).filter(|(found, _)| found.tag == tag)
}

/// The three parts of anything that X.509 signs: certificates and revocation lists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// The bytes that were signed.
    pub(crate) tbs: &'a [u8],
    /// Content of the AlgorithmIdentifier.
    pub(crate) algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Splits a DER certificate or revocation list.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Signed<'a>> {
        let (outer, _) = expect(der, SEQUENCE)?;
        let (tbs, rest) = expect(outer.content, SEQUENCE)?;
        let (algorithm, rest) = expect(rest, SEQUENCE)?;
        let (signature, _) = expect(rest, BIT_STRING)?;
        let signature = whole_octets(signature.content)?;
        Some(Signed { tbs: tbs.whole, algorithm: algorithm.content, signature })
    }
}

/// A public key as SubjectPublicKeyInfo has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublicKey<'a> {
    /// Content of the AlgorithmIdentifier.
    pub(crate) algorithm: &'a [u8],
    pub(crate) key: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Splits the content of a SubjectPublicKeyInfo, that is, without its outer SEQUENCE, which
    /// is how trust anchors carry it.
    pub(crate) fn parse(content: &'a [u8]) -> Option<PublicKey<'a>> {
        let (algorithm, rest) = expect(content, SEQUENCE)?;
        let (key, _) = expect(rest, BIT_STRING)?;
        Some(PublicKey { algorithm: algorithm.content, key: whole_octets(key.content)? })
    }
}

/// The octets of a BIT STRING that has no unused bits.
fn whole_octets(content: &[u8]) -> Option<&[u8]> {
    match content.split_first() {
        Some((0, octets)) => Some(octets),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_lengths_are_read_and_indefinite_ones_refused() {
        assert_eq!(element(&[0x04, 2, 7, 8, 9]).unwrap().0.content, [7, 8]);
        assert_eq!(element(&[0x04, 2, 7, 8, 9]).unwrap().1, [9]);
        let mut long = vec![0x04, 0x82, 0x01, 0x00];
        long.extend([5; 256]);
        assert_eq!(element(&long).unwrap().0.content.len(), 256);
        assert_eq!(element(&[0x30, 0x80, 0, 0]), None);
        assert_eq!(element(&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff, 1]), None);
        assert_eq!(element(&[0x04]), None);
    }

    proptest::proptest! {
        #[test]
        fn an_element_never_reaches_beyond_its_bytes(bytes in proptest::collection::vec(0u8.., 0..64)) {
            if let Some((found, rest)) = element(&bytes) {
                proptest::prop_assert_eq!(found.whole.len() + rest.len(), bytes.len());
            }
            let _ = (Signed::parse(&bytes).is_some(), PublicKey::parse(&bytes).is_some());
        }
    }
}
