//! `${...}` in a text. `$${` is a literal `${`. Nothing else is special, and the environment is
//! never expanded into the text.

use super::{Part, Source, Template};

/// Of what names add to one text. The longest values are bodies of requests, which are written in
/// the file itself; variables made of variables that double at every step end here.
pub const FILLED_MAX: usize = 64 << 10;

#[derive(Debug, PartialEq)]
enum Piece<'t> {
    Text(&'t str),
    Reference(&'t str),
}

/// Whether a text has anything to fill in.
pub fn is_plain(text: &str) -> bool {
    !text.contains("${")
}

/// Reads a text; `part` knows what stands between `${` and `}`, and with its type which sources
/// are allowed.
pub fn parse<S: Source>(
    text: &str,
    mut part: impl FnMut(&str) -> Result<Part<S>, String>,
) -> Result<Template<S>, String> {
    let mut template = Template { parts: Vec::new() };
    let mut left = FILLED_MAX;
    for piece in pieces(text)? {
        let next = match piece {
            Piece::Text(text) => Part::Text(text.to_owned()),
            Piece::Reference(inside) => {
                let part = part(inside)?;
                left = left.checked_sub(part.text().len()).ok_or_else(|| {
                    format!(
                        "its ${{...}} come to more than {} KiB; shorten the variables or columns \
                         it names",
                        FILLED_MAX >> 10
                    )
                })?;
                part
            }
        };
        template.push(next);
    }
    Ok(template)
}

/// What stands between `${` and `}`, as far as the text can be read.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).unwrap_or_default().into_iter().filter_map(|piece| match piece {
        Piece::Text(_) => None,
        Piece::Reference(inside) => Some(inside),
    })
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            // `$${` is `${`: all but the first of the dollars stay.
            pieces.push(Piece::Text(&rest[..start - 1]));
            pieces.push(Piece::Text("${"));
            rest = &rest[start + 2..];
            continue;
        }
        pieces.push(Piece::Text(&rest[..start]));
        let Some(length) = rest[start..].find('}') else {
            return Err("\"${\" without a closing \"}\"; write \"$${\" for the characters \
                        themselves"
                .into());
        };
        pieces.push(Piece::Reference(rest[start + 2..start + length].trim()));
        rest = &rest[start + length + 1..];
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}
