//! NumPy's `.npy` files, as far as `numpy.save` writes them for the export: format version 1, little-endian numbers,
//! rows first. The format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

/// Magic string, version 1.0, and two bytes for the length of the header.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Why bytes are not an array of the expected type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NpyFault {
    /// They do not start as an `.npy` file of version 1 does, or end within the header.
    #[error("it is not an .npy file of version 1.0")]
    NotNpy,
    /// The header is not what `numpy.save` writes for an array with rows first.
    #[error("its header is not the one that numpy.save writes")]
    Header,
    /// Its numbers are of another type.
    #[error("its numbers are {found}, and should be {expected}")]
    Type {
        /// The type in the header, such as `<f4`.
        found: String,
        /// The type that is read.
        expected: &'static str,
    },
    /// The shape asks for another number of bytes than there are.
    #[error("its shape does not fit its length")]
    Length,
}

/// A number of an array.
pub(super) trait Number: Copy + Into<f64> {
    /// Its type in a header.
    const TYPE: &'static str;

    /// The numbers in little-endian bytes; a rest that is too short for one is left out.
    fn read(bytes: &[u8]) -> Vec<Self>;
}

macro_rules! number {
    ($number:ty, $name:literal) => {
        impl Number for $number {
            const TYPE: &'static str = $name;

            fn read(bytes: &[u8]) -> Vec<Self> {
                bytes.as_chunks().0.iter().map(|bytes| Self::from_le_bytes(*bytes)).collect()
            }
        }
    };
}

number!(i32, "<i4");
number!(f32, "<f4");
number!(f64, "<f8");

/// The shape of an array, and its values row by row.
///
/// # Errors
/// [`NpyFault`]. The length is checked before anything is allocated.
pub(super) fn read<T: Number>(bytes: &[u8]) -> Result<(Vec<usize>, Vec<T>), NpyFault> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyFault::NotNpy)?;
    let (length, rest) = rest.split_first_chunk().ok_or(NpyFault::NotNpy)?;
    let (header, values) = rest.split_at_checked(u16::from_le_bytes(*length).into()).ok_or(NpyFault::NotNpy)?;
    let (found, shape) = header_of(header).ok_or(NpyFault::Header)?;
    if found != T::TYPE {
        return Err(NpyFault::Type { found: found.to_owned(), expected: T::TYPE });
    }
    let expected = shape.iter().try_fold(size_of::<T>(), |size, length| size.checked_mul(*length));
    if expected != Some(values.len()) {
        return Err(NpyFault::Length);
    }
    Ok((shape, T::read(values)))
}

/// Type and shape of a header such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn header_of(header: &[u8]) -> Option<(&str, Vec<usize>)> {
    let header = str::from_utf8(header).ok()?.trim_end();
    let (descr, rest) = header.strip_prefix("{'descr': '")?.split_once('\'')?;
    let shape = rest.strip_prefix(", 'fortran_order': False, 'shape': (")?.strip_suffix("), }")?;
    let lengths = shape.split(',').map(str::trim).filter(|length| !length.is_empty());
    Some((descr, lengths.map(|length| length.parse().ok()).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An array as `numpy.save` writes it.
    fn npy(header: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{header:<117}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &length, header.as_bytes(), values].concat()
    }

    #[test]
    fn a_matrix_and_a_vector_are_read() {
        let values: Vec<u8> = [1.5_f32, -2.0].into_iter().flat_map(f32::to_le_bytes).collect();
        let matrix = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }", &values);
        assert_eq!(read::<f32>(&matrix).unwrap(), (vec![2, 1], vec![1.5, -2.0]));
        let vector = npy("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", &(-7_i32).to_le_bytes());
        assert_eq!(read::<i32>(&vector).unwrap(), (vec![1], vec![-7]));
    }

    #[test]
    fn what_is_no_such_array_is_refused() {
        let whole = npy("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", &[0; 4]);
        assert_eq!(read::<i32>(b"PK\x03\x04"), Err(NpyFault::NotNpy));
        assert_eq!(read::<i32>(whole.get(..40).unwrap()), Err(NpyFault::NotNpy));
        assert_eq!(read::<i32>(whole.get(..whole.len() - 1).unwrap()), Err(NpyFault::Length));
        assert_eq!(read::<f64>(&whole), Err(NpyFault::Type { found: "<i4".to_owned(), expected: "<f8" }));
        let by_columns = npy("{'descr': '<i4', 'fortran_order': True, 'shape': (1,), }", &[0; 4]);
        assert_eq!(read::<i32>(&by_columns), Err(NpyFault::Header));
        let huge = npy("{'descr': '<i4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", &[0; 4]);
        assert_eq!(read::<i32>(&huge), Err(NpyFault::Length));
    }
}
