//! "did you mean": the nearest word, when it is near.

/// Longer lists are not printed as advice.
const LISTED_MAX: usize = 12;

/// The candidate that a slip of the finger turns into `word`.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = word.chars().count();
    let allowed = (length / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "x"?`, or nothing.
pub(super) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default()
}

/// As [`hint`], and where nothing is near, the whole list if it is short enough to read.
pub(super) fn hint_or_list(word: &str, candidates: &[&str]) -> String {
    let hint = hint(word, candidates.iter().copied());
    if hint.is_empty() && candidates.len() <= LISTED_MAX {
        return format!("; known here: {}", candidates.join(", "));
    }
    hint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(nearest("stauts", ["status", "body"]), Some("status"));
        assert_eq!(nearest("gpkl", ["gpki", "saeol"]), Some("gpki"));
        assert_eq!(nearest("redirect", ["status", "body"]), None);
    }
}
