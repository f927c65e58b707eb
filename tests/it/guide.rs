//! The operators' guide knows every code that an operator can meet, each once, and every command and unit it names exists.

use navette::{
    cli::exit::Exit,
    domain::anomaly::Code,
    guard::{alerts::AlertCode, verdict::RefusalCode},
};
use rstest::rstest;
use std::{collections::BTreeSet, fs};

fn guide() -> String {
    fs::read_to_string("deploy/README.md").unwrap()
}

/// The rows of the first table under a heading, as cells.
fn table(guide: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, section) = guide.split_once(heading).unwrap_or_else(|| panic!("no heading {heading}"));
    let rows = section
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    // The head and the line under it are no rows.
    rows.skip(2).map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn exits() -> Vec<String> {
    Exit::ALL.iter().map(|exit| exit.code().to_string()).collect()
}

fn refusals() -> Vec<String> {
    RefusalCode::ALL.iter().map(|code| code.as_str().to_owned()).collect()
}

fn alerts() -> Vec<String> {
    AlertCode::ALL.iter().map(|code| code.as_str().to_owned()).collect()
}

fn anomalies() -> Vec<String> {
    Code::ALL.iter().map(|code| code.as_str().to_owned()).collect()
}

#[rstest]
#[case("## 7. Codes de sortie", exits())]
#[case("## 8. Refus du garde", refusals())]
#[case("## 9. Alertes", alerts())]
#[case("## 10. Anomalies", anomalies())]
fn every_code_has_its_row_with_what_to_do(#[case] heading: &str, #[case] codes: Vec<String>) {
    let rows = table(&guide(), heading);
    let columns = rows[0].len();
    for row in &rows {
        assert_eq!(row.len(), columns, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    let mut told: Vec<String> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let mut codes = codes;
    told.sort_unstable();
    codes.sort_unstable();
    assert_eq!(told, codes);
}

#[test]
fn what_a_derogation_lifts_is_what_the_guard_lets_it_lift() {
    for row in table(&guide(), "## 8. Refus du garde") {
        let code = RefusalCode::of_str(row[0].trim_matches('`')).unwrap();
        assert_eq!(row[3] == "oui", code.can_be_lifted(), "{row:?}");
    }
}

#[test]
fn the_secrets_of_the_guide_are_those_of_both_units() {
    let rows = table(&guide(), "2. **Les secrets.**");
    let named: BTreeSet<String> =
        rows.iter().flat_map(|row| row[0].split(", ").map(|name| name.trim_matches('`').to_owned())).collect();
    for unit in ["deploy/navette.service", "deploy/navette-daemon.service"] {
        let text = fs::read_to_string(unit).unwrap();
        let loaded = text.lines().filter_map(|line| line.strip_prefix("LoadCredential="));
        let loaded = loaded.map(|line| {
            let (name, file) = line.split_once(":/etc/navette/credentials/").unwrap();
            assert_eq!(name, file);
            // Missing, it is blank, and the unit starts all the same.
            assert!(text.contains(&format!("SetCredential={name}:\\n\n")), "{name}");
            name.to_owned()
        });
        assert_eq!(loaded.collect::<BTreeSet<_>>(), named, "{unit}");
    }
}

#[test]
fn every_command_line_of_the_guide_is_understood() {
    use clap::CommandFactory;
    let (program, guide) = (navette::cli::Cli::command(), guide());
    let blocks = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines: Vec<&str> = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("navette ")).collect();
    assert!(10 < lines.len());
    for line in lines {
        let name = line.split_whitespace().next().unwrap();
        assert!(program.find_subcommand(name).is_some(), "{line}");
    }
}
