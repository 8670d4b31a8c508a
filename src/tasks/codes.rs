//! Codes with what is known of their images, and the files that hold them.

use crate::data::load_floats;
use crate::error::Error;
use crate::report::ReportError;
use crate::report::files::write_atomically;
use crate::report::image_table::{ImageColumns, LABEL, NAME};
use crate::report::npy::npy;
use bytesize::ByteSize;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// The tensors of a safetensors file of codes, and the metadata's keys: the classes' and the images' names as JSON arrays.
const CODES: &str = "codes";
const LABELS: &str = "labels";
const CLASS_NAMES: &str = "class_names";
const NAMES: &str = "names";

/// The codes of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Codes {
    /// Numbers of a code, at least 1.
    pub size: usize,
    /// [images, size]
    pub values: Vec<f32>,
    /// `[images]`: the class of each image, counted from 0, if the images have classes.
    pub labels: Option<Vec<u32>>,
    /// What the classes are called, if they have names: a label is an index into these.
    pub class_names: Option<Vec<String>>,
    /// `[images]`: the file that each image was read from, if it has one of its own.
    pub names: Option<Vec<String>>,
}

/// A kind of file that holds codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodesFormat {
    /// One array for NumPy, f32 [images, size].
    Npy,
    /// A header, and a row for each code: the file of its image under `name`, if it has one, the name or else the number of its class under
    /// `label`, if there are classes, then the numbers under `code.0`, `code.1`, …, with as many digits as tell them from any other f32.
    Csv,
    /// f32 `codes` [images, size], and where there are classes u32 `labels` `[images]`; in the metadata the classes' names under
    /// `class_names` and the images' files under `names`, as JSON arrays.
    Safetensors,
}

impl CodesFormat {
    /// The format that a file's name ends in.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "npy" => Some(Self::Npy),
            "csv" => Some(Self::Csv),
            "safetensors" => Some(Self::Safetensors),
            _ => None,
        }
    }
}

impl Codes {
    /// The number of codes.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.size).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// `[size]`: the least and the largest value that each number of a code takes.
    pub fn ranges(&self) -> Vec<[f32; 2]> {
        let range = |place: usize| {
            let numbers = self.values.iter().skip(place).step_by(self.size);
            numbers.fold([f32::INFINITY, f32::NEG_INFINITY], |[least, largest], &number| {
                [least.min(number), largest.max(number)]
            })
        };
        (0..self.size).map(range).collect()
    }

    /// Writes the codes to a file, which is then whole or as it was.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path, format: CodesFormat) -> Result<(), ReportError> {
        let bytes = match format {
            CodesFormat::Npy => npy(&[self.len(), self.size], self.values.iter().copied()),
            CodesFormat::Csv => self.to_csv(),
            CodesFormat::Safetensors => self.to_safetensors(),
        };
        let bytes = bytes.map_err(|cause| ReportError::Write { path: path.to_owned(), cause })?;
        write_atomically(path, &bytes)
    }

    /// Reads the numbers of codes, without labels, from a file of at most `max_memory` bytes. All of them are finite.
    ///
    /// # Errors
    /// A file that cannot be read, is larger, or holds no codes.
    pub fn load(path: &Path, format: CodesFormat, max_memory: u64) -> Result<Self, Error> {
        let bad = |problem: String| Error::Run(format!("{} {problem}", path.display()));
        let (size, values) = match format {
            CodesFormat::Npy => load_floats(path, max_memory)?,
            CodesFormat::Csv => from_csv(&read_bounded(path, max_memory)?).map_err(bad)?,
            CodesFormat::Safetensors => from_safetensors(&read_bounded(path, max_memory)?).map_err(bad)?,
        };
        if size == 0 || values.is_empty() {
            return Err(bad("holds no codes".to_owned()));
        }
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return Err(bad(format!("holds a number in code {} (from 0) that is not finite", place / size)));
        }
        Ok(Self::without_images(size, values))
    }

    /// Codes of no images that are known: [codes, size].
    pub fn without_images(size: usize, values: Vec<f32>) -> Self {
        Self { size, values, labels: None, class_names: None, names: None }
    }

    fn to_csv(&self) -> io::Result<Vec<u8>> {
        let labels: Option<Vec<String>> =
            self.labels.as_ref().map(|labels| labels.iter().map(|&label| self.class_name(label)).collect());
        let columns = ImageColumns { is_indexed: false, names: self.names.as_deref(), labels: labels.as_deref() };
        let rows = self.values.chunks_exact(self.size).map(|code| code.iter().map(f32::to_string));
        columns.table((0..self.size).map(column), rows)
    }

    fn to_safetensors(&self) -> io::Result<Vec<u8>> {
        let values: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let labels: Option<Vec<u8>> =
            self.labels.as_ref().map(|labels| labels.iter().flat_map(|label| label.to_le_bytes()).collect());
        let mut views =
            vec![(CODES, TensorView::new(Dtype::F32, vec![self.len(), self.size], &values).map_err(io::Error::other)?)];
        if let Some(labels) = &labels {
            views.push((LABELS, TensorView::new(Dtype::U32, vec![self.len()], labels).map_err(io::Error::other)?));
        }
        let mut metadata = HashMap::new();
        for (key, names) in [(CLASS_NAMES, &self.class_names), (NAMES, &self.names)] {
            if let Some(names) = names {
                metadata.insert(key.to_owned(), serde_json::to_string(names)?);
            }
        }
        safetensors::serialize(views, Some(metadata).filter(|metadata| !metadata.is_empty())).map_err(io::Error::other)
    }

    /// The name of a class, or its number.
    fn class_name(&self, label: u32) -> String {
        let name = self.class_names.as_ref().and_then(|names| names.get(label as usize));
        name.cloned().unwrap_or_else(|| label.to_string())
    }
}

/// A whole file, if it has no more than so many bytes.
pub(super) fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let failed = |cause: io::Error| Error::from(ReportError::Read { path: path.to_owned(), cause });
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        let most = ByteSize::b(most);
        return Err(Error::Run(format!("{} has more than the {most} that --max-memory allows", path.display())));
    }
    Ok(bytes)
}

/// The size of a code and the numbers of a table as [`CodesFormat::Csv`] tells it.
fn from_csv(bytes: &[u8]) -> Result<(usize, Vec<f32>), String> {
    let no_table = |error: csv::Error| format!("is no table of codes: {error}");
    let mut reader = csv::Reader::from_reader(bytes);
    let headers = reader.headers().map_err(no_table)?;
    let names = usize::from(headers.get(0) == Some(NAME));
    let before = names + usize::from(headers.get(names) == Some(LABEL));
    let size = headers.len() - before;
    if !headers.iter().skip(before).enumerate().all(|(place, name)| name == column(place)) {
        return Err(
            "is no table of codes: its first line must be code.0,code.1,…, after name and label if there are such"
                .to_owned(),
        );
    }
    let mut values = Vec::new();
    for record in reader.records() {
        let record = record.map_err(no_table)?;
        for field in record.iter().skip(before) {
            let line = record.position().map_or(0, csv::Position::line);
            values.push(field.trim().parse().map_err(|_| format!("has '{field}' in line {line}, which is no number"))?);
        }
    }
    Ok((size, values))
}

fn from_safetensors(bytes: &[u8]) -> Result<(usize, Vec<f32>), String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| format!("is no safetensors file: {error}"))?;
    let codes = file.tensor(CODES).map_err(|_| format!("has no tensor '{CODES}'"))?;
    let (Dtype::F32, &[_, size]) = (codes.dtype(), codes.shape()) else {
        return Err(format!("has a tensor '{CODES}' that is not f32 [images, code]"));
    };
    Ok((size, codes.data().as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()))
}

/// The name of a column of numbers.
fn column(place: usize) -> String {
    format!("code.{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes() -> Codes {
        Codes {
            size: 2,
            values: vec![0.1, -2.5, f32::MIN_POSITIVE, 1.0 / 3.0],
            labels: Some(vec![1, 0]),
            class_names: Some(vec!["dog".to_owned(), "cat, \"big\"".to_owned()]),
            names: Some(vec!["cat/1, 2.png".to_owned(), "dog/ä.png".to_owned()]),
        }
    }

    #[test]
    fn a_format_follows_from_the_ending() {
        let formats = ["codes.npy", "a.b.csv", "codes.safetensors", "codes.png", "npy"]
            .map(|name| CodesFormat::of(Path::new(name)));
        let [npy, csv, safetensors] = [CodesFormat::Npy, CodesFormat::Csv, CodesFormat::Safetensors].map(Some);
        assert_eq!(formats, [npy, csv, safetensors, None, None]);
    }

    #[test]
    fn numbers_survive_every_format() {
        let codes = codes();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("codes.npy");
        codes.save(&path, CodesFormat::Npy).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let npy = npyz::NpyFile::new(&bytes[..]).unwrap();
        assert_eq!(npy.shape(), [2, 2]);
        assert_eq!(npy.into_vec::<f32>().unwrap(), codes.values);

        let bytes = codes.to_csv().unwrap();
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        assert_eq!(reader.headers().unwrap(), vec!["name", "label", "code.0", "code.1"]);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!([&rows[0][0], &rows[1][0]], ["cat/1, 2.png", "dog/ä.png"]);
        assert_eq!([&rows[0][1], &rows[1][1]], ["cat, \"big\"", "dog"]);
        let values: Vec<f32> = rows.iter().flat_map(|row| row.iter().skip(2)).map(|it| it.parse().unwrap()).collect();
        assert_eq!(values, codes.values);

        let bytes = codes.to_safetensors().unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let values = file.tensor(CODES).unwrap();
        assert_eq!((values.dtype(), values.shape()), (Dtype::F32, &[2, 2][..]));
        assert_eq!(values.data(), codes.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
        assert_eq!(file.tensor(LABELS).unwrap().data(), [1, 0, 0, 0, 0, 0, 0, 0]);
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let names = |key| serde_json::from_str::<Vec<String>>(&header.metadata().as_ref().unwrap()[key]).unwrap();
        assert_eq!((names(CLASS_NAMES), names(NAMES)), (codes.class_names.unwrap(), codes.names.unwrap()));
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let (codes, folder) = (codes(), tempfile::tempdir().unwrap());
        for name in ["codes.npy", "codes.csv", "codes.safetensors"] {
            let path = folder.path().join(name);
            let format = CodesFormat::of(&path).unwrap();
            codes.save(&path, format).unwrap();
            let length = std::fs::metadata(&path).unwrap().len();
            let loaded = Codes::load(&path, format, length).unwrap();
            assert_eq!((loaded.size, &loaded.values), (codes.size, &codes.values), "{name}");
            assert_eq!(Codes::load(&path, format, 10).unwrap_err().exit_code(), 5, "{name}");
            // Whatever is cut off or flipped is refused or gives codes, and never panics.
            let bytes = std::fs::read(&path).unwrap();
            for place in 0..bytes.len() {
                let flipped = [&bytes[..place], &[bytes[place] ^ 0x10], &bytes[place + 1..]].concat();
                for damaged in [&bytes[..place], &flipped] {
                    std::fs::write(&path, damaged).unwrap();
                    if let Err(error) = Codes::load(&path, format, length) {
                        assert_eq!((error.exit_code(), error.to_string().lines().count()), (5, 1), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_table_that_holds_no_codes_is_told_what_it_lacks() {
        for (table, problem) in [
            ("", "holds no codes"),
            ("code.0\n", "holds no codes"),
            ("label\n1\n", "holds no codes"),
            ("0.5,0.25\n", "its first line must be code.0"),
            ("code.0,code.1\n1,x\n", "has 'x' in line 2, which is no number"),
            ("code.0,code.1\n1,2\n3\n", "is no table of codes"),
            ("code.0,code.1\n1,2\n3,inf\n", "in code 1 (from 0) that is not finite"),
        ] {
            let path = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(&path, table).unwrap();
            let error = Codes::load(path.path(), CodesFormat::Csv, 1000).unwrap_err().to_string();
            assert!(error.contains(problem) && error.lines().count() == 1, "{error}");
        }
    }

    #[test]
    fn codes_without_labels_have_no_place_for_them() {
        let codes = Codes::without_images(2, codes().values);
        assert!(codes.to_csv().unwrap().starts_with(b"code.0,code.1\n"));
        let bytes = codes.to_safetensors().unwrap();
        assert_eq!(SafeTensors::deserialize(&bytes).unwrap().names(), [CODES]);
        let numbered = Codes { labels: Some(vec![7, 3]), ..codes };
        assert!(numbered.to_csv().unwrap().starts_with(b"label,code.0,code.1\n7,"));
    }
}
