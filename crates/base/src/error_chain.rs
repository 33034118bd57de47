//! An error and those that it was caused by.

use std::error::Error;
use std::io;

/// How deep causes are followed; libraries nest four or five.
const CAUSES_MAX: usize = 16;

/// The error, its cause, the cause of that and so on. `source` of an `io::Error` skips the error that
/// it wraps, so that one is opened by hand.
pub fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), cause).take(CAUSES_MAX)
}

fn cause<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let error: &'a (dyn Error + 'static) = *error;
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

/// The first error of a type.
pub fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// What the last error says: the one nearest to the cause. Those before it may name URLs.
pub fn deepest(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Cause;

    impl fmt::Display for Cause {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the cause")
        }
    }

    impl Error for Cause {}

    #[test]
    fn an_error_inside_io_errors_is_found_and_the_deepest() {
        let outer = io::Error::other(io::Error::other(Cause));
        assert!(find::<Cause>(&outer).is_some());
        assert!(find::<std::fmt::Error>(&outer).is_none());
        assert_eq!(deepest(&outer), "the cause");
    }

    #[test]
    fn a_chain_without_an_end_is_followed_no_further_than_the_limit() {
        #[derive(Debug)]
        struct Circle;
        impl fmt::Display for Circle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("again")
            }
        }
        impl Error for Circle {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&Circle)
            }
        }
        assert_eq!(chain(&Circle).count(), CAUSES_MAX);
    }
}
