//! CSV with an image in each row, as MNIST is often passed around, compressed with gzip or not.
//!
//! A pixel is a whole number from 0 to 255. A first line that holds names is a header; its column `label`, in any case and place,
//! holds the classes.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, Terminator};
use thiserror::Error;

use super::error::shortened;
use super::input::{ContentError, Input};
use super::memory::{MemoryBudget, MemoryError};
use super::options::LoadOptions;
use super::rows::{RowError, shape_of_row};
use super::{DataError, Images, Loaded, MAX_PIXELS, Parts};

/// The column of classes.
const LABEL: &str = "label";
/// The most bytes of a row: room for the largest image, with quotes and spaces.
const LONGEST_ROW: u64 = 8 * MAX_PIXELS as u64;

/// What is wrong inside a file of images as rows.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum CsvError {
    #[error("holds no rows of values; put at least one image in it, as a row of whole numbers from 0 to 255")]
    Empty,

    #[error("line {line}: has {found} fields, but the lines before have {expected}; give all rows as many")]
    Ragged { line: u64, found: usize, expected: usize },

    #[error(
        "line {line}, field {field}{}: \"{value}\" is no whole number from 0 to 255; correct it, or multiply values in [0, 1] \
         by 255 and round them",
        .name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default()
    )]
    Value { line: u64, field: usize, name: Option<String>, value: String },

    #[error("line {line}: its label is empty; give it one, or leave the column `label` out")]
    NoLabel { line: u64 },

    #[error("line 1: names {count} columns `label`; keep one")]
    Labels { count: usize },

    #[error("line {line}: is longer than an image can be; check that it is the right file")]
    RowTooLong { line: u64 },

    #[error("has rows of {pixels} values, more than the {MAX_PIXELS} that an image may have; make the images smaller")]
    ImageTooLarge { pixels: usize },

    #[error("{0}")]
    Row(#[from] RowError),

    #[error(transparent)]
    Content(#[from] ContentError),

    #[error(transparent)]
    Memory(#[from] MemoryError),

    /// What no file should be able to cause.
    #[error("{0}")]
    Unexpected(String),
}

/// Loads images from rows. The data set is called as the file is.
///
/// # Errors
/// As [`CsvError`] lists them, or when the file cannot be opened.
pub fn load(path: &Path, options: &LoadOptions, budget: &mut MemoryBudget) -> Result<Loaded, DataError> {
    let (images, class_names) = read(Input::open(path)?, options, budget)
        .map_err(|problem| DataError::Csv { path: path.to_owned(), problem })?;
    Ok(Loaded { name: super::file_name(path), class_names, parts: Parts::Whole(images) })
}

/// Reads a whole file: the images, and the names of their classes in natural order.
pub(super) fn read(
    input: Input<'_>,
    options: &LoadOptions,
    budget: &mut MemoryBudget,
) -> Result<(Images, Option<Vec<String>>), CsvError> {
    let mut rows = Rows::new(input);
    if !rows.next()? {
        return Err(CsvError::Empty);
    }
    let columns = Columns::of(&rows.record)?;
    if columns.has_header && !rows.next()? {
        return Err(CsvError::Empty);
    }
    if columns.pixels > MAX_PIXELS {
        return Err(CsvError::ImageTooLarge { pixels: columns.pixels });
    }
    let shape = shape_of_row(columns.pixels, &options.preparation)?;

    let mut bytes = Vec::new();
    let mut labels = Vec::new();
    loop {
        budget.take(columns.pixels as u128)?;
        let exhausted = |_| MemoryError::Exhausted { needed: columns.pixels as u128 };
        bytes.try_reserve(columns.pixels).map_err(exhausted)?;
        columns.read_pixels(&rows, &mut bytes)?;
        if let Some(label) = columns.read_label(&rows)? {
            // A label can be long.
            budget.take(label.len() as u128)?;
            labels.push(label);
        }
        if !rows.next()? {
            break;
        }
    }
    let images = |labels| Images::new(shape, bytes, labels).map_err(|error| CsvError::Unexpected(error.to_string()));
    if columns.label.is_none() {
        return Ok((images(None)?, None));
    }
    let mut names = labels.clone();
    alphanumeric_sort::sort_str_slice(&mut names);
    names.dedup();
    let place: HashMap<&String, u32> = names.iter().zip(0..).collect();
    let labels = labels.iter().filter_map(|label| place.get(label).copied()).collect();
    Ok((images(Some(labels))?, Some(names)))
}

/// Which fields of a row are what.
struct Columns {
    has_header: bool,
    label: Option<usize>,
    pixels: usize,
    /// The header's, for messages.
    names: Vec<String>,
}

impl Columns {
    /// As the first line tells.
    fn of(first: &ByteRecord) -> Result<Self, CsvError> {
        let has_header = first.iter().any(|field| !looks_like_number(field));
        let names: Vec<String> = if has_header { first.iter().map(text).collect() } else { Vec::new() };
        let mut places = names.iter().enumerate().filter(|(_, name)| name.eq_ignore_ascii_case(LABEL));
        let label = places.next().map(|(place, _)| place);
        let more = places.count();
        if more > 0 {
            return Err(CsvError::Labels { count: 1 + more });
        }
        Ok(Self { has_header, label, pixels: first.len() - usize::from(label.is_some()), names })
    }

    fn read_pixels(&self, rows: &Rows<'_>, bytes: &mut Vec<u8>) -> Result<(), CsvError> {
        for (place, field) in rows.record.iter().enumerate().filter(|(place, _)| Some(*place) != self.label) {
            let pixel = pixel(field).ok_or_else(|| CsvError::Value {
                line: rows.line(),
                field: place + 1,
                name: self.names.get(place).map(|name| shortened(name)),
                value: shortened(&text(field)),
            })?;
            bytes.push(pixel);
        }
        Ok(())
    }

    fn read_label(&self, rows: &Rows<'_>) -> Result<Option<String>, CsvError> {
        let Some(field) = self.label.and_then(|place| rows.record.get(place)) else { return Ok(None) };
        let label = text(field);
        if label.is_empty() { Err(CsvError::NoLabel { line: rows.line() }) } else { Ok(Some(label)) }
    }
}

/// Whether a field is a number of any kind, so that a line with a bad pixel is not taken for a header.
fn looks_like_number(field: &[u8]) -> bool {
    std::str::from_utf8(field).is_ok_and(|text| text.trim().parse::<f64>().is_ok())
}

/// A whole number from 0 to 255; `7.0` is one too.
fn pixel(field: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(field).ok()?.trim();
    text.parse().ok().or_else(|| {
        let value: f64 = text.parse().ok()?;
        ((0.0..=255.0).contains(&value) && value.fract() == 0.0).then_some(value as u8)
    })
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim().to_owned()
}

/// The rows of a file, each of a bounded length and with as many fields as the first.
struct Rows<'a> {
    reader: Reader<RowGuard<'a>>,
    record: ByteRecord,
    fields: Option<usize>,
}

impl<'a> Rows<'a> {
    fn new(input: Input<'a>) -> Self {
        let guard = RowGuard { input, left: LONGEST_ROW, given: 0, last: None };
        let mut builder = ReaderBuilder::new();
        // A carriage return then belongs to the last field, from which spaces are trimmed.
        builder.has_headers(false).flexible(true).terminator(Terminator::Any(b'\n'));
        Self { reader: builder.from_reader(guard), record: ByteRecord::new(), fields: None }
    }

    /// Goes on to the next row, if there is one. Lines without a field are passed over.
    fn next(&mut self) -> Result<bool, CsvError> {
        let is_blank =
            |record: &ByteRecord| record.len() == 1 && record.iter().all(|field| field.trim_ascii().is_empty());
        loop {
            self.reader.get_mut().left = LONGEST_ROW;
            let line = self.reader.position().line();
            let is_there = self.reader.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
                ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::FileTooLarge => CsvError::RowTooLong { line },
                ErrorKind::Io(cause) => ContentError::from_reading(cause).into(),
                // The other kinds are about lengths, UTF-8, seeking and serde, none of which is used.
                other => CsvError::Unexpected(format!("{other:?}")),
            })?;
            if !is_there {
                return Ok(false);
            }
            if !is_blank(&self.record) {
                break;
            }
        }
        let found = self.record.len();
        let expected = *self.fields.get_or_insert(found);
        if found == expected { Ok(true) } else { Err(CsvError::Ragged { line: self.line(), found, expected }) }
    }

    /// The line on which the row begins. Where the reader says it began to read would be before blank lines.
    fn line(&self) -> u64 {
        let (end, guard) = (self.reader.position(), self.reader.get_ref());
        let within = self.record.iter().flatten().filter(|byte| **byte == b'\n').count() as u64;
        let is_unterminated = end.byte() == guard.given && guard.last != Some(b'\n');
        end.line().saturating_sub(within + u64::from(!is_unterminated))
    }
}

/// Gives no more than a row may have until it is told to go on, since a row is kept whole.
struct RowGuard<'a> {
    input: Input<'a>,
    left: u64,
    given: u64,
    last: Option<u8>,
}

impl Read for RowGuard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = self.input.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        self.given += count as u64;
        self.last = buffer[..count].last().copied().or(self.last);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
