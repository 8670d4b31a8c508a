//! IDX, the format that MNIST comes in, compressed with gzip or not.
//!
//! A file is two zero bytes, a byte for the element type, a byte for the number of dimensions, each dimension as a
//! big-endian 32-bit number, and then the elements, row-major.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{DataError, Dataset, IdxError, ImageShape, Images, Split};

const UNSIGNED_BYTE: u8 = 0x08;
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];
/// The most bytes that one byte of deflate can stand for: 258 in each two bits.
const MAX_GZIP_RATIO: u64 = 1032;
/// The most values in one image, those of a 4096×4096 gray one.
const MAX_PIXELS: u128 = 1 << 24;

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
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
struct Array {
    dimensions: Vec<u32>,
    elements: Vec<u8>,
}

/// Loads the IDX files of a folder, under the names MNIST gave them. The data set is called as the folder is.
///
/// # Errors
/// When the images of a split are missing, a file is malformed, or files do not fit together.
pub fn load_folder(folder: &Path) -> Result<Dataset, DataError> {
    let full_path = folder.canonicalize();
    let name = full_path.as_deref().unwrap_or(folder).file_name().unwrap_or(folder.as_os_str());
    load_folder_as(&name.to_string_lossy(), folder)
}

/// As [`load_folder`], with a name for the data set.
pub fn load_folder_as(name: &str, folder: &Path) -> Result<Dataset, DataError> {
    Dataset::new(name, load_split(folder, Split::Train)?, load_split(folder, Split::Test)?)
}

fn load_split(folder: &Path, split: Split) -> Result<Images, DataError> {
    let images_path = find_file(folder, split, Kind::Images).ok_or_else(|| DataError::MissingImages {
        folder: folder.to_owned(),
        split,
        tried: file_names(split, Kind::Images).collect::<Vec<_>>().join(", "),
    })?;
    let images = read_file(&images_path, Kind::Images)?;
    let side = |dimension: usize| images.dimensions.get(dimension).map_or(1, |side| *side as usize);
    let shape = ImageShape { height: side(1), width: side(2), channels: side(3) };

    let Some(labels_path) = find_file(folder, split, Kind::Labels) else {
        return Images::new(shape, images.elements, None);
    };
    let labels = read_file(&labels_path, Kind::Labels)?.elements;
    if labels.len() != side(0) {
        return Err(DataError::LabelFile { images_path, images: side(0), labels_path, labels: labels.len() });
    }
    Images::new(shape, images.elements, Some(labels))
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

fn read_file(path: &Path, kind: Kind) -> Result<Array, DataError> {
    let failed = |action| move |cause| DataError::Io { action, path: path.to_owned(), cause };
    let file = File::open(path).map_err(failed("open the file"))?;
    let length = file.metadata().map_err(failed("learn the length of the file"))?.len();
    read(BufReader::new(file), length, kind).map_err(|problem| DataError::Idx { path: path.to_owned(), problem })
}

/// Reads a whole file of `length` bytes, compressed or not as its first bytes say.
fn read(mut file: impl BufRead, length: u64, kind: Kind) -> Result<Array, IdxError> {
    let start = file.fill_buf().map_err(|cause| IdxError::Unreadable { cause })?;
    if start.starts_with(&GZIP_MAGIC) {
        let bound = Length::AtMost(length.saturating_mul(MAX_GZIP_RATIO));
        read_array(MultiGzDecoder::new(file), bound, kind)
    } else {
        read_array(file, Length::Exactly(length), kind)
    }
}

/// What is known of the number of bytes to come, before they are read.
#[derive(Clone, Copy)]
enum Length {
    Exactly(u64),
    AtMost(u64),
}

fn read_array(mut source: impl Read, length: Length, kind: Kind) -> Result<Array, IdxError> {
    let dimensions = read_header(&mut source, kind)?;
    let declared: u128 = dimensions.iter().map(|side| u128::from(*side)).product();
    check_length(declared, 4 + 4 * dimensions.len() as u64, length)?;

    let out_of_memory = || IdxError::OutOfMemory { declared };
    let count = usize::try_from(declared).map_err(|_| out_of_memory())?;
    let mut elements = Vec::new();
    elements.try_reserve_exact(count.saturating_add(1)).map_err(|_| out_of_memory())?;
    // One byte more than declared tells an oversized file from a right one, and makes gzip compare its checksum.
    let result = source.take(count as u64 + 1).read_to_end(&mut elements);
    match result {
        Ok(_) if elements.len() == count => Ok(Array { dimensions, elements }),
        Ok(_) if elements.len() > count => Err(IdxError::Oversized { declared }),
        Err(cause) if !ended_early(&cause) || elements.len() >= count => Err(read_error(cause)),
        _ => Err(IdxError::Truncated { declared, found: elements.len() as u64, at_most: false }),
    }
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
    if pixels > MAX_PIXELS {
        return Err(IdxError::ImageTooLarge { pixels, limit: MAX_PIXELS });
    }
    Ok(dimensions)
}

fn read_word(source: &mut impl Read) -> Result<[u8; 4], IdxError> {
    let mut word = [0; 4];
    match source.read_exact(&mut word) {
        Ok(()) => Ok(word),
        Err(cause) if ended_early(&cause) => Err(IdxError::HeaderTruncated),
        Err(cause) => Err(read_error(cause)),
    }
}

/// Holds what the header declares against the length of the file, before any memory is taken for it.
fn check_length(declared: u128, header: u64, length: Length) -> Result<(), IdxError> {
    let (Length::Exactly(bytes) | Length::AtMost(bytes)) = length;
    let found = bytes.saturating_sub(header);
    let at_most = matches!(length, Length::AtMost(_));
    if u128::from(found) < declared {
        Err(IdxError::Truncated { declared, found, at_most })
    } else if u128::from(found) > declared && !at_most {
        Err(IdxError::Oversized { declared })
    } else {
        Ok(())
    }
}

fn ended_early(cause: &io::Error) -> bool {
    cause.kind() == io::ErrorKind::UnexpectedEof
}

/// Tells what the decoder refused from what the operating system could not read.
fn read_error(cause: io::Error) -> IdxError {
    match cause.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            IdxError::Gzip { cause }
        }
        _ => IdxError::Unreadable { cause },
    }
}

#[cfg(test)]
mod tests;
