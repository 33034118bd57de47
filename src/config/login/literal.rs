//! Passwords that stand in the file itself. Nothing of them is masked or bound to a host, and the
//! step that sends them is no credential step, so that the guard does not count its refusals.

use read::Value;

use crate::config::reading::At;

/// How the names of fields end that hold a password, without case and punctuation.
const NAMES: &[&str] = &["password", "passwd", "pwd", "userpw"];

/// Gives advice about each in a step's fields.
pub(super) fn advise(at: &At<'_>) {
    let Value::Map(entries) = &at.node.value else { return };
    for entry in entries {
        let Some(at) = at.quietly(&entry.key) else { continue };
        let is_literal = match &entry.node.value {
            Value::Text(text) => !text.is_empty() && !text.contains("${"),
            Value::Int(_) => true,
            _ => false,
        };
        if is_literal && names_a_password(&entry.key) {
            let flow = at.reading.scope.flow.as_ref();
            at.reading.load.advise(format!(
                "{}: a password in the file is neither masked nor counted when it is refused; \
                 declare it under secrets and write ${{secret.NAME}}{}",
                at.path(),
                flow.map(|flow| flow.place()).unwrap_or_default()
            ));
        }
        // JSON may be nested; how deeply, the reader of the file has limited.
        advise(&at);
    }
}

fn names_a_password(key: &str) -> bool {
    let letters = key.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    NAMES.iter().any(|name| plain.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_pages_have_them() {
        for name in ["password", "userPw", "mb_password", "j_password", "user_passwd", "PWD"] {
            assert!(names_a_password(name), "{name}");
        }
        for name in ["grant_type", "passwordless", "userPwdType", "pw_change", "username"] {
            assert!(!names_a_password(name), "{name}");
        }
    }
}
