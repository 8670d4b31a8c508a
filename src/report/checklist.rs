//! How far a list of things to do has come: a bar on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar on the standard error stream while that is a terminal. Dropping it clears the bar.
pub struct Checklist {
    bar: ProgressBar,
}

impl Checklist {
    /// An empty list.
    pub fn new() -> Self {
        Self::with_target(ProgressDrawTarget::stderr())
    }

    fn with_target(target: ProgressDrawTarget) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// `done` of `of` things are done; `next` is the one that follows.
    pub fn advance(&self, done: usize, of: usize, next: &str) {
        self.bar.set_length(of as u64);
        self.bar.set_message(next.to_owned());
        self.bar.set_position(done as u64);
    }

    /// Clears the bar.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

impl Default for Checklist {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_knows_what_is_done_and_what_comes_next() {
        let checklist = Checklist::with_target(ProgressDrawTarget::hidden());
        checklist.advance(3, 40, "gather");
        let bar = &checklist.bar;
        assert_eq!((bar.position(), bar.length(), bar.message()), (3, Some(40), "gather".to_owned()));
        checklist.finish();
    }
}
