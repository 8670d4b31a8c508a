use std::path::PathBuf;

/// Why a report could not be made; each message is one plain line.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be created, written, or put in place.
    #[error("cannot write {}: {cause}", path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the operating system answered.
        cause: std::io::Error,
    },

    /// A file could not be opened or read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file that was to be read.
        path: PathBuf,
        /// What the operating system answered.
        cause: std::io::Error,
    },

    /// A file of a run directory does not hold what was written there.
    #[error("{} line {line} is damaged ({reason}): restore the file or train again", path.display())]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },

    /// A record could not be written as JSON.
    #[error("cannot write {} as JSON: {cause}", path.display())]
    Json {
        /// The file it was meant for.
        path: PathBuf,
        /// What the serializer answered.
        cause: serde_json::Error,
    },

    /// Images have a number of channels that a picture cannot show.
    #[error("images have {0} channels: a picture shows 1 (gray) or 3 (red, green, blue)")]
    Channels(usize),

    /// Sets of images that belong side by side hold different numbers of values.
    #[error("sets of images differ in size: the first holds {first} values, another {other}")]
    SetsDiffer {
        /// Values in the first set.
        first: usize,
        /// Values in the set that differs.
        other: usize,
    },

    /// A slice is not a whole number of images.
    #[error("{values} values are not a whole number of {height}×{width}×{channels} images")]
    PartialImage {
        /// Length of the slice.
        values: usize,
        /// Height of an image in pixels.
        height: usize,
        /// Width of an image in pixels.
        width: usize,
        /// Values per pixel.
        channels: usize,
    },

    /// There is nothing to show.
    #[error("there are no images to show")]
    NoImages,

    /// Not even one column of images fits into a picture.
    #[error("images of {height}×{width} pixels are too large for a grid of at most {limit}×{limit} pixels")]
    ImagesTooLarge {
        /// Height of an image in pixels.
        height: usize,
        /// Width of an image in pixels.
        width: usize,
        /// Largest side of a grid in pixels.
        limit: usize,
    },

    /// A picture could not be encoded as PNG.
    #[error("cannot encode {} as PNG: {cause}", path.display())]
    Png {
        /// The file it was meant for.
        path: PathBuf,
        /// What the encoder answered.
        cause: image::ImageError,
    },

    /// A plot could not be drawn.
    #[error("cannot draw the plot \"{title}\": {reason}")]
    Plot {
        /// The plot's title.
        title: String,
        /// What the drawing library answered.
        reason: String,
    },
}
