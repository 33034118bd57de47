#![doc = include_str!("../ARCHITECTURE.md")]

pub mod build_info;
pub mod calendar;
pub mod deadline;
pub mod file_work;
pub mod foreign_yaml;
pub mod http_date;
pub mod language;
pub mod log_queue;
pub mod offload;
pub mod outcome;
pub mod own_time;
pub mod panics;
pub mod receiver;
pub mod redact;
pub mod run_watch;
pub mod secret;
pub mod sentences;
pub mod stop;
pub mod table;
pub mod yaml_text;

pub mod template;

pub mod config;

pub mod curl;
pub mod identities;
pub mod probe;
pub mod secrets;
pub mod state_dir;
pub mod state_writer;
pub mod transport;
pub mod trusted_client;

pub mod controls;
pub mod limits;
pub mod maintenance;
pub mod scheduler;

pub mod availability;
pub mod blackbox;
pub mod event_log;
pub mod failures;
pub mod metrics;
pub mod results;

pub mod server;

pub mod app;

pub mod report;

pub mod cli;
pub mod commands;
pub mod log;
pub mod signals;
pub mod systemd;
