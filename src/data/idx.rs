//! IDX, the format that MNIST comes in, compressed with gzip or not.
//!
//! A file is two zero bytes, a byte for the element type, a byte for the number of dimensions, each dimension as a
//! big-endian 32-bit number, and then the elements, row-major.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::input::{ContentError, Input};
use super::memory::MemoryBudget;
use super::{DataError, IdxError, ImageShape, Images, Loaded, MAX_PIXELS, Parts, Split};

const UNSIGNED_BYTE: u8 = 0x08;

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Images,
    Labels,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }

    /// The numbers of dimensions that such a file may have.
    const fn ranks(self) -> &'static [u8] {
        match self {
            Self::Images => &[3, 4],
            Self::Labels => &[1],
        }
    }

    const fn describe_ranks(self) -> &'static str {
        match self {
            Self::Images => "images have 3 (count, height, width) or 4 (count, height, width, channels)",
            Self::Labels => "labels have 1 (count)",
        }
    }
}

/// An IDX file's content: as many elements as the product of the dimensions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Array {
    dimensions: Vec<u32>,
    elements: Vec<u8>,
}

impl Array {
    pub(super) fn into_elements(self) -> Vec<u8> {
        self.elements
    }

    /// The images that a file of images holds.
    pub(super) fn into_images(self, labels: Option<Vec<u32>>) -> Result<Images, DataError> {
        let side = |dimension: usize| self.dimensions.get(dimension).map_or(1, |side| *side as usize);
        let shape = ImageShape { height: side(1), width: side(2), channels: side(3) };
        Images::new(shape, self.elements, labels)
    }
}

/// Whether a folder has a file under one of the names MNIST gave its four.
pub fn is_folder(folder: &Path) -> bool {
    files(folder).next().is_some()
}

/// Whether a file is one of those of a folder.
pub fn reads(folder: &Path, file: &Path) -> bool {
    files(folder).any(|of_folder| of_folder.canonicalize().is_ok_and(|path| path == file))
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let kinds = [Kind::Images, Kind::Labels].into_iter();
    let of_splits = kinds.flat_map(|kind| Split::ALL.map(|split| (split, kind)));
    of_splits.filter_map(move |(split, kind)| find_file(folder, split, kind))
}

/// Loads the IDX files of a folder, under the names MNIST gave them. The data set is called as the folder is.
///
/// # Errors
/// When the images of a split are missing, a file is malformed, or files do not fit together.
pub fn load_folder(folder: &Path, budget: &mut MemoryBudget) -> Result<Loaded, DataError> {
    load_folder_as(&super::folder_name(folder), folder, budget)
}

/// As [`load_folder`], with a name for the data set.
pub fn load_folder_as(name: &str, folder: &Path, budget: &mut MemoryBudget) -> Result<Loaded, DataError> {
    let train = load_split(folder, Split::Train, budget)?;
    let test = load_split(folder, Split::Test, budget)?;
    Ok(Loaded { name: name.to_owned(), class_names: None, parts: Parts::Split { train, test } })
}

fn load_split(folder: &Path, split: Split, budget: &mut MemoryBudget) -> Result<Images, DataError> {
    let images_path = find_file(folder, split, Kind::Images).ok_or_else(|| DataError::MissingImages {
        folder: folder.to_owned(),
        split,
        tried: file_names(split, Kind::Images).collect::<Vec<_>>().join(", "),
    })?;
    let images = read_file(&images_path, Kind::Images, budget)?;
    let Some(labels_path) = find_file(folder, split, Kind::Labels) else {
        return images.into_images(None);
    };
    let labels = read_file(&labels_path, Kind::Labels, budget)?.elements;
    let count = images.dimensions.first().map_or(0, |count| *count as usize);
    if labels.len() != count {
        return Err(DataError::LabelFile { images_path, images: count, labels_path, labels: labels.len() });
    }
    images.into_images(Some(labels.into_iter().map(u32::from).collect()))
}

/// The names a file may have, without `.gz`.
fn file_names(split: Split, kind: Kind) -> impl Iterator<Item = String> {
    let prefix = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let spellings = kind.ranks().iter().flat_map(|rank| [('-', rank), ('.', rank)]);
    spellings.map(move |(separator, rank)| format!("{prefix}-{}{separator}idx{rank}-ubyte", kind.name()))
}

fn find_file(folder: &Path, split: Split, kind: Kind) -> Option<PathBuf> {
    let paths = file_names(split, kind).flat_map(|name| [folder.join(&name), folder.join(format!("{name}.gz"))]);
    paths.into_iter().find(|path| path.is_file())
}

fn read_file(path: &Path, kind: Kind, budget: &mut MemoryBudget) -> Result<Array, DataError> {
    read(Input::open(path)?, kind, budget).map_err(|problem| DataError::Idx { path: path.to_owned(), problem })
}

/// Reads a whole file.
pub(super) fn read(mut input: Input<'_>, kind: Kind, budget: &mut MemoryBudget) -> Result<Array, IdxError> {
    let dimensions = read_header(&mut input, kind)?;
    let declared: u128 = dimensions.iter().map(|side| u128::from(*side)).product();
    input.check_length(declared)?;
    let mut elements = budget.allocate(declared)?;
    // What has been allocated can be counted.
    input.read_rest(declared as u64, |chunk| {
        elements.extend_from_slice(chunk);
        Ok::<_, IdxError>(())
    })?;
    Ok(Array { dimensions, elements })
}

/// The dimensions, checked for their number and their size.
fn read_header(source: &mut impl Read, kind: Kind) -> Result<Vec<u32>, IdxError> {
    let magic: [u8; 4] = read_word(source)?;
    let [0, 0, element_type, rank] = magic else {
        return Err(IdxError::Magic { found: magic });
    };
    if element_type != UNSIGNED_BYTE {
        return Err(IdxError::ElementType { code: element_type });
    }
    if !kind.ranks().contains(&rank) {
        return Err(IdxError::Rank { found: rank, wanted: kind.describe_ranks() });
    }
    let dimensions = (0..rank).map(|_| read_word(source).map(u32::from_be_bytes)).collect::<Result<Vec<_>, _>>()?;
    if dimensions.contains(&0) {
        return Err(IdxError::Empty { dimensions });
    }
    let pixels = dimensions.iter().skip(1).map(|side| u128::from(*side)).product();
    if pixels > MAX_PIXELS as u128 {
        return Err(IdxError::ImageTooLarge { pixels });
    }
    Ok(dimensions)
}

fn read_word(source: &mut impl Read) -> Result<[u8; 4], IdxError> {
    let mut word = [0; 4];
    match source.read_exact(&mut word) {
        Ok(()) => Ok(word),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Err(IdxError::HeaderTruncated),
        Err(cause) => Err(ContentError::from_reading(cause).into()),
    }
}

#[cfg(test)]
mod tests;
