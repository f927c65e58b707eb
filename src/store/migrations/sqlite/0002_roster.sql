-- SIECLE's own exports as they were loaded last: looked at and never obeyed. A part that never came has no instant.
CREATE TABLE roster (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    exported_at_ms INTEGER,
    pupils_at_ms INTEGER,
    people_at_ms INTEGER,
    PRIMARY KEY (uai, year)
) STRICT;

-- PERSONAL. Pupils of 3e and 2de GT by the base élèves; `ines` are parted by spaces.
CREATE TABLE roster_pupil (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    id INTEGER NOT NULL,
    level TEXT NOT NULL,
    ines TEXT NOT NULL,
    mef TEXT,
    division TEXT,
    last_name TEXT NOT NULL,
    first_name TEXT NOT NULL,
    entered_on TEXT,
    left_on TEXT,
    PRIMARY KEY (uai, year, id)
) STRICT;

-- PERSONAL. Legal representatives by the base élèves.
CREATE TABLE roster_person (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    pupil INTEGER NOT NULL,
    last_name TEXT NOT NULL,
    first_name TEXT NOT NULL,
    PRIMARY KEY (uai, year, pupil, last_name, first_name)
) STRICT;

-- Formations of the school's nomenclature, by the ten digits that are compared (warning MEF).
CREATE TABLE roster_mef (
    uai TEXT NOT NULL,
    year INTEGER NOT NULL,
    code TEXT NOT NULL,
    class TEXT,
    closes TEXT,
    PRIMARY KEY (uai, year, code)
) STRICT;
