//! The HTTP side: endpoints, TLS, authentication.

pub mod ready;
