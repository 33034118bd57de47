//! The HTTP side: endpoints, TLS, authentication.

pub mod listen;
pub mod ready;
pub mod web;
pub mod web_config;

mod auth;
mod tls;
