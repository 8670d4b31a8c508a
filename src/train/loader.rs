//! Images on the GPU, as bytes: all of them where there is room, else those of a submission at a time.

use super::steps::Batches;
use crate::data::Images;
use crate::error::Error;
use crate::gpu::{Commands, Gpu, GpuError, Tensor, UploadBuffer};
use crate::kernels::gather::{Order, words_per_sample};
use crate::program::Memory;
use crate::program::lower::Samples;
use std::ops::{Range, RangeInclusive};

/// Buffers of a stream that are as large as each other: the tensor that the shader reads, and two to fill in turn.
const BUFFERS_OF_A_STREAM: u64 = 3;

/// Bytes that are uploaded together where all images stay on the GPU.
const UPLOAD_BYTES: usize = 4 << 20;

/// The image that stands at a position of an epoch.
pub type ImageAt<'o> = &'o dyn Fn(u32) -> u32;

/// A set of images for programs to gather batches from.
///
/// The shader sees a tensor of some images, [images, words of an image]. Either these are all, in the order in which they are stored,
/// or the tensor is filled anew for every submission, in the order in which its steps take them. What a step computes is the same, bit
/// for bit.
pub struct Loader<'a> {
    images: &'a Images,
    name: &'a str,
    tensor: Tensor,
    /// Filled by the host in turn, one while the GPU still copies from the other; none where all images are in the tensor.
    uploads: Option<[UploadBuffer; 2]>,
}

impl<'a> Loader<'a> {
    /// Makes room in the tensor `name`, and puts all images there if [`Gpu::data_memory`] allows it. Where it does not, so many images
    /// are loaded at a time as fit, within `at_once`.
    ///
    /// # Errors
    /// The GPU's memory for data, or a tensor, holds fewer images than the least of `at_once`, or there are no images, or more than 32
    /// bits count.
    pub fn new(
        gpu: &Gpu,
        memory: &mut Memory,
        name: &'a str,
        images: &'a Images,
        at_once: RangeInclusive<usize>,
    ) -> Result<Self, Error> {
        refuse_uncountable(name, images.len())?;
        let words = words_per_sample(images.shape().pixels());
        gpu.refuse_too_large(&format!("a batch of {name}"), 4 * (at_once.start() * words) as u64)?;
        let all = 4 * (images.len() * words) as u64;
        // What the system has no room for is streamed through half as much, where that holds enough.
        let within = |limit| room(images.len(), 4 * words as u64, limit, gpu.largest_tensor(), at_once.clone());
        let room = match within(gpu.data_memory())? {
            Room::All if gpu.refuse_without_room(name, 0, all).is_err() => within(all / 2).unwrap_or(Room::All),
            room => room,
        };
        let mut tensor = |images| memory.tensor_named(gpu, name, images, words);
        match room {
            Room::All => {
                let mut loader = Self { images, name, tensor: tensor(images.len())?, uploads: None };
                loader.load_all(gpu)?;
                Ok(loader)
            }
            Room::Part(count) => {
                let upload = || UploadBuffer::new(gpu, count * words);
                Ok(Self { images, name, tensor: tensor(count)?, uploads: Some([upload()?, upload()?]) })
            }
        }
    }

    fn load_all(&mut self, gpu: &Gpu) -> Result<(), GpuError> {
        let words = self.tensor.columns();
        let together = (UPLOAD_BYTES / (4 * words)).clamp(1, self.images.len());
        let mut uploads = [UploadBuffer::new(gpu, together * words)?, UploadBuffer::new(gpu, together * words)?];
        for first in (0..self.images.len()).step_by(together) {
            let end = self.images.len().min(first + together);
            let mut commands = Commands::new(gpu);
            let rows = (first..end).map(|image| self.images.image(image));
            uploads[0].copy_rows(gpu, &mut commands, &self.tensor, first, rows)?;
            gpu.run(commands)?;
            uploads.swap(0, 1);
        }
        // Before more is allocated, the upload buffers are to be free.
        gpu.finish()
    }

    /// What a graph needs to know of the tensor.
    pub fn samples(&self) -> Samples<'a> {
        Samples { name: self.name, count: self.capacity(), shape: self.images.shape() }
    }

    /// The order in which a program gathers from the tensor what an epoch takes shuffled.
    pub fn shuffled_order(&self) -> Order {
        // A stream is shuffled on its way.
        if self.is_streamed() { Order::Stored } else { Order::Shuffled }
    }

    /// Whether the images do not all fit, so that those of each submission are sent to the GPU.
    pub fn is_streamed(&self) -> bool {
        self.uploads.is_some()
    }

    /// Images that the tensor holds.
    pub fn capacity(&self) -> usize {
        self.tensor.rows()
    }

    /// All images in batches of at most `most` for what is no training, fewer where the tensor holds fewer, where a batch's widest matrix, of
    /// `widest` columns or of the images' values, would not fit into another, or where `multiply_adds` for each image would keep a GPU too busy.
    pub fn batches(&self, gpu: &Gpu, widest: usize, multiply_adds: usize, most: usize) -> Batches {
        let pixels = self.images.shape().pixels();
        let widest = widest.max(pixels);
        Batches::fitting(gpu, self.images.len(), pixels, widest, multiply_adds, most.min(self.capacity()))
    }

    /// The most batches of `batch_size` images, at most [`Self::capacity`] of them, that a submission may take.
    pub fn most_batches(&self, batch_size: usize) -> usize {
        if self.is_streamed() { self.capacity() / batch_size } else { self.capacity().div_ceil(batch_size) }
    }

    /// Records what brings the images at these positions of an epoch into the tensor, at most [`Self::capacity`]; returns the position
    /// of its first image. The epoch takes them in that order, or as they are stored.
    pub(super) fn load(
        &mut self,
        gpu: &Gpu,
        commands: &mut Commands,
        positions: Range<usize>,
        order: Option<ImageAt<'_>>,
    ) -> Result<usize, GpuError> {
        let Some(uploads) = &mut self.uploads else { return Ok(0) };
        let stored_at = |position: usize| order.map_or(position, |image_at| image_at(position as u32) as usize);
        let rows = positions.clone().map(|position| self.images.image(stored_at(position)));
        uploads[0].copy_rows(gpu, commands, &self.tensor, 0, rows)?;
        uploads.swap(0, 1);
        Ok(positions.start)
    }
}

/// Shaders and shuffles count images in 32 bits.
fn refuse_uncountable(name: &str, images: usize) -> Result<(), Error> {
    if (1..=u32::MAX as usize).contains(&images) {
        return Ok(());
    }
    Err(Error::Usage(format!("there are {images} {name}: give at least 1 and at most {}", u32::MAX)))
}

/// How many images are on the GPU together.
#[derive(Debug, PartialEq, Eq)]
enum Room {
    All,
    Part(usize),
}

/// Room for images of `image_bytes` bytes in `memory` bytes, of which a tensor takes at most `largest_tensor`.
fn room(
    images: usize,
    image_bytes: u64,
    memory: u64,
    largest_tensor: u64,
    at_once: RangeInclusive<usize>,
) -> Result<Room, Error> {
    let all = images as u64 * image_bytes;
    if all <= memory.min(largest_tensor) {
        return Ok(Room::All);
    }
    let (least, most) = at_once.into_inner();
    let fitting = (memory / BUFFERS_OF_A_STREAM).min(largest_tensor) / image_bytes;
    if fitting >= least as u64 {
        return Ok(Room::Part(most.min(usize::try_from(fitting).unwrap_or(most))));
    }
    let of_stream = BUFFERS_OF_A_STREAM * least as u64 * image_bytes;
    let needed = if all <= largest_tensor { of_stream.min(all) } else { of_stream };
    Err(Error::Usage(format!(
        "the GPU's memory for a data set is limited to {memory} bytes, but {least} of its images at a time take {needed}: \
         use --gpu-memory {needed}B or more, or a smaller --batch"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNBOUNDED: u64 = u64::MAX;

    #[test]
    fn images_stay_on_the_gpu_where_memory_and_a_tensor_hold_them_all() {
        assert_eq!(room(10, 100, 1000, 1000, 4..=8).unwrap(), Room::All);
        assert_eq!(room(10, 100, 999, 1000, 1..=8).unwrap(), Room::Part(3));
        assert_eq!(room(10, 100, UNBOUNDED, 999, 4..=8).unwrap(), Room::Part(8));
        assert_eq!(room(10, 100, UNBOUNDED, 500, 4..=8).unwrap(), Room::Part(5));
    }

    #[test]
    fn too_little_memory_is_refused_with_the_least_that_would_do() {
        let error = room(100, 784, 3 * 20 * 784 - 1, UNBOUNDED, 20..=40).unwrap_err();
        assert!(error.to_string().contains("--gpu-memory 47040B or more"), "{error}");
        assert_eq!(error.exit_code(), 2);
        // All of them may take less than a stream of them.
        let error = room(30, 784, 1, UNBOUNDED, 20..=40).unwrap_err();
        assert!(error.to_string().contains("--gpu-memory 23520B or more"), "{error}");
        // Unless they do not fit into one tensor.
        let error = room(30, 784, 1, 29 * 784, 20..=40).unwrap_err();
        assert!(error.to_string().contains("--gpu-memory 47040B or more"), "{error}");
    }

    #[test]
    fn no_images_and_more_than_32_bits_count_are_refused() {
        assert!(refuse_uncountable("training images", u32::MAX as usize).is_ok());
        for count in [0, 1 << 32] {
            let error = refuse_uncountable("training images", count).unwrap_err();
            assert!(error.to_string().starts_with(&format!("there are {count} training images")), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    proptest! {
        #[test]
        fn what_is_on_the_gpu_keeps_to_the_memory_and_the_least_named_is_enough(
            images in 1usize..10_000, image_bytes in 1u64..2000, memory in 0u64..20_000_000, largest_tensor in 1u64 << 20..1 << 24,
            least in 1usize..500, more in 0usize..500,
        ) {
            let room_in = |memory| room(images, image_bytes, memory, largest_tensor, least..=least + more);
            match room_in(memory) {
                Ok(Room::All) => prop_assert!(images as u64 * image_bytes <= memory.min(largest_tensor)),
                Ok(Room::Part(count)) => {
                    prop_assert!((least..=least + more).contains(&count));
                    prop_assert!(3 * count as u64 * image_bytes <= memory);
                    prop_assert!(count as u64 * image_bytes <= largest_tensor);
                }
                Err(error) => {
                    let message = error.to_string();
                    let named = message.split("--gpu-memory ").nth(1).and_then(|rest| rest.split('B').next());
                    let named: u64 = named.unwrap().parse().unwrap();
                    prop_assert!(named > memory);
                    prop_assert!(room_in(named).is_ok() && room_in(named - 1).is_err());
                }
            }
        }
    }
}
