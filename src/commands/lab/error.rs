//! Why the lab cannot run.

use lab::estate::EstateError;
use lab::files::WriteError;

use crate::app::BuildError;
use crate::config::ReadError;

#[derive(Debug, thiserror::Error)]
pub(super) enum LabError {
    #[error(transparent)]
    Estate(#[from] EstateError),
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The daemon refuses the configuration that the lab wrote, which is a bug of this program.
    #[error("the lab's configuration: {0}")]
    Config(#[from] ReadError),
    #[error(transparent)]
    Daemon(#[from] BuildError),
}
