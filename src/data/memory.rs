//! How much memory a data set may take: asked for before it is allocated, and never taken on a file's word alone.

use bytesize::ByteSize;
use thiserror::Error;

/// A data set larger than was allowed, or than the system can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each message describes its variant and fields")]
pub enum MemoryError {
    #[error(
        "its images need {} of memory, but --max-memory allows {}; use fewer or smaller images (as with --set \
         data.size=[64,64]), or allow more",
        written(*.needed), ByteSize::b(*.limit)
    )]
    OverLimit { needed: u128, limit: u64 },

    #[error("the system has no {} of memory left for its images; use fewer or smaller images", written(*.needed))]
    Exhausted { needed: u128 },
}

/// What is left of the memory that a data set may take.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: u64,
    used: u64,
}

impl MemoryBudget {
    pub fn new(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    /// The bytes that may still be taken.
    pub fn left(&self) -> u64 {
        self.limit - self.used
    }

    /// Takes `bytes` out of the budget.
    ///
    /// # Errors
    /// When less is left; nothing is taken then.
    pub fn take(&mut self, bytes: u128) -> Result<(), MemoryError> {
        let needed = u128::from(self.used) + bytes;
        match u64::try_from(needed).ok().filter(|needed| *needed <= self.limit) {
            Some(used) => self.used = used,
            None => return Err(MemoryError::OverLimit { needed, limit: self.limit }),
        }
        Ok(())
    }

    /// An empty vector with room for `bytes`, which are taken out of the budget.
    ///
    /// # Errors
    /// When less is left, or the system refuses.
    pub fn allocate(&mut self, bytes: u128) -> Result<Vec<u8>, MemoryError> {
        self.take(bytes)?;
        let exhausted = MemoryError::Exhausted { needed: bytes };
        let mut room = Vec::new();
        let count = usize::try_from(bytes).map_err(|_| exhausted)?;
        room.try_reserve_exact(count).map_err(|_| exhausted)?;
        Ok(room)
    }

    /// Gives back what was taken for something that is no longer there.
    pub fn give_back(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }
}

fn written(bytes: u128) -> ByteSize {
    ByteSize::b(u64::try_from(bytes).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone_until_it_is_given_back() {
        let mut budget = MemoryBudget::new(100);
        assert!(budget.allocate(60).unwrap().capacity() >= 60);
        assert_eq!(budget.take(41), Err(MemoryError::OverLimit { needed: 101, limit: 100 }));
        budget.take(40).unwrap();
        assert_eq!(budget.left(), 0);
        budget.give_back(60);
        assert_eq!(budget.left(), 60);
    }

    #[test]
    fn sizes_beyond_counting_are_refused() {
        let mut budget = MemoryBudget::new(u64::MAX);
        assert!(budget.take(u128::from(u64::MAX) + 1).is_err());
        assert!(matches!(budget.allocate(u128::from(u64::MAX)), Err(MemoryError::Exhausted { .. })));
    }

    #[test]
    fn the_message_tells_both_sizes_and_the_remedy() {
        let message = MemoryBudget::new(4 << 30).take(10 << 30).unwrap_err().to_string();
        assert!(
            message.starts_with("its images need 10.0 GiB of memory, but --max-memory allows 4.0 GiB"),
            "{message}"
        );
        assert!(message.contains("data.size"), "{message}");
    }
}
