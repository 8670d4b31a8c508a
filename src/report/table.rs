//! Plain text tables with aligned columns.

use std::fmt;

use indicatif::HumanCount;

/// On which side of its column a cell stands: text left, numbers right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Flush left.
    Left,
    /// Flush right.
    Right,
}

/// A table of text: a header, a rule, and rows; print it with `{}`.
///
/// ```text
/// layer            output  parameters
/// ---------------  ------  ----------
/// dense 784 → 64       64      50,240
/// ```
#[derive(Debug, Clone)]
pub struct TextTable<const COLUMNS: usize> {
    alignments: [Align; COLUMNS],
    header: [String; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> TextTable<COLUMNS> {
    /// A table without rows.
    pub fn new(columns: [(&str, Align); COLUMNS]) -> Self {
        Self {
            alignments: columns.map(|(_, alignment)| alignment),
            header: columns.map(|(title, _)| title.to_owned()),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Line breaks and tabs in a cell become spaces, as a driver's own texts may hold them.
    pub fn push(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells.map(|cell| cell.replace(char::is_control, " ")));
    }

    fn widths(&self) -> [usize; COLUMNS] {
        std::array::from_fn(|column| {
            let cells = std::iter::once(&self.header).chain(&self.rows).map(|row| width(&row[column]));
            cells.max().unwrap_or(0)
        })
    }
}

impl<const COLUMNS: usize> fmt::Display for TextTable<COLUMNS> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let rule = widths.map(|width| "-".repeat(width));
        for (index, row) in [&self.header, &rule].into_iter().chain(&self.rows).enumerate() {
            let mut line = String::new();
            for ((cell, alignment), column_width) in row.iter().zip(self.alignments).zip(widths) {
                let padding = " ".repeat(column_width - width(cell));
                line += &match alignment {
                    Align::Left => format!("{cell}{padding}  "),
                    Align::Right => format!("{padding}{cell}  "),
                };
            }
            let line_break = if index == 0 { "" } else { "\n" };
            write!(formatter, "{line_break}{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// `number` with its thousands set apart: `106,448`.
pub fn thousands(number: u64) -> String {
    HumanCount(number).to_string()
}

/// Columns of a terminal that `text` takes: one for each character, `×` and `→` included.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let mut table = TextTable::new([("layer", Align::Left), ("output", Align::Right), ("activation", Align::Left)]);
        table.push(["dense 784 → 64".into(), "64".into(), "relu".into()]);
        table.push(["reshape".into(), "28×28×1".into(), String::new()]);
        assert_eq!(
            table.to_string(),
            "layer            output  activation\n\
             --------------  -------  ----------\n\
             dense 784 → 64       64  relu\n\
             reshape         28×28×1"
        );
    }

    #[test]
    fn a_cell_with_a_line_break_stays_on_its_line() {
        let mut table = TextTable::new([("driver", Align::Left)]);
        table.push(["NVIDIA\n560.35".into()]);
        assert_eq!(table.to_string(), "driver\n-------------\nNVIDIA 560.35");
    }

    #[test]
    fn thousands_are_set_apart() {
        let texts = [0, 999, 1_000, 106_448, u64::MAX].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "106,448", "18,446,744,073,709,551,615"]);
    }

    proptest! {
        #[test]
        fn every_cell_stands_in_its_column(rows in prop::collection::vec(prop::array::uniform2("[a-z→×é]{0,9}"), 0..6)) {
            let mut table = TextTable::new([("left", Align::Left), ("right", Align::Right)]);
            for row in &rows {
                table.push(row.clone());
            }
            let [first, second] = table.widths();
            let text = table.to_string();
            let lines: Vec<_> = text.split('\n').collect();
            prop_assert_eq!(lines.len(), rows.len() + 2);
            for (line, [left, right]) in lines[2..].iter().zip(&rows) {
                let padded = format!("{line:<width$}", width = first + 2 + second);
                prop_assert_eq!(padded.chars().count(), first + 2 + second);
                let in_first: String = padded.chars().take(first).collect();
                let in_second: String = padded.chars().skip(first + 2).collect();
                prop_assert_eq!(in_first.trim_end(), left);
                prop_assert_eq!(in_second.trim_start(), right);
            }
        }
    }
}
