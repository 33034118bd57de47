//! The switches behind the page and the API: faults on and off, accounts unlocked. Systems and faults
//! are given by name.

use crate::faults::{Fault, FaultKind};
use crate::mistake::Mistake;
use crate::system::SimulatedSystem;
use crate::systems;
use crate::world::LabWorld;

/// The systems that a switch was thrown for.
pub(super) type Switched = Result<Vec<&'static SimulatedSystem>, Mistake>;

/// Switches a fault on for every system that the name means.
pub(super) fn set(world: &LabWorld, system: &str, fault: &str) -> Switched {
    let (chosen, fault) = (systems::select(system)?, Fault::parse(fault)?);
    for system in &chosen {
        tracing::info!(system = system.name, %fault, "lab fault set");
        world.faults.set(system, fault);
    }
    Ok(chosen)
}

/// Switches a kind off. Without a kind, or with `all`, switches everything off.
pub(super) fn clear(world: &LabWorld, system: &str, fault: &str) -> Switched {
    let chosen = systems::select(system)?;
    let kind = if fault.is_empty() { None } else { FaultKind::find_or_all(fault)? };
    for system in &chosen {
        let set = world.faults.of(system);
        for fault in set.switched_on().filter(|fault| kind.is_none_or(|kind| kind == fault.kind()))
        {
            tracing::info!(system = system.name, %fault, "lab fault cleared");
        }
        match kind {
            Some(kind) => world.faults.clear(system, kind),
            None => world.faults.clear_all(system),
        }
    }
    Ok(chosen)
}

/// Unlocks every account of the systems that the name means.
pub(super) fn unlock(world: &LabWorld, system: &str) -> Switched {
    let chosen = systems::select(system)?;
    chosen.iter().for_each(|system| world.site(system).accounts.reset());
    Ok(chosen)
}
