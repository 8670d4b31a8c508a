//! How a classifier did: a confusion matrix, the figures that follow from it, and its picture.

use std::collections::BTreeMap;
use std::path::Path;

use image::RgbImage;
use plotters::prelude::*;
use serde_json::{Value, json};

use super::{
    ReportError,
    canvas::{AXIS_COLOR, Canvas, DrawingError, line, picture, px, text},
    files::save_png,
    table::{Align, TextTable, thousands},
};

/// Numbers stand in the fields of a picture of at most so many classes.
const MOST_NUMBERED: usize = 16;
/// Classes are named beside a picture of at most so many of them.
const MOST_NAMED: usize = 40;
/// Longer names are cut off beside a picture.
const LONGEST_NAME: usize = 12;
/// Programs get the whole matrix of at most so many classes: of more it would be gigabytes of zeros.
const MOST_IN_JSON: usize = 1000;

/// How often images of each class were taken for each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// `[classes]`: images of each, images taken for it, and those that are both.
    classes: Vec<ClassCounts>,
    /// Of each true and predicted class that meet, by these.
    counts: BTreeMap<(u32, u32), u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ClassCounts {
    images: u64,
    predicted: u64,
    right: u64,
}

/// The figures of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassScore {
    /// Images of the class.
    pub images: u64,
    /// The share of the class among the images taken for it; 0 where none was.
    pub precision: f64,
    /// The share of its images that were taken for it; 0 where it has none.
    pub recall: f64,
    /// The harmonic mean of the two; 0 where both are.
    pub f1: f64,
}

impl Confusion {
    /// From the true and the predicted class of each image, each below `classes`.
    pub fn new(classes: usize, truth: &[u32], predicted: &[u32]) -> Self {
        let mut classes = vec![ClassCounts::default(); classes];
        let mut counts = BTreeMap::new();
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            *counts.entry((truth, predicted)).or_insert(0) += 1;
            classes[truth as usize].images += 1;
            classes[predicted as usize].predicted += 1;
            classes[truth as usize].right += u64::from(truth == predicted);
        }
        Self { classes, counts }
    }

    /// How many images there are.
    pub fn images(&self) -> u64 {
        self.classes.iter().map(|class| class.images).sum()
    }

    /// The matrix, `[true class, predicted class]`.
    fn rows(&self) -> impl Iterator<Item = Vec<u64>> {
        let classes = self.classes.len() as u32;
        let count = |place| self.counts.get(&place).copied().unwrap_or(0);
        (0..classes).map(move |truth| (0..classes).map(|predicted| count((truth, predicted))).collect())
    }

    /// The share of images whose class was found.
    pub fn accuracy(&self) -> f64 {
        share(self.classes.iter().map(|class| class.right).sum(), self.images())
    }

    /// The mean recall of the classes that have images, whichever were predicted.
    pub fn balanced_accuracy(&self) -> f64 {
        let with_images = self.classes.iter().filter(|class| class.images > 0);
        let recalls: Vec<f64> = with_images.map(|class| share(class.right, class.images)).collect();
        recalls.iter().sum::<f64>() / recalls.len().max(1) as f64
    }

    /// How well the images of a class are told from the others.
    pub fn class(&self, class: usize) -> ClassScore {
        let ClassCounts { images, predicted, right } = self.classes[class];
        ClassScore {
            images,
            precision: share(right, predicted),
            recall: share(right, images),
            // 2·p·r / (p + r), without its division of zeros.
            f1: share(2 * right, images + predicted),
        }
    }

    /// The means of precision, recall and F1 over the classes that have images or were predicted.
    pub fn macro_averages(&self) -> ClassScore {
        let is_there = |&class: &usize| self.classes[class].images + self.classes[class].predicted > 0;
        let scores: Vec<ClassScore> = (0..self.classes.len()).filter(is_there).map(|class| self.class(class)).collect();
        let mean = |value: fn(&ClassScore) -> f64| scores.iter().map(value).sum::<f64>() / scores.len().max(1) as f64;
        ClassScore {
            images: self.images(),
            precision: mean(|score| score.precision),
            recall: mean(|score| score.recall),
            f1: mean(|score| score.f1),
        }
    }

    /// A row for each class, and one for the macro averages.
    pub fn table(&self, names: &[String]) -> String {
        let mut table = TextTable::new([
            ("class", Align::Left),
            ("images", Align::Right),
            ("precision", Align::Right),
            ("recall", Align::Right),
            ("F1", Align::Right),
        ]);
        let mut row = |name: String, score: ClassScore| {
            let percent = |share: f64| format!("{:.2} %", 100.0 * share);
            let ClassScore { images, precision, recall, f1 } = score;
            table.push([name, thousands(images), percent(precision), percent(recall), percent(f1)]);
        };
        (0..self.classes.len()).for_each(|class| row(class_name(names, class), self.class(class)));
        row("macro average".to_owned(), self.macro_averages());
        table.to_string()
    }

    /// The matrix, a line for each true class and a column for each predicted one.
    pub fn matrix(&self, names: &[String]) -> String {
        let cell =
            |text: &str| text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect::<String>();
        let names: Vec<String> = (0..self.classes.len()).map(|class| cell(&class_name(names, class))).collect();
        let rows = names.iter().zip(self.rows()).map(|(name, counts)| {
            [name.clone()].into_iter().chain(counts.iter().map(u64::to_string)).collect::<Vec<_>>()
        });
        let rows: Vec<Vec<String>> = [["true \\ predicted".to_owned()].into_iter().chain(names.clone()).collect()]
            .into_iter()
            .chain(rows)
            .collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..=self.classes.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            cells.collect::<Vec<_>>().join("  ")
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// All figures, for programs; the matrix itself of at most 1,000 classes.
    pub fn json(&self, names: &[String]) -> Value {
        let score = |ClassScore { images, precision, recall, f1 }: ClassScore| json!({ "images": images, "precision": precision, "recall": recall, "f1": f1 });
        let class = |class: usize| {
            let mut figures = score(self.class(class));
            figures["name"] = class_name(names, class).into();
            figures
        };
        let matrix = (self.classes.len() <= MOST_IN_JSON).then(|| self.rows().collect::<Vec<_>>());
        json!({
            "accuracy": self.accuracy(),
            "macro": score(self.macro_averages()),
            "classes": (0..self.classes.len()).map(class).collect::<Vec<_>>(),
            "confusion": matrix,
        })
    }

    /// Draws the matrix and writes it as PNG to `path`: the darker a field, the larger its share of the true class.
    ///
    /// # Errors
    /// [`ReportError::Plot`] if it cannot be drawn, [`ReportError::Write`] if it cannot be written.
    pub fn save_picture(&self, path: &Path, title: &str, names: &[String]) -> Result<(), ReportError> {
        save_png(path, &self.draw(title, names)?)
    }

    fn draw(&self, title: &str, names: &[String]) -> Result<RgbImage, ReportError> {
        picture(title, &[], |area| self.draw_fields(names, area))
    }

    fn draw_fields(&self, names: &[String], area: &Canvas<'_>) -> Result<(), DrawingError> {
        let (width, height) = area.dim_in_pixel();
        let (left, bottom) = (px(170), px(66));
        let classes = self.classes.len();
        let room = (height as i32 - bottom).min(width as i32 - left);
        // Where there are more classes than pixels, several share one.
        let side = (room / classes.max(1) as i32).max(1);
        let whole = room.min(side * classes as i32);
        let at = |place: usize| (place as u64 * whole as u64 / classes as u64) as i32;
        for (&(truth, predicted), &count) in &self.counts {
            let [truth, predicted] = [truth, predicted].map(|class| class as usize);
            let part = share(count, self.classes[truth].images);
            let (x, y) = (left + at(predicted), at(truth));
            area.draw(&Rectangle::new([(x, y), (x + side, y + side)], shade(part).filled()))?;
            if classes <= MOST_NUMBERED {
                let style = text((side / px(3)).clamp(9, 17)).color(if part > 0.5 { &WHITE } else { &BLACK });
                centered(area, &count.to_string(), &style, (x + side / 2, y + side / 2))?;
            }
        }
        area.draw(&Rectangle::new([(left, 0), (left + whole, whole)], line(AXIS_COLOR, 1)))?;
        if classes <= MOST_NAMED {
            let style = text((side / px(2)).clamp(8, 16));
            for class in 0..classes {
                let name: String = class_name(names, class).chars().take(LONGEST_NAME).collect();
                let (name_width, name_height) = area.estimate_text_size(&name, &style)?;
                let y = at(class) + (side - name_height as i32) / 2;
                area.draw_text(&name, &style, (left - px(8) - name_width as i32, y))?;
                let x = left + at(class);
                if name_width as i32 <= side {
                    area.draw_text(&name, &style, (x + (side - name_width as i32) / 2, whole + px(6)))?;
                } else {
                    let turned = style.transform(FontTransform::Rotate90);
                    area.draw_text(&name, &turned, (x + (side + name_height as i32) / 2, whole + px(6)))?;
                }
            }
        }
        centered(area, "predicted class", &text(18), (left + whole / 2, height as i32 - px(12)))?;
        let turned = text(18).transform(FontTransform::Rotate270);
        area.draw_text("true class", &turned, (px(28), whole / 2 + px(40)))
    }
}

/// A text with its middle at a place.
fn centered(area: &Canvas<'_>, words: &str, style: &TextStyle<'_>, (x, y): (i32, i32)) -> Result<(), DrawingError> {
    let (width, height) = area.estimate_text_size(words, style)?;
    area.draw_text(words, style, (x - width as i32 / 2, y - height as i32 / 2))
}

/// From white to a dark blue; small shares can be told from none.
fn shade(part: f64) -> RGBColor {
    let depth = part.sqrt();
    let channel = |end: f64| (255.0 + (end - 255.0) * depth).round() as u8;
    RGBColor(channel(0.0), channel(68.0), channel(128.0))
}

fn class_name(names: &[String], class: usize) -> String {
    names.get(class).cloned().unwrap_or_else(|| class.to_string())
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use proptest::prelude::*;

    fn names() -> Vec<String> {
        ["cat", "dog", "eel"].map(str::to_owned).into()
    }

    /// Worked by hand: cat 2 of 3 right, dog 1 of 1, eel never found, and one eel taken for a dog.
    fn confusion() -> Confusion {
        Confusion::new(3, &[0, 0, 0, 1, 2], &[0, 0, 1, 1, 1])
    }

    #[test]
    fn figures_are_those_worked_by_hand() {
        let confusion = confusion();
        assert_eq!(confusion.accuracy(), 0.6);
        let cat = confusion.class(0);
        assert_eq!((cat.images, cat.precision, cat.recall, cat.f1), (3, 1.0, 2.0 / 3.0, 0.8));
        let dog = confusion.class(1);
        assert_eq!((dog.precision, dog.recall, dog.f1), (1.0 / 3.0, 1.0, 0.5));
        assert_eq!(confusion.class(2), ClassScore { images: 1, precision: 0.0, recall: 0.0, f1: 0.0 });
        let average = confusion.macro_averages();
        assert!((average.f1 - 1.3 / 3.0).abs() < 1e-12 && average.images == 5);
        assert!((confusion.balanced_accuracy() - (2.0 / 3.0 + 1.0) / 3.0).abs() < 1e-12);
        // A class without images is none that recall could be of, also where it was predicted.
        assert_eq!(Confusion::new(3, &[0, 0, 1, 1], &[0, 2, 1, 1]).balanced_accuracy(), 0.75);
        // A class that has neither images nor predictions is left out.
        assert_eq!(Confusion::new(4, &[0, 1], &[0, 1]).macro_averages().f1, 1.0);
    }

    #[test]
    fn the_matrix_and_the_table_have_a_line_for_each_class() {
        let matrix = confusion().matrix(&names());
        assert_eq!(matrix.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>(), ["cat", "2", "1", "0"]);
        let table = confusion().table(&names());
        assert!(table.contains("eel") && table.lines().last().unwrap().contains("macro average"), "{table}");
        assert_eq!(confusion().json(&names())["classes"][1]["name"], "dog");
    }

    #[test]
    fn a_picture_is_drawn_of_few_classes_and_of_many() {
        let few = confusion().draw("few", &names()).unwrap();
        let dark = |picture: &RgbImage| picture.pixels().filter(|pixel| pixel.0 == [0, 68, 128]).count();
        // The dogs, all of whom were found.
        assert!(dark(&few) > 10_000, "{}", dark(&few));
        let labels: Vec<u32> = (0..200).collect();
        let many = Confusion::new(200, &labels, &labels).draw("many", &[]).unwrap();
        assert!(dark(&many) > 200, "{}", dark(&many));
        // More than the picture has pixels, the last of them taken for the first.
        let labels: Vec<u32> = (0..9000).collect();
        let predicted: Vec<u32> = labels.iter().map(|&label| if label > 8000 { 0 } else { label }).collect();
        let more = Confusion::new(9000, &labels, &predicted);
        let picture = more.draw("more", &[]).unwrap();
        let blue = picture.pixels().filter(|Rgb([red, _, blue])| red.saturating_add(20) < *blue).count();
        assert!(blue > 300, "{blue}");
        assert!(more.json(&[])["confusion"].is_null() && more.json(&[])["classes"].as_array().unwrap().len() == 9000);
    }

    proptest! {
        #[test]
        fn shares_are_shares(pairs in prop::collection::vec((0u32..5, 0u32..5), 0..60)) {
            let (truth, predicted): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
            let confusion = Confusion::new(5, &truth, &predicted);
            prop_assert_eq!(confusion.images(), pairs.len() as u64);
            let average = confusion.macro_averages();
            for score in (0..5).map(|class| confusion.class(class)).chain([average]) {
                for share in [score.precision, score.recall, score.f1] {
                    prop_assert!((0.0..=1.0).contains(&share), "{score:?}");
                }
            }
        }
    }
}
