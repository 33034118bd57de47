//! What this program was built from: told by `--version`, the log's first line and
//! `bongsu_build_info`.

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What our requests say who sends them.
pub const USER_AGENT: &str = concat!("bongsu/", env!("CARGO_PKG_VERSION"));

/// The source revision, or `unknown`.
pub const REVISION: &str = env!("BONGSU_REVISION");

pub const RUST_VERSION: &str = env!("BONGSU_RUST_VERSION");

/// All of it, for `--version`.
pub const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (revision ",
    env!("BONGSU_REVISION"),
    ", rust ",
    env!("BONGSU_RUST_VERSION"),
    ")"
);
