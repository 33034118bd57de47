//! How long a configuration of 17,000 probes takes to load: every public-sector system of the
//! country, in one service for each ten sites. The budget is 2 s. Run with
//! `cargo bench --bench load`; `-- broken` makes every probe wrong, so that the places of 17,000
//! problems are looked up too.

#![allow(clippy::print_stdout)] // It is a program for a terminal.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use bongsu::config::{self, Nothing};

const PROBES: usize = 17_000;
const RUNS: usize = 3;

fn main() -> ExitCode {
    let broken = std::env::args().any(|argument| argument == "broken");
    let text = generate(if broken { "expct" } else { "expect" });
    println!("{PROBES} probes, {:.1} MiB of text", text.len() as f64 / f64::from(1 << 20));
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        let result = config::parse(&text, Path::new("generated.yml"), &Nothing);
        best = best.min(start.elapsed().as_secs_f64());
        match result {
            Ok(config) if !broken && config.targets.len() == PROBES => {}
            Err(error) if broken && error.count() == PROBES => {}
            Ok(config) => {
                println!("loaded {} probes", config.targets.len());
                return ExitCode::FAILURE;
            }
            Err(error) => {
                println!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("loaded in {best:.3} s (best of {RUNS})");
    ExitCode::SUCCESS
}

/// Services of ten probes that need their neighbour and look at their pages as real ones do.
fn generate(expect: &str) -> String {
    let mut text = String::from("defaults: { interval: 30s, timeout: 10s }\nservices:\n");
    for service in 0..PROBES / 10 {
        let _ = writeln!(text, "  - name: service-{service}\n    title: 서비스 {service}");
        if service > 0 {
            let _ = writeln!(text, "    needs: [service-{}]", service - 1);
        }
        text.push_str("    probes:\n");
        for probe in 0..10 {
            let _ = writeln!(
                text,
                "      - name: probe-{probe}\n        http:\n          url: \
                 https://s{service}-{probe}.example.go.kr/main\n          {expect}: {{ status: \
                 200, body: {{ contains: 민원 }} }}\n          fail_if: [{{ reason: notice_page, \
                 body: {{ matches: '시스템 점검|서비스 중단' }} }}]\n          warn: {{ time: {{ \
                 lt: 2s }} }}"
            );
        }
    }
    text
}
