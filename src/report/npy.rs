//! Numbers as an array for NumPy.

use super::ReportError;
use super::files::write_atomically;
use npyz::WriterBuilder;
use std::io;
use std::path::Path;

/// The content of an NPY file of f32 of this shape; `values` come row by row, as many as the shape has.
///
/// # Errors
/// There are more or fewer values.
pub fn npy(shape: &[usize], values: impl IntoIterator<Item = f32>) -> io::Result<Vec<u8>> {
    let shape: Vec<u64> = shape.iter().map(|&size| size as u64).collect();
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
    writer.extend(values)?;
    writer.finish()?;
    Ok(bytes)
}

/// Writes such a file, which is then whole or as it was.
///
/// # Errors
/// The file cannot be written, or there are more or fewer values.
pub fn save_npy(path: &Path, shape: &[usize], values: impl IntoIterator<Item = f32>) -> Result<(), ReportError> {
    let bytes = npy(shape, values).map_err(|cause| ReportError::Write { path: path.to_owned(), cause })?;
    write_atomically(path, &bytes)
}
