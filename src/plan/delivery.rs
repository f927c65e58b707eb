//! What came back from a far side, and what it means: delivered, refused for good, to be tried again, or in doubt.

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP status; over folders 202 for what was published.
    Status {
        /// The status.
        code: u16,
        /// The `application/problem+json` body, where there was one.
        problem: Option<Problem>,
        /// `Retry-After`.
        retry_after_s: Option<u64>,
    },
    /// Nothing left: no address, connection refused, TLS refused.
    NotSent {
        /// Why.
        why: String,
    },
    /// Broken after the first byte left, or a time-out: it may have arrived.
    Broken {
        /// Why.
        why: String,
    },
    /// A success whose body or digest is wrong.
    Unusable {
        /// Why.
        why: String,
    },
}

impl Answer {
    /// The name holds other bytes: what a far side answers over HTTP, and a folder by what lies in it.
    pub const TAKEN: Self = Self::Status { code: 409, problem: None, retry_after_s: None };
}

/// A problem (RFC 9457), by the end of its `type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// `/technique`.
    Technical {
        /// The far side's code.
        code: String,
        /// Its words.
        detail: String,
    },
    /// `/metier`: final whatever the status.
    Business {
        /// The far side's code.
        code: String,
        /// Its words.
        detail: String,
    },
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The far side has it.
    Delivered,
    /// Refused for good.
    Refused {
        /// The far side's code, or `HTTP_` and the status.
        code: String,
        /// Its words.
        detail: String,
        /// Whether the set-up is wrong (401, 403): an alert.
        set_up: bool,
    },
    /// It did not arrive, or was put off: the same may be sent again.
    TryAgain {
        /// After how many seconds, where the far side says so.
        after_s: Option<u64>,
    },
    /// It may have arrived: ask before it is sent again.
    InDoubt {
        /// Why.
        why: String,
    },
}

/// What an answer to a request that must not be repeated blindly means, a lot's PUT first of all.
pub fn judge(answer: &Answer) -> Outcome {
    match answer {
        Answer::Status { code, problem, retry_after_s } => of_status(*code, problem.as_ref(), *retry_after_s),
        Answer::NotSent { .. } => Outcome::TryAgain { after_s: None },
        Answer::Broken { why } | Answer::Unusable { why } => Outcome::InDoubt { why: why.clone() },
    }
}

/// What an answer to a request that may be repeated freely means: a question, or an order under its number.
pub fn judge_repeatable(answer: &Answer) -> Outcome {
    match judge(answer) {
        Outcome::InDoubt { .. } => Outcome::TryAgain { after_s: None },
        judged @ (Outcome::Delivered | Outcome::Refused { .. } | Outcome::TryAgain { .. }) => judged,
    }
}

fn of_status(status: u16, problem: Option<&Problem>, after_s: Option<u64>) -> Outcome {
    let refused = |code: String, detail: &str| {
        let set_up = matches!(status, 401 | 403);
        let code = if code.is_empty() { format!("HTTP_{status}") } else { code };
        Outcome::Refused { code, detail: detail.to_owned(), set_up }
    };
    match (status, problem) {
        // The family of systems answers 500 to an invalid file: the problem's type decides, not the status.
        (_, Some(Problem::Business { code, detail })) => refused(code.clone(), detail),
        (200..=299, _) => Outcome::Delivered,
        (408 | 425 | 429 | 500..=599, _) => Outcome::TryAgain { after_s },
        (_, Some(Problem::Technical { code, detail })) => refused(code.clone(), detail),
        (_, None) => refused(format!("HTTP_{status}"), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Outcome, Problem, judge, judge_repeatable};
    use rstest::rstest;

    fn technical() -> Option<Problem> {
        Some(Problem::Technical { code: "BASE".to_owned(), detail: "panne".to_owned() })
    }

    fn business() -> Option<Problem> {
        Some(Problem::Business { code: "ANNEE".to_owned(), detail: "autre année".to_owned() })
    }

    fn status(code: u16, problem: Option<Problem>) -> Answer {
        Answer::Status { code, problem, retry_after_s: Some(7) }
    }

    fn short(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::Refused { code, detail, set_up } => format!("refused {code} {detail} {set_up}"),
            Outcome::TryAgain { after_s } => format!("again {after_s:?}"),
            Outcome::InDoubt { why } => format!("doubt {why}"),
        }
    }

    #[rstest]
    #[case(200, None, "delivered")]
    #[case(202, None, "delivered")]
    #[case(299, None, "delivered")]
    #[case(202, technical(), "delivered")]
    #[case(400, None, "refused HTTP_400  false")]
    #[case(401, None, "refused HTTP_401  true")]
    #[case(403, technical(), "refused BASE panne true")]
    #[case(404, None, "refused HTTP_404  false")]
    #[case(413, None, "refused HTTP_413  false")]
    #[case(422, technical(), "refused BASE panne false")]
    #[case(409, None, "refused HTTP_409  false")]
    #[case(301, None, "refused HTTP_301  false")]
    #[case(410, None, "refused HTTP_410  false")]
    #[case(199, None, "refused HTTP_199  false")]
    #[case(408, None, "again Some(7)")]
    #[case(425, None, "again Some(7)")]
    #[case(429, technical(), "again Some(7)")]
    #[case(500, technical(), "again Some(7)")]
    #[case(503, None, "again Some(7)")]
    #[case(599, None, "again Some(7)")]
    #[case(600, None, "refused HTTP_600  false")]
    // Whatever the status, a business problem is final.
    #[case(500, business(), "refused ANNEE autre année false")]
    #[case(429, business(), "refused ANNEE autre année false")]
    #[case(200, business(), "refused ANNEE autre année false")]
    #[case(403, business(), "refused ANNEE autre année true")]
    fn statuses(#[case] code: u16, #[case] problem: Option<Problem>, #[case] expected: &str) {
        assert_eq!(short(&judge(&status(code, problem.clone()))), expected);
        assert_eq!(short(&judge_repeatable(&status(code, problem))), expected);
    }

    #[rstest]
    #[case(Answer::NotSent { why: "refusée".to_owned() }, "again None", "again None")]
    #[case(Answer::Broken { why: "coupée".to_owned() }, "doubt coupée", "again None")]
    #[case(Answer::Unusable { why: "empreinte".to_owned() }, "doubt empreinte", "again None")]
    fn no_answer(#[case] answer: Answer, #[case] lot: &str, #[case] repeatable: &str) {
        assert_eq!(short(&judge(&answer)), lot);
        assert_eq!(short(&judge_repeatable(&answer)), repeatable);
    }
}
