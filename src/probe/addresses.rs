//! Several looks at one target in one run: at each address of its name (`addresses: all`), or one
//! by each address family (`ip: both`). They go out at the same time and come to one verdict.

use std::net::IpAddr;

use tokio::time::Instant;

use crate::config::{Addresses, DialOptions, IpChoice, MustBeUp, RouteOptions};
use crate::deadline::{Deadline, Expired};
use crate::outcome::{AddressFacts, Facts, Failure};
use crate::transport::failure;
use crate::transport::phase::Phase;
use crate::transport::resolve::{MAX_ADDRESSES, Resolvers};

pub struct Look {
    /// Families and name servers.
    pub dial: DialOptions,
    /// The address to look at; `None` is the first that answers.
    pub address: Option<IpAddr>,
}

pub struct Looked {
    /// The address that was asked for, where there was one.
    pub address: Option<IpAddr>,
    /// The family that was asked for.
    pub family: IpChoice,
    pub facts: Facts,
    /// Whether it is as expected.
    pub result: Result<(), Failure>,
}

impl Looked {
    fn address(&self) -> Option<IpAddr> {
        self.address.or(self.facts.address)
    }

    /// The same failure or warning, and where it was met.
    fn at(&self, failure: &Failure) -> Failure {
        let whom = match (self.address(), self.family) {
            (Some(address), _) => address.to_string(),
            (None, IpChoice::OnlyV6) => "IPv6".to_owned(),
            (None, _) => "IPv4".to_owned(),
        };
        Failure { detail: format!("{whom}: {}", failure.detail), ..failure.clone() }
    }
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
    if route.addresses == Addresses::First && dial.ip != IpChoice::Both {
        return Ok(None);
    }
    let families = match dial.ip {
        IpChoice::Both => vec![IpChoice::OnlyV4, IpChoice::OnlyV6],
        other => vec![other],
    };
    let by_family = families.into_iter().map(|ip| DialOptions { ip, ..dial.clone() });
    if route.addresses == Addresses::First {
        let looks = by_family.map(|dial| Look { dial, address: None });
        return Ok(Some(looks.collect()));
    }
    let host = route.connect_to.as_ref().map_or(host, |(host, _)| host);
    let start = Instant::now();
    let mut looks = Vec::new();
    for dial in by_family {
        let found = deadline.within(resolvers.lookup(host, &dial)).await;
        facts.phases.resolve = Some(start.elapsed());
        facts.dns_lookup = facts.phases.resolve;
        let found = found.unwrap_or_else(|Expired| Err(failure::expired(Phase::Resolve)))?;
        facts.resolved.extend(&found);
        let found = found.into_iter().enumerate();
        looks.extend(found.map(|(at, ip)| (at, Look { dial: dial.clone(), address: Some(ip) })));
    }
    // Of two families with many addresses each has its share.
    looks.sort_by_key(|(at, _)| *at);
    looks.truncate(MAX_ADDRESSES);
    Ok(Some(looks.into_iter().map(|(_, look)| look).collect()))
}

/// One verdict of several looks. The facts are those of the look that decided it: the first that
/// failed where the run failed, else the first that succeeded. A failure that says something about
/// the service counts more than one that does not, and one look that is up more than one that is
/// degraded only where one is enough.
pub fn conclude(rule: Addresses, looked: Vec<Looked>, facts: &mut Facts) -> Result<(), Failure> {
    let (count, up) = (looked.len(), looked.iter().filter(|look| look.result.is_ok()).count());
    let one_is_enough = rule == Addresses::Each(MustBeUp::Any);
    let is_up = up >= if one_is_enough { 1 } else { count };
    let addresses = looked.iter().filter_map(|look| {
        let address = look.address()?;
        Some(AddressFacts { address, failure: look.result.clone().err() })
    });
    let addresses: Vec<AddressFacts> = addresses.collect();
    let rank = |look: &Looked| match &look.result {
        Ok(()) => one_is_enough && !look.facts.warnings.is_empty(),
        Err(failure) => failure.reason.says_nothing_about_the_service(),
    };
    let fitting = looked.iter().enumerate().filter(|(_, look)| look.result.is_ok() == is_up);
    // Of equals the first.
    let Some((at, deciding)) = fitting.min_by_key(|(_, look)| rank(look)) else { return Ok(()) };
    let result = deciding.result.as_ref().map_err(|failure| {
        let whom = match rule {
            Addresses::First => "families are up",
            _ => "addresses are up",
        };
        let failure = deciding.at(failure);
        Failure { detail: format!("{up} of {count} {whom}; {}", failure.detail), ..failure }
    });
    let result = result.copied();
    let telling = looked.iter().enumerate().filter(|(other, _)| *other == at || !one_is_enough);
    let warnings = telling
        .flat_map(|(_, look)| look.facts.warnings.iter().map(|warning| look.at(warning)))
        .collect();
    let resolve = (facts.phases.resolve, facts.dns_lookup);
    // Each look by one family has found its own.
    let by_look = looked.iter().flat_map(|look| look.facts.resolved.iter().copied());
    let resolved: Vec<IpAddr> = facts.resolved.iter().copied().chain(by_look).collect();
    if let Some(deciding) = looked.into_iter().nth(at) {
        *facts = deciding.facts;
    }
    facts.phases.resolve = resolve.0.or(facts.phases.resolve);
    facts.dns_lookup = resolve.1.or(facts.dns_lookup);
    facts.resolved = resolved;
    facts.addresses = addresses;
    facts.warnings = warnings;
    result
}
