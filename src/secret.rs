//! Secrets by type: a [`Secret`] cannot be printed, compared or serialized by accident, because it
//! implements none of the traits that would do so. Its text is reached by one method with a loud
//! name, at the last moment, by the code that writes the request.

#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    pub fn new(text: impl Into<Box<str>>) -> Secret {
        Secret(text.into())
    }

    /// The text itself. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
