//! Commands whose arguments are read and that this version does not carry out. The list shrinks to nothing.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`navette {}` is not part of this version", self.words())]
pub enum Later {
    /// `daemon`
    Daemon,
}

impl Later {
    /// The words that call it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
        }
    }
}
