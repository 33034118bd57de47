//! What is told of a panic: where in the code it was, and its text only where that is a literal.
//!
//! A panic is a bug, and a text that is put together at run time may hold whatever was at hand:
//! Rust's own `byte index 3 is not a char boundary; it is inside ...` quotes the whole string that
//! was cut, and in a login that string can be a password. No mask helps, since nobody knows at
//! that place which secrets there are.

use std::any::Any;
use std::panic::{Location, set_hook};

/// Stands for a text that is not a literal.
const UNSAID: &str = "a text that may hold data of the run and is not shown";

/// The text of a panic as far as it may be shown.
pub fn spoken(payload: &(dyn Any + Send)) -> &'static str {
    // The macros hand a literal over as it is, and make a `String` of everything else.
    payload.downcast_ref::<&'static str>().copied().unwrap_or(UNSAID)
}

/// Has panics go to the log, in the place of Rust's own words on standard error.
pub fn install() {
    set_hook(Box::new(|panic| {
        let place = panic.location().map(Location::to_string);
        tracing::error!(place, said = spoken(panic.payload()), "panicked; this is a bug");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn a_literal_is_told_and_a_text_made_at_run_time_is_not() {
        let literal = catch_unwind(|| panic!("a literal")).unwrap_err();
        assert_eq!(spoken(&*literal), "a literal");
        let secret = std::hint::black_box("비밀번호");
        let formatted = catch_unwind(|| panic!("{secret} is wrong")).unwrap_err();
        assert_eq!(spoken(&*formatted), UNSAID);
        let cut = catch_unwind(|| secret[..1].len()).unwrap_err();
        assert_eq!(spoken(&*cut), UNSAID);
    }
}
