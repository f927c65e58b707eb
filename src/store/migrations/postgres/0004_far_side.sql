-- How the far sides of a school looked when a run last saw them, since when: alerts between two runs tell it.
CREATE TABLE far_side (
    uai TEXT NOT NULL,
    year BIGINT NOT NULL,
    reachable BIGINT NOT NULL CHECK (reachable IN (0, 1)),
    clock_skew_ms BIGINT,
    teleservice_refuses BIGINT NOT NULL CHECK (teleservice_refuses IN (0, 1)),
    siecle_refuses BIGINT NOT NULL CHECK (siecle_refuses IN (0, 1)),
    changed_at_ms BIGINT NOT NULL,
    PRIMARY KEY (uai, year)
);
