//! Arbitrary text, and good configurations with something broken: the loader never panics, and
//! either accepts or says what is wrong.

use std::path::Path;

use bongsu::config::{self, Nothing};
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../../config/example.yml");
const CATALOGUE: &str = include_str!("../../../config/egov-kr.yml");

/// Loads, and reads what was said.
fn load(text: &str) {
    if let Err(error) = config::parse(text, Path::new("random.yml"), &Nothing) {
        assert!(error.count() > 0);
        for file in &error.files {
            assert!(!file.problems.is_empty());
            for problem in &file.problems {
                assert!(!problem.message.is_empty());
            }
        }
        assert!(error.to_string().lines().count() > 1);
    }
}

/// Where a character begins, at or before `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_text_is_accepted_or_complained_of(text in "\\PC{0,200}") {
        load(&text);
    }

    #[test]
    fn yaml_like_text_is_accepted_or_complained_of(
        text in "(services|defaults|include|secrets|maintenance|controls|name|http|tls|url|[a-z&*!|>'\"$%#,?{}\\[\\]-]|: |\n|  |- ){0,80}",
    ) {
        load(&text);
    }

    #[test]
    fn a_mutated_configuration_is_accepted_or_complained_of(
        catalogue in any::<bool>(),
        from in 0usize..8000,
        length in 0usize..40,
        put in "(\\PC|\n|  |: |- |\\$\\{|[0-9]{1,30}|'|\"|&a |\\*a|!x ){0,6}",
    ) {
        let text = if catalogue { CATALOGUE } else { EXAMPLE };
        let start = boundary(text, from % text.len());
        let end = boundary(text, start + length).max(start);
        load(&format!("{}{put}{}", &text[..start], &text[end..]));
    }
}
