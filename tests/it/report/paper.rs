//! The report as somebody signs it: printed by Chromium on A4.

use std::path::Path;
use std::process::Command;

use super::month::february;
use super::stdout;
use crate::support::daemon::Setup;

/// Prints a page to a file, with a profile of its own.
fn print(page: &Path, pdf: &Path, profile: &Path) {
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap_or_else(|error| panic!("chromium: {error}; apt-get install chromium"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn tool(name: &str, arguments: &[&str], pdf: &Path) -> String {
    let output = Command::new(name)
        .args(arguments)
        .arg(pdf)
        .args((name == "pdftotext").then_some("-"))
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}; apt-get install poppler-utils"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_month_is_printed_on_a4_in_korean_and_in_english_and_nothing_is_cut_off() {
    let setup = Setup::new("");
    for (language, parts) in [
        ("ko", ["월간 가용성 보고서 2026-02", "인증 검증 실패", "99.851 %", "긴급 복구"]),
        ("en", ["Availability of the month 2026-02", "Announced work", "99.851 %", "vantages"]),
    ] {
        let html = stdout(february(&["--format", "html", "--lang", language]));
        let page = setup.write(&format!("{language}.html"), html);
        let pdf = setup.path().join(format!("{language}.pdf"));
        print(&page, &pdf, &setup.path().join("profile"));
        // A4 on its side, in points.
        let info = tool("pdfinfo", &[], &pdf);
        let size = info.lines().find(|line| line.starts_with("Page size:")).unwrap();
        let numbers: Vec<f64> = size.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        assert!((numbers[0] - 841.9).abs() < 1.0 && (numbers[1] - 595.3).abs() < 1.0, "{info}");
        let text = tool("pdftotext", &["-raw"], &pdf);
        // Where words are far apart, the tool leaves out the spaces.
        let packed = |text: &str| text.split_whitespace().collect::<String>();
        for part in parts {
            assert!(packed(&text).contains(&packed(part)), "{part}: {text}");
        }
        // What runs over the right edge is outside of the sheet.
        let cropped = tool("pdftotext", &["-x", "0", "-y", "0", "-W", "842", "-H", "596"], &pdf);
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        assert_eq!(letters(&cropped), letters(&tool("pdftotext", &[], &pdf)), "{text}");
    }
}
