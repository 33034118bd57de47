//! What `bongsu maintenance` takes.

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use jiff::civil::DateTime;

use super::local_time::local_time;

/// What is done to the windows that were opened by hand.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum MaintenanceCommand {
    /// Open a window. Emergency work, which counts as a fault, unless it was announced.
    Add(AddWindowArgs),
    /// End a window before its time.
    End(EndWindowArgs),
    /// Print the windows that are open or to come.
    List(ListWindowsArgs),
}

/// What `maintenance add` takes.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(group = ArgGroup::new("length").args(["until", "lasts"]).required(true))]
pub struct AddWindowArgs {
    /// What it covers.
    #[arg(value_name = "SERVICE[/SITE]", required = true)]
    pub targets: Vec<String>,

    /// The users were told beforehand: what goes down in it is no fault.
    #[arg(long)]
    pub announced: bool,

    /// When it begins; now unless given. In the zone of --web.time-zone.
    #[arg(long, value_name = "YYYY-MM-DDTHH:MM", value_parser = local_time)]
    pub from: Option<DateTime>,

    /// When it ends.
    #[arg(long, value_name = "YYYY-MM-DDTHH:MM", value_parser = local_time)]
    pub until: Option<DateTime>,

    /// How long it lasts, such as 2h.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub lasts: Option<Duration>,

    /// What it is called; made of its beginning unless given.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    #[command(flatten)]
    pub signed: SignedArgs,
}

/// What `maintenance end` takes.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct EndWindowArgs {
    /// The window, as `maintenance list` names it.
    #[arg(value_name = "NAME")]
    pub name: String,

    #[command(flatten)]
    pub signed: SignedArgs,
}

/// Who does it, and why. Nothing is written without.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct SignedArgs {
    /// Who does this: a person whom others can ask.
    #[arg(long, value_name = "WHO")]
    pub by: String,

    /// Why, for whoever sees the window.
    #[arg(long, value_name = "WHY")]
    pub why: String,
}

/// What `maintenance list` takes.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct ListWindowsArgs {
    /// Those that are over, too.
    #[arg(long)]
    pub all: bool,

    /// As one JSON array.
    #[arg(long)]
    pub json: bool,
}
