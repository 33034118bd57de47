//! Reads the YAML files that people write for us, and says everything that is wrong with one: each
//! problem with its line, its column, the path of the value and what to do about it.
//!
//! [`parse`] makes a tree in which every value knows its place. A reader walks it by [`At`] and
//! [`Fields`], which note what is not as it should be and let the reader go on to the next problem.
//! What the keys mean is the business of whoever calls; nothing here knows it.

mod at;
mod problem;
mod suggest;
mod yaml;

pub use at::{At, Fields, FileReading, Notes, some_text};
pub use problem::{FileProblems, Place, Problem, ReadError};
pub use suggest::{distance, hint, hint_or_list, nearest};
pub use yaml::{Entry, Node, SyntaxError, Value, boolean, float, integer, parse};
