//! `bongsu report`: what a contract wants to know of a month, and what an authority wants to know of an
//! incident, asked of Prometheus and Alertmanager.
//!
//! What counts as a fault is written down here and in docs/report.md. A service is in fault from the end of
//! the first failing run of an outage that the rules believed (`service:down == 1`) until they say that it
//! is up; a site by `site:down`. That is binary: a service whose login is dead is in fault, however
//! many of its front pages answer. Announced work is no operating time, unless the fault was there
//! before it. Time that nobody watched counts neither way and is shown.

pub mod alertmanager;
pub mod ask;
pub mod corrections;
pub mod course;
pub mod csv;
pub mod definitions;
pub mod details;
pub mod first_run;
pub mod gather;
pub mod html;
pub mod incident;
pub mod incident_tables;
pub mod json;
pub mod month;
pub mod month_tables;
pub mod outage;
pub mod progress;
pub mod promql;
pub mod span;
pub mod survey;
pub mod table;
pub mod text;
pub mod timeline;
