//! The bar of long work: on a terminal, and nowhere else. Log lines pass above it.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{
    io::{self, Write},
    sync::LazyLock,
};
use tracing_subscriber::fmt::MakeWriter;

/// All that is drawn on standard error; where that is no terminal indicatif draws nothing.
static DRAWN: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A bar for as many parts as will be told.
pub fn bar(noun: &'static str) -> ProgressBar {
    let bar = DRAWN.add(ProgressBar::no_length());
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(noun);
    bar
}

/// Standard error for log lines, with the bar out of their way.
#[derive(Clone, Copy, Debug)]
pub struct BesideBar;

impl Write for BesideBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        DRAWN.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for BesideBar {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}
