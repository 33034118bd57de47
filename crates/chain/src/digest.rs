//! SHA-256 by the library that also does the signatures.

use aws_lc_rs::digest::{Context, SHA256, digest};

pub(crate) type Sha256 = [u8; 32];

pub(crate) fn sha256(bytes: &[u8]) -> Sha256 {
    whole(digest(&SHA256, bytes).as_ref())
}

/// Of several pieces, each with its length before it, so that no two lists of pieces are alike.
pub(crate) fn sha256_of_all<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Sha256 {
    let mut context = Context::new(&SHA256);
    for piece in pieces {
        context.update(&(piece.len() as u64).to_be_bytes());
        context.update(piece);
    }
    whole(context.finish().as_ref())
}

fn whole(digest: &[u8]) -> Sha256 {
    let mut whole = [0; 32];
    whole.copy_from_slice(digest);
    whole
}
