//! The boards, judged without a Grafana: they are what their source makes, our linter has nothing
//! to say, and each of its rules notices what it is for. `tests/stack/dashboards.py` runs their
//! queries on real data.

use crate::alert_rules::pypi;

const SOURCE: &str = "dashboards/src";

#[test]
fn the_boards_are_what_their_source_makes() {
    pypi(SOURCE, "python3", &["build.py", "--check"]);
}

#[test]
fn the_boards_keep_the_rules() {
    pypi(SOURCE, "python3", &["lint.py"]);
}

#[test]
fn each_rule_for_boards_notices_what_it_is_for() {
    let said = pypi(SOURCE, "python3", &["lint_test.py"]);
    assert!(said.contains(" passed, 0 failed"), "{said}");
}
