//! `bongsu report`: asks Prometheus, counts, and writes the report to standard output.

use base::visible;

use super::{print_as_is, runtime, tell};
use crate::calendar;
use crate::cli::report::{
    AlertmanagerArgs, IncidentArgs, IncidentForm, MonthArgs, ReportCommand, ReportForm,
    ReportLanguage, ServerArgs,
};
use crate::cli::{Exit, Flags};
use crate::report::ask::{ANSWER_MAX_BYTES, Access};
use crate::report::gather::{self, MonthRequest};
use crate::report::incident::IncidentRequest;
use crate::report::month::{Month, korea};
use crate::report::promql::Prometheus;
use crate::report::{corrections, csv, html, incident, incident_tables, json, month_tables, text};

pub(super) fn report(flags: &Flags, what: &ReportCommand) -> Exit {
    let written = match what {
        ReportCommand::Month(args) => month(flags, args),
        ReportCommand::Incident(args) => incident(flags, args),
    };
    match written {
        Ok(report) => print_as_is(&report),
        Err(problem) => {
            tell(&format!("{}\n", problem.text));
            problem.exit
        }
    }
}

/// Why there is nothing to write.
struct NoReport {
    text: String,
    exit: Exit,
}

impl NoReport {
    fn usage(text: impl ToString) -> NoReport {
        NoReport { text: text.to_string(), exit: Exit::Usage }
    }

    fn failed(text: impl ToString) -> NoReport {
        NoReport { text: text.to_string(), exit: Exit::Failed }
    }
}

fn month(flags: &Flags, args: &MonthArgs) -> Result<String, NoReport> {
    let now = calendar::now();
    let month =
        Month::new(args.month, now).map_err(|text| NoReport::usage(format!("--month: {text}")))?;
    let corrections = match &args.corrections {
        None => Vec::new(),
        Some(file) => corrections::load(file)
            .map_err(|error| NoReport::usage(error.report("nothing was reported")))?,
    };
    let request = MonthRequest {
        month,
        corrections,
        incomplete: args.incomplete,
        alertmanager: alertmanager(&args.alertmanager, &args.server),
        now: now.as_millisecond(),
    };
    let prometheus = Prometheus::new(&access(&args.server)).map_err(NoReport::usage)?;
    let runtime =
        runtime().map_err(|exit| NoReport { text: "the runtime cannot start".into(), exit })?;
    let report = runtime.block_on(gather::month(&prometheus, request)).map_err(NoReport::failed)?;
    let language = ReportLanguage::or(args.form.language, flags.terminal.language());
    let document = || month_tables::document(&report, language);
    Ok(match args.form.format {
        ReportForm::Text => visible(text::text(&document())),
        ReportForm::Csv => csv::csv(&document()),
        ReportForm::Json => json::json(&report),
        ReportForm::Html => html::html(&document()),
    })
}

fn incident(flags: &Flags, args: &IncidentArgs) -> Result<String, NoReport> {
    let now = calendar::now().as_millisecond();
    let zoned =
        args.at.to_zoned(korea()).map_err(|error| NoReport::usage(format!("--at: {error}")))?;
    let at = zoned.timestamp().as_millisecond();
    if at >= now {
        return Err(NoReport::usage(format!("--at: {} is not over yet", args.at)));
    }
    let alertmanager = alertmanager(&args.alertmanager, &args.server);
    let request = IncidentRequest { service: args.service.clone(), at, alertmanager, now };
    let prometheus = Prometheus::new(&access(&args.server)).map_err(NoReport::usage)?;
    let runtime =
        runtime().map_err(|exit| NoReport { text: "the runtime cannot start".into(), exit })?;
    let report =
        runtime.block_on(incident::incident(&prometheus, request)).map_err(NoReport::failed)?;
    let language = ReportLanguage::or(args.language, flags.terminal.language());
    let document = incident_tables::document(&report, language);
    Ok(match args.format {
        IncidentForm::Text => visible(text::text(&document)),
        IncidentForm::Html => html::html(&document),
    })
}

fn alertmanager(args: &AlertmanagerArgs, server: &ServerArgs) -> Option<Access> {
    args.alertmanager.clone().map(|url| Access {
        url,
        basic_file: args.alertmanager_basic_file.clone(),
        bearer_file: args.alertmanager_bearer_file.clone(),
        password_advice: "give --alertmanager-basic-file or --alertmanager-bearer-file",
        ..access(server)
    })
}

fn access(server: &ServerArgs) -> Access {
    Access {
        url: server.prometheus.clone(),
        basic_file: server.basic_file.clone(),
        bearer_file: server.bearer_file.clone(),
        ca_file: server.ca_file.clone(),
        timeout: server.timeout,
        answer_bytes_max: ANSWER_MAX_BYTES,
        password_advice: "give --basic-file or --bearer-file",
    }
}
