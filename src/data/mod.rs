//! Data sets: bytes in, samples out. Host types only.
//!
//! [`load`] takes what a user writes after `--data` and returns a [`Dataset`]. A new format is one file here and one
//! line in `FORMATS`.

mod csv;
mod dataset;
mod digest;
mod download;
mod error;
pub mod from_bytes;
mod glyphs;
mod idx;
mod image_folder;
mod images;
mod input;
mod known;
mod limit;
mod mask;
mod memory;
mod npy;
mod only;
mod options;
mod prepare;
mod rows;
mod split;
#[cfg(test)]
mod testing;
mod weights;

use std::path::Path;

pub use csv::CsvError;
pub use dataset::{Dataset, Split};
pub use digest::hexadecimal;
pub use error::{DataError, IdxError};
pub use image_folder::{DecodeError, ImageFolderError};
pub use images::{ImageShape, Images, MAX_PIXELS};
pub use input::ContentError;
pub use limit::ClassLimit;
pub use mask::{MaskError, load_mask};
pub use memory::MemoryError;
pub use npy::{NpyError, load_floats};
pub use options::{Background, Channels, DEFAULT_MAX_MEMORY, ImageSize, LoadOptions, Preparation, Resize};
pub use prepare::ResizeError;
pub use rows::{RowError, shape_of_row};
pub use weights::WeightsError;

use memory::MemoryBudget;

/// How one kind of data is asked for and read.
enum Format {
    /// A data set with a name. What follows a colon, as in `glyphs:7`, is passed on.
    Named { name: &'static str, load: fn(Option<&str>, &mut MemoryBudget) -> Result<Loaded, DataError> },
    /// What lies at a path.
    AtPath {
        description: &'static str,
        accepts: fn(&Path) -> bool,
        load: LoadAtPath,
        /// Whether a file is, or is one of those, that lie there; both paths are canonical.
        reads: ReadsAtPath,
    },
}

/// Everything [`load`] reads. A name comes before a path; of the paths, the first that accepts.
const FORMATS: &[Format] = &[
    Format::Named { name: "glyphs", load: glyphs::load },
    Format::Named { name: "mnist", load: |option, budget| known::load(&known::MNIST, option, budget) },
    Format::Named { name: "fashion-mnist", load: |option, budget| known::load(&known::FASHION_MNIST, option, budget) },
    Format::AtPath {
        description: "a folder of IDX files",
        accepts: idx::is_folder,
        load: |folder, _, budget| idx::load_folder(folder, budget),
        reads: idx::reads,
    },
    Format::AtPath {
        description: "a folder of images (PNG, JPEG, WebP, BMP)",
        accepts: Path::is_dir,
        load: image_folder::load,
        reads: image_folder::reads,
    },
    Format::AtPath {
        description: "an .npy file",
        accepts: |path| has_ending(path, "npy"),
        load: npy::load,
        reads: |path, file| path == file,
    },
    Format::AtPath {
        description: "a .csv file",
        accepts: |path| has_ending(path, "csv"),
        load: csv::load,
        reads: |path, file| path == file,
    },
];

/// What a format gives: images as the source has them, to be prepared and split.
struct Loaded {
    name: String,
    class_names: Option<Vec<String>>,
    parts: Parts,
}

enum Parts {
    /// The source has a split of its own.
    Split { train: Images, test: Images },
    /// It has none.
    Whole(Images),
}

impl Loaded {
    /// The data set, with a weight for each image to train on if there is a file of them: one for each image of a source that has no split
    /// of its own.
    fn into_dataset(
        self,
        options: &LoadOptions,
        weights: Option<&Path>,
        budget: &mut MemoryBudget,
    ) -> Result<Dataset, DataError> {
        let Self { name, class_names, parts } = self;
        let list = weights.map(|path| weights::read(path, budget)).transpose()?;
        let weighted = |images: Images, what| match (list, weights) {
            (Some(list), Some(path)) => {
                images.with_weights(list, what).map_err(|problem| DataError::Weights { path: path.to_owned(), problem })
            }
            _ => Ok(images),
        };
        let mut prepare = |images| options.preparation.apply(images, budget);
        let (train, test) = match parts {
            Parts::Split { train, test } => (weighted(prepare(train)?, "to train on")?, prepare(test)?),
            Parts::Whole(images) => {
                let images = weighted(prepare(images)?, "before some are kept for testing")?;
                let chosen = split::test_indices(&name, images.len(), options.test_share, options.split_seed)?;
                images.divide(&chosen)
            }
        };
        let dataset = Dataset::new(name, train, test)?;
        match class_names {
            Some(names) => dataset.with_class_names(names),
            None => Ok(dataset),
        }
    }
}

/// Loads the data set that `source` names: `glyphs`, `glyphs:SEED`, `mnist`, `fashion-mnist`, or the path of a folder of
/// IDX files, of a folder of images, of an `.npy` or of a `.csv` file.
///
/// A folder called like a data set is reached as `./mnist`.
///
/// # Errors
/// When nothing has that name or path, when a file is missing, unreadable, malformed or inconsistent with its
/// neighbors, when the images take too much memory, or when a data set that must be fetched cannot be.
pub fn load(source: &str) -> Result<Dataset, DataError> {
    load_with(source, &LoadOptions::default())
}

/// As [`load`], with options of the caller's choice.
///
/// # Errors
/// As [`load`], or when the images cannot be prepared as `options` say, or are too few for two splits.
pub fn load_with(source: &str, options: &LoadOptions) -> Result<Dataset, DataError> {
    let mut budget = MemoryBudget::new(options.max_memory);
    read(source, options, &mut budget)?.into_dataset(options, None, &mut budget)
}

/// As [`load_with`], with what each image to train on counts in the loss, from an `.npy` file of floats `[images]` or a `.csv` file of one
/// column. Where the source has no split of its own, there is one for each of its images.
///
/// # Errors
/// As [`load_with`], or when the file holds no such weights, or not as many as there are images.
pub fn load_weighted(source: &str, options: &LoadOptions, weights: &Path) -> Result<Dataset, DataError> {
    let mut budget = MemoryBudget::new(options.max_memory);
    read(source, options, &mut budget)?.into_dataset(options, Some(weights), &mut budget)
}

fn read(source: &str, options: &LoadOptions, budget: &mut MemoryBudget) -> Result<Loaded, DataError> {
    let (called, option) = split_option(source);
    let named = FORMATS.iter().find_map(|format| match format {
        Format::Named { name, load } if *name == called => Some(load),
        _ => None,
    });
    if let Some(load) = named {
        return load(option, budget);
    }

    let path = Path::new(source);
    if !path.exists() {
        return Err(DataError::UnknownSource {
            asked: source.to_owned(),
            suggestion: nearest_name(called),
            known: describe_formats(),
        });
    }
    match format_at(path) {
        Some((load, _)) => load(path, options, budget),
        None => Err(DataError::UnknownFormat { path: path.to_owned(), known: describe_formats() }),
    }
}

type LoadAtPath = fn(&Path, &LoadOptions, &mut MemoryBudget) -> Result<Loaded, DataError>;
type ReadsAtPath = fn(&Path, &Path) -> bool;

/// How what lies at a path is loaded, and which files that reads.
fn format_at(path: &Path) -> Option<(LoadAtPath, ReadsAtPath)> {
    FORMATS.iter().find_map(|format| match format {
        Format::AtPath { accepts, load, reads, .. } if accepts(path) => Some((*load, *reads)),
        _ => None,
    })
}

/// Whether [`load`] reads the file with this canonical path where `source` is a path, or would once it is there.
pub fn reads(source: &str, file: &Path) -> bool {
    let path = Path::new(&absolute_source(source)).to_owned();
    path.is_absolute() && format_at(&path).is_some_and(|(_, reads)| reads(&path, file))
}

/// Whether a file is called `….ending` or `….ending.gz`, in any case.
fn has_ending(path: &Path, ending: &str) -> bool {
    without_gz(path).extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

fn without_gz(path: &Path) -> &Path {
    match path.file_stem() {
        Some(stem) if path.extension().is_some_and(|found| found.eq_ignore_ascii_case("gz")) => Path::new(stem),
        _ => path,
    }
}

/// What a folder is called, whichever way leads to it.
fn folder_name(folder: &Path) -> String {
    let full_path = folder.canonicalize();
    let name = full_path.as_deref().unwrap_or(folder).file_name().unwrap_or(folder.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What a file is called, without its ending.
fn file_name(file: &Path) -> String {
    without_gz(file).file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

/// The source as a run should keep it: a path becomes absolute, so that [`load`] finds it from any working directory.
///
/// The names of data sets, and what is not there or not UTF-8, stay as they are.
pub fn absolute_source(source: &str) -> String {
    let (called, _) = split_option(source);
    let absolute_path = if names().any(|name| name == called) { None } else { Path::new(source).canonicalize().ok() };
    absolute_path.and_then(|path| path.into_os_string().into_string().ok()).unwrap_or_else(|| source.to_owned())
}

/// The name and what follows its colon, as in `glyphs:7`.
fn split_option(source: &str) -> (&str, Option<&str>) {
    match source.split_once(':') {
        Some((called, option)) => (called, Some(option)),
        None => (source, None),
    }
}

/// The names of the data sets that need no path, in the order a help text should list them.
fn names() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().filter_map(|format| match format {
        Format::Named { name, .. } => Some(*name),
        Format::AtPath { .. } => None,
    })
}

/// The known name most like `asked`, if any is likely to be what was meant.
fn nearest_name(asked: &str) -> Option<&'static str> {
    const LIKELY: f64 = 0.8;
    names()
        .map(|name| (strsim::jaro_winkler(name, &asked.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity > LIKELY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// All that may be asked for, as part of an error message.
fn describe_formats() -> String {
    let paths = FORMATS.iter().filter_map(|format| match format {
        Format::AtPath { description, .. } => Some(format!("the path of {description}")),
        Format::Named { .. } => None,
    });
    names().map(|name| format!("`{name}`")).chain(paths).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_is_answered_with_the_nearest_and_with_all() {
        let message = load("fashion_mnits").unwrap_err().to_string();
        assert!(message.contains("`fashion_mnits`") && message.contains("did you mean `fashion-mnist`"), "{message}");
        assert!(message.contains("`glyphs`, `mnist`, `fashion-mnist`, the path of a folder of IDX files"), "{message}");
        assert_eq!(message.lines().count(), 1);
    }

    #[test]
    fn a_name_like_no_other_gets_no_suggestion() {
        let message = load("/no/such/place").unwrap_err().to_string();
        assert!(!message.contains("did you mean"), "{message}");
        assert!(message.contains("nothing lies at that path"), "{message}");
    }

    #[test]
    fn the_files_that_a_source_reads_are_told_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["t.csv", "pics/a/1.png", "pics/codes.npy", "idx/train-images-idx3-ubyte", "idx/codes.npy"] {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), "").unwrap();
        }
        let reads = |source: &str, file: &str| reads(root.join(source).to_str().unwrap(), &root.join(file));
        assert!(
            reads("t.csv", "t.csv") && reads("pics", "pics/a/1.png") && reads("idx", "idx/train-images-idx3-ubyte")
        );
        // Which would be one of the images once it is there.
        assert!(reads("pics", "pics/new.png") && reads("pics", "pics/new/run/loss.png"));
        assert!(!reads("pics", "pics/codes.npy") && !reads("idx", "idx/codes.npy") && !reads("pics", "new.png"));
        assert!(!reads("t.csv", "pics/a/1.png") && !reads("none", "t.csv") && !super::reads("glyphs", &root));
    }

    #[test]
    fn nearest_names() {
        for (asked, nearest) in [
            ("MNIST", Some("mnist")),
            ("glyph", Some("glyphs")),
            ("fashionmnist", Some("fashion-mnist")),
            ("cat", None),
        ] {
            assert_eq!(nearest_name(asked), nearest, "{asked}");
        }
    }

    #[test]
    fn a_source_that_is_no_path_is_kept_as_it_is() {
        for source in ["glyphs", "glyphs:7", "mnist", "fashion-mnist", "no/such/place"] {
            assert_eq!(absolute_source(source), source);
        }
    }

    #[test]
    fn a_path_is_kept_so_that_it_holds_in_any_working_directory() {
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert_eq!(absolute_source("."), here.to_str().unwrap());
        assert_eq!(absolute_source(here.to_str().unwrap()), here.to_str().unwrap());
    }

    #[test]
    fn an_option_where_none_is_taken_is_an_error() {
        let message = load("mnist:7").unwrap_err().to_string();
        assert!(message.contains("`mnist` takes nothing after its name"), "{message}");
    }

    #[test]
    fn a_file_of_unknown_format_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = load(file.path().to_str().unwrap()).unwrap_err();
        assert!(matches!(error, DataError::UnknownFormat { .. }), "{error}");
    }

    #[test]
    fn endings_are_read_in_any_case_and_before_gz() {
        for (path, is_csv) in [
            ("a.csv", true),
            ("a.b.CSV", true),
            ("a.csv.gz", true),
            ("csv", false),
            ("a.gz", false),
            ("a.csv.b", false),
        ] {
            assert_eq!(has_ending(Path::new(path), "csv"), is_csv, "{path}");
        }
        assert_eq!(file_name(Path::new("some/train.csv.gz")), "train");
    }

    #[test]
    fn a_folder_without_images_says_what_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let message = load(folder.path().to_str().unwrap()).unwrap_err().to_string();
        assert!(message.contains("train-images-idx3-ubyte"), "{message}");
    }
}
