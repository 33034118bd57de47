//! "did you mean": the nearest word, when it is near.

/// Longer lists are not printed as advice.
const LISTED_MAX: usize = 12;

/// Shorter words are part of too many others.
const PART_MIN_CHARS: usize = 4;

/// How many slips of the finger lie between two words.
pub fn distance(a: &str, b: &str) -> usize {
    strsim::osa_distance(a, b)
}

/// The candidate that a slip of the finger turns into `word`, else the only one of which it is a
/// part: `notice` of `notice_page`.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase().replace('-', "_");
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let length = word.chars().count();
    // Of words of one or two letters every other is near.
    let allowed = (length / 3).min(3);
    let slip = candidates
        .iter()
        .copied()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| {
            let known = candidate.to_lowercase().replace('-', "_");
            // Fingers slip in the middle of a word and seldom at its first letter.
            let begins_otherwise = known.chars().next() != lower.chars().next();
            (distance(&lower, &known), begins_otherwise, candidate)
        })
        .filter(|(distance, ..)| *distance <= allowed)
        .min()
        .map(|(.., candidate)| candidate);
    slip.or_else(|| the_whole_of(&lower, &candidates))
}

fn the_whole_of<'a>(part: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let is_part = |candidate: &&&str| {
        candidate.to_lowercase().split(['_', '-', '.']).any(|piece| piece == part)
    };
    let mut wholes = candidates.iter().filter(is_part);
    let first = wholes.next().filter(|_| part.chars().count() >= PART_MIN_CHARS)?;
    wholes.next().is_none().then_some(*first)
}

/// `; did you mean "x"?`, or nothing.
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default()
}

/// As [`hint`], and where nothing is near, the whole list if it is short enough to read.
pub fn hint_or_list(word: &str, candidates: &[&str]) -> String {
    let hint = hint(word, candidates.iter().copied());
    match candidates.len() {
        _ if !hint.is_empty() => hint,
        ..=LISTED_MAX => format!("; known here: {}", candidates.join(", ")),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(nearest("stauts", ["status", "body"]), Some("status"));
        assert_eq!(nearest("gpkl", ["gpki", "saeol"]), Some("gpki"));
        assert_eq!(nearest("redirect", ["status", "body"]), None);
        assert_eq!(nearest("sonday", ["monday", "sunday"]), Some("sunday"));
        assert_eq!(nearest("nonday", ["sunday", "monday"]), Some("monday"));
    }

    #[test]
    fn a_part_of_one_name_alone_stands_for_it() {
        assert_eq!(nearest("notice", ["notice_page", "http_status"]), Some("notice_page"));
        assert_eq!(nearest("timeout", ["body_timeout", "dns_timeout"]), None);
        assert_eq!(nearest("url", ["url_mismatch"]), None, "too short to mean one");
    }
}
