-- The nightly reports to the schools: one a school and night, committed with the night's end and handed over later. A row
-- whose attempt has begun and says nothing else was cut off in it: the same letter goes again, under the same Message-ID.
-- `subject`, `text` and `html` (PERSONAL: they tell pupils by reference) go once the letter is over.
CREATE TABLE outbox (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    date TEXT NOT NULL,
    message_id TEXT NOT NULL,
    subject TEXT,
    text TEXT,
    html TEXT,
    written_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'handed_over', 'given_up')),
    attempts INTEGER NOT NULL,
    next_attempt_at_ms INTEGER NOT NULL,
    fault TEXT,
    PRIMARY KEY (uai, year, date),
    UNIQUE (message_id),
    CHECK ((state = 'waiting') = (subject IS NOT NULL AND text IS NOT NULL AND html IS NOT NULL))
) STRICT;
