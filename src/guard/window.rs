//! The fold of a campaign's `OUVERTURE` events: whether the service is open, by whose leave, and when it was closed.

use crate::domain::time::Timestamp;
use crate::guard::facts::{By, Judgement, OrderAction, WindowEvent};

/// How the service came to be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By a permitted opening.
    Opening,
    /// By a permitted reopening.
    Reopening,
    /// Behind the guard's back.
    Refused,
    /// By a person, and there was no calendar yet to judge it by.
    Unjudged,
}

impl How {
    /// Whether the guard permitted it.
    pub const fn permitted(self) -> bool {
        match self {
            Self::Opening | Self::Reopening => true,
            Self::Refused | Self::Unjudged => false,
        }
    }

    const fn of(event: &WindowEvent) -> Self {
        match (event.by, event.judged) {
            (By::Order { action: OrderAction::Open, .. }, _) | (By::Person, Some(Judgement::Opening)) => Self::Opening,
            (By::Order { action: OrderAction::Reopen, .. }, _) | (By::Person, Some(Judgement::Reopening)) => {
                Self::Reopening
            }
            // A téléservice that opens where we ordered it to close errs: close again.
            (By::Order { action: OrderAction::Close | OrderAction::End, .. }, _)
            | (By::Person, Some(Judgement::Refused)) => Self::Refused,
            (By::Person, None) => Self::Unjudged,
        }
    }
}

/// An opening that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSince {
    /// Since when.
    pub at: Timestamp,
    /// How it came about.
    pub how: How,
}

/// Where the window stands after its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Window {
    /// The opening that lasts, when it is open.
    pub opening: Option<OpenSince>,
    /// Whether it ever was open.
    pub ever_opened: bool,
    /// When the latest closing was.
    pub closed_at: Option<Timestamp>,
    /// At which `seq` the latest closing was.
    pub closed_seq: Option<u64>,
    /// A hand closed it, and none has opened it with permission since.
    pub hand_closed: bool,
    /// The latest permitted opening or reopening.
    pub permitted_opening_at: Option<Timestamp>,
}

impl Window {
    /// Folds events, which come by `seq`.
    pub fn fold(events: &[WindowEvent]) -> Self {
        events.iter().fold(Self::default(), Self::after)
    }

    /// The window after one more event. Saying what already is changes nothing.
    #[must_use]
    pub fn after(self, event: &WindowEvent) -> Self {
        let by_hand = match event.by {
            By::Order { by_hand, .. } => by_hand,
            By::Person => true,
        };
        if event.open {
            self.opened(event, by_hand)
        } else if self.opening.is_some() {
            Self {
                opening: None,
                closed_at: Some(event.at),
                closed_seq: Some(event.seq),
                hand_closed: self.hand_closed || by_hand,
                ..self
            }
        } else {
            self
        }
    }

    fn opened(self, event: &WindowEvent, by_hand: bool) -> Self {
        let how = How::of(event);
        if self.opening.is_some_and(|opening| opening.how.permitted()) {
            return self;
        }
        let permitted_at = how.permitted().then_some(event.at);
        Self {
            opening: Some(OpenSince { at: event.at, how }),
            ever_opened: true,
            hand_closed: self.hand_closed && !(by_hand && how.permitted()),
            permitted_opening_at: permitted_at.or(self.permitted_opening_at),
            ..self
        }
    }
}
