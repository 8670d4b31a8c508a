//! Files as they are read: uncompressed on the way if they are gzip, and to their end but no further than they declare.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

use super::DataError;

const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];
/// The most bytes that one byte of deflate can stand for: 258 in each two bits.
const MAX_GZIP_RATIO: u64 = 1032;
/// Bytes handed on at a time.
const CHUNK: usize = 1 << 16;

/// A file that ends too early or too late, or cannot be read.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum ContentError {
    #[error(
        "is truncated: its header declares {declared} bytes of data, but it holds {}{found}; get the file again",
        if *.at_most { "at most " } else { "" }
    )]
    Truncated { declared: u128, found: u64, at_most: bool },

    #[error("is oversized: more follows the {declared} bytes of data that its header declares; get the file again")]
    Oversized { declared: u128 },

    #[error("cannot be decompressed: {cause}; get the file again")]
    Gzip { cause: io::Error },

    #[error("cannot be read: {cause}; check the disk that it is on")]
    Unreadable { cause: io::Error },
}

impl ContentError {
    /// Tells what the decoder refused from what the operating system could not read.
    pub fn from_reading(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                Self::Gzip { cause }
            }
            _ => Self::Unreadable { cause },
        }
    }
}

/// What is known of the number of bytes to come, before they are read.
#[derive(Clone, Copy)]
enum Length {
    Exactly(u64),
    AtMost(u64),
}

/// A file's content from its first byte on, compressed with gzip or not as its first bytes say.
pub struct Input<'a> {
    content: Box<dyn Read + 'a>,
    length: Length,
    read: u64,
}

impl Input<'static> {
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |action| move |cause| DataError::Io { action, path: path.to_owned(), cause };
        let file = File::open(path).map_err(failed("open the file"))?;
        let length = file.metadata().map_err(failed("learn the length of the file"))?.len();
        Self::new(BufReader::new(file), length).map_err(failed("read the file"))
    }
}

impl<'a> Input<'a> {
    /// What `file` gives, which has `length` bytes as it is stored.
    pub fn new(mut file: impl BufRead + 'a, length: u64) -> io::Result<Self> {
        let (content, length): (Box<dyn Read + 'a>, _) = if file.fill_buf()?.starts_with(&GZIP_MAGIC) {
            (Box::new(MultiGzDecoder::new(file)), Length::AtMost(length.saturating_mul(MAX_GZIP_RATIO)))
        } else {
            (Box::new(file), Length::Exactly(length))
        };
        Ok(Self { content, length, read: 0 })
    }

    /// The most bytes that the content can have.
    pub fn longest(&self) -> u64 {
        let (Length::Exactly(bytes) | Length::AtMost(bytes)) = self.length;
        bytes
    }

    /// Holds what a header declares to follow against the length of the file, before any memory is taken for it.
    pub fn check_length(&self, declared: u128) -> Result<(), ContentError> {
        let found = self.longest().saturating_sub(self.read);
        let at_most = matches!(self.length, Length::AtMost(_));
        if u128::from(found) < declared {
            Err(ContentError::Truncated { declared, found, at_most })
        } else if u128::from(found) > declared && !at_most {
            Err(ContentError::Oversized { declared })
        } else {
            Ok(())
        }
    }

    /// Reads the `declared` bytes that are left, each chunk but the last of 64 KiB, and checks that nothing follows them.
    pub fn read_rest<E: From<ContentError>>(
        mut self,
        declared: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut chunk = vec![0; CHUNK];
        let mut left = declared;
        while left > 0 {
            let wanted = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let (filled, ended) = self.fill(&mut chunk[..wanted]);
            left -= filled as u64;
            match ended {
                Err(cause) if cause.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(ContentError::from_reading(cause).into());
                }
                _ if filled < wanted => {
                    let found = declared - left;
                    return Err(ContentError::Truncated { declared: declared.into(), found, at_most: false }.into());
                }
                _ => take(&chunk[..wanted])?,
            }
        }
        // Asking for one byte more also makes gzip compare its checksum.
        let (more, ended) = self.fill(&mut chunk[..1]);
        ended.map_err(ContentError::from_reading)?;
        if more > 0 { Err(ContentError::Oversized { declared: declared.into() }.into()) } else { Ok(()) }
    }

    /// Reads until `buffer` is full or the content ends. Says how many bytes came, whatever stopped them.
    fn fill(&mut self, buffer: &mut [u8]) -> (usize, io::Result<()>) {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return (filled, Err(cause)),
            }
        }
        (filled, Ok(()))
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}
