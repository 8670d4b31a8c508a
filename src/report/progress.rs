//! Progress of a training run: a moving bar on a terminal, plain lines everywhere.

use std::{
    fmt,
    io::{self, Write},
};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{metrics::EpochMetrics, table::thousands};

/// How much a command tells while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verbosity {
    /// Progress and results.
    #[default]
    Normal,
    /// Nothing but errors.
    Quiet,
}

/// Shows how far a training run is.
///
/// If the standard error stream is a terminal, a bar moves there. Each finished epoch is a plain line on the standard
/// output. Lines that cannot be written, because a reader such as `head` went away, are dropped: a run never fails for
/// its progress.
///
/// Dropping it clears the bar.
pub struct Progress {
    bar: ProgressBar,
    lines: Option<Box<dyn Write + Send>>,
    epochs: u32,
    steps_per_epoch: u64,
}

const BAR_TEMPLATE: &str = "{prefix} {wide_bar} step {human_pos}/{human_len}  {msg}  {time_left}";

impl Progress {
    /// Progress of a run of `epochs` epochs with `steps_per_epoch` steps each.
    pub fn new(verbosity: Verbosity, epochs: u32, steps_per_epoch: u64) -> Self {
        match verbosity {
            // Draws nothing either if the standard error stream is no terminal.
            Verbosity::Normal => {
                Self::with_outputs(epochs, steps_per_epoch, ProgressDrawTarget::stderr(), Some(Box::new(io::stdout())))
            }
            Verbosity::Quiet => Self::with_outputs(epochs, steps_per_epoch, ProgressDrawTarget::hidden(), None),
        }
    }

    /// Tells that so many steps were done before, by another process.
    pub fn begin_at(&self, steps_done: u64) {
        self.bar.set_position(steps_done);
        self.bar.reset_eta();
    }

    /// Moves the bar to `steps_done`, counted from the start of the run, and shows the latest loss and the speed.
    pub fn advance(&self, steps_done: u64, latest_loss: f64, images_per_second: f64) {
        let epoch = steps_done.div_ceil(self.steps_per_epoch.max(1)).clamp(1, u64::from(self.epochs.max(1)));
        self.bar.set_position(steps_done);
        self.bar.set_prefix(format!("epoch {}", counter(epoch, self.epochs)));
        self.bar.set_message(format!("loss {}  {:>7} images/s", loss(latest_loss), whole(images_per_second)));
    }

    /// Prints the line of a finished epoch above the bar.
    pub fn epoch_finished(&mut self, metrics: &EpochMetrics) {
        let Some(lines) = &mut self.lines else { return };
        let line = epoch_line(metrics, self.epochs);
        if self.bar.suspend(|| writeln!(lines, "{line}")).is_err() {
            self.lines = None;
        }
    }

    /// Ends the run and clears the bar; the lines stay.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }

    fn with_outputs(
        epochs: u32,
        steps_per_epoch: u64,
        target: ProgressDrawTarget,
        lines: Option<Box<dyn Write + Send>>,
    ) -> Self {
        let steps = u64::from(epochs).saturating_mul(steps_per_epoch);
        let style = ProgressStyle::with_template(BAR_TEMPLATE)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("time_left", time_left);
        let bar = ProgressBar::with_draw_target(Some(steps), target).with_style(style);
        Self { bar, lines, epochs, steps_per_epoch }
    }
}

/// `12s left`, or nothing before the first estimate.
fn time_left(state: &ProgressState, text: &mut dyn fmt::Write) {
    let eta = state.eta();
    if !eta.is_zero() {
        // A bar that cannot be drawn is no reason to stop.
        let _ = write!(text, "{:#} left", HumanDuration(eta));
    }
}

/// `epoch  3/10  train loss 0.1234  test BCE 0.1180  test SSE 13.20   2.1 s   28,400 images/s`
fn epoch_line(metrics: &EpochMetrics, epochs: u32) -> String {
    let stage = metrics.stage.as_ref().map(|layer| format!("  {layer}"));
    format!(
        "epoch {}{}  train loss {}  test BCE {}  test SSE {:.2}  {:>4.1} s  {:>7} images/s",
        counter(u64::from(metrics.epoch), epochs),
        stage.unwrap_or_default(),
        loss(metrics.train_loss),
        loss(metrics.test_bce),
        metrics.test_sse,
        metrics.seconds,
        whole(metrics.images_per_second),
    )
}

/// ` 3/10`: as wide at the first epoch as at the last.
fn counter(epoch: u64, epochs: u32) -> String {
    let width = epochs.to_string().len();
    format!("{epoch:>width$}/{epochs}")
}

/// Four decimals, or for a small loss four digits.
fn loss(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 { format!("{value:.3e}") } else { format!("{value:.4}") }
}

/// Rounded, with its thousands set apart; 0 for what is no number.
fn whole(value: f64) -> String {
    thousands(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    const METRICS: EpochMetrics = EpochMetrics {
        epoch: 3,
        stage: None,
        step: 705,
        train_loss: 0.12341,
        test_bce: 0.118,
        test_mse: 0.0168,
        test_sse: 13.2,
        seconds: 2.1,
        images_per_second: 28_400.4,
    };

    /// Records everything that is written to it, as a terminal of 100 columns and as a file.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl Screen {
        fn text(&self) -> String {
            self.0.lock().unwrap().clone()
        }

        fn target(&self) -> ProgressDrawTarget {
            ProgressDrawTarget::term_like_with_hz(Box::new(self.clone()), 255)
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            100
        }

        fn move_cursor_up(&self, _lines: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _lines: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _columns: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _columns: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, line: &str) -> io::Result<()> {
            writeln!(self.clone(), "{line}")
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            write!(self.clone(), "{text}")
        }

        fn clear_line(&self) -> io::Result<()> {
            write!(self.clone(), "<clear>")
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A reader that has gone away, and how often it was written to.
    struct BrokenPipe(Arc<Mutex<usize>>);

    impl Write for BrokenPipe {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            *self.0.lock().unwrap() += 1;
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_epoch_is_one_line() {
        assert_eq!(
            epoch_line(&METRICS, 10),
            "epoch  3/10  train loss 0.1234  test BCE 0.1180  test SSE 13.20   2.1 s   28,400 images/s"
        );
    }

    #[test]
    fn a_layer_that_is_pre_trained_is_named() {
        let line = epoch_line(&EpochMetrics { stage: Some("encoder.1".into()), ..METRICS }, 10);
        assert!(line.starts_with("epoch  3/10  encoder.1  train loss 0.1234"), "{line}");
    }

    #[test]
    fn small_and_broken_numbers_stay_readable() {
        assert_eq!(
            [0.0, 0.25, 0.000_123_456, f64::NAN, f64::INFINITY].map(loss),
            ["0.0000", "0.2500", "1.235e-4", "NaN", "inf"]
        );
        assert_eq!([0.0, 999.6, -1.0, f64::NAN].map(whole), ["0", "1,000", "0", "0"]);
    }

    #[test]
    fn the_bar_shows_epoch_step_loss_and_speed_and_goes_away_when_dropped() {
        let screen = Screen::default();
        let progress = Progress::with_outputs(10, 235, screen.target(), None);
        progress.bar.force_draw();
        assert!(!screen.text().contains("left"), "a time is told before the first step: {}", screen.text());
        std::thread::sleep(std::time::Duration::from_millis(20));
        progress.advance(705, 0.1234, 28_400.0);
        progress.bar.force_draw();
        let text = screen.text();
        for part in ["epoch  3/10", "step 705/2,350", "loss 0.1234", "28,400 images/s", "left"] {
            assert!(text.contains(part), "no '{part}' in: {text}");
        }
        drop(progress);
        assert!(screen.text().ends_with("<clear>"), "{}", screen.text());
    }

    #[test]
    fn the_epoch_changes_with_the_first_step_of_the_next() {
        let progress = Progress::with_outputs(2, 10, ProgressDrawTarget::hidden(), None);
        for (step, prefix) in
            [(0, "epoch 1/2"), (10, "epoch 1/2"), (11, "epoch 2/2"), (20, "epoch 2/2"), (99, "epoch 2/2")]
        {
            progress.advance(step, 0.5, 1.0);
            assert_eq!(progress.bar.prefix(), prefix, "after step {step}");
        }
    }

    #[test]
    fn a_line_is_written_on_a_cleared_row() {
        let screen = Screen::default();
        let mut progress = Progress::with_outputs(10, 235, screen.target(), Some(Box::new(screen.clone())));
        progress.advance(705, 0.1234, 28_400.0);
        progress.bar.force_draw();
        progress.epoch_finished(&METRICS);
        let text = screen.text();
        let (before, after) = text.split_once("epoch  3/10  train loss").unwrap();
        assert!(before.ends_with("<clear>"), "{text}");
        assert!(after.contains("images/s\n"), "{text}");
    }

    #[test]
    fn without_a_terminal_only_lines_are_written() {
        let screen = Screen::default();
        let target = ProgressDrawTarget::hidden();
        let mut progress = Progress::with_outputs(10, 235, target, Some(Box::new(screen.clone())));
        progress.advance(705, 0.1234, 28_400.0);
        progress.epoch_finished(&METRICS);
        progress.finish();
        assert_eq!(screen.text(), format!("{}\n", epoch_line(&METRICS, 10)));
    }

    #[test]
    fn a_broken_pipe_ends_the_lines_and_not_the_run() {
        let writes = Arc::default();
        let lines = Box::new(BrokenPipe(Arc::clone(&writes)));
        let mut progress = Progress::with_outputs(10, 235, ProgressDrawTarget::hidden(), Some(lines));
        for _ in 0..3 {
            progress.epoch_finished(&METRICS);
        }
        assert_eq!(*writes.lock().unwrap(), 1);
    }

    #[test]
    fn quiet_has_neither_bar_nor_lines() {
        let progress = Progress::new(Verbosity::Quiet, 10, 235);
        assert!(progress.bar.is_hidden() && progress.lines.is_none());
    }
}
