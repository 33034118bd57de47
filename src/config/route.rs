//! How a request gets to its server: proxy, fixed destination, every address of the name.

use std::sync::Arc;

use read::Value;

use super::inherit::Shared;
use super::reading::{At, Fields};
use super::{ProxyOptions, proxy, value};

/// How a request gets to its server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RouteOptions {
    /// Who is asked for a way.
    pub proxy: Option<Arc<ProxyOptions>>,
    /// Host (name or address, without brackets) and port that are connected to in place of the
    /// URL's, whose name stays in SNI and `Host`. Redirects to other hosts are not affected.
    pub connect_to: Option<(String, u16)>,
    /// Which of the name's addresses are looked at.
    pub addresses: Addresses,
}

/// Which of a name's addresses a run looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addresses {
    /// The first that answers.
    #[default]
    First,
    /// Each, at most 8, at the same time.
    Each(MustBeUp),
}

/// How many of the addresses must be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MustBeUp {
    Any,
    All,
}

/// Reads the keys of a probe over what was inherited.
pub(super) fn route(fields: &Fields<'_>, shared: &Shared<'_>) -> RouteOptions {
    let proxy = fields.take("proxy").and_then(|at| proxy::proxy(&at));
    let connect_to = |text: &str| value::host_port(text, None);
    RouteOptions {
        proxy: proxy.or_else(|| shared.proxy.clone()),
        connect_to: fields.parse("connect_to", connect_to),
        addresses: fields.take("addresses").and_then(|at| addresses(&at)).unwrap_or_default(),
    }
}

/// `first`, `all`, or `{ look_at: all, up: any }`.
fn addresses(at: &At<'_>) -> Option<Addresses> {
    let words = [("first", Addresses::First), ("all", Addresses::Each(MustBeUp::All))];
    if !matches!(at.node.value, Value::Map(_)) {
        return at.parse(value::word(&words));
    }
    let fields = at.fields(&["look_at", "up"])?;
    let look_at = fields.need("look_at").and_then(|at| at.parse(value::word(&words)))?;
    let up = fields.parse("up", value::word(&[("all", MustBeUp::All), ("any", MustBeUp::Any)]));
    match (look_at, up) {
        (Addresses::First, Some(_)) => {
            at.problem("up means something only where look_at is all");
            None
        }
        (Addresses::First, None) => Some(Addresses::First),
        (Addresses::Each(default), up) => Some(Addresses::Each(up.unwrap_or(default))),
    }
}
