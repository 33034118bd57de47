//! What is known of the terminal that somebody sits at: its language, and whether it shows colours.

use std::io::{self, IsTerminal};

use crate::cli::TerminalVariables;
use crate::language::Language;

/// How texts are written for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terminal {
    pub(super) language: Language,
    /// Whether what is printed is seen in colour.
    pub(super) colours: Colours,
    /// Whether it can be written over.
    pub(super) moves_cursor: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    Shown,
    /// A pipe, a file, or a reader who wants none.
    Plain,
}

/// Of the sixteen that every terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Red,
    Green,
    Yellow,
    Magenta,
}

impl Terminal {
    /// Of standard output.
    pub(super) fn of(variables: &TerminalVariables) -> Terminal {
        let shown = io::stdout().is_terminal() && variables.takes_colours();
        Terminal {
            language: variables.language(),
            colours: if shown { Colours::Shown } else { Colours::Plain },
            moves_cursor: !variables.is_dumb(),
        }
    }

    /// The text in its language.
    pub(super) fn pick(self, korean: &'static str, english: &'static str) -> &'static str {
        self.language.pick(korean, english)
    }

    /// The text in a colour (ECMA-48, SGR), if it shows any.
    pub(super) fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Magenta => 35,
        };
        match self.colours {
            Colours::Shown => format!("\x1b[{code}m{text}\x1b[0m"),
            Colours::Plain => text.to_owned(),
        }
    }
}

/// A text with blanks behind it up to a width in columns, of which Korean letters take two each.
pub(super) fn padded(text: &str, columns: usize) -> String {
    let width: usize = text.chars().map(columns_of).sum();
    format!("{text}{}", " ".repeat(columns.saturating_sub(width)))
}

/// The beginning of a text that is no wider than this.
pub(super) fn clipped(text: &str, columns: usize) -> String {
    let mut left = columns;
    // What does not fit ends it.
    let fits = |c: &char| {
        let taken = columns_of(*c);
        let fits = taken <= left;
        left = left.saturating_sub(taken);
        fits
    };
    text.chars().take_while(fits).collect()
}

fn columns_of(c: char) -> usize {
    if c >= '\u{1100}' { 2 } else { 1 }
}
