//! Login flows, on sites that each test makes and on software that no one here wrote.

mod basics;
mod blame;
mod canary;
mod ciphers;
mod config_errors;
mod examples;
mod flow;
mod following;
mod forms;
mod guarding;
mod hops;
mod lab;
mod lab_sessions;
mod library_logs;
mod one_off;
mod panicking;
mod real_sites;
mod reasons;
mod rules;
mod saeol;
mod secrets;
mod sessions;
mod signing;
mod site;
mod third_party;
mod tokens;
