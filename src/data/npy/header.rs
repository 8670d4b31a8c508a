//! The header of an NPY file: a Python dictionary of the element type, the order and the shape.
//!
//! `npyz` would allocate what a header says of its own length, multiply its sides unchecked, and take time exponential in the
//! depth of its brackets. So the bounds are tested here, and only the parsing is left to libraries.

use std::io::{self, Read};

use npyz::{Endianness, TypeChar, TypeStr};
use py_literal::Value;

use super::NpyError;
use crate::data::input::ContentError;

const MAGIC: &[u8] = b"\x93NUMPY";
/// What NumPy itself takes from untrusted files.
const LONGEST: usize = 10_000;
/// The header of a plain array has a dictionary and in it a tuple.
const DEEPEST: usize = 2;

/// What a file says of its array.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    pub element: ElementType,
    pub shape: Vec<u64>,
}

/// An element's type and how its bytes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    Unsigned { bytes: usize, is_big_endian: bool },
    Signed { bytes: usize, is_big_endian: bool },
    Float { bytes: usize, is_big_endian: bool },
    Bool,
}

impl ElementType {
    pub const BYTE: Self = Self::Unsigned { bytes: 1, is_big_endian: false };

    fn from_numpy(text: &str) -> Option<Self> {
        let kind: TypeStr = text.parse().ok()?;
        let is_big_endian = kind.endianness() == Endianness::Big && kind.size_field() > 1;
        Some(match (kind.type_char(), kind.size_field()) {
            (TypeChar::Bool, 1) => Self::Bool,
            (TypeChar::Uint, bytes @ (1 | 2 | 4 | 8)) => Self::Unsigned { bytes: bytes as usize, is_big_endian },
            (TypeChar::Int, bytes @ (1 | 2 | 4 | 8)) => Self::Signed { bytes: bytes as usize, is_big_endian },
            (TypeChar::Float, bytes @ (4 | 8)) => Self::Float { bytes: bytes as usize, is_big_endian },
            _ => return None,
        })
    }

    /// The bytes of an element.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Unsigned { bytes, .. } | Self::Signed { bytes, .. } | Self::Float { bytes, .. } => bytes,
            Self::Bool => 1,
        }
    }

    /// The number that an element of floats stands for.
    pub fn to_float(self, element: &[u8]) -> f64 {
        let is_big_endian = matches!(self, Self::Float { is_big_endian: true, .. });
        float(element, self.bytes(), is_big_endian)
    }

    /// The pixel that an element stands for: a whole number as it is, a float times 255, false and true as 0 and 255.
    ///
    /// What is no pixel is returned as text.
    pub fn to_byte(self, element: &[u8]) -> Result<u8, String> {
        match self {
            Self::Bool => Ok(if element == [0] { 0 } else { u8::MAX }),
            Self::Unsigned { is_big_endian, .. } => {
                let value = little_endian(element, is_big_endian, 0);
                let value = u64::from_le_bytes(value);
                u8::try_from(value).map_err(|_| value.to_string())
            }
            Self::Signed { is_big_endian, .. } => {
                let most_significant = if is_big_endian { element.first() } else { element.last() };
                let sign = if most_significant.is_some_and(|byte| *byte >= 0x80) { u8::MAX } else { 0 };
                let value = i64::from_le_bytes(little_endian(element, is_big_endian, sign));
                u8::try_from(value).map_err(|_| value.to_string())
            }
            Self::Float { bytes, is_big_endian } => {
                let value = float(element, bytes, is_big_endian);
                let scaled = (value * 255.0).round();
                // NaN is in no range.
                if (0.0..=255.0).contains(&scaled) { Ok(scaled as u8) } else { Err(value.to_string()) }
            }
        }
    }
}

/// The number that the 4 or 8 `bytes` of a float stand for.
fn float(element: &[u8], bytes: usize, is_big_endian: bool) -> f64 {
    let bits = u64::from_le_bytes(little_endian(element, is_big_endian, 0));
    if bytes == 4 { f64::from(f32::from_bits(bits as u32)) } else { f64::from_bits(bits) }
}

/// Eight bytes from the least to the most significant, those beyond the element's `filling`.
fn little_endian(element: &[u8], is_big_endian: bool, filling: u8) -> [u8; 8] {
    let mut bytes = [filling; 8];
    let places = bytes.iter_mut();
    if is_big_endian {
        places.zip(element.iter().rev()).for_each(|(place, byte)| *place = *byte);
    } else {
        places.zip(element).for_each(|(place, byte)| *place = *byte);
    }
    bytes
}

/// Reads a header to its end.
pub fn read(source: &mut impl Read) -> Result<Header, NpyError> {
    let mut magic = [0; 8];
    fill(source, &mut magic)?;
    let [start @ .., major, minor] = magic;
    if start != MAGIC {
        return Err(NpyError::Magic);
    }
    let length = match (major, minor) {
        (1, 0) => {
            let mut length = [0; 2];
            fill(source, &mut length)?;
            usize::from(u16::from_le_bytes(length))
        }
        (2 | 3, 0) => {
            let mut length = [0; 4];
            fill(source, &mut length)?;
            usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX)
        }
        _ => return Err(NpyError::Version { major, minor }),
    };
    if length > LONGEST {
        return Err(broken(format!("{length} bytes long, more than the {LONGEST} that NumPy takes")));
    }
    let mut text = vec![0; length];
    fill(source, &mut text)?;
    parse(&text)
}

fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<(), NpyError> {
    source.read_exact(buffer).map_err(|cause| match cause.kind() {
        io::ErrorKind::UnexpectedEof => NpyError::HeaderTruncated,
        _ => ContentError::from_reading(cause).into(),
    })
}

fn broken(problem: impl Into<String>) -> NpyError {
    NpyError::Header { problem: problem.into() }
}

fn parse(text: &[u8]) -> Result<Header, NpyError> {
    let no_dictionary = || broken("no dictionary of descr, fortran_order and shape");
    let text = std::str::from_utf8(text).map_err(|_| no_dictionary())?;
    let opened = text.matches(['(', '[', '{']).count();
    if opened > DEEPEST {
        // The fields of a structured array stand in further brackets.
        return Err(NpyError::ElementType { found: "several fields".to_owned() });
    }
    let Ok(Value::Dict(entries)) = text.trim_end_matches('\n').parse() else {
        return Err(no_dictionary());
    };
    let entry = |key: &str| entries.iter().find(|(name, _)| name.as_string().is_some_and(|name| name == key));
    let (Some((_, Value::String(descr))), Some((_, Value::Boolean(is_fortran))), Some((_, Value::Tuple(sides)))) =
        (entry("descr"), entry("fortran_order"), entry("shape"))
    else {
        return Err(no_dictionary());
    };
    let element =
        ElementType::from_numpy(descr).ok_or_else(|| NpyError::ElementType { found: format!("{descr:?}") })?;
    // A vector is both; what it has too few dimensions for is told later.
    if *is_fortran && sides.len() > 1 {
        return Err(NpyError::FortranOrder);
    }
    let shape: Option<Vec<u64>> =
        sides.iter().map(|side| side.as_integer().and_then(|side| side.to_string().parse().ok())).collect();
    Ok(Header { element, shape: shape.ok_or_else(|| broken("a shape with a side that cannot be"))? })
}
