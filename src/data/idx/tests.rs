use std::fs;

use proptest::prelude::*;

use super::*;
use crate::data::Dataset;
use crate::data::testing::{gzip, idx};

fn parse(file: &[u8], kind: Kind) -> Result<Array, IdxError> {
    parse_within(file, kind, 1 << 30)
}

fn parse_within(file: &[u8], kind: Kind, limit: u64) -> Result<Array, IdxError> {
    read(Input::new(file, file.len() as u64).unwrap(), kind, &mut MemoryBudget::new(limit))
}

fn load(folder: &Path) -> Result<Dataset, DataError> {
    crate::data::load(folder.to_str().unwrap())
}

type IsExpected = fn(&IdxError) -> bool;

/// Two images of 2×3 pixels.
fn images() -> Vec<u8> {
    idx(&[2, 2, 3], &[7; 12])
}

/// A folder with the given files.
fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

#[test]
fn a_folder_is_read_under_every_spelling() {
    let names = [
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
        ["train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"],
    ];
    for [train_images, train_labels, test_images, test_labels] in names {
        for compressed in [false, true] {
            let pack = |name: &str, content: Vec<u8>| match compressed {
                true => (format!("{name}.gz"), gzip(&content)),
                false => (name.to_owned(), content),
            };
            let files = [
                pack(train_images, idx(&[3, 2, 2], &[1; 12])),
                pack(train_labels, idx(&[3], &[0, 1, 2])),
                pack(test_images, idx(&[1, 2, 2], &[9; 4])),
                pack(test_labels, idx(&[1], &[5])),
            ];
            let folder = folder(&files.each_ref().map(|(name, content)| (name.as_str(), content.clone())));
            let set = load(folder.path()).unwrap();
            assert_eq!(set.name(), folder.path().file_name().unwrap().to_str().unwrap());
            assert_eq!((set.train().len(), set.train().labels()), (3, Some([0, 1, 2].as_slice())));
            assert_eq!((set.test().image(0), set.test().labels()), ([9; 4].as_slice(), Some([5].as_slice())));
        }
    }
}

#[test]
fn compression_is_told_by_the_content_not_by_the_name() {
    let folder = folder(&[("train-images-idx3-ubyte.gz", images()), ("t10k-images-idx3-ubyte", gzip(&images()))]);
    let set = load(folder.path()).unwrap();
    assert_eq!(set.train(), set.test());
    assert_eq!(set.train().labels(), None);
}

#[test]
fn four_dimensions_are_channels() {
    let color = idx(&[2, 4, 5, 3], &[0; 120]);
    let folder = folder(&[("train-images-idx4-ubyte", color.clone()), ("t10k-images.idx4-ubyte.gz", gzip(&color))]);
    assert_eq!(load(folder.path()).unwrap().shape().to_string(), "4×5×3");
}

#[test]
fn missing_images_say_what_was_looked_for_and_where() {
    let folder = folder(&[("train-images-idx3-ubyte", images())]);
    let message = load(folder.path()).unwrap_err().to_string();
    assert!(message.contains("t10k-images-idx3-ubyte, t10k-images.idx3-ubyte"), "{message}");
    assert!(message.contains(folder.path().to_str().unwrap()) && message.contains("test images"), "{message}");
}

#[test]
fn as_many_labels_as_images() {
    let folder = folder(&[
        ("train-images-idx3-ubyte", images()),
        ("train-labels-idx1-ubyte", idx(&[3], &[0; 3])),
        ("t10k-images-idx3-ubyte", images()),
    ]);
    let message = load(folder.path()).unwrap_err().to_string();
    assert!(message.contains("train-labels-idx1-ubyte: holds 3 labels for the 2 images of"), "{message}");
}

#[test]
fn both_splits_of_one_shape() {
    let folder =
        folder(&[("train-images-idx3-ubyte", images()), ("t10k-images-idx3-ubyte", idx(&[2, 3, 2], &[7; 12]))]);
    assert!(matches!(load(folder.path()), Err(DataError::SplitShapes { .. })));
}

#[test]
fn errors_name_the_file_in_one_line() {
    let folder = folder(&[("train-images-idx3-ubyte", images()[..20].to_vec())]);
    let message = load(folder.path()).unwrap_err().to_string();
    let path = folder.path().join("train-images-idx3-ubyte");
    assert_eq!(
        message,
        format!(
            "{}: is truncated: its header declares 12 bytes of data, but it holds 4; get the file again",
            path.display()
        )
    );
}

#[test]
fn each_fault_has_an_error_of_its_own() {
    let with = |place: usize, byte: u8| {
        let mut file = images();
        file[place] = byte;
        file
    };
    let cases: [(Vec<u8>, IsExpected); 9] = [
        (Vec::new(), |error| matches!(error, IdxError::HeaderTruncated)),
        (images()[..9].to_vec(), |error| matches!(error, IdxError::HeaderTruncated)),
        (with(0, b'P'), |error| matches!(error, IdxError::Magic { found: [b'P', 0, 8, 3] })),
        (with(2, 0x0D), |error| error.to_string().contains("32-bit floats (type 0x0d)")),
        (with(3, 2), |error| matches!(error, IdxError::Rank { found: 2, .. })),
        (with(7, 0), |error| matches!(error, IdxError::Empty { .. })),
        (with(15, 0), |error| matches!(error, IdxError::Empty { .. })),
        ([images(), vec![0]].concat(), |error| {
            matches!(error, IdxError::Content(ContentError::Oversized { declared: 12 }))
        }),
        (images()[..27].to_vec(), |error| {
            matches!(error, IdxError::Content(ContentError::Truncated { declared: 12, found: 11, at_most: false }))
        }),
    ];
    for (file, expected) in cases {
        let error = parse(&file, Kind::Images).unwrap_err();
        assert!(expected(&error), "{error:?}");
        let error = parse(&gzip(&file), Kind::Images).unwrap_err();
        assert!(expected(&error), "compressed: {error:?}");
    }
    assert!(matches!(parse(&images(), Kind::Labels), Err(IdxError::Rank { found: 3, .. })));
}

#[test]
fn absurd_dimensions_take_no_memory() {
    let too_wide = idx(&[1, u32::MAX, u32::MAX, u32::MAX], &[]);
    assert!(matches!(parse(&too_wide, Kind::Images), Err(IdxError::ImageTooLarge { .. })));
    let too_many = idx(&[u32::MAX, 4096, 4096], &[]);
    for file in [too_many.clone(), gzip(&too_many)] {
        assert!(matches!(parse(&file, Kind::Images), Err(IdxError::Content(ContentError::Truncated { .. }))));
    }
}

#[test]
fn what_is_over_the_limit_is_refused_before_it_is_read() {
    for file in [images(), gzip(&images())] {
        assert!(parse_within(&file, Kind::Images, 12).is_ok());
        assert!(matches!(parse_within(&file, Kind::Images, 11), Err(IdxError::Memory(_))));
    }
}

#[test]
fn damaged_gzip_is_an_error() {
    let mut checksum = gzip(&images());
    let place = checksum.len() - 8;
    checksum[place] ^= 1;
    assert!(matches!(parse(&checksum, Kind::Images), Err(IdxError::Content(ContentError::Gzip { .. }))));
    let trailing = [gzip(&images()), b"more".to_vec()].concat();
    assert!(matches!(parse(&trailing, Kind::Images), Err(IdxError::Content(ContentError::Gzip { .. }))));
}

#[test]
fn a_compressed_file_is_read_no_further_than_it_declares() {
    let bomb = gzip(&idx(&[1, 1, 1], &vec![0; 1 << 24]));
    assert!(matches!(parse(&bomb, Kind::Images), Err(IdxError::Content(ContentError::Oversized { declared: 1 }))));
}

/// Dimensions of images, and as many elements.
fn arrays() -> impl Strategy<Value = (Vec<u32>, Vec<u8>)> {
    prop::collection::vec(1u32..6, 3..=4).prop_flat_map(|dimensions| {
        let count = dimensions.iter().product::<u32>() as usize;
        (Just(dimensions), prop::collection::vec(any::<u8>(), count))
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read((dimensions, elements) in arrays(), compressed: bool) {
        let file = idx(&dimensions, &elements);
        let file = if compressed { gzip(&file) } else { file };
        prop_assert_eq!(parse(&file, Kind::Images).unwrap(), Array { dimensions, elements });
    }

    #[test]
    fn every_truncation_is_refused((dimensions, elements) in arrays(), compressed: bool) {
        let file = idx(&dimensions, &elements);
        let file = if compressed { gzip(&file) } else { file };
        for length in 0..file.len() {
            prop_assert!(parse(&file[..length], Kind::Images).is_err(), "{} of {} bytes", length, file.len());
        }
    }

    #[test]
    fn no_bytes_cause_a_panic(
        rank in 0u8..6,
        dimensions in prop::collection::vec(any::<u8>(), 0..24),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let plausible = [&[0, 0, UNSIGNED_BYTE, rank], dimensions.as_slice(), &bytes].concat();
        let compressed = [&[0x1F, 0x8B, 8, 0], bytes.as_slice()].concat();
        for file in [&bytes, &plausible, &gzip(&plausible), &compressed] {
            for kind in [Kind::Images, Kind::Labels] {
                if let Ok(array) = parse(file, kind) {
                    let count: u64 = array.dimensions.iter().map(|side| u64::from(*side)).product();
                    prop_assert_eq!(array.elements.len() as u64, count);
                }
            }
        }
    }
}
