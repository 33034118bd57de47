//! Several looks at one target in one run: at each address of its name (`addresses: all`), or one
//! by each address family (`ip: both`). They go out at the same time and come to one verdict.

use std::net::IpAddr;

use tokio::time::Instant;

use crate::config::{Addresses, DialOptions, IpChoice, MustBeUp, RouteOptions};
use crate::deadline::{Deadline, Expired};
use crate::outcome::{AddressFacts, Facts, Failure};
use crate::transport::failure;
use crate::transport::phase::Phase;
use crate::transport::resolve::Resolvers;

/// One look.
pub struct Look {
    /// Families and name servers.
    pub dial: DialOptions,
    /// The address to look at; `None` is the first that answers.
    pub address: Option<IpAddr>,
}

/// What one look found.
pub struct Looked {
    /// The address that was asked for, where there was one.
    pub address: Option<IpAddr>,
    /// What was learned.
    pub facts: Facts,
    /// Whether it is as expected.
    pub result: Result<(), Failure>,
}

/// The looks of a run; `None` where the first address that answers is enough. The name's
/// resolution, if one is needed, is in `facts`.
pub async fn looks(
    resolvers: &Resolvers,
    dial: &DialOptions,
    route: &RouteOptions,
    host: &str,
    facts: &mut Facts,
    deadline: &Deadline,
) -> Result<Option<Vec<Look>>, Failure> {
    let families = match dial.ip {
        IpChoice::Both => vec![IpChoice::OnlyV4, IpChoice::OnlyV6],
        other => vec![other],
    };
    let by_family = families.into_iter().map(|ip| DialOptions { ip, ..dial.clone() });
    if route.addresses == Addresses::First {
        let looks = by_family.map(|dial| Look { dial, address: None });
        return Ok((dial.ip == IpChoice::Both).then(|| looks.collect()));
    }
    let host = route.connect_to.as_ref().map_or(host, |(host, _)| host);
    let start = Instant::now();
    let mut looks = Vec::new();
    for dial in by_family {
        let found = deadline.within(resolvers.lookup(host, &dial)).await;
        facts.phases.resolve = Some(start.elapsed());
        facts.dns_lookup = facts.phases.resolve;
        let found = found.unwrap_or_else(|Expired| Err(failure::expired(Phase::Resolve)))?;
        looks.extend(found.into_iter().map(|ip| Look { dial: dial.clone(), address: Some(ip) }));
    }
    Ok(Some(looks))
}

/// One verdict of several looks. The facts are those of the look that decided it: the first that
/// failed where the run failed, else the first that succeeded.
pub fn conclude(rule: Addresses, looked: Vec<Looked>, facts: &mut Facts) -> Result<(), Failure> {
    let needed = match rule {
        Addresses::Each(MustBeUp::Any) => 1,
        Addresses::Each(MustBeUp::All) | Addresses::First => looked.len(),
    };
    let (count, up) = (looked.len(), looked.iter().filter(|look| look.result.is_ok()).count());
    let is_up = up >= needed;
    let addresses = looked.iter().filter_map(|look| {
        let address = look.address.or(look.facts.address)?;
        Some(AddressFacts { address, failure: look.result.clone().err() })
    });
    let addresses: Vec<AddressFacts> = addresses.collect();
    let deciding = looked.into_iter().find(|look| look.result.is_ok() == is_up);
    let Some(deciding) = deciding else { return Ok(()) };
    let resolve = (facts.phases.resolve, facts.dns_lookup);
    *facts = deciding.facts;
    facts.phases.resolve = resolve.0.or(facts.phases.resolve);
    facts.dns_lookup = resolve.1.or(facts.dns_lookup);
    facts.addresses = addresses;
    deciding.result.map_err(|failure| {
        let address = deciding.address.or(facts.address);
        let whom = address.map_or_else(|| "one address".to_owned(), |ip| ip.to_string());
        let detail = format!("{whom}: {} ({up} of {count} addresses are up)", failure.detail);
        Failure { detail, ..failure }
    })
}
