//! Which files of a folder are images, in what order, of what class and of which split.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use alphanumeric_sort::compare_str;
use walkdir::{DirEntry, WalkDir};

use super::ImageFolderError;
use crate::data::Split;

/// The endings of image files, in any case. The format of a file shows in its content.
const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];

/// An image file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// Below the folder that was scanned.
    pub path: PathBuf,
    /// The place of its class among the names of all.
    pub label: Option<u32>,
}

/// What a folder holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Listing {
    pub files: Files,
    /// In natural order.
    pub class_names: Option<Vec<String>>,
}

/// Image files in natural order.
#[derive(Debug, PartialEq, Eq)]
pub enum Files {
    /// The folder makes a split.
    Split { train: Vec<ImageFile>, test: Vec<ImageFile> },
    /// It makes none.
    Whole(Vec<ImageFile>),
}

/// What lies in a folder and in the folders in it, each list in natural order and below the folder.
#[derive(Debug, Default)]
struct Found {
    images: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    others: Vec<PathBuf>,
}

/// Lists the image files of a folder and of all folders in it.
///
/// Folders `train` and `test` are the splits, if both are there. In each, or else in the folder itself, folders are classes,
/// unless images lie beside them. What is hidden (`.name`) does not count, and a symbolic link only if it leads to a file in
/// the folder.
///
/// # Errors
/// What cannot be read, a link that leads elsewhere, a class or a split without images.
pub fn scan(root: &Path) -> Result<Listing, ImageFolderError> {
    arrange(root, walk(root)?)
}

fn walk(root: &Path) -> Result<Found, ImageFolderError> {
    let mut found = Found::default();
    let is_shown = |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".");
    for entry in WalkDir::new(root).min_depth(1).into_iter().filter_entry(is_shown) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            ImageFolderError::Unreadable { path, cause: error.into() }
        })?;
        let below = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned();
        let kind = entry.file_type();
        if kind.is_symlink() {
            refuse_leading_elsewhere(root, entry.path())?;
        }
        if kind.is_dir() {
            found.folders.push(below);
        } else if (kind.is_file() || kind.is_symlink()) && has_image_ending(&below) {
            found.images.push(below);
        } else {
            found.others.push(below);
        }
    }
    for list in [&mut found.images, &mut found.folders, &mut found.others] {
        list.sort_by(|a, b| natural_order(a, b));
    }
    Ok(found)
}

/// Lets a link pass that leads to a file in the folder. Links to folders could lead around in circles.
fn refuse_leading_elsewhere(root: &Path, link: &Path) -> Result<(), ImageFolderError> {
    let refused = |leads| ImageFolderError::Link { path: link.to_owned(), leads };
    let target = link.canonicalize().map_err(|_| refused("to nothing"))?;
    let root = root.canonicalize().map_err(|cause| ImageFolderError::Unreadable { path: root.to_owned(), cause })?;
    if !target.starts_with(root) {
        return Err(refused("out of the folder"));
    }
    let is_file = fs::metadata(&target).is_ok_and(|metadata| metadata.is_file());
    if is_file { Ok(()) } else { Err(refused("to a folder")) }
}

/// Whether a file is an image of a folder or of one in it, or would be once it is there.
pub fn reads(root: &Path, file: &Path) -> bool {
    let root = root.canonicalize();
    root.is_ok_and(|root| file.starts_with(root)) && has_image_ending(file)
}

fn has_image_ending(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// Folder by folder as people count, so that `10` comes after `9`, and the same on every file system.
fn natural_order(a: &Path, b: &Path) -> Ordering {
    let mut pairs = a.components().zip(b.components()).map(|(a, b)| {
        let (a, b) = (a.as_os_str(), b.as_os_str());
        compare_str(a.to_string_lossy(), b.to_string_lossy()).then_with(|| a.cmp(b))
    });
    let differing = pairs.find(|order| order.is_ne());
    differing.unwrap_or_else(|| a.components().count().cmp(&b.components().count()))
}

/// The image files of one split, or of all.
struct Part<'a> {
    folder: &'a str,
    images: Vec<&'a Path>,
}

impl<'a> Part<'a> {
    fn of(found: &'a Found, folder: &'a str) -> Self {
        let images = found.images.iter().map(PathBuf::as_path).filter(|path| path.starts_with(folder));
        Self { folder, images: images.collect() }
    }

    /// The folder of this part that leads to `path`; none for what lies in it directly.
    fn class_of<'p>(&self, path: &'p Path) -> Option<&'p OsStr> {
        path.strip_prefix(self.folder).ok()?.parent()?.components().next().map(|first| first.as_os_str())
    }

    fn label(&self, labels: &HashMap<&OsStr, u32>) -> Vec<ImageFile> {
        let label = |path: &Path| labels.get(self.class_of(path)?).copied();
        self.images.iter().map(|path| ImageFile { path: path.to_path_buf(), label: label(path) }).collect()
    }
}

fn arrange(root: &Path, found: Found) -> Result<Listing, ImageFolderError> {
    let is_split = Split::ALL.iter().all(|split| found.folders.iter().any(|folder| folder == Path::new(split.name())));
    let folders: Vec<&str> = if is_split { Split::ALL.map(Split::name).to_vec() } else { vec![""] };
    let parts: Vec<Part> = folders.into_iter().map(|folder| Part::of(&found, folder)).collect();
    if let Some(empty) = parts.iter().find(|part| part.images.is_empty()) {
        let ignored = found.others.first().map(|path| root.join(path));
        // Joining nothing would leave a slash.
        let folder = if empty.folder.is_empty() { root.to_owned() } else { root.join(empty.folder) };
        return Err(ImageFolderError::NoImages { folder, ignored });
    }

    let classes: Vec<Option<&OsStr>> =
        parts.iter().flat_map(|part| part.images.iter().map(|path| part.class_of(path))).collect();
    let class_names: Option<Vec<&OsStr>> = classes.iter().copied().collect();
    let class_names = class_names.map(|mut names| {
        names.sort_by(|a, b| natural_order(Path::new(a), Path::new(b)));
        names.dedup();
        names
    });
    if class_names.is_some() {
        refuse_empty_classes(root, &found, &parts)?;
    } else if classes.iter().any(Option::is_some) {
        tracing::info!("{}: images lie beside folders, which are therefore not taken as classes", root.display());
    }
    let used: usize = parts.iter().map(|part| part.images.len()).sum();
    let unused = found.others.len() + found.images.len() - used;
    let is_unused = |path: &&PathBuf| !parts.iter().any(|part| path.starts_with(part.folder));
    if let Some(first) = found.others.first().or_else(|| found.images.iter().find(is_unused)) {
        let what = format!("{unused} {}", if unused == 1 { "file is" } else { "files are" });
        tracing::info!("{}: {what} not used, such as {}", root.display(), first.display());
    }

    let labels: HashMap<&OsStr, u32> = class_names.iter().flatten().copied().zip(0..).collect();
    let mut files = parts.iter().map(|part| part.label(&labels));
    let files = match (files.next(), files.next()) {
        (Some(train), Some(test)) => Files::Split { train, test },
        (whole, _) => Files::Whole(whole.unwrap_or_default()),
    };
    let class_names = class_names.map(|names| names.iter().map(|name| name.to_string_lossy().into_owned()).collect());
    Ok(Listing { files, class_names })
}

/// A folder that should be a class, but holds no images, is more likely a mistake than a class.
fn refuse_empty_classes(root: &Path, found: &Found, parts: &[Part<'_>]) -> Result<(), ImageFolderError> {
    for part in parts {
        let filled: HashSet<&OsStr> = part.images.iter().filter_map(|path| part.class_of(path)).collect();
        let is_class = |folder: &&PathBuf| folder.parent() == Some(Path::new(part.folder));
        let is_empty = |folder: &&PathBuf| !folder.file_name().is_some_and(|name| filled.contains(name));
        if let Some(empty) = found.folders.iter().filter(is_class).find(is_empty) {
            return Err(ImageFolderError::NoImages { folder: root.join(empty), ignored: None });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lists a folder with these empty files; what ends in `/` is an empty folder.
    fn listed(paths: &[&str]) -> Result<Listing, ImageFolderError> {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let full = root.path().join(path);
            if path.ends_with('/') {
                fs::create_dir_all(full).unwrap();
            } else {
                fs::create_dir_all(full.parent().unwrap()).unwrap();
                fs::write(full, "").unwrap();
            }
        }
        scan(root.path())
    }

    fn file(path: &str, label: impl Into<Option<u32>>) -> ImageFile {
        ImageFile { path: path.into(), label: label.into() }
    }

    fn names(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn images_without_folders_have_no_classes_and_stand_in_natural_order() {
        let listing = listed(&["10.png", "9.JPG", "b.webp", "a.bmp", "c.jpeg", "notes.txt", ".hidden.png"]).unwrap();
        let files = ["9.JPG", "10.png", "a.bmp", "b.webp", "c.jpeg"].map(|path| file(path, None));
        assert_eq!(listing, Listing { files: Files::Whole(files.to_vec()), class_names: None });
    }

    #[test]
    fn folders_are_classes_in_natural_order() {
        let listing = listed(&["class10/a.png", "class9/deep/down/c.png", "class9/b.png", ".cache/x.png"]).unwrap();
        let files = [file("class9/b.png", 0), file("class9/deep/down/c.png", 0), file("class10/a.png", 1)];
        let expected = Listing { files: Files::Whole(files.to_vec()), class_names: names(&["class9", "class10"]) };
        assert_eq!(listing, expected);
    }

    #[test]
    fn train_and_test_are_the_split_with_classes_or_without() {
        let listing = listed(&["train/cat/1.png", "train/dog/2.png", "test/dog/3.png", "readme.md"]).unwrap();
        let files = Files::Split {
            train: vec![file("train/cat/1.png", 0), file("train/dog/2.png", 1)],
            test: vec![file("test/dog/3.png", 1)],
        };
        assert_eq!(listing, Listing { files, class_names: names(&["cat", "dog"]) });
        let listing = listed(&["train/1.png", "test/2.png"]).unwrap();
        let files = Files::Split { train: vec![file("train/1.png", None)], test: vec![file("test/2.png", None)] };
        assert_eq!(listing, Listing { files, class_names: None });
    }

    #[test]
    fn a_lone_folder_called_train_is_a_class() {
        let listing = listed(&["train/1.png", "bus/2.png"]).unwrap();
        assert_eq!(listing.class_names, names(&["bus", "train"]));
    }

    #[test]
    fn images_beside_folders_make_the_folders_no_classes() {
        let listing = listed(&["1.png", "cat/2.png", "empty/"]).unwrap();
        let files = Files::Whole(vec![file("1.png", None), file("cat/2.png", None)]);
        assert_eq!(listing, Listing { files, class_names: None });
    }

    #[test]
    fn nothing_to_be_found_is_an_error_that_names_the_folder() {
        let cases: [(&[&str], &str); 5] = [
            (&[], ""),
            (&["notes.txt", "a.gif"], ""),
            (&["cat/1.png", "dog/"], "dog"),
            (&["train/1.png", "test/"], "test"),
            (&["train/cat/1.png", "train/dog/", "test/cat/1.png"], "train/dog"),
        ];
        for (paths, named) in cases {
            let error = listed(paths).unwrap_err();
            assert!(matches!(&error, ImageFolderError::NoImages { folder, .. } if folder.ends_with(named)), "{error}");
        }
        let message = listed(&["a.gif"]).unwrap_err().to_string();
        assert!(message.contains("a.gif") && message.contains("PNG, JPEG, WebP or BMP"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_to_files_in_the_folder_and_nowhere_else() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::NamedTempFile::new().unwrap();
        let with_link = |target: &Path, name: &str| {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir(root.path().join("cat")).unwrap();
            fs::write(root.path().join("cat/1.png"), "").unwrap();
            symlink(target, root.path().join("cat").join(name)).unwrap();
            scan(root.path()).map_err(|error| error.to_string())
        };
        let inside = with_link(Path::new("1.png"), "2.png").unwrap();
        assert_eq!(inside.files, Files::Whole(vec![file("cat/1.png", 0), file("cat/2.png", 0)]));
        for (target, name, leads) in [
            (Path::new(".."), "loop", "to a folder"),
            (Path::new("self.png"), "self.png", "to nothing"),
            (Path::new("gone.png"), "gone.png", "to nothing"),
            (outside.path(), "outside.png", "out of the folder"),
            (Path::new("/"), "everything", "out of the folder"),
        ] {
            let message = with_link(target, name).unwrap_err();
            assert!(message.contains(name) && message.contains(leads), "{message}");
        }
    }

    /// A file that would make its reader wait without end.
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_opened() {
        let root = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("1.png")).unwrap();
        fs::write(root.path().join("2.png"), "").unwrap();
        assert_eq!(scan(root.path()).unwrap().files, Files::Whole(vec![file("2.png", None)]));
    }

    proptest! {
        #[test]
        fn the_order_is_total(names in prop::collection::vec("[0-2a中\u{e9}./-]{1,5}", 3)) {
            let [a, b, c] = [0, 1, 2].map(|place| Path::new(&names[place]));
            prop_assert_eq!(natural_order(a, b), natural_order(b, a).reverse());
            prop_assert!(!(natural_order(a, b).is_le() && natural_order(b, c).is_le()) || natural_order(a, c).is_le());
        }
    }
}
