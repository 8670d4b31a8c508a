//! Fetching one file over HTTP: capped, timed, checked against its SHA-256 and put in its place whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::hexadecimal;

const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// For the largest file, 26 MB, this asks for 45 kB/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(600);

/// A file as it must arrive.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    pub bytes: u64,
    /// In lower-case hexadecimal.
    pub sha256: &'static str,
}

#[derive(Debug, Error)]
pub enum DownloadError {
    #[error("{0}")]
    Request(#[from] ureq::Error),
    #[error("the connection failed after {received} bytes: {cause}")]
    Connection { received: u64, cause: io::Error },
    #[error("the file ended after {received} of {expected} bytes")]
    Truncated { received: u64, expected: u64 },
    #[error("the file has more than the expected {expected} bytes")]
    TooLarge { expected: u64 },
    #[error("the file is not the expected one, for its SHA-256 is {found}")]
    Sha256 { found: String },
    /// The fault lies here, so that no other server would help.
    #[error("cannot {action}: {cause}")]
    Store { action: &'static str, path: PathBuf, cause: io::Error },
}

/// Fetches files, remembering connections.
pub struct Downloader {
    agent: ureq::Agent,
}

impl Downloader {
    /// Goes through the proxy that the environment names, if any.
    pub fn new() -> Self {
        Self::with_proxy(ureq::Proxy::try_from_env())
    }

    /// Goes through no proxy.
    #[cfg(test)]
    pub fn direct() -> Self {
        Self::with_proxy(None)
    }

    fn with_proxy(proxy: Option<ureq::Proxy>) -> Self {
        let config = ureq::Agent::config_builder()
            .proxy(proxy)
            .timeout_resolve(Some(RESOLVE_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .timeout_recv_body(Some(BODY_TIMEOUT))
            .build();
        Self { agent: config.new_agent() }
    }

    /// Fetches `url` to `destination`, whose folder is created when the server answers. Other processes may do the same
    /// at the same time: each writes to a file of its own and renames it when it is whole and checked.
    ///
    /// # Errors
    /// When the server does not send exactly the expected bytes, or they cannot be stored. No file is left behind then.
    pub fn fetch(&self, url: &str, expected: Expected, destination: &Path) -> Result<(), DownloadError> {
        // A redirection must not leave HTTPS.
        let https_only = url.starts_with("https://");
        let response = self.agent.get(url).config().https_only(https_only).build().call()?;
        let body = response.into_body();
        if body.content_length().is_some_and(|length| length > expected.bytes) {
            return Err(DownloadError::TooLarge { expected: expected.bytes });
        }

        let folder = destination.parent().unwrap_or(Path::new("."));
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |cause| DownloadError::Store { action, path, cause }
        };
        fs::create_dir_all(folder).map_err(failed("create the folder", folder))?;
        // Created and written by the standard library, so that an error does not name the temporary file.
        let mut file = tempfile::Builder::new()
            .make_in(folder, |path| File::create_new(path))
            .map_err(failed("create a file in the folder", folder))?;
        receive(body.into_reader(), expected, file.as_file_mut(), destination)?;
        file.as_file().sync_all().map_err(failed("store the file", destination))?;
        match file.persist(destination) {
            Ok(_) => {}
            // Where an open file cannot be replaced, another process has just put the same one there.
            Err(_) if has_length(destination, expected.bytes) => {}
            Err(error) => return Err(failed("move the file into place", destination)(error.error)),
        }
        sync_folder(folder);
        Ok(())
    }
}

/// Whether a file of this length is there.
pub fn has_length(path: &Path, bytes: u64) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == bytes)
}

/// Copies `body` into `file`, on its way to `destination`, until it ends or proves too long, then checks it.
fn receive(mut body: impl Read, expected: Expected, file: &mut File, destination: &Path) -> Result<(), DownloadError> {
    let mut hash = Sha256::new();
    let mut received = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(DownloadError::Connection { received, cause }),
        };
        let chunk = &buffer[..count];
        received += count as u64;
        if received > expected.bytes {
            return Err(DownloadError::TooLarge { expected: expected.bytes });
        }
        hash.update(chunk);
        file.write_all(chunk).map_err(|cause| DownloadError::Store {
            action: "write the file",
            path: destination.to_owned(),
            cause,
        })?;
    }
    if received < expected.bytes {
        return Err(DownloadError::Truncated { received, expected: expected.bytes });
    }
    let found = hexadecimal(&hash.finalize());
    if found != expected.sha256 {
        return Err(DownloadError::Sha256 { found });
    }
    Ok(())
}

/// Makes the renaming itself last through a power failure, where the system allows it; the file is whole either way.
fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        drop(synced);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::{Answer, Server};

    type IsExpected = fn(&DownloadError) -> bool;

    const CONTENT: &[u8] = b"the whole file";
    const EXPECTED: Expected = Expected {
        bytes: CONTENT.len() as u64,
        sha256: "820480309f460664c2771eedec77663260b7da322f7d11f8b2fff2691e778242",
    };

    /// Fetches from a server that always answers `answer`, and returns what lies in the folder afterwards.
    fn fetch(answer: Answer) -> (Result<(), DownloadError>, Vec<String>) {
        let server = Server::start(move |_| answer.clone());
        let folder = tempfile::tempdir().unwrap();
        let result = Downloader::direct().fetch(&server.url(), EXPECTED, &folder.path().join("file"));
        let files = fs::read_dir(folder.path()).unwrap().map(|entry| {
            let entry = entry.unwrap();
            format!("{}: {} bytes", entry.file_name().display(), entry.metadata().unwrap().len())
        });
        (result, files.collect())
    }

    #[test]
    fn a_good_file_arrives() {
        for length in [Some(CONTENT.len()), None] {
            let (result, files) = fetch(Answer { length, ..Answer::whole(CONTENT.to_vec()) });
            result.unwrap();
            assert_eq!(files, ["file: 14 bytes"]);
        }
    }

    #[test]
    fn whatever_else_arrives_is_an_error_and_leaves_nothing() {
        let altered = [&CONTENT[1..], b"?"].concat();
        let longer = [CONTENT, b"?"].concat();
        let cases: [(Answer, IsExpected); 6] = [
            (Answer::whole(altered), |error| matches!(error, DownloadError::Sha256 { .. })),
            (Answer::whole(CONTENT[1..].to_vec()), |error| {
                matches!(error, DownloadError::Truncated { received: 13, expected: 14 })
            }),
            (Answer { length: Some(CONTENT.len()), ..Answer::whole(CONTENT[..5].to_vec()) }, |error| {
                matches!(error, DownloadError::Connection { .. })
            }),
            (Answer::whole(longer.clone()), |error| matches!(error, DownloadError::TooLarge { expected: 14 })),
            (Answer { length: None, ..Answer::whole(longer) }, |error| {
                matches!(error, DownloadError::TooLarge { expected: 14 })
            }),
            (Answer::not_found(), |error| matches!(error, DownloadError::Request(ureq::Error::StatusCode(404)))),
        ];
        for (answer, is_expected) in cases {
            let (result, files) = fetch(answer);
            let error = result.unwrap_err();
            assert!(is_expected(&error), "{error:?}");
            assert!(files.is_empty(), "{files:?}");
        }
    }

    #[test]
    fn an_endless_body_is_cut_off() {
        let (result, files) = fetch(Answer { length: None, ..Answer::whole(vec![0; 1 << 24]) });
        assert!(matches!(result, Err(DownloadError::TooLarge { .. })));
        assert!(files.is_empty(), "{files:?}");
    }

    #[test]
    fn a_server_that_is_not_there_is_an_error() {
        let url = Server::start(|_| Answer::not_found()).url();
        let folder = tempfile::tempdir().unwrap();
        let error = Downloader::direct().fetch(&url, EXPECTED, &folder.path().join("file")).unwrap_err();
        assert!(matches!(error, DownloadError::Request(_)), "{error:?}");
    }

    #[test]
    fn a_folder_that_cannot_be_created_is_a_fault_of_this_side() {
        let server = Server::start(|_| Answer::whole(CONTENT.to_vec()));
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Downloader::direct().fetch(&server.url(), EXPECTED, &file.path().join("file")).unwrap_err();
        assert!(matches!(&error, DownloadError::Store { path, .. } if path == file.path()), "{error:?}");
    }
}
