//! What every page has: a title, a site, the account that is signed in. Templates of one page stand beside its handler.

use askama::Template;

/// Which of the sandbox's sites a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// The families'.
    Teleservice,
    /// The councils'.
    Siecle,
    /// Neither.
    Sandbox,
}

impl Site {
    /// The name at its head.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Teleservice => "Téléservice Orientation",
            Self::Siecle => "Siècle Orientation",
            Self::Sandbox => "Bac à sable de navette",
        }
    }

    /// Its class in the style sheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Teleservice => "teleservice",
            Self::Siecle => "siecle",
            Self::Sandbox => "sandbox",
        }
    }

    /// Whether a link of the head leads to this very site.
    pub fn is(self, class: &str) -> bool {
        self.class() == class
    }
}

/// Head and foot of a page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Title.
    pub title: String,
    /// Site.
    pub site: Site,
    /// The instant, as people read it; none where it says nothing.
    pub now: Option<String>,
    /// Who is signed in.
    pub account: Option<String>,
    /// Whether the service of the account is there.
    pub active: bool,
    /// Whether the form just sent was not taken: its title says so first.
    pub faulty: bool,
}

impl Frame {
    /// The frame of a page at an instant, in words.
    pub fn new(site: Site, title: &str, now: &str) -> Self {
        Self { now: Some(now.to_owned()), site, ..Self::timeless(title) }
    }

    /// A frame that tells no time.
    pub fn timeless(title: &str) -> Self {
        let (active, faulty) = (false, false);
        Self { title: title.to_owned(), site: Site::Sandbox, now: None, account: None, active, faulty }
    }
}

/// The first page of a sandbox without tour.
#[derive(Template)]
#[template(path = "welcome.html", config = "src/askama.toml")]
pub struct Welcome {
    /// Frame.
    pub frame: Frame,
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html", config = "src/askama.toml")]
pub struct Message {
    /// Frame.
    pub frame: Frame,
    /// What it says.
    pub said: String,
}
