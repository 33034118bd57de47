//! Names of services and probes, made of what others call them.

use std::collections::HashSet;

use url::Url;

/// Bytes of a service's name (`config::Service::name`).
const NAME_BYTES_MAX: usize = 63;

/// Room for what makes a name the only one.
const NUMBER_BYTES: usize = 6;

/// The host as a name: `www.gov.kr` is `gov.kr`.
pub(super) fn of_host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    of_text(host.strip_prefix("www.").unwrap_or(host))
}

/// A text as a name; empty where nothing of it can stand in one.
pub(super) fn of_text(text: &str) -> String {
    let letter = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() || "_.-".contains(c) => c,
        _ => '-',
    };
    let name: String = text.chars().map(letter).take(NAME_BYTES_MAX - NUMBER_BYTES).collect();
    name.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

/// The name, or one with a number where it is taken.
pub(super) fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let numbers = (2_u32..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.to_owned()).chain(numbers).find(|name| !taken.contains(name));
    // There is always a further number.
    let free = free.unwrap_or_default();
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_what_can_stand_in_one_and_stay_apart() {
        assert_eq!(of_host(&Url::parse("https://WWW.Gov.kr:8443/a").unwrap()), "gov.kr");
        assert_eq!(of_text("HTTP 2xx!"), "http-2xx");
        assert_eq!(of_text("정부24"), "24");
        assert_eq!(of_text("정부"), "");
        assert_eq!(of_text(&"a".repeat(100)).len(), 57);
        let mut taken = HashSet::new();
        let names: Vec<String> = (0..3).map(|_| unique("a", &mut taken)).collect();
        assert_eq!(names, ["a", "a-2", "a-3"]);
    }
}
