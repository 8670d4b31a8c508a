//! What every source of images becomes: 8-bit images of one shape, with or without labels.

use super::DataError;
use std::fmt;

/// The most values that one image may have, those of a 4096×4096 gray one.
pub const MAX_PIXELS: usize = 1 << 24;

/// The shape of one image. Displayed as `28×28×1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageShape {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Values in a pixel.
    pub channels: usize,
}

impl ImageShape {
    /// The number of values in one image: height × width × channels, or the largest number if that is beyond counting.
    pub const fn pixels(&self) -> usize {
        self.height.saturating_mul(self.width).saturating_mul(self.channels)
    }

    /// [height, width, channels]
    pub const fn dimensions(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, width, channels } = self;
        write!(f, "{height}×{width}×{channels}")
    }
}

/// Images of one shape, 8 bits a value, and one label and one name each where the source has such.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    shape: ImageShape,
    /// `[count, height, width, channels]`, row-major
    bytes: Vec<u8>,
    /// `[count]`
    labels: Option<Vec<u32>>,
    /// `[count]`
    names: Option<Vec<String>>,
    /// `[count]`: what each counts in a training's loss.
    pub(super) weights: Option<Vec<f32>>,
}

impl Images {
    /// Takes images as they lie in memory: `bytes` are `[count, height, width, channels]`, row-major; `labels` are
    /// `[count]`.
    ///
    /// # Errors
    /// When the shape is empty or too large to count, when `bytes` do not end with an image's last byte, or when there
    /// are not as many labels as images.
    pub fn new(shape: ImageShape, bytes: Vec<u8>, labels: Option<Vec<u32>>) -> Result<Self, DataError> {
        let pixels = shape.height.checked_mul(shape.width).and_then(|plane| plane.checked_mul(shape.channels));
        let pixels = pixels.filter(|pixels| *pixels > 0).ok_or(DataError::ImageShape { shape })?;
        if !bytes.len().is_multiple_of(pixels) {
            return Err(DataError::PartialImage { shape, bytes: bytes.len() });
        }
        let images = bytes.len() / pixels;
        match &labels {
            Some(labels) if labels.len() != images => Err(DataError::LabelCount { images, labels: labels.len() }),
            _ => Ok(Self { shape, bytes, labels, names: None, weights: None }),
        }
    }

    /// The same with a name for each image, `[count]`.
    ///
    /// # Errors
    /// There are not as many names as images.
    pub fn with_names(self, names: Vec<String>) -> Result<Self, DataError> {
        match names.len() == self.len() {
            true => Ok(Self { names: Some(names), ..self }),
            false => Err(DataError::NameCount { images: self.len(), names: names.len() }),
        }
    }

    /// The shape of each image.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.shape.pixels()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Image `index`, [height, width, channels].
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len), as a slice does.
    pub fn image(&self, index: usize) -> &[u8] {
        let pixels = self.shape.pixels();
        &self.bytes[index * pixels..][..pixels]
    }

    /// The first `count` images, or all if there are fewer.
    pub fn first(&self, count: usize) -> Self {
        self.select(&(0..count.min(self.len())).collect::<Vec<_>>())
    }

    /// The first `count` images, or all if there are fewer; those of the weight 0 behind all others.
    pub fn first_by_weight(&self, count: usize) -> Self {
        let mut places: Vec<usize> = (0..self.len()).collect();
        places.sort_by_key(|&place| self.weights.as_ref().is_some_and(|weights| weights[place] == 0.0));
        places.truncate(count);
        self.select(&places)
    }

    /// `count` images at equal distances from the first to the end, or all if there are fewer. Where images stand class by class,
    /// there are some of all.
    pub fn spread(&self, count: usize) -> Self {
        let count = count.min(self.len());
        self.select(&(0..count).map(|place| place * self.len() / count).collect::<Vec<_>>())
    }

    /// The images at these places, in their order, with their labels, names and weights.
    ///
    /// # Panics
    /// When a place is not below [`len`](Self::len), as a slice does.
    pub fn select(&self, places: &[usize]) -> Self {
        let mut bytes = Vec::with_capacity(places.len() * self.shape.pixels());
        places.iter().for_each(|&place| bytes.extend_from_slice(self.image(place)));
        let labels = self.labels.as_ref().map(|labels| places.iter().map(|&place| labels[place]).collect());
        let names = self.names.as_ref().map(|names| places.iter().map(|&place| names[place].clone()).collect());
        let weights = self.weights.as_ref().map(|weights| places.iter().map(|&place| weights[place]).collect());
        Self { shape: self.shape, bytes, labels, names, weights }
    }

    /// Divides the images by whether their index is in `chosen`, which is sorted and has none twice: the others, then those, which are not
    /// to train on and have no weights.
    pub(super) fn divide(mut self, chosen: &[usize]) -> (Self, Self) {
        let pixels = self.shape.pixels();
        let mut bytes = Vec::with_capacity(chosen.len() * pixels);
        let mut kept = 0;
        let mut next = chosen.iter().peekable();
        for index in 0..self.len() {
            let image = index * pixels..(index + 1) * pixels;
            if next.next_if_eq(&&index).is_some() {
                bytes.extend_from_slice(&self.bytes[image]);
            } else {
                self.bytes.copy_within(image, kept);
                kept += pixels;
            }
        }
        self.bytes.truncate(kept);
        self.bytes.shrink_to_fit();
        let [other_labels, labels] = divided(self.labels.take(), chosen);
        let [other_names, names] = divided(self.names.take(), chosen);
        let [weights, _] = divided(self.weights.take(), chosen);
        let chosen = Self { shape: self.shape, bytes, labels, names, weights: None };
        (Self { labels: other_labels, names: other_names, weights, ..self }, chosen)
    }

    /// All images, `[count, height, width, channels]`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The class of each image, `[count]`, if the source has classes. Classes are counted from 0.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// The file that each image was read from, `[count]`, if it has one of its own: below the folder that was asked for, with `/` between the
    /// parts.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }
}

/// Values by whether their index is in `chosen`, which is sorted: the others, then those.
fn divided<T>(values: Option<Vec<T>>, chosen: &[usize]) -> [Option<Vec<T>>; 2] {
    let Some(values) = values else { return [None, None] };
    let is_chosen = |index: &usize| chosen.binary_search(index).is_ok();
    let (chosen, others): (Vec<_>, Vec<_>) = values.into_iter().enumerate().partition(|(index, _)| is_chosen(index));
    [others, chosen].map(|part| Some(part.into_iter().map(|(_, value)| value).collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 2, width: 3, channels: 1 };

    #[test]
    fn images_are_cut_in_order() {
        let images = Images::new(SHAPE, (0..12).collect(), Some(vec![4, 5])).unwrap();
        assert_eq!((images.len(), images.is_empty()), (2, false));
        assert_eq!(images.image(1), [6, 7, 8, 9, 10, 11]);
        assert_eq!(images.labels(), Some([4, 5].as_slice()));
    }

    #[test]
    fn the_first_images_keep_their_labels() {
        let images = Images::new(SHAPE, (0..12).collect(), Some(vec![4, 5])).unwrap();
        assert_eq!(images.first(1), Images::new(SHAPE, (0..6).collect(), Some(vec![4])).unwrap());
        assert_eq!(images.first(9), images);
    }

    #[test]
    fn spread_images_are_of_all_parts() {
        let images = Images::new(SHAPE, (0..60).collect(), Some((0..10).collect())).unwrap();
        assert_eq!(images.spread(4).labels(), Some(&[0, 2, 5, 7][..]));
        assert_eq!(images.spread(4).image(3), images.image(7));
        assert_eq!(images.spread(99), images);
        assert!(images.spread(0).is_empty());
    }

    #[test]
    fn images_of_the_weight_0_come_last() {
        let mut images = Images::new(SHAPE, (0..30).collect(), Some((0..5).collect())).unwrap();
        assert_eq!(images.first_by_weight(2), images.first(2));
        images.weights = Some(vec![0.0, 0.5, 0.0, 2.0, 1.0]);
        assert_eq!(images.first_by_weight(4).labels(), Some(&[1, 3, 4, 0][..]));
        assert_eq!(images.first_by_weight(9).weights, Some(vec![0.5, 2.0, 1.0, 0.0, 0.0]));
    }

    #[test]
    fn selected_images_keep_their_labels_and_names() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let images = Images::new(SHAPE, (0..18).collect(), Some(vec![4, 5, 6])).unwrap();
        let images = images.with_names(names(&["a", "b", "c"])).unwrap();
        let bytes = (12..18).chain(0..6).collect();
        let expected = Images::new(SHAPE, bytes, Some(vec![6, 4])).unwrap().with_names(names(&["c", "a"])).unwrap();
        assert_eq!(images.select(&[2, 0]), expected);
        assert!(matches!(images.with_names(names(&["a"])), Err(DataError::NameCount { images: 3, names: 1 })));
    }

    #[test]
    fn lengths_that_do_not_fit_are_errors() {
        let partial = Images::new(SHAPE, vec![0; 13], None);
        assert!(matches!(partial, Err(DataError::PartialImage { bytes: 13, .. })));
        let labels = Images::new(SHAPE, vec![0; 12], Some(vec![0; 3]));
        assert!(matches!(labels, Err(DataError::LabelCount { images: 2, labels: 3 })));
    }

    #[test]
    fn shapes_without_pixels_or_beyond_counting_are_errors() {
        for shape in [ImageShape { width: 0, ..SHAPE }, ImageShape { height: usize::MAX, ..SHAPE }] {
            assert!(matches!(Images::new(shape, Vec::new(), None), Err(DataError::ImageShape { .. })));
        }
    }

    proptest! {
        #[test]
        fn images_are_divided_in_order_with_their_labels(is_chosen in prop::collection::vec(any::<bool>(), 0..20)) {
            let count = is_chosen.len();
            let image = |index: usize| [index as u8; 6];
            let join = |indices: &[usize]| {
                let labels = indices.iter().map(|index| 100 + *index as u32).collect();
                let bytes = indices.iter().flat_map(|index| image(*index)).collect();
                let names = indices.iter().map(|index| format!("{index}.png")).collect();
                Images::new(SHAPE, bytes, Some(labels)).unwrap().with_names(names).unwrap()
            };
            let (chosen, others): (Vec<usize>, Vec<usize>) = (0..count).partition(|index| is_chosen[*index]);
            let all: Vec<usize> = (0..count).collect();
            prop_assert_eq!(join(&all).divide(&chosen), (join(&others), join(&chosen)));
        }
    }
}
