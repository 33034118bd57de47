//! What several of our crates need and the standard library lacks: each helper once, and none that
//! knows anything of probes, certificates or the lab. Edit distances and "did you mean" belong to
//! `crates/read`, because they answer what people write.

mod cut;
pub mod error_chain;
pub mod files;
pub mod fnv;
pub mod hex;
mod html;
pub mod percent;
mod shell_word;
mod visible;

pub use cut::{boundary, cut};
pub use html::EscapedText;
pub use shell_word::shell_word;
pub use visible::{is_deceptive, visible};

/// An event that only the log level `trace` shows. It is made as a debug event, because the program that
/// is shipped is built without the trace events of all libraries; `src/log.rs` knows which they are.
/// Where it is used, `tracing` is a dependency.
#[macro_export]
macro_rules! traced {
    ($($event:tt)*) => { ::tracing::debug!($($event)*) };
}
