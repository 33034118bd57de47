//! Sentences of the program in Korean, told from the English that it makes: a table has both, and what
//! is not in the table stays as it is.

/// A sentence of the program: the English that the source has, with `{}` for each of its values, and the
/// Korean, with the values by their number. A value may be a sentence of the table itself.
pub type Row = (&'static str, &'static str);

/// A failure, what the run had, why a login calls it so, the list it is about, and why that one has failed;
/// a problem and its advice.
///
/// Limit: sentences within a sentence that is told in Korean.
/// Share: of each detail of a failure, of each problem of a configuration.
/// Full: what is deeper stays English.
/// Filled: sentences_within_sentences_end
pub const DEPTH_MAX: usize = 5;

/// The sentences of one subject.
#[derive(Debug)]
pub struct Sentences {
    pub tables: &'static [&'static [Row]],
    /// What may stand before a sentence with `: ` behind it, and stays as it is.
    pub is_label: fn(&str) -> bool,
    /// What stands between two sentences.
    pub separator: Option<&'static str>,
}

/// A piece of a text in Korean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldPart<'t> {
    Said(&'static str),
    /// Of the English text, as it stands there.
    Quoted(&'t str),
}

impl<'t> ToldPart<'t> {
    pub fn text(&self) -> &'t str {
        match self {
            ToldPart::Said(text) | ToldPart::Quoted(text) => text,
        }
    }
}

impl Sentences {
    /// The text in Korean, `None` where the table does not have its sentence.
    pub fn in_korean<'t>(&self, text: &'t str) -> Option<Vec<ToldPart<'t>>> {
        self.sentence(text, DEPTH_MAX)
    }

    fn sentence<'t>(&self, text: &'t str, depth: usize) -> Option<Vec<ToldPart<'t>>> {
        let depth = depth.checked_sub(1)?;
        if let Some((label, rest)) = text.split_once(": ")
            && (self.is_label)(label)
        {
            let rest = self.sentence(rest, depth)?;
            return Some([vec![ToldPart::Quoted(label), ToldPart::Said(": ")], rest].concat());
        }
        let rows = self.tables.iter().copied().flatten();
        let fits =
            rows.filter_map(|(english, korean)| Some((english, korean, values(english, text)?)));
        let own_letters = |english: &str| english.len() - 2 * english.matches("{}").count();
        // The sentence that leaves least to its values.
        if let Some((_, korean, values)) = fits.max_by_key(|(english, ..)| own_letters(english)) {
            return Some(self.filled(korean, &values, depth));
        }
        let separator = self.separator?;
        let (first, rest) = text.split_once(separator)?;
        let (korean, korean_rest) = (self.sentence(first, depth), self.sentence(rest, depth));
        (korean.is_some() || korean_rest.is_some()).then(|| {
            let first = korean.unwrap_or_else(|| vec![ToldPart::Quoted(first)]);
            let rest = korean_rest.unwrap_or_else(|| vec![ToldPart::Quoted(rest)]);
            [first, vec![ToldPart::Said(separator)], rest].concat()
        })
    }

    /// The Korean with its values, which are told in Korean where they are sentences themselves.
    fn filled<'t>(
        &self,
        korean: &'static str,
        values: &[&'t str],
        depth: usize,
    ) -> Vec<ToldPart<'t>> {
        let mut parts = Vec::new();
        let mut said = korean;
        let mut rest = korean;
        while let Some(open) = rest.find('{') {
            let after = &rest[open + 1..];
            let number = after
                .split_once('}')
                .and_then(|(number, after)| Some((number.parse::<usize>().ok()?, after)));
            // Other braces are of the sentence itself.
            let Some((number, behind)) = number else {
                rest = after;
                continue;
            };
            let value = values.get(number).copied().unwrap_or_default();
            parts.push(ToldPart::Said(&said[..said.len() - after.len() - 1]));
            parts.extend(
                self.sentence(value, depth).unwrap_or_else(|| vec![ToldPart::Quoted(value)]),
            );
            said = behind;
            rest = behind;
        }
        parts.push(ToldPart::Said(said));
        parts
    }
}

/// The values of a text that is this sentence, each as short as can be, the last one as long.
fn values<'t>(english: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut pieces = english.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut values = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let value = match pieces.peek() {
            None => rest.strip_suffix(piece)?,
            // Two values side by side: the first one takes what there is.
            Some(behind) if piece.is_empty() => &rest[..rest.rfind(behind)?],
            Some(_) => &rest[..rest.find(piece)?],
        };
        values.push(value);
        rest = rest.get(value.len() + piece.len()..)?;
    }
    rest.is_empty().then_some(values)
}
