//! Folders of image files: PNG, JPEG, WebP and BMP, one folder for each class or none.

mod decode;
mod scan;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use thiserror::Error;

use super::memory::{MemoryBudget, MemoryError};
use super::options::{Channels, ImageSize, LoadOptions, Preparation};
use super::{DataError, ImageShape, Images, Loaded, MAX_PIXELS, Parts};
use decode::{Header, read_header};
use scan::{Files, ImageFile, Listing};

pub use decode::{DecodeError, decode, decode_file};
pub use scan::reads;

/// How often a long reading says how far it is.
const TELLING_INTERVAL: Duration = Duration::from_secs(5);
/// Damaged files that an error names.
const MOST_NAMED: usize = 5;

/// What is wrong with a folder of images.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum ImageFolderError {
    #[error("{}: cannot be read: {cause}; check the permissions there", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },

    #[error("{}: is a symbolic link that leads {leads}; put what is meant in its place, or remove it", path.display())]
    Link { path: PathBuf, leads: &'static str },

    #[error(
        "{}: holds no images{}; put PNG, JPEG, WebP or BMP files there, one folder for each class or none, or IDX files \
         named as MNIST's (train-images-idx3-ubyte, …)",
        folder.display(), but_ignored(ignored.as_ref())
    )]
    NoImages { folder: PathBuf, ignored: Option<PathBuf> },

    #[error(
        "{}: is {second_size} pixels (height×width), but {} is {first_size}; give all images one size, as with --set \
         data.size=[64,64], and say how with --set data.resize=stretch, fit or crop",
        second.display(), first.display()
    )]
    MixedSizes { first: PathBuf, first_size: ImageSize, second: PathBuf, second_size: ImageSize },

    #[error(
        "{}: is {size} pixels (height×width), more than can be learned from at once; make the images smaller, as with \
         --set data.size=[64,64]",
        path.display()
    )]
    TooLarge { path: PathBuf, size: ImageSize },

    #[error(
        "{}: {count} of {total} images cannot be read: {listed}; {} {}",
        folder.display(),
        match too_large {
            0 => "repair or remove",
            _ if too_large == count => "allow more memory, or make smaller or remove",
            _ => "allow more memory, and repair or remove",
        },
        if *count == 1 { "it" } else { "them" }
    )]
    Damaged {
        folder: PathBuf,
        count: usize,
        total: usize,
        listed: String,
        /// How many of them are whole, but need more memory than is allowed.
        too_large: usize,
    },

    #[error("{}: {problem}", folder.display())]
    Memory { folder: PathBuf, problem: MemoryError },
}

fn but_ignored(path: Option<&PathBuf>) -> String {
    path.map(|path| format!(", but files such as {}", path.display())).unwrap_or_default()
}

/// Loads the images of a folder, as [`scan::scan`] finds them. The data set is called as the folder is.
///
/// The headers of all files come first: from them follow the shape of all images and the memory they need. Then as many threads
/// decode as there is memory for.
///
/// # Errors
/// As [`ImageFolderError`] lists them.
pub fn load(root: &Path, options: &LoadOptions, budget: &mut MemoryBudget) -> Result<Loaded, DataError> {
    let Listing { files, class_names } = scan::scan(root)?;
    let folder = Folder { root, preparation: options.preparation };
    let parts = match &files {
        Files::Whole(whole) => {
            let plan = folder.plan(&[whole], budget)?;
            Parts::Whole(folder.read(whole, &plan, budget)?)
        }
        Files::Split { train, test } => {
            let plan = folder.plan(&[train, test], budget)?;
            Parts::Split { train: folder.read(train, &plan, budget)?, test: folder.read(test, &plan, budget)? }
        }
    };
    Ok(Loaded { name: super::folder_name(root), class_names, parts })
}

struct Folder<'a> {
    root: &'a Path,
    preparation: Preparation,
}

/// How the files are to be decoded.
struct DecodingPlan {
    shape: ImageShape,
    threads: usize,
    /// For each thread.
    most_bytes: u64,
}

impl Folder<'_> {
    /// Finds the shape of the images and whether there is memory for them.
    ///
    /// Files without a readable header have no say: decoding will name them with the other damaged ones.
    fn plan(&self, parts: &[&[ImageFile]], budget: &MemoryBudget) -> Result<DecodingPlan, ImageFolderError> {
        let files: Vec<&ImageFile> = parts.iter().copied().flatten().collect();
        let left = budget.left();
        let headers: Vec<Result<Header, DecodeError>> = telling("looked at", files.len(), |told| {
            files.par_iter().map(|file| told(read_header(&self.root.join(&file.path), left))).collect()
        });
        let known = files.iter().zip(&headers).filter_map(|(file, header)| Some((*file, header.as_ref().ok()?)));
        let Some((first, first_header)) = known.clone().next() else {
            let faults = files.iter().zip(headers).filter_map(|(file, header)| Some((*file, header.err()?)));
            return Err(self.damaged(faults.collect(), files.len()));
        };
        let channels = match self.preparation.channels {
            Channels::Auto if known.clone().all(|(_, header)| header.is_gray) => 1,
            Channels::Gray => 1,
            Channels::Auto | Channels::Color => 3,
        };
        let shape = match self.preparation.size {
            Some(size) => size.with_channels(channels),
            None => {
                if let Some((second, header)) = known.clone().find(|(_, header)| header.size != first_header.size) {
                    return Err(ImageFolderError::MixedSizes {
                        first: self.root.join(&first.path),
                        first_size: first_header.size,
                        second: self.root.join(&second.path),
                        second_size: header.size,
                    });
                }
                first_header.size.with_channels(channels)
            }
        };
        if shape.pixels() > MAX_PIXELS {
            return Err(ImageFolderError::TooLarge { path: self.root.join(&first.path), size: first_header.size });
        }

        let memory = |problem| ImageFolderError::Memory { folder: self.root.to_owned(), problem };
        let images = files.len() as u128 * shape.pixels() as u128;
        let mut budget = MemoryBudget::new(budget.left());
        budget.take(images).map_err(memory)?;
        // A file that needs more than there is left is named by decoding.
        let working = known.map(|(_, header)| header.working_bytes).max().unwrap_or(0).clamp(1, budget.left().max(1));
        let fitting = usize::try_from(budget.left() / working).unwrap_or(usize::MAX);
        Ok(DecodingPlan { shape, threads: fitting.clamp(1, rayon::current_num_threads()), most_bytes: working })
    }

    /// Decodes the files of a part into the plan's shape.
    fn read(&self, files: &[ImageFile], plan: &DecodingPlan, budget: &mut MemoryBudget) -> Result<Images, DataError> {
        let memory = |problem| ImageFolderError::Memory { folder: self.root.to_owned(), problem };
        let pixels = plan.shape.pixels();
        let mut bytes = budget.allocate(files.len() as u128 * pixels as u128).map_err(memory)?;
        bytes.resize(files.len() * pixels, 0);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(plan.threads).build();
        let pool = pool.map_err(|error| DataError::Threads { cause: error.to_string() })?;
        let faults: Vec<(&ImageFile, DecodeError)> = telling("decoded", files.len(), |told| {
            let decoded = files
                .par_iter()
                .zip(bytes.par_chunks_exact_mut(pixels))
                .filter_map(|(file, image)| told(self.read_file(file, plan, image)).err().map(|error| (file, error)));
            pool.install(|| decoded.collect())
        });
        if !faults.is_empty() {
            return Err(self.damaged(faults, files.len()).into());
        }
        let labels: Option<Vec<u32>> = files.iter().map(|file| file.label).collect();
        let names = names(files, budget).map_err(memory)?;
        Images::new(plan.shape, bytes, labels)?.with_names(names)
    }

    fn read_file(&self, file: &ImageFile, plan: &DecodingPlan, image: &mut [u8]) -> Result<(), DecodeError> {
        let picture = decode_file(&self.root.join(&file.path), plan.most_bytes)?;
        Ok(self.preparation.draw(picture, plan.shape, image)?)
    }

    fn damaged(&self, faults: Vec<(&ImageFile, DecodeError)>, total: usize) -> ImageFolderError {
        let named = faults.iter().take(MOST_NAMED).map(|(file, cause)| format!("{}: {cause}", file.path.display()));
        let mut listed: Vec<String> = named.collect();
        if faults.len() > MOST_NAMED {
            listed.push(format!("and {} more", faults.len() - MOST_NAMED));
        }
        ImageFolderError::Damaged {
            folder: self.root.to_owned(),
            count: faults.len(),
            total,
            listed: listed.join("; "),
            too_large: faults.iter().filter(|(_, cause)| matches!(cause, DecodeError::Memory { .. })).count(),
        }
    }
}

/// What the files are called below the folder, with `/` between the parts on every system.
///
/// # Errors
/// The budget has no room for the names.
fn names(files: &[ImageFile], budget: &mut MemoryBudget) -> Result<Vec<String>, MemoryError> {
    let bytes = files.iter().map(|file| (file.path.as_os_str().len() + size_of::<String>()) as u128).sum();
    budget.take(bytes)?;
    let name = |file: &ImageFile| {
        let parts = file.path.components().map(|part| part.as_os_str().to_string_lossy());
        parts.collect::<Vec<_>>().join("/")
    };
    Ok(files.iter().map(name).collect())
}

/// Does some work on `total` files, each of which is passed to the function that the work is given; tells now and then how many
/// have been.
fn telling<T, R>(what: &str, total: usize, work: impl FnOnce(&(dyn Fn(R) -> R + Sync)) -> T) -> T {
    let done = AtomicUsize::new(0);
    let last_told = Mutex::new(Instant::now());
    work(&|passed| {
        let done = 1 + done.fetch_add(1, Ordering::Relaxed);
        // Whoever finds it locked need not wait: another thread is about to tell.
        if let Ok(mut last_told) = last_told.try_lock()
            && last_told.elapsed() >= TELLING_INTERVAL
        {
            tracing::info!("{what} {done} of {total} images");
            *last_told = Instant::now();
        }
        passed
    })
}

#[cfg(test)]
mod tests;
