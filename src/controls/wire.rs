//! Asking controls over the network.
