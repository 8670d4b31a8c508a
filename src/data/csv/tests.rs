use proptest::prelude::*;

use super::*;
use crate::data::from_bytes::csv;
use crate::data::testing::gzip;

fn parse(file: impl AsRef<[u8]>) -> Result<(Images, Option<Vec<String>>), CsvError> {
    csv(file.as_ref(), &LoadOptions::default())
}

fn message(file: impl AsRef<[u8]>) -> String {
    let message = parse(file).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[test]
fn rows_without_a_header_are_pixels() {
    for file in ["0,1,2,3\n4,5,6,255\n", "0,1,2,3\r\n4,5,6,255", "0, 1 ,2.0,3\n\n\"4\",5,6,255\n"] {
        for content in [file.as_bytes().to_vec(), gzip(file.as_bytes())] {
            let (images, names) = parse(&content).unwrap();
            assert_eq!((images.shape().to_string().as_str(), names), ("2×2×1", None));
            assert_eq!((images.bytes(), images.labels()), (&[0, 1, 2, 3, 4, 5, 6, 255][..], None));
        }
    }
}

#[test]
fn the_column_label_holds_the_classes() {
    for file in [
        "label,pixel0,pixel1,pixel2,pixel3\n10,0,1,2,3\n9,4,5,6,7\n10,0,0,0,0\n",
        "\u{feff}Label,a,b,c,d\n10,0,1,2,3\n9,4,5,6,7\n10,0,0,0,0\n",
        "\"a\",\"b\",\"label\",\"c\",\"d\"\n0,1,10,2,3\n4,5,9,6,7\n0,0,10,0,0\n",
    ] {
        let (images, names) = parse(file).unwrap();
        assert_eq!(images.bytes(), [0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0], "{file}");
        assert_eq!(images.labels(), Some(&[1, 0, 1][..]), "{file}");
        assert_eq!(names.unwrap(), ["9", "10"], "in natural order");
    }
    let (images, names) = parse("label,p\n\"tabby, cat\",7\ndog,9\n").unwrap();
    assert_eq!((images.labels(), names.unwrap().join("|").as_str()), (Some(&[1, 0][..]), "dog|tabby, cat"));
    assert_eq!(parse("x\n7\n").unwrap().0.labels(), None, "a header without `label`");
}

#[test]
fn each_fault_is_told_with_its_place_and_remedy() {
    let with_label_unnamed = ["0"; 785].join(",");
    for (file, told) in [
        ("", "holds no rows"),
        ("\n\n\n", "holds no rows"),
        ("label,a,b,c,d\n", "holds no rows"),
        ("1,2,3,4\n1,2,3\n", "line 2: has 3 fields, but the lines before have 4"),
        ("1,2,3,4\n1,2,3,4,5\n", "line 2: has 5 fields"),
        ("1,2,3,4\n1,2,256,4\n", "line 2, field 3: \"256\" is no whole number from 0 to 255"),
        ("1,2,3,4\r\n1,2,3,4\r\n1,2,-3,4\r\n", "line 3, field 3: \"-3\""),
        ("1,2,3,4\n\n\n1,2,-3,4\n", "line 4, field 3"),
        ("\n\n1,2,3,4\n1,2,-3,4", "line 4, field 3"),
        ("1,2,3,4\r\n\r\n1,2,3,4\r\n1,2,-3,4", "line 4, field 3"),
        ("1,2,3,4\r\n\r\n1,2,3\r\n", "line 3: has 3 fields"),
        ("\u{feff}1,2,3,4\n1,2,-3,4", "line 2, field 3"),
        ("label,a\n\"two\nlines\",-1", "line 2, field 2 (a)"),
        ("label,a\n\"two\nlines\",1\nx,-1\n", "line 4, field 2 (a)"),
        ("label,a,b,c,d\nx,1,nan,3,4\n", "line 2, field 3 (b): \"nan\""),
        ("label,a,b,c,d\nx,1,0.5,3,4\n", "by 255 and round"),
        ("1,2,3,4\n1,,3,4\n", "field 2: \"\""),
        ("1,2,3,4\n1,\"2\n5\",3,4\n", "field 2: \"2\\n5\""),
        ("1;2;3;4\n1;2;3;4\n", "line 2, field 1 (1;2;3;4): \"1;2;3;4\""),
        ("label,a\nx,1\n,2\n", "line 3: its label is empty"),
        ("label,a,LABEL\nx,1,y\n", "names 2 columns `label`"),
        ("1,2,3\n", "3 values for each image, which is no square"),
        (with_label_unnamed.as_str(), "give the file a first line that calls it `label`"),
        ("label\nx\n", "0 values"),
    ] {
        let message = message(file);
        assert!(message.contains(told), "{message}, not {told}");
    }
    assert!(message([0, 159, 146, 150]).contains("holds no rows"), "a header of no name");
    assert!(message(&gzip(b"1,2,3,4\n")[..20]).contains("cannot be decompressed"));
    let long = format!("1\n{}\n", "x".repeat(3_000));
    assert!(message(long).len() < 250, "long fields are not repeated whole");
}

#[test]
fn memory_is_bounded() {
    let file = "1,2,3,4\n".repeat(100);
    let within = |file: &[u8], max_memory| csv(file, &LoadOptions { max_memory, ..LoadOptions::default() });
    assert!(within(file.as_bytes(), 400).is_ok());
    assert!(matches!(within(file.as_bytes(), 399), Err(CsvError::Memory(_))));
    assert!(matches!(within(&gzip(file.as_bytes()), 399), Err(CsvError::Memory(_))));
}

/// A single field of far more bytes than the file has.
#[test]
fn a_row_without_end_is_cut_off() {
    let endless = gzip(&vec![b'1'; LONGEST_ROW as usize + 100_000]);
    assert!(message(&endless).contains("line 1: is longer than an image can be"));
}

/// Images of one size as rows, each with a label.
fn labelled() -> impl Strategy<Value = (usize, Vec<u8>, Vec<String>)> {
    (1usize..5, 1usize..6).prop_flat_map(|(side, count)| {
        let pixels = prop::collection::vec(any::<u8>(), count * side * side);
        (Just(side), pixels, prop::collection::vec("[a-z0-9,\"é ]{0,4}[a-z]", count))
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read((side, pixels, labels) in labelled(), with_labels: bool, compressed: bool) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let label = |text: &str| with_labels.then(|| text.to_owned()).into_iter();
        writer.write_record((0..side * side).map(|place| format!("pixel{place}")).chain(label("label"))).unwrap();
        for (image, text) in pixels.chunks(side * side).zip(&labels) {
            writer.write_record(image.iter().map(u8::to_string).chain(label(text))).unwrap();
        }
        let file = writer.into_inner().unwrap();
        let (images, names) = parse(if compressed { gzip(&file) } else { file }).unwrap();
        prop_assert_eq!(images.bytes(), &pixels);
        prop_assert_eq!((images.shape().height, images.shape().width), (side, side));
        prop_assert_eq!(names.is_some(), with_labels);
        if let (Some(names), Some(numbers)) = (names, images.labels()) {
            let read: Vec<&str> = numbers.iter().map(|number| names[*number as usize].as_str()).collect();
            prop_assert_eq!(read, labels.iter().map(|label| label.trim()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_bytes_cause_a_panic(text in "[0-9a,\"\n\r.;-]{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for content in [text.into_bytes(), bytes] {
            for content in [gzip(&content), content] {
                if let Ok((images, _)) = parse(&content) {
                    prop_assert_eq!(images.bytes().len(), images.len() * images.shape().pixels());
                }
            }
        }
    }
}
