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
mod visible;

pub use cut::{boundary, cut};
pub use html::EscapedText;
pub use visible::{is_deceptive, visible};
