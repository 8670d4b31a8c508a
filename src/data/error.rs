//! Everything that can be wrong with data, each as one line that says what, where and what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::{
    ContentError, CsvError, ImageFolderError, ImageShape, MAX_PIXELS, MaskError, MemoryError, NpyError, ResizeError,
    Split, WeightsError,
};

/// Why a data set could not be loaded.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum DataError {
    #[error(
        "no data set is called `{asked}`{}, and nothing lies at that path; use one of: {known}",
        did_you_mean(*.suggestion)
    )]
    UnknownSource { asked: String, suggestion: Option<&'static str>, known: String },

    #[error("{}: is in no format that can be read; use one of: {known}", path.display())]
    UnknownFormat { path: PathBuf, known: String },

    #[error("the data set `{name}` takes nothing after its name, but `:{option}` follows; leave that out")]
    UnexpectedOption { name: &'static str, option: String },

    #[error("`{option}` is no seed for `glyphs`; give a whole number from 0 to {}, as in `glyphs:7`", u64::MAX)]
    GlyphsSeed { option: String },

    #[error("`{asked}` is no split of a data set; use `train` or `test`")]
    UnknownSplit { asked: String },

    #[error("images of shape {shape} have no pixels, or more than can be counted; give sides and channels above 0")]
    ImageShape { shape: ImageShape },

    #[error("{bytes} bytes do not divide into images of shape {shape}, {} bytes each; check the shape", shape.pixels())]
    PartialImage { shape: ImageShape, bytes: usize },

    #[error("{images} images have {labels} labels; give one label for each image, or none at all")]
    LabelCount { images: usize, labels: usize },

    #[error("{images} images have {names} names; give one name for each image, or none at all")]
    NameCount { images: usize, names: usize },

    #[error(
        "{}: holds {labels} labels for the {images} images of {}; use two files that belong together",
        labels_path.display(), images_path.display()
    )]
    LabelFile { images_path: PathBuf, images: usize, labels_path: PathBuf, labels: usize },

    #[error(
        "the data set `{name}` has images of shape {train} to train on but {test} to test on; \
         give both splits one shape"
    )]
    SplitShapes { name: String, train: ImageShape, test: ImageShape },

    #[error("the data set `{name}` has no {split} images{}", remedy_for_empty(*.split, *.others))]
    EmptySplit { name: String, split: Split, others: usize },

    #[error(
        "{}: holds no {split} images; put them there in a file with one of the names {tried}, \
         or one of these and `.gz`",
        folder.display()
    )]
    MissingImages { folder: PathBuf, split: Split, tried: String },

    #[error("{}: {problem}", path.display())]
    Idx { path: PathBuf, problem: IdxError },

    #[error("{}: {problem}", path.display())]
    Npy { path: PathBuf, problem: NpyError },

    #[error("{}: {problem}", path.display())]
    Mask { path: PathBuf, problem: MaskError },

    #[error("{}: {problem}", path.display())]
    Csv { path: PathBuf, problem: CsvError },

    #[error("{}: {problem}", path.display())]
    Weights { path: PathBuf, problem: WeightsError },

    #[error(transparent)]
    ImageFolder(#[from] ImageFolderError),

    #[error("the data set cannot be held: {0}")]
    Memory(#[from] MemoryError),

    #[error(
        "images of shape {shape} have neither 1 nor 3 channels and can only be taken as they are; leave data.size and \
         data.channels out"
    )]
    UnknownChannels { shape: ImageShape },

    #[error("an image of shape {shape} {cause}")]
    Resize { shape: ImageShape, cause: ResizeError },

    #[error(
        "the data set `{name}` holds {images} image{}, too few to train on some and test on others; give at least two to train, or \
         put all through a trained model with --set data.test_share=1",
        if *images == 1 { "" } else { "s" }
    )]
    TooFewToSplit { name: String, images: usize },

    #[error("the data set `{name}` has label {label}, but names for {names} classes only; name every class")]
    ClassName { name: String, label: u32, names: usize },

    #[error(
        "the data set `{name}` has no class{}",
        if known.is_empty() { "es, which only images in folders and files with labels have".to_owned() } else { format!(" `{asked}`; use one of: {known}") }
    )]
    UnknownClass { name: String, asked: String, known: String },

    #[error("the class `{class}` has two limits; give it one")]
    LimitedTwice { class: String },

    #[error("no threads can be started to read the images: {cause}; end other programs first")]
    Threads { cause: String },

    #[error("{}: cannot {action}: {cause}; check the {} there", path.display(), suspect(cause))]
    Io { action: &'static str, path: PathBuf, cause: io::Error },

    #[error(
        "no folder is known to keep the data set `{name}` in; set HOME, or DIABOLO_DATA to a folder that holds `{name}`"
    )]
    NoCache { name: &'static str },

    #[error(
        "cannot fetch {file} of the data set `{name}`: {attempts}; to do without the network, put its four files in {}",
        offline_folder.display()
    )]
    Fetch { name: &'static str, file: &'static str, attempts: String, offline_folder: PathBuf },
}

/// What is wrong inside a file that should be IDX.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum IdxError {
    #[error(
        "is not an IDX file, for it begins with the bytes {found:02x?} instead of two zeros; \
         check that it is the right file"
    )]
    Magic { found: [u8; 4] },

    #[error("holds {}, but only unsigned bytes (type 0x08) can be read; convert them", element_type(*code))]
    ElementType { code: u8 },

    #[error("has {found} dimensions, but {wanted}; check that it is the right file")]
    Rank { found: u8, wanted: &'static str },

    #[error("is truncated: it ends inside its header; get the file again")]
    HeaderTruncated,

    #[error("holds nothing: one of its dimensions {dimensions:?} is zero; get the file again")]
    Empty { dimensions: Vec<u32> },

    #[error(
        "declares images of {pixels} values, more than the {MAX_PIXELS} that can be read; check that it is the right file"
    )]
    ImageTooLarge { pixels: u128 },

    #[error(transparent)]
    Content(#[from] ContentError),

    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// The most characters of a field that an error repeats.
const MOST_REPEATED: usize = 20;

/// What an error repeats of a field, on one line.
pub(super) fn shortened(field: &str) -> String {
    let start: String = field.chars().take(MOST_REPEATED).collect();
    let ellipsis = if start.len() < field.len() { "…" } else { "" };
    format!("{}{ellipsis}", start.escape_debug())
}

/// What to look at where a file cannot be worked with.
fn suspect(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => "name, as no such file is",
        io::ErrorKind::PermissionDenied => "permissions",
        io::ErrorKind::StorageFull => "free space",
        _ => "permissions and the free space",
    }
}

fn did_you_mean(suggestion: Option<&'static str>) -> String {
    suggestion.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

/// What to do where one split is empty and the other has so many images.
fn remedy_for_empty(split: Split, others: usize) -> String {
    match (split, others) {
        (Split::Train, 1..) => format!(
            ": all {others} are test images, as with data.test_share=1; take those with --split test, or leave some to train on with a \
             smaller share"
        ),
        _ => "; give it at least one".to_owned(),
    }
}

/// The IDX element types, as the description of MNIST lists them.
fn element_type(code: u8) -> String {
    let name = match code {
        0x08 => "unsigned bytes",
        0x09 => "signed bytes",
        0x0B => "16-bit integers",
        0x0C => "32-bit integers",
        0x0D => "32-bit floats",
        0x0E => "64-bit floats",
        _ => "elements of an unknown type",
    };
    format!("{name} (type {code:#04x})")
}
