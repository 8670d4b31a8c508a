use std::fs;
use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::data::options::{ImageSize, Resize};
use crate::data::{Dataset, from_bytes, load_with};

const FORMATS: [(&str, ImageFormat); 4] =
    [("png", ImageFormat::Png), ("jpg", ImageFormat::Jpeg), ("webp", ImageFormat::WebP), ("bmp", ImageFormat::Bmp)];

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn gray(width: u32, height: u32, value: u8) -> GrayImage {
    GrayImage::from_pixel(width, height, Luma([value]))
}

fn color(width: u32, height: u32, value: [u8; 3]) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb(value))
}

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    encoded(picture, ImageFormat::Png)
}

fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let full = root.path().join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(full, content).unwrap();
    }
    root
}

/// All images of the folder as test images, with these options.
fn load_all(root: &TempDir, options: LoadOptions) -> Result<Dataset, DataError> {
    load_with(root.path().to_str().unwrap(), &LoadOptions { test_share: 1.0, ..options })
}

fn message(root: &TempDir, options: LoadOptions) -> String {
    let message = load_all(root, options).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains(root.path().to_str().unwrap()), "{message}");
    message
}

fn sized(height: usize, width: usize, resize: Resize) -> LoadOptions {
    let preparation = Preparation { size: ImageSize::new(height, width), resize, ..Preparation::default() };
    LoadOptions { preparation, ..LoadOptions::default() }
}

#[test]
fn every_format_is_read_whatever_the_file_is_called() {
    let files = FORMATS.map(|(ending, format)| (format!("{ending}.PNG"), encoded(color(8, 8, [200, 100, 50]), format)));
    let root = folder(&files.each_ref().map(|(name, content)| (name.as_str(), content.clone())));
    let set = load_all(&root, LoadOptions::default()).unwrap();
    assert_eq!((set.shape().to_string().as_str(), set.test().len()), ("8×8×3", 4));
    let is_near = |(place, value): (usize, &u8)| value.abs_diff([200, 100, 50][place % 3]) <= 2;
    assert!(set.test().bytes().iter().enumerate().all(is_near), "JPEG may be off by 2");
}

#[test]
fn files_of_gray_alone_give_one_channel() {
    let three = |channels| LoadOptions {
        preparation: Preparation { channels, ..Preparation::default() },
        ..LoadOptions::default()
    };
    let both = [("1.png", png(gray(2, 3, 7))), ("2.jpg", encoded(gray(2, 3, 9), ImageFormat::Jpeg))];
    let root = folder(&both);
    assert_eq!(load_all(&root, three(Channels::Auto)).unwrap().shape().to_string(), "3×2×1");
    assert_eq!(load_all(&root, three(Channels::Color)).unwrap().test().image(0), [7; 18]);
    let [first, _] = both;
    let root = folder(&[first, ("2.png", png(color(2, 3, [9, 9, 9])))]);
    assert_eq!(load_all(&root, three(Channels::Auto)).unwrap().shape().to_string(), "3×2×3");
    assert_eq!(load_all(&root, three(Channels::Gray)).unwrap().test().bytes(), [[7; 6], [9; 6]].concat());
}

#[test]
fn classes_splits_and_order_reach_the_data_set() {
    let image = |value| png(gray(1, 1, value));
    let root = folder(&[
        ("train/b/10.png", image(3)),
        ("train/b/9.png", image(2)),
        ("train/a/1.png", image(1)),
        ("test/b/1.png", image(4)),
    ]);
    let set = load_all(&root, LoadOptions::default()).unwrap();
    assert_eq!((set.train().bytes(), set.train().labels()), (&[1, 2, 3][..], Some(&[0, 1, 1][..])));
    assert_eq!((set.test().bytes(), set.test().labels()), (&[4][..], Some(&[1][..])));
    assert_eq!(set.class_names().unwrap(), ["a", "b"]);
    assert_eq!(set.name(), root.path().file_name().unwrap().to_str().unwrap());
}

#[test]
fn mixed_sizes_are_named_with_the_remedy_which_helps() {
    let root = folder(&[
        ("1.png", png(gray(4, 2, 10))),
        ("2.png", png(gray(4, 2, 20))),
        ("3.png", png(gray(2, 4, 30))),
        ("4.png", png(gray(9, 9, 40))),
    ]);
    let message = message(&root, LoadOptions::default());
    assert!(
        message.contains("3.png: is 4×2 pixels (height×width), but ") && message.contains("1.png is 2×4"),
        "{message}"
    );
    assert!(message.contains("--set data.size=[64,64]"), "{message}");
    for resize in [Resize::Stretch, Resize::Crop] {
        let set = load_all(&root, sized(2, 4, resize)).unwrap();
        assert_eq!(set.test().bytes(), [[10; 8], [20; 8], [30; 8], [40; 8]].concat(), "{resize:?}");
    }
    let fitted = load_all(&root, sized(2, 4, Resize::Fit)).unwrap();
    assert_eq!(fitted.test().image(2), [255, 30, 255, 255, 255, 30, 255, 255]);
}

#[test]
fn photographs_stand_upright() {
    // An Exif segment that asks for a quarter turn clockwise.
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let picture = GrayImage::from_fn(16, 8, |x, _| Luma([if x < 8 { 0 } else { 255 }]));
    let plain = encoded(picture, ImageFormat::Jpeg);
    let segment = [&[0xFF, 0xE1], &(exif.len() as u16 + 2).to_be_bytes()[..], exif].concat();
    let turned = [&plain[..2], &segment, &plain[2..]].concat();
    let set = load_all(&folder(&[("1.jpg", turned)]), LoadOptions::default()).unwrap();
    assert_eq!(set.shape().to_string(), "16×8×1");
    let image = set.test().image(0);
    assert!(image[..8].iter().all(|value| *value < 20) && image[120..].iter().all(|value| *value > 235), "{image:?}");
}

#[test]
fn damaged_files_are_all_counted_and_some_of_them_named() {
    let good = png(gray(6, 6, 1));
    let mut files: Vec<(String, Vec<u8>)> = (1..=20).map(|place| (format!("{place}.png"), good.clone())).collect();
    files[13].1.truncate(good.len() / 2);
    let root = |files: &[(String, Vec<u8>)]| {
        folder(&files.iter().map(|(name, content)| (name.as_str(), content.clone())).collect::<Vec<_>>())
    };
    let one = message(&root(&files), LoadOptions::default());
    assert!(one.contains("1 of 20 images cannot be read: 14.png: ") && one.ends_with("repair or remove it"), "{one}");
    files[0].1.clear();
    for (_, content) in &mut files[15..] {
        *content = b"no image at all".to_vec();
    }
    let many = message(&root(&files), LoadOptions::default());
    assert!(many.contains("7 of 20 images cannot be read: 1.png: "), "{many}");
    assert!(many.contains("; 14.png: ") && many.contains("; 18.png: ") && !many.contains("19.png"), "{many}");
    assert!(many.contains("and 2 more") && many.ends_with("them"), "{many}");
    for (_, content) in &mut files {
        content.clear();
    }
    assert!(message(&root(&files), LoadOptions::default()).contains("20 of 20 images cannot be read"));
}

#[test]
fn what_helps_against_files_that_cannot_be_read_is_what_they_lack() {
    let (small, large) = (png(gray(6, 6, 1)), png(gray(600, 600, 1)));
    let options = LoadOptions { max_memory: 1_100_000, ..LoadOptions::default() };
    let sized =
        LoadOptions { preparation: Preparation { size: ImageSize::new(6, 6), ..options.preparation }, ..options };
    let told = message(&folder(&[("1.png", small.clone()), ("2.png", large.clone())]), sized);
    assert!(told.contains("1 of 2 images cannot be read: 2.png: decoding it takes"), "{told}");
    assert!(told.ends_with("more than --max-memory leaves; allow more memory, or make smaller or remove it"), "{told}");
    let damaged = ("3.png", b"no image".to_vec());
    let told = message(&folder(&[("1.png", small), ("2.png", large), damaged]), sized);
    assert!(told.ends_with("; allow more memory, and repair or remove them"), "{told}");
}

#[test]
fn truncated_files_of_every_format_are_damaged() {
    let picture = RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, (x * y) as u8]));
    let shape = ImageShape { height: 30, width: 40, channels: 3 };
    let read = |bytes: &[u8]| from_bytes::image(bytes, shape, &LoadOptions::default());
    for (name, format) in FORMATS {
        let whole = encoded(picture.clone(), format);
        let all = read(&whole).unwrap();
        for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
            // PNG's last chunk holds nothing, and a BMP row may end in padding.
            match read(&whole[..length]) {
                Ok(pixels) => assert!(pixels == all, "{name}: {length} of {} bytes", whole.len()),
                Err(error) => assert!(!error.to_string().contains(char::is_control), "{name}: {error:?}"),
            }
        }
    }
    let jpeg = encoded(picture, ImageFormat::Jpeg);
    assert!(read(&[&jpeg, &b"what cameras append"[..]].concat()).is_ok());
    assert!(matches!(read(&jpeg[..jpeg.len() - 2]), Err(DecodeError::Truncated)));
}

#[test]
fn other_formats_under_a_known_ending_are_damaged_files() {
    let root = folder(&[("1.png", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()), ("2.png", png(gray(1, 1, 1)))]);
    assert!(message(&root, LoadOptions::default()).contains("1.png: The image format Gif is not supported"));
}

/// A PNG header that declares these dimensions, and a BMP header.
fn absurd(width: u32, height: u32) -> [(&'static str, Vec<u8>); 2] {
    let mut png = png(color(1, 1, [0; 3]));
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    // The checksum follows; it is that of the header's 17 bytes from its name on.
    let checksum = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    let mut bmp = encoded(color(1, 1, [0; 3]), ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&width.to_le_bytes());
    bmp[22..26].copy_from_slice(&height.to_le_bytes());
    [("absurd.png", png), ("absurd.bmp", bmp)]
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn absurd_dimensions_take_no_memory() {
    for (width, height) in [(65_535, 65_535), (1 << 30, 1 << 30), (i32::MAX as u32, 1), (100_000, 100_000)] {
        for (name, content) in absurd(width, height) {
            let root = folder(&[(name, content.clone())]);
            let alone = message(&root, LoadOptions::default());
            assert!(alone.contains(name), "{alone}");
            let root = folder(&[("zz.png", png(gray(2, 2, 1))), (name, content)]);
            let among_others = message(&root, sized(2, 2, Resize::Stretch));
            assert!(among_others.contains(name) && among_others.contains("1 of 2"), "{among_others}");
        }
    }
}

#[test]
fn memory_is_asked_for_before_it_is_taken() {
    let root = folder(&[("1.png", png(gray(100, 100, 1))), ("2.png", png(gray(100, 100, 2)))]);
    let within = |max_memory| LoadOptions { max_memory, ..LoadOptions::default() };
    // Two images of 10,000 bytes; four times as many, a file and 1 MiB to decode one.
    assert!(load_all(&root, within(20_000 + 42_000 + (1 << 20))).is_ok());
    assert!(message(&root, within(19_999)).contains("--max-memory allows 19.5 KiB"));
    assert!(message(&root, within(50_000)).contains("1.png: decoding it takes 1.0 MiB of memory"));
}

#[test]
fn transparent_images_lie_on_the_background() {
    let root = folder(&[("1.png", png(RgbaImage::from_pixel(1, 1, Rgba([10, 20, 30, 0]))))]);
    let set = load_all(&root, LoadOptions::default()).unwrap();
    assert_eq!((set.shape().channels, set.test().bytes()), (3, &[255; 3][..]));
}

#[cfg(unix)]
#[test]
fn unreadable_files_and_folders_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let root = folder(&[("cat/1.png", png(gray(1, 1, 1))), ("dog/2.png", png(gray(1, 1, 1)))]);
    let forbid = |path: &str, mode| {
        fs::set_permissions(root.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    forbid("dog/2.png", 0);
    // The superuser may read everything.
    if fs::read(root.path().join("dog/2.png")).is_err() {
        let message_of_file = message(&root, LoadOptions::default());
        assert!(message_of_file.contains("dog/2.png: Permission denied"), "{message_of_file}");
        forbid("dog", 0);
        let message_of_folder = message(&root, LoadOptions::default());
        assert!(message_of_folder.contains("dog: cannot be read"), "{message_of_folder}");
        forbid("dog", 0o755);
    }
    fs::remove_file(root.path().join("dog/2.png")).unwrap();
    fs::create_dir(root.path().join("dog/2.png")).unwrap();
    assert!(message(&root, LoadOptions::default()).contains("dog: holds no images"), "a folder is no image");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_causes_a_panic(
        (_, format) in prop::sample::select(FORMATS.to_vec()), is_gray: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut: prop::sample::Index,
    ) {
        let picture = color(9, 7, [1, 200, 90]);
        let mut bytes = match is_gray {
            true => encoded(DynamicImage::from(picture).into_luma8(), format),
            false => encoded(picture, format),
        };
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let shape = ImageShape { height: 3, width: 3, channels: 1 };
        let options = LoadOptions { max_memory: 1 << 26, ..LoadOptions::default() };
        for content in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            if let Ok(pixels) = from_bytes::image(content, shape, &options) {
                prop_assert_eq!(pixels.len(), 9);
            }
        }
    }
}
