//! Files that are either whole or not there.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{self, Cursor, Write},
    path::{Path, PathBuf},
};

use image::{ImageFormat, RgbImage};
use tempfile::NamedTempFile;

use super::ReportError;

/// What the names of temporary files begin with.
const TEMPORARY: &str = ".diabolo-";

/// Replaces the file at `path` by `bytes`, so that a crash or a power cut leaves either the old content or the new.
///
/// # Errors
/// [`ReportError::Write`]; the old content, if any, is then untouched and no temporary file remains.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    write_whole(path, bytes, |file| Ok(file.persist(path)?))
        .map_err(|cause| ReportError::Write { path: path.to_owned(), cause })
}

/// The same for a file that is not there yet. Of several processes that write it, one does.
///
/// # Errors
/// What the system says, among it that the file is there.
pub fn create_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_whole(path, bytes, |file| Ok(file.persist_noclobber(path)?))
}

/// Adds `line` and a line break to the end of the file at `path`, creating it if need be.
///
/// Both go out in one write, so that a reader that follows the file sees whole lines, and are on the disk afterwards.
///
/// # Errors
/// [`ReportError::Write`].
pub(super) fn append_line(path: &Path, line: &str) -> Result<(), ReportError> {
    let is_new = !path.exists();
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| {
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_data()?;
            if is_new { sync_folder_of(path) } else { Ok(()) }
        })
        .map_err(|cause| ReportError::Write { path: path.to_owned(), cause })
}

/// Writes `picture` as PNG, atomically.
///
/// # Errors
/// [`ReportError::Png`] if it cannot be encoded, [`ReportError::Write`] if it cannot be written.
pub fn save_png(path: &Path, picture: &RgbImage) -> Result<(), ReportError> {
    let mut png = Vec::new();
    picture
        .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
        .map_err(|cause| ReportError::Png { path: path.to_owned(), cause })?;
    write_atomically(path, &png)
}

/// Removes what a process that was killed while it wrote a file of this folder has left; no other one may write there meanwhile.
///
/// # Errors
/// [`ReportError::Remove`].
pub fn remove_temporary_files(folder: &Path) -> Result<(), ReportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| ReportError::Remove { path, cause }
    };
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        if is_temporary(&entry.file_name()) {
            std::fs::remove_file(entry.path()).map_err(failed(&entry.path()))?;
        }
    }
    Ok(())
}

/// Makes a folder, and those above it that are missing, so that a power cut leaves them there.
///
/// # Errors
/// What the system says.
pub fn create_folders(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    create_folders(folder_of(path))?;
    match std::fs::create_dir(path) {
        // Another process has been faster.
        Err(_) if path.is_dir() => Ok(()),
        made => made.and_then(|()| sync_folder_of(path)),
    }
}

/// Makes it last through a power cut that a file or a folder is where it is.
///
/// # Errors
/// What the system says.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    sync_folder(folder_of(path))
}

/// The path that a file has, or would have where it is not there yet, when all links are followed; none without its folder.
pub fn resolved(path: &Path) -> Option<PathBuf> {
    let place = || {
        let folder = folder_of(path).canonicalize().ok().filter(|folder| folder.is_dir())?;
        Some(folder.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(place)
}

/// The folder that a path lies in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether a file of this name may be one that a process has left that was killed while it wrote.
pub fn is_temporary(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(TEMPORARY)
}

/// Writes a temporary file to the disk, and gives it its name by `persist`.
fn write_whole(
    path: &Path,
    bytes: &[u8],
    persist: impl FnOnce(NamedTempFile<File>) -> io::Result<File>,
) -> io::Result<()> {
    // The temporary file lies beside its target: a rename is atomic only within one file system.
    let folder = folder_of(path);
    // Created and written by the standard library: the permissions are those of any new file, which other users may
    // read, and an error does not name the temporary file.
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).make_in(folder, |path| File::create_new(path))?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    persist(file)?;
    sync_folder(folder)
}

/// Makes a rename in `folder` durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network file systems cannot do this for a folder; the file itself is in place all the same.
        Err(cause) if matches!(cause.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

/// Elsewhere than on Unix a folder cannot be synchronized, and need not be.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_the_content_and_leaves_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        write_atomically(&path, b"a first and longer content").unwrap();
        write_atomically(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names_in(folder.path()), ["summary.json"]);
    }

    #[test]
    fn a_failed_write_names_the_path_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        let message = write_atomically(&path, b"bytes").unwrap_err().to_string();
        assert!(message.starts_with(&format!("cannot write {}: ", path.display())), "{message}");
        assert_eq!(names_in(folder.path()), ["loss.png"]);

        let missing = folder.path().join("no/such/folder/file");
        let reason = File::open(&missing).unwrap_err();
        let message = write_atomically(&missing, b"").unwrap_err().to_string();
        assert_eq!(message, format!("cannot write {}: {reason}; check the path", missing.display()));
    }

    #[test]
    fn a_file_is_created_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let contents: Vec<String> = (0..8).map(|writer| writer.to_string().repeat(1000)).collect();
        let created = std::thread::scope(|scope| {
            let writers: Vec<_> =
                contents.iter().map(|bytes| scope.spawn(|| create_atomically(&path, bytes.as_bytes()))).collect();
            writers.into_iter().map(|writer| writer.join().unwrap().is_ok()).filter(|&created| created).count()
        });
        assert_eq!(created, 1);
        assert!(contents.contains(&fs::read_to_string(&path).unwrap()));
        assert_eq!(create_atomically(&path, b"").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(names_in(folder.path()), ["config.toml"]);
    }

    #[test]
    fn folders_are_made_by_many_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| create_folders(&path).unwrap());
            }
        });
        assert!(path.is_dir());
        fs::write(folder.path().join("file"), "").unwrap();
        create_folders(&folder.path().join("file/below")).unwrap_err();
    }

    #[test]
    fn what_was_left_behind_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".diabolo-x1", ".hidden", "diabolo-x1"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_temporary_files(folder.path()).unwrap();
        assert_eq!(names_in(folder.path()), [".hidden", "diabolo-x1"]);
        let message = remove_temporary_files(&folder.path().join("none")).unwrap_err().to_string();
        assert!(message.starts_with("cannot clear "), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_told_by_whichever_way_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/file"), "").unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("real/file"), at("alias")).unwrap();
        let real = resolved(&at("real/file"));
        assert_eq!((resolved(&at("link/../real/file")), resolved(&at("link/file"))), (real.clone(), real.clone()));
        assert_eq!(resolved(&at("alias")), real);
        assert_eq!(resolved(&at("link/new")), resolved(&at("real/new")));
        assert_ne!(resolved(&at("real/new")), None);
        assert_eq!(resolved(&at("none/new")), None);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (plain, atomic) = (folder.path().join("plain"), folder.path().join("atomic"));
        fs::write(&plain, "").unwrap();
        write_atomically(&atomic, b"").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&plain), mode(&atomic));
    }

    #[test]
    fn a_saved_png_decodes_to_the_same_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        let picture = RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8 * 50, y as u8 * 80, 7]));
        save_png(&path, &picture).unwrap();
        let decoded = image::load_from_memory_with_format(&fs::read(&path).unwrap(), ImageFormat::Png).unwrap();
        assert_eq!(decoded.into_rgb8(), picture);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn appended_lines_come_back_in_order(lines in prop::collection::vec("[^\r\n]{0,20}", 0..8)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("metrics.jsonl");
            fs::write(&path, "").unwrap();
            for line in &lines {
                append_line(&path, line).unwrap();
            }
            let content = fs::read_to_string(&path).unwrap();
            prop_assert_eq!(content.lines().collect::<Vec<_>>(), lines);
        }
    }
}
