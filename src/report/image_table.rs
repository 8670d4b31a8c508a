//! Tables with a row for each image, as CSV.

use std::io;

/// The column of an image's place in its split.
pub const INDEX: &str = "index";
/// The column of the file that an image was read from.
pub const NAME: &str = "name";
/// The column of the name of an image's class.
pub const LABEL: &str = "label";

/// Which image each row is of.
#[derive(Clone, Copy)]
pub struct ImageColumns<'a> {
    /// Whether the first column, [`INDEX`], is each image's place in its split, from 0 on.
    pub is_indexed: bool,
    /// `[images]`: the next one, [`NAME`], the file that each was read from, if it has one of its own.
    pub names: Option<&'a [String]>,
    /// `[images]`: the next one, [`LABEL`], the name of its class, if there are classes.
    pub labels: Option<&'a [String]>,
}

impl ImageColumns<'_> {
    /// A table of these columns and others, whose names and rows these are.
    ///
    /// # Errors
    /// A row that has not as many fields as there are names.
    pub fn table<Row: IntoIterator<Item = String>>(
        self,
        others: impl IntoIterator<Item = String>,
        rows: impl IntoIterator<Item = Row>,
    ) -> io::Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let columns = [(self.is_indexed, INDEX), (self.names.is_some(), NAME), (self.labels.is_some(), LABEL)];
        let header = columns.into_iter().filter(|(is_there, _)| *is_there).map(|(_, column)| column.to_owned());
        writer.write_record(header.chain(others))?;
        for (image, row) in rows.into_iter().enumerate() {
            let index = self.is_indexed.then(|| image.to_string());
            let [name, label] =
                [self.names, self.labels].map(|texts| texts.and_then(|texts| texts.get(image)).cloned());
            writer.write_record(index.into_iter().chain(name).chain(label).chain(row))?;
        }
        writer.into_inner().map_err(|error| error.into_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_an_image_stands_first() {
        let [names, labels] = [["1.png", "2.png"], ["cat", "dog, big"]].map(|texts| texts.map(str::to_owned));
        let table = |is_indexed, names, labels| {
            let columns = ImageColumns { is_indexed, names, labels };
            let rows = ["0.5", "2"].map(|score| [score.to_owned()]);
            String::from_utf8(columns.table(["score".to_owned()], rows).unwrap()).unwrap()
        };
        let whole = table(true, Some(&names), Some(&labels));
        assert_eq!(whole, "index,name,label,score\n0,1.png,cat,0.5\n1,2.png,\"dog, big\",2\n");
        assert_eq!(table(false, None, Some(&labels)), "label,score\ncat,0.5\n\"dog, big\",2\n");
        assert_eq!(table(false, Some(&names), None), "name,score\n1.png,0.5\n2.png,2\n");
        assert_eq!(table(true, None, None), "index,score\n0,0.5\n1,2\n");
    }
}
