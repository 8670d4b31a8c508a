//! Data sets with a home on the web, found on disk or fetched once.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::download::{DownloadError, Downloader, Expected, has_length};
use super::memory::MemoryBudget;
use super::{DataError, Loaded, idx};

/// A data set of four IDX files, each known by its length and SHA-256.
pub struct KnownDataset {
    name: &'static str,
    /// Folders on the web that hold the files; one is tried after another.
    mirrors: &'static [&'static str],
    class_names: &'static [&'static str],
    files: [KnownFile; 4],
}

#[derive(Clone, Copy)]
struct KnownFile {
    name: &'static str,
    content: Expected,
}

const fn file(name: &'static str, bytes: u64, sha256: &'static str) -> KnownFile {
    KnownFile { name, content: Expected { bytes, sha256 } }
}

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte.gz";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte.gz";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte.gz";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte.gz";

/// Handwritten digits; LeCun, Cortes, Burges. Lengths and hashes as TensorFlow Datasets lists them.
pub const MNIST: KnownDataset = KnownDataset {
    name: "mnist",
    mirrors: &["https://storage.googleapis.com/cvdf-datasets/mnist", "https://ossci-datasets.s3.amazonaws.com/mnist"],
    class_names: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    files: [
        file(TRAIN_IMAGES, 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        file(TRAIN_LABELS, 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        file(TEST_IMAGES, 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        file(TEST_LABELS, 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ],
};

/// Articles of clothing; Xiao, Rasul, Vollgraf 2017. Lengths and hashes as TensorFlow Datasets lists them.
pub const FASHION_MNIST: KnownDataset = KnownDataset {
    name: "fashion-mnist",
    mirrors: &[
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com",
    ],
    class_names: &[
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    files: [
        file(TRAIN_IMAGES, 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        file(TRAIN_LABELS, 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        file(TEST_IMAGES, 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        file(TEST_LABELS, 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ],
};

/// Where data sets are looked for, kept and fetched from.
struct Locations {
    /// Holds a folder for each data set, put there by the user.
    data: Option<PathBuf>,
    /// Holds a folder for each data set, put there by this program.
    cache: Option<PathBuf>,
    /// Takes the place of all mirrors: a folder on the web with a folder for each data set.
    mirror: Option<String>,
}

impl Locations {
    /// From `DIABOLO_DATA`, the user's cache folder and `DIABOLO_MIRROR`. An empty variable is as good as none.
    fn from_environment() -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        let cache = etcetera::choose_base_strategy().ok().map(|folders| folders.cache_dir().join("diabolo"));
        Self {
            data: variable("DIABOLO_DATA").map(PathBuf::from),
            cache,
            mirror: variable("DIABOLO_MIRROR").map(|url| url.to_string_lossy().into_owned()),
        }
    }
}

/// Loads a known data set: from the user's data folder, else from the cache, fetching first what is not there.
///
/// # Errors
/// When an option follows the name, the files cannot be had, or those found are malformed.
pub fn load(known: &KnownDataset, option: Option<&str>, budget: &mut MemoryBudget) -> Result<Loaded, DataError> {
    if let Some(option) = option {
        return Err(DataError::UnexpectedOption { name: known.name, option: option.to_owned() });
    }
    known.load_from(&Locations::from_environment(), &Downloader::new(), |line| tracing::info!("{line}"), budget)
}

impl KnownDataset {
    /// `announce` is told, in one line, when something is to be fetched.
    fn load_from(
        &self,
        locations: &Locations,
        downloader: &Downloader,
        announce: impl Fn(&str),
        budget: &mut MemoryBudget,
    ) -> Result<Loaded, DataError> {
        let given = locations.data.as_ref().map(|data| data.join(self.name));
        if let Some(folder) = given.filter(|folder| folder.is_dir()) {
            return self.load_folder(&folder, budget);
        }
        let cache = locations.cache.as_ref().ok_or(DataError::NoCache { name: self.name })?;
        let folder = cache.join(self.name);
        let is_there = |file: &KnownFile| has_length(&folder.join(file.name), file.content.bytes);
        let missing: Vec<KnownFile> = self.files.into_iter().filter(|file| !is_there(file)).collect();
        if !missing.is_empty() {
            let megabytes = missing.iter().map(|file| file.content.bytes).sum::<u64>() as f64 / 1e6;
            announce(&format!("fetching `{}` once, {megabytes:.1} MB, into {}", self.name, folder.display()));
        }
        let absent_folders: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
        for file in missing {
            self.fetch(file, &folder, locations, downloader).inspect_err(|_| remove_empty(&absent_folders))?;
        }
        self.load_folder(&folder, budget)
    }

    fn load_folder(&self, folder: &Path, budget: &mut MemoryBudget) -> Result<Loaded, DataError> {
        let loaded = idx::load_folder_as(self.name, folder, budget)?;
        Ok(Loaded { class_names: Some(self.class_names.iter().map(|name| (*name).to_owned()).collect()), ..loaded })
    }

    /// Fetches one file into `folder`, from the first mirror that has it.
    fn fetch(
        &self,
        file: KnownFile,
        folder: &Path,
        locations: &Locations,
        downloader: &Downloader,
    ) -> Result<(), DataError> {
        let bases: Vec<String> = match &locations.mirror {
            Some(mirror) => vec![format!("{}/{}", mirror.trim_end_matches('/'), self.name)],
            None => self.mirrors.iter().map(|mirror| (*mirror).to_owned()).collect(),
        };
        let mut attempts = Vec::new();
        for base in bases {
            let url = format!("{base}/{}", file.name);
            match downloader.fetch(&url, file.content, &folder.join(file.name)) {
                Ok(()) => return Ok(()),
                Err(DownloadError::Store { action, path, cause }) => return Err(DataError::Io { action, path, cause }),
                Err(error) => attempts.push(format!("{url}: {error}")),
            }
        }
        let data = locations.data.clone().unwrap_or_else(|| PathBuf::from("$DIABOLO_DATA"));
        Err(DataError::Fetch {
            name: self.name,
            file: file.name,
            attempts: attempts.join("; "),
            offline_folder: data.join(self.name),
        })
    }
}

/// Removes those folders that are there and hold nothing, each named before the one that holds it.
fn remove_empty(folders: &[&Path]) {
    for folder in folders {
        // The system refuses to remove a folder that holds something, such as a file that did arrive.
        let removed = fs::remove_dir(folder);
        drop(removed);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::sync::Barrier;

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::data::testing::{Answer, Server, gzip, idx};
    use crate::data::{Dataset, LoadOptions};

    /// The four files of a data set of two training images and one test image, by name.
    fn contents() -> HashMap<&'static str, Vec<u8>> {
        HashMap::from([
            (TRAIN_IMAGES, gzip(&idx(&[2, 1, 2], &[1, 2, 3, 4]))),
            (TRAIN_LABELS, gzip(&idx(&[2], &[0, 1]))),
            (TEST_IMAGES, gzip(&idx(&[1, 1, 2], &[5, 6]))),
            (TEST_LABELS, gzip(&idx(&[1], &[1]))),
        ])
    }

    /// Those files as a known data set called `tiny`.
    fn tiny(mirrors: &'static [&'static str]) -> KnownDataset {
        let contents = contents();
        let known = |name: &'static str| {
            let hash: String = Sha256::digest(&contents[name]).iter().map(|byte| format!("{byte:02x}")).collect();
            file(name, contents[name].len() as u64, hash.leak())
        };
        let class_names = &["none", "some"];
        KnownDataset {
            name: "tiny",
            mirrors,
            class_names,
            files: [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS].map(known),
        }
    }

    /// Serves the files in any folder.
    fn serve() -> Server {
        let contents = contents();
        Server::start(move |path| {
            let name = path.rsplit('/').next().unwrap();
            contents.get(name).map_or_else(Answer::not_found, |content| Answer::whole(content.clone()))
        })
    }

    fn locations(cache: &tempfile::TempDir, mirror: &Server) -> Locations {
        Locations { data: None, cache: Some(cache.path().to_owned()), mirror: Some(mirror.url() + "/") }
    }

    fn load_tiny(locations: &Locations) -> Result<Dataset, DataError> {
        load(&tiny(&[]), locations, |_| {})
    }

    fn load(known: &KnownDataset, locations: &Locations, announce: impl Fn(&str)) -> Result<Dataset, DataError> {
        let options = LoadOptions::default();
        let mut budget = MemoryBudget::new(options.max_memory);
        known.load_from(locations, &Downloader::direct(), announce, &mut budget)?.into_dataset(
            &options,
            None,
            &mut budget,
        )
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_first_use_fetches_and_the_second_asks_nobody() {
        let (server, cache) = (serve(), tempfile::tempdir().unwrap());
        let announced = RefCell::new(Vec::new());
        for _ in 0..2 {
            let set = load(&tiny(&[]), &locations(&cache, &server), |line| {
                announced.borrow_mut().push(line.to_owned());
            });
            let set = set.unwrap();
            assert_eq!((set.name(), set.train().bytes(), set.test().bytes()), ("tiny", &[1, 2, 3, 4][..], &[5, 6][..]));
            assert_eq!(set.test().labels(), Some(&[1][..]));
            assert_eq!(set.class_names().unwrap(), ["none", "some"]);
        }
        let asked = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS].map(|name| format!("/tiny/{name}"));
        assert_eq!(server.requests(), asked);
        assert_eq!(announced.borrow().len(), 1, "{announced:?}");
    }

    #[test]
    fn the_folder_of_the_user_comes_first() {
        let (server, cache, data) = (serve(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = data.path().join("tiny");
        fs::create_dir(&folder).unwrap();
        for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"] {
            fs::write(folder.join(name), idx(&[1, 1, 1], &[42])).unwrap();
        }
        let locations = Locations { data: Some(data.path().to_owned()), ..locations(&cache, &server) };
        let set = load_tiny(&locations).unwrap();
        assert_eq!((set.name(), set.train().bytes(), set.train().labels()), ("tiny", &[42][..], None));
        assert!(server.requests().is_empty() && names_in(cache.path()).is_empty());
    }

    #[test]
    fn only_what_is_missing_or_of_wrong_length_is_fetched() {
        let (server, cache) = (serve(), tempfile::tempdir().unwrap());
        let folder = cache.path().join("tiny");
        fs::create_dir(&folder).unwrap();
        for (name, content) in contents() {
            let kept = if name == TEST_LABELS { content.len() / 2 } else { content.len() };
            fs::write(folder.join(name), &content[..kept]).unwrap();
        }
        load_tiny(&locations(&cache, &server)).unwrap();
        assert_eq!(server.requests(), [format!("/tiny/{TEST_LABELS}")]);
    }

    #[test]
    fn two_first_uses_at_once_do_no_harm() {
        // Each file is asked for by both before it is given to either.
        let (contents, both) = (contents(), Barrier::new(2));
        let server = Server::start(move |path| {
            both.wait();
            Answer::whole(contents[path.rsplit('/').next().unwrap()].clone())
        });
        let cache = tempfile::tempdir().unwrap();
        let locations = locations(&cache, &server);
        let sets = std::thread::scope(|scope| {
            let uses = [(); 2].map(|()| scope.spawn(|| load_tiny(&locations)));
            uses.map(|one| one.join().unwrap().unwrap())
        });
        assert_eq!(sets[0], sets[1]);
        assert_eq!(server.requests().len(), 8);
        assert_eq!(names_in(&cache.path().join("tiny")), [TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS]);
    }

    #[test]
    fn the_second_mirror_helps_out() {
        let wrong = Server::start(|_| Answer::whole(b"a page that sells the domain".to_vec()));
        let right = serve();
        let cache = tempfile::tempdir().unwrap();
        let locations = Locations { mirror: None, ..locations(&cache, &right) };
        let mirrors = [wrong.url(), right.url()].map(|url| &*url.leak());
        load(&tiny(mirrors.to_vec().leak()), &locations, |_| {}).unwrap();
        assert_eq!((wrong.requests().len(), right.requests().len()), (4, 4));
    }

    #[test]
    fn when_all_fails_the_error_says_what_to_do_offline() {
        let server = Server::start(|_| Answer::not_found());
        let cache = tempfile::tempdir().unwrap();
        let message = load_tiny(&locations(&cache, &server)).unwrap_err().to_string();
        let url = format!("{}/tiny/{TRAIN_IMAGES}", server.url());
        assert_eq!(
            message,
            format!(
                "cannot fetch {TRAIN_IMAGES} of the data set `tiny`: {url}: http status: 404; \
                 to do without the network, put its four files in {}",
                Path::new("$DIABOLO_DATA").join("tiny").display()
            )
        );
    }

    #[test]
    fn a_failed_fetch_leaves_no_folder_that_was_not_there_before() {
        let answers: [fn() -> Answer; 2] =
            [|| Answer::whole(b"a page that sells the domain".to_vec()), Answer::not_found];
        for answer in answers {
            let server = Server::start(move |_| answer());
            let folder = tempfile::tempdir().unwrap();
            let cache = folder.path().join("cache");
            let locations = Locations { data: None, cache: Some(cache.clone()), mirror: Some(server.url()) };
            assert!(matches!(load_tiny(&locations), Err(DataError::Fetch { .. })));
            assert!(names_in(folder.path()).is_empty());

            fs::create_dir(&cache).unwrap();
            assert!(matches!(load_tiny(&locations), Err(DataError::Fetch { .. })));
            assert_eq!(names_in(folder.path()), ["cache"]);
            assert!(names_in(&cache).is_empty());
        }
    }

    #[test]
    fn a_failed_fetch_keeps_the_files_that_did_arrive() {
        let content = contents().remove(TRAIN_IMAGES).unwrap();
        let server = Server::start(move |path| match path.ends_with(TRAIN_IMAGES) {
            true => Answer::whole(content.clone()),
            false => Answer::not_found(),
        });
        let cache = tempfile::tempdir().unwrap();
        assert!(matches!(load_tiny(&locations(&cache, &server)), Err(DataError::Fetch { .. })));
        assert_eq!(names_in(&cache.path().join("tiny")), [TRAIN_IMAGES]);
    }

    #[test]
    fn without_a_cache_folder_there_is_a_plain_error() {
        let server = serve();
        let locations = Locations { cache: None, ..locations(&tempfile::tempdir().unwrap(), &server) };
        assert!(matches!(load_tiny(&locations), Err(DataError::NoCache { name: "tiny" })));
    }

    #[test]
    fn what_is_known_is_well_formed() {
        for known in [MNIST, FASHION_MNIST] {
            assert_eq!(known.class_names.len(), 10);
            assert!(known.mirrors.len() >= 2 && known.mirrors.iter().all(|url| url.starts_with("https://")));
            for file in known.files {
                let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
                assert!(file.content.sha256.len() == 64 && file.content.sha256.bytes().all(is_digit), "{}", file.name);
            }
        }
    }
}
