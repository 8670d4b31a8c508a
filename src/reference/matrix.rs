//! Matrices of f64 and the products of a dense layer, as a textbook writes them.

/// A row-major matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// How many rows it has.
    pub rows: usize,
    /// How many columns it has.
    pub columns: usize,
    /// Row by row, `rows × columns` of them.
    pub elements: Vec<f64>,
}

impl Matrix {
    /// `elements` holds `rows × columns` values, row by row.
    pub fn new(rows: usize, columns: usize, elements: Vec<f64>) -> Self {
        debug_assert_eq!(elements.len(), rows * columns);
        Self { rows, columns, elements }
    }

    /// The matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self::new(rows, columns, vec![0.0; rows * columns])
    }

    /// The matrix whose elements are `element(row, column)`.
    pub fn from_fn(rows: usize, columns: usize, mut element: impl FnMut(usize, usize) -> f64) -> Self {
        let elements = (0..rows * columns).map(|i| element(i / columns, i % columns)).collect();
        Self::new(rows, columns, elements)
    }

    /// The matrix that holds the same numbers as `elements` does in f32.
    pub fn from_f32(rows: usize, columns: usize, elements: &[f32]) -> Self {
        Self::new(rows, columns, elements.iter().copied().map(f64::from).collect())
    }

    /// The element at a place, both counted from 0.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.elements[row * self.columns + column]
    }

    /// [columns, rows]: rows and columns exchanged.
    pub fn transposed(&self) -> Self {
        Self::from_fn(self.columns, self.rows, |row, column| self.at(column, row))
    }

    /// self · other: [rows, inner] · [inner, columns].
    pub fn times(&self, other: &Self) -> Self {
        debug_assert_eq!(self.columns, other.rows);
        let mut product = Self::zeros(self.rows, other.columns);
        for row in 0..self.rows {
            for inner in 0..self.columns {
                let factor = self.at(row, inner);
                for column in 0..other.columns {
                    product.elements[row * other.columns + column] += factor * other.at(inner, column);
                }
            }
        }
        product
    }

    /// The sum of each column.
    pub fn column_sums(&self) -> Vec<f64> {
        (0..self.columns).map(|column| (0..self.rows).map(|row| self.at(row, column)).sum()).collect()
    }

    /// Each column times its factor.
    pub fn columns_times(&self, factors: &[f64]) -> Self {
        Self::from_fn(self.rows, self.columns, |row, column| self.at(row, column) * factors[column])
    }

    /// The same shape with `f` of each element.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self::new(self.rows, self.columns, self.elements.iter().map(|&x| f(x)).collect())
    }

    /// The same shape with `f` of each pair of elements of two matrices of that shape.
    pub fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        debug_assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        let pairs = self.elements.iter().zip(&other.elements);
        Self::new(self.rows, self.columns, pairs.map(|(&x, &y)| f(x, y)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_by_hand() {
        let a = Matrix::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let b = Matrix::new(3, 2, vec![7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
        assert_eq!(a.times(&b), Matrix::new(2, 2, vec![58.0, 64.0, 139.0, 154.0]));
        assert_eq!(a.column_sums(), [5.0, 7.0, 9.0]);
        assert_eq!(a.transposed().at(2, 1), 6.0);
    }
}
