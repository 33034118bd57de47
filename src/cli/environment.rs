//! Variables that nobody sets for us: those of systemd and of the terminal. They are hidden flags, because
//! the command line alone reads the environment.

use std::ffi::OsString;

use clap::Args;

use crate::language::Language;

/// Variables that systemd sets, see `sd_notify(3)`. Wrong ones are not worth refusing to start.
#[derive(Debug, Clone, Default, Args)]
pub struct SystemdVariables {
    /// `NOTIFY_SOCKET`.
    #[arg(long = "systemd.notify-socket", env = "NOTIFY_SOCKET", hide = true, global = true)]
    pub notify_socket: Option<String>,
    /// `WATCHDOG_USEC`.
    #[arg(long = "systemd.watchdog-usec", env = "WATCHDOG_USEC", hide = true, global = true)]
    pub watchdog_usec: Option<String>,
    /// `WATCHDOG_PID`.
    #[arg(long = "systemd.watchdog-pid", env = "WATCHDOG_PID", hide = true, global = true)]
    pub watchdog_pid: Option<String>,
}

/// Variables of the terminal that bongsu was started in. They are no reason to refuse to start either.
#[derive(Debug, Clone, Default, Args)]
pub struct TerminalVariables {
    /// `LC_ALL`, over the other two.
    #[arg(long = "terminal.lc-all", env = "LC_ALL", hide = true, global = true)]
    pub lc_all: Option<OsString>,
    /// `LC_MESSAGES`.
    #[arg(long = "terminal.lc-messages", env = "LC_MESSAGES", hide = true, global = true)]
    pub lc_messages: Option<OsString>,
    /// `LANG`.
    #[arg(long = "terminal.lang", env = "LANG", hide = true, global = true)]
    pub lang: Option<OsString>,
    /// `NO_COLOR`; anything but empty means no colours (<https://no-color.org>).
    #[arg(long = "terminal.no-color", env = "NO_COLOR", hide = true, global = true)]
    pub no_color: Option<OsString>,
    /// `TERM`; a dumb one shows no colours.
    #[arg(long = "terminal.term", env = "TERM", hide = true, global = true)]
    pub term: Option<OsString>,
}

impl TerminalVariables {
    /// The language of its reader.
    pub fn language(&self) -> Language {
        let locales = [&self.lc_all, &self.lc_messages, &self.lang];
        Language::of_locale(locales.into_iter().flatten().filter_map(|locale| locale.to_str()))
    }

    /// Whether it only takes lines, one below the other.
    pub fn is_dumb(&self) -> bool {
        self.term.as_ref().is_none_or(|term| term == "dumb")
    }

    /// Whether it may show colours, if it is a terminal at all.
    pub fn takes_colours(&self) -> bool {
        !self.is_dumb() && self.no_color.as_ref().is_none_or(|value| value.is_empty())
    }
}
