//! Commands whose arguments are read and that this version does not carry out. The list shrinks to nothing.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`navette {}` is not part of this version", self.words())]
pub enum Later {
    /// `demo`
    Demo,
    /// `run`
    Run,
    /// `daemon`
    Daemon,
    /// `resync`
    Resync,
    /// `window`
    Window,
    /// `calendar`
    Calendar,
    /// `lots`
    Lots,
    /// `import`
    Import,
    /// `status`
    Status,
    /// `anomalies`
    Anomalies,
    /// `replay`
    Replay,
    /// `sandbox`
    Sandbox,
    /// `doctor`
    Doctor,
    /// `purge`
    Purge,
    /// `backup`
    Backup,
}

impl Later {
    /// The words that call it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Run => "run",
            Self::Daemon => "daemon",
            Self::Resync => "resync",
            Self::Window => "window",
            Self::Calendar => "calendar",
            Self::Lots => "lots",
            Self::Import => "import",
            Self::Status => "status",
            Self::Anomalies => "anomalies",
            Self::Replay => "replay",
            Self::Sandbox => "sandbox",
            Self::Doctor => "doctor",
            Self::Purge => "purge",
            Self::Backup => "backup",
        }
    }
}
