-- Everything that navette knows. Instants end in _ms and count milliseconds since the epoch; flags are 0 or 1; lists of
-- small things are JSON texts. Tables marked PERSONAL are emptied by a purge; the others keep counts, digests and history.

-- One row per school and year: the feed's cursor, and what a school has one of.
CREATE TABLE school (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    feed_epoch INTEGER NOT NULL DEFAULT 1,
    feed_seq INTEGER NOT NULL DEFAULT 0,
    feed_last BLOB,
    feed_reread INTEGER NOT NULL DEFAULT 0 CHECK (feed_reread IN (0, 1)),
    feed_read_at_ms INTEGER,
    stop_kind TEXT CHECK (stop_kind IN ('hole', 'went_back')),
    stop_from INTEGER,
    stop_to INTEGER,
    first_calendar_at_ms INTEGER,
    carried_at_ms INTEGER,
    carried_began_at_ms INTEGER,
    PRIMARY KEY (uai, year)
) STRICT;

-- Who runs a school. The epoch rises with each taking, and every write of a run checks it.
CREATE TABLE lease (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    held INTEGER NOT NULL CHECK (held IN (0, 1)),
    host TEXT NOT NULL,
    process INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    heartbeat_at_ms INTEGER NOT NULL,
    PRIMARY KEY (uai, year)
) STRICT;

-- PERSONAL. Mirror of the feed's ELEVE and ELEVE_SORTI; `epoch` is the feed epoch in which the row was last seen.
CREATE TABLE pupil (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    id INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    ine TEXT,
    level TEXT NOT NULL,
    division TEXT NOT NULL,
    last_name TEXT NOT NULL,
    first_name TEXT NOT NULL,
    in_procedure INTEGER NOT NULL CHECK (in_procedure IN (0, 1)),
    present INTEGER NOT NULL CHECK (present IN (0, 1)),
    representatives TEXT NOT NULL,
    PRIMARY KEY (uai, year, id)
) STRICT;
CREATE INDEX pupil_elsewhere ON pupil (year, id);

-- PERSONAL. Accepted versions (R01, R16).
CREATE TABLE demand (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    pupil INTEGER NOT NULL,
    phase TEXT NOT NULL,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    level TEXT NOT NULL,
    representative INTEGER NOT NULL,
    validated_at_ms INTEGER NOT NULL,
    late INTEGER NOT NULL CHECK (late IN (0, 1)),
    choices TEXT NOT NULL,
    PRIMARY KEY (uai, year, pupil, phase, version),
    FOREIGN KEY (uai, year, pupil) REFERENCES pupil (uai, year, id)
) STRICT;

-- PERSONAL. The first acknowledgement of each pupil's provisional opinion (R05, R15).
CREATE TABLE acknowledgement (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    pupil INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    representative INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (uai, year, pupil),
    FOREIGN KEY (uai, year, pupil) REFERENCES pupil (uai, year, id)
) STRICT;

-- PERSONAL. The reply that stands (R15).
CREATE TABLE reply (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    pupil INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    representative INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    agrees INTEGER NOT NULL CHECK (agrees IN (0, 1)),
    accepted TEXT NOT NULL,
    PRIMARY KEY (uai, year, pupil),
    FOREIGN KEY (uai, year, pupil) REFERENCES pupil (uai, year, id)
) STRICT;

-- PERSONAL. The first VERROU of each pupil and phase (R12 compares its seq).
CREATE TABLE pupil_lock (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    pupil INTEGER NOT NULL,
    phase TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    order_number INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (uai, year, pupil, phase)
) STRICT;

-- PERSONAL. Events that broke a rule, as they came.
CREATE TABLE kept_event (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    raw TEXT NOT NULL,
    PRIMARY KEY (uai, year, epoch, seq)
) STRICT;

-- OUVERTURE events, with the guard's judgement of those that a person caused.
CREATE TABLE window_event (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    level TEXT NOT NULL,
    phase TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    read_at_ms INTEGER NOT NULL,
    is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)),
    order_number INTEGER,
    judged TEXT CHECK (judged IN ('opening', 'reopening', 'refused')),
    PRIMARY KEY (uai, year, seq)
) STRICT;

-- Calendars in force.
CREATE TABLE campaign (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    level TEXT NOT NULL,
    phase TEXT NOT NULL,
    opens_ms INTEGER NOT NULL,
    closes_ms INTEGER NOT NULL,
    reopens_ms INTEGER,
    ends_ms INTEGER,
    loaded_at_ms INTEGER NOT NULL,
    PRIMARY KEY (uai, year, level, phase)
) STRICT;

CREATE TABLE council (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    level TEXT NOT NULL,
    phase TEXT NOT NULL,
    division TEXT NOT NULL,
    starts_at_ms INTEGER NOT NULL,
    PRIMARY KEY (uai, year, level, phase, division),
    FOREIGN KEY (uai, year, level, phase) REFERENCES campaign (uai, year, level, phase)
) STRICT;

-- Orders to the téléservice: one counter a school and year. `payload` (PERSONAL) goes once the order is over.
CREATE TABLE far_order (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 99999),
    kind TEXT NOT NULL CHECK (kind IN ('window', 'responses')),
    level TEXT NOT NULL,
    phase TEXT NOT NULL,
    action TEXT CHECK (action IN ('open', 'close', 'reopen', 'end')),
    motive TEXT,
    by_hand INTEGER NOT NULL CHECK (by_hand IN (0, 1)),
    payload TEXT,
    state TEXT NOT NULL CHECK (state IN ('intended', 'sent', 'done', 'refused', 'lost')),
    answer_seq INTEGER,
    refused_code TEXT,
    given_at_ms INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    PRIMARY KEY (uai, year, number),
    CHECK ((kind = 'window') = (action IS NOT NULL AND motive IS NOT NULL))
) STRICT;

-- PERSONAL. Which version each response named, by the order that carried it (R17 is judged again on VERROU).
CREATE TABLE order_pupil (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    pupil INTEGER NOT NULL,
    phase TEXT NOT NULL,
    demand_version INTEGER,
    PRIMARY KEY (uai, year, number, pupil),
    FOREIGN KEY (uai, year, number) REFERENCES far_order (uai, year, number)
) STRICT;

-- Response files by Siècle's NUM_ENVOI. `bytes` (PERSONAL) is there while a file is held.
CREATE TABLE response_file (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('taken', 'held', 'refused')),
    level TEXT,
    phase TEXT,
    name TEXT,
    bytes BLOB,
    responses INTEGER NOT NULL,
    entry_complete_at_ms INTEGER,
    latest_entered_at_ms INTEGER,
    code TEXT,
    message TEXT,
    recorded_at_ms INTEGER NOT NULL,
    PRIMARY KEY (uai, year, number),
    CHECK ((state = 'held') = (bytes IS NOT NULL))
) STRICT;

-- PERSONAL. Pupils for whom a file answered, applied or not.
CREATE TABLE response_received (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    level TEXT NOT NULL,
    phase TEXT NOT NULL,
    pupil INTEGER NOT NULL,
    PRIMARY KEY (uai, year, level, phase, pupil)
) STRICT;

-- PERSONAL. The response that stands here, and how far it got at the téléservice. A new content begins anew;
-- `transferred` stays: the téléservice has a response of this pupil, this one or an older one.
CREATE TABLE response (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    level TEXT NOT NULL,
    phase TEXT NOT NULL,
    pupil INTEGER NOT NULL,
    demand_version INTEGER,
    entered_at_ms INTEGER NOT NULL,
    council TEXT NOT NULL,
    verdicts TEXT NOT NULL,
    file_number INTEGER NOT NULL,
    applied_at_ms INTEGER NOT NULL,
    order_number INTEGER,
    confirmed_at_ms INTEGER,
    refused_code TEXT,
    refused_at_ms INTEGER,
    transferred INTEGER NOT NULL DEFAULT 0 CHECK (transferred IN (0, 1)),
    PRIMARY KEY (uai, year, phase, pupil)
) STRICT;

-- The ledger. `bytes`, `versions` and `holds` are PERSONAL. A number stands for one content for ever.
CREATE TABLE lot (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 99999),
    level TEXT NOT NULL,
    phase TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    bytes BLOB,
    content BLOB NOT NULL,
    acknowledgements_content BLOB NOT NULL,
    cut_seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    cut_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('intended', 'sent', 'acknowledged', 'rejected', 'in_doubt', 'replaced', 'abandoned')),
    demands INTEGER NOT NULL,
    without_entry INTEGER NOT NULL,
    acknowledgements INTEGER NOT NULL,
    replies INTEGER NOT NULL,
    versions TEXT,
    holds TEXT,
    acknowledged_at_ms INTEGER,
    reason TEXT,
    changed_at_ms INTEGER NOT NULL,
    PRIMARY KEY (uai, year, number),
    UNIQUE (name),
    CHECK ((state = 'acknowledged') = (acknowledged_at_ms IS NOT NULL))
) STRICT;

-- PERSONAL. Plans that wait for an approval: at most one of each kind and campaign.
CREATE TABLE hold (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    level TEXT NOT NULL,
    phase TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('demands', 'responses')),
    digest BLOB NOT NULL,
    pupils TEXT NOT NULL,
    out_of INTEGER NOT NULL,
    held_at_ms INTEGER NOT NULL,
    approved_at_ms INTEGER,
    PRIMARY KEY (uai, year, level, phase, kind)
) STRICT;

-- PERSONAL. One row per code and subject. `seq` is that of the event that raised it; files and receipts have none.
CREATE TABLE anomaly (
    id INTEGER PRIMARY KEY,
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    detail TEXT NOT NULL,
    seq INTEGER,
    settled_at_ms INTEGER,
    settled_by TEXT,
    settled_reason TEXT,
    UNIQUE (uai, year, code, subject)
) STRICT;

-- One row per school and civil date: a night is ok at most once. `extra_…` is the run after a closing that the night had
-- not read yet; `carried_began_at_ms` of the school is when its latest run that ended ok began.
CREATE TABLE night (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    date TEXT NOT NULL,
    outcome TEXT CHECK (outcome IN ('ok', 'failed')),
    attempts INTEGER NOT NULL,
    last_attempt_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    caught_up INTEGER NOT NULL CHECK (caught_up IN (0, 1)),
    summary TEXT,
    extra_outcome TEXT CHECK (extra_outcome IN ('ok', 'failed')),
    extra_attempts INTEGER NOT NULL DEFAULT 0,
    extra_attempt_at_ms INTEGER,
    PRIMARY KEY (uai, year, date)
) STRICT;

-- What people and the guard did, for ever.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    uai TEXT,
    year INTEGER,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    who TEXT
) STRICT;

-- Secrets of this installation, made once.
CREATE TABLE secret (
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (name)
) STRICT;
