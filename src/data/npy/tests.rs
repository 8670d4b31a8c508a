use npyz::WriterBuilder;
use proptest::prelude::*;

use super::*;
use crate::data::from_bytes::npy;
use crate::data::options::{ImageSize, Preparation};
use crate::data::testing::gzip;

/// A file as NumPy writes it.
fn file(descr: &str, is_fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    with_header(&format!("{{'descr': {descr}, 'fortran_order': {is_fortran}, 'shape': {shape}, }}\n"), data)
}

fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

fn bytes(shape: &str, data: &[u8]) -> Vec<u8> {
    file("'|u1'", "False", shape, data)
}

fn parse(file: &[u8]) -> Result<Images, NpyError> {
    npy(file, &LoadOptions::default())
}

fn message(file: &[u8]) -> String {
    let message = parse(file).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[test]
fn arrays_of_every_shape_are_read() {
    let data: Vec<u8> = (0..36).collect();
    for (shape, expected) in [
        ("(4, 3, 3)", "3×3×1"),
        ("(2, 3, 2, 3)", "3×2×3"),
        ("(4, 9)", "3×3×1"),
        ("(1, 6, 3, 2)", "6×3×2"),
        ("(3,4,3)", "4×3×1"),
    ] {
        for content in [bytes(shape, &data), gzip(&bytes(shape, &data))] {
            let images = parse(&content).unwrap();
            assert_eq!((images.shape().to_string().as_str(), images.bytes()), (expected, &data[..]), "{shape}");
        }
    }
    let told = LoadOptions {
        preparation: Preparation { size: ImageSize::new(2, 6), ..Preparation::default() },
        ..LoadOptions::default()
    };
    assert_eq!(npy(&bytes("(3, 12)", &data), &told).unwrap().shape().to_string(), "2×6×1");
}

#[test]
fn elements_of_every_type_become_bytes() {
    let of = |descr: &str, data: &[u8]| {
        parse(&file(descr, "False", "(2, 1, 1)", data)).map(|images| images.bytes().to_vec())
    };
    let both = |values: [u8; 2]| values;
    assert_eq!(of("'|b1'", &[0, 1]).unwrap(), both([0, 255]));
    assert_eq!(of("'|i1'", &[0, 127]).unwrap(), both([0, 127]));
    assert_eq!(of("'<u2'", &[7, 0, 255, 0]).unwrap(), both([7, 255]));
    assert_eq!(of("'>u2'", &[0, 7, 0, 255]).unwrap(), both([7, 255]));
    assert_eq!(of("'<i8'", &[7i64, 255].map(i64::to_le_bytes).concat()).unwrap(), both([7, 255]));
    assert_eq!(of("'>i4'", &[7i32, 255].map(i32::to_be_bytes).concat()).unwrap(), both([7, 255]));
    assert_eq!(of("'<f4'", &[0.5f32, 1.0].map(f32::to_le_bytes).concat()).unwrap(), both([128, 255]));
    assert_eq!(of("'>f8'", &[0.001f64, 0.002].map(f64::to_be_bytes).concat()).unwrap(), both([0, 1]));
    // What rounding makes of 0 and 1 is still a pixel.
    assert_eq!(of("'<f8'", &[-1e-9f64, 1.0 + 1e-9].map(f64::to_le_bytes).concat()).unwrap(), both([0, 255]));
}

#[test]
fn a_value_that_is_no_pixel_is_named_with_its_place() {
    let of = |descr: &str, data: &[u8]| message(&file(descr, "False", "(2, 1, 3)", data));
    let floats = |bad: f32| [0.0, 0.0, 0.0, 0.0, bad, 0.0].map(f32::to_le_bytes).concat();
    for (bad, told) in [(f32::NAN, "NaN"), (-0.5, "-0.5"), (2.0, "2"), (f32::INFINITY, "inf")] {
        let message = of("'<f4'", &floats(bad));
        assert!(message.starts_with(&format!("holds {told} in image 1 (from 0), value 1 (from 0);")), "{message}");
        assert!(message.contains("x / 255"), "{message}");
    }
    assert!(of("'<i2'", &[0, 0, 0, -7i16, 0, 0].map(i16::to_le_bytes).concat()).starts_with("holds -7 in image 1"));
    assert!(of("'<u2'", &[0, 0, 256u16, 0, 0, 0].map(u16::to_le_bytes).concat()).starts_with("holds 256 in image 0"));
    let largest = of("'<u8'", &[u64::MAX, 0, 0, 0, 0, 0].map(u64::to_le_bytes).concat());
    assert!(largest.starts_with("holds 18446744073709551615 in image 0"), "{largest}");
}

#[test]
fn each_fault_is_told_with_its_remedy() {
    let good = bytes("(2, 1, 2)", &[0; 4]);
    let version = |major| [&good[..6], &[major, 0], &good[8..]].concat();
    let cases: [(Vec<u8>, &str); 19] = [
        (Vec::new(), "ends inside its header"),
        (good[..9].to_vec(), "ends inside its header"),
        (good[..40].to_vec(), "ends inside its header"),
        (b"\x89PNG\r\n\x1a\nmore than enough".to_vec(), "numpy.save"),
        (version(4), "version 4.0"),
        // Four bytes of length now, the two last of which are text.
        (version(2), "bytes long, more than"),
        (with_header("", &[]), "no dictionary"),
        (with_header("{'descr': '|u1', 'shape': (1, 1, 1)}", &[0]), "no dictionary"),
        (bytes("(2, 1, 2)", &[0; 3]), "is truncated: its header declares 4 bytes"),
        (bytes("(2, 1, 2)", &[0; 5]), "is oversized"),
        (bytes("(4,)", &[0; 4]), "reshape"),
        (bytes("()", &[0]), "reshape"),
        (bytes("(0, 28, 28)", &[]), "holds nothing"),
        (bytes("(2, 3, 8, 8)", &[0; 384]), "x.transpose(0, 2, 3, 1)"),
        (bytes("(2, 5)", &[0; 10]), "--set data.size=[height,width]"),
        (bytes("(-2, 1, 2)", &[0; 4]), "side that cannot be"),
        (file("'|u1'", "True", "(2, 1, 2)", &[0; 4]), "numpy.ascontiguousarray"),
        (file("'|O'", "False", "(2, 1, 2)", &[0; 4]), "astype(numpy.uint8)"),
        (file("[('r', '|u1'), ('g', '|u1')]", "False", "(2, 1, 1)", &[0; 4]), "several fields"),
    ];
    for (file, told) in cases {
        let message = message(&file);
        assert!(message.contains(told), "{message}, not {told}");
    }
}

#[test]
fn headers_cannot_take_memory_or_time() {
    let huge = "18446744073709551615";
    for shape in [
        format!("({huge}, {huge}, {huge})"),
        format!("({huge}, {huge})"),
        format!("({huge}, 4096, 4096)"),
        format!("(1, 4096, {huge}, {huge})"),
        format!("({huge}0, 1, 1)"),
        "(4294967296, 2, 2, 4)".to_owned(),
    ] {
        for descr in ["'|u1'", "'<f8'"] {
            let content = file(descr, "False", &shape, &[]);
            assert!(parse(&content).is_err() && parse(&gzip(&content)).is_err(), "{shape}");
        }
    }
    for deep in ["(", "[", "{", "[(", "-", "{0:"] {
        assert!(parse(&with_header(&deep.repeat(9_000 / deep.len()), &[])).is_err());
    }
    // A header of 4 GiB, of which nothing is there.
    assert!(message(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").contains("4294967295 bytes long"));
}

#[test]
fn what_is_over_the_limit_is_refused_before_it_is_read() {
    let file = file("'<f8'", "False", "(4, 10, 10)", &[0; 3200]);
    let within = |max_memory| npy(&file, &LoadOptions { max_memory, ..LoadOptions::default() });
    assert!(within(400).is_ok());
    assert!(matches!(within(399), Err(NpyError::Memory(_))));
}

/// The sides of an array of images, and its pixels.
fn arrays() -> impl Strategy<Value = (Vec<u64>, Vec<u8>)> {
    (1u64..5, 1u64..5, 1u64..5, prop::option::of(1u64..5)).prop_flat_map(|(count, height, width, channels)| {
        let shape: Vec<u64> = [Some(count), Some(height), Some(width), channels].into_iter().flatten().collect();
        let length = shape.iter().product::<u64>() as usize;
        (Just(shape), prop::collection::vec(any::<u8>(), length))
    })
}

fn write<T: npyz::Serialize + npyz::AutoSerialize>(shape: &[u64], values: impl Iterator<Item = T>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut file).begin_nd().unwrap();
    writer.extend(values).unwrap();
    writer.finish().unwrap();
    file
}

proptest! {
    #[test]
    fn what_is_written_is_read((shape, pixels) in arrays(), compressed: bool) {
        let scaled = || pixels.iter().map(|pixel| f64::from(*pixel) / 255.0);
        for file in [
            write(&shape, pixels.iter().copied()),
            write(&shape, pixels.iter().map(|pixel| i64::from(*pixel))),
            write(&shape, scaled()),
            write(&shape, scaled().map(|value| value as f32)),
        ] {
            let file = if compressed { gzip(&file) } else { file };
            let images = parse(&file).unwrap();
            let side = |place: usize| shape.get(place).map_or(1, |side| *side as usize);
            prop_assert_eq!(images.shape(), ImageShape { height: side(1), width: side(2), channels: side(3) });
            prop_assert_eq!(images.bytes(), &pixels);
        }
    }

    #[test]
    fn every_truncation_is_refused((shape, pixels) in arrays(), compressed: bool) {
        let file = write(&shape, pixels.iter().map(|pixel| f32::from(*pixel) / 255.0));
        let file = if compressed { gzip(&file) } else { file };
        for length in 0..file.len() {
            prop_assert!(parse(&file[..length]).is_err(), "{} of {} bytes", length, file.len());
        }
    }

    #[test]
    fn no_bytes_cause_a_panic(
        header in "[{}()\\[\\]'<>|uif0-9, :-]{0,60}", shape in "\\([0-9, -]{0,12}\\)",
        descr in "'[<>|][uifbcSUmMV][0-9]{0,3}'", data in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        for content in [data.clone(), with_header(&header, &data), file(&descr, "False", &shape, &data)] {
            for content in [gzip(&content), content] {
                if let Ok(images) = parse(&content) {
                    prop_assert_eq!(images.bytes().len(), images.len() * images.shape().pixels());
                }
            }
        }
    }
}
