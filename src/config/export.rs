//! The operators as a table for spreadsheets: what `operators.csv` may be.

use std::collections::BTreeSet;

use super::House;
use crate::ids::Skill;

/// Excel takes a file for UTF-8 only if it begins with this.
const MARK: &str = "\u{feff}";

/// One row an operator, one column a skill.
pub fn operators_csv(house: &House) -> String {
    let operators = &house.queue.operators;
    let skills: BTreeSet<&Skill> = operators.values().flat_map(|operator| operator.skills.keys()).collect();
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let mut header = vec!["id".to_string(), "name".into(), "seat".into(), "weight".into(), "supervisor".into()];
    header.extend(skills.iter().map(ToString::to_string));
    // Writing into memory does not fail.
    let _ = table.write_record(&header);
    for (id, operator) in operators {
        let mut row = vec![
            id.to_string(),
            operator.name.clone(),
            operator.seat.as_ref().map(ToString::to_string).unwrap_or_default(),
            operator.weight.to_string(),
            if operator.supervisor { "yes" } else { "" }.to_string(),
        ];
        row.extend(skills.iter().map(|skill| operator.skills.get(*skill).map(ToString::to_string).unwrap_or_default()));
        let _ = table.write_record(&row);
    }
    let table = table.into_inner().unwrap_or_default();
    format!("{MARK}{}", String::from_utf8_lossy(&table))
}
