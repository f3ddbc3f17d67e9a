-- The registry, version 1. Everything but check-ins is only ever appended to: rows of a table are numbered from 1
-- without gaps, and the index over devices is in memory (see resident.rs). An index on disk over serial numbers,
-- which come in any order, would make each commit write as many pages as it has rows.

-- Which registry this is; its copies and backups are the same one.
CREATE TABLE registry (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    uuid       BLOB    NOT NULL CHECK (length(uuid) = 16),
    created_at INTEGER NOT NULL
) STRICT;

-- Names of manufacturers and models: few, and each stands at many devices.
CREATE TABLE name (
    id   INTEGER PRIMARY KEY,
    text TEXT    NOT NULL UNIQUE
) STRICT;

-- Where devices of the inventory came from.
CREATE TABLE source (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL,
    at   INTEGER NOT NULL
) STRICT;

CREATE TABLE customer (
    id  INTEGER PRIMARY KEY,
    key TEXT    NOT NULL UNIQUE
) STRICT;

-- Devices. One without a source isn't in the inventory: it is known because it was claimed while any device could be.
CREATE TABLE device (
    id            INTEGER PRIMARY KEY,
    manufacturer  INTEGER NOT NULL REFERENCES name (id),
    model         INTEGER NOT NULL REFERENCES name (id),
    serial_number TEXT    NOT NULL,
    source        INTEGER REFERENCES source (id)
) STRICT;

-- Who claimed which device when, and by which request. A claim holds until it is released.
CREATE TABLE claim (
    id       INTEGER PRIMARY KEY,
    device   INTEGER NOT NULL REFERENCES device (id),
    customer INTEGER NOT NULL REFERENCES customer (id),
    key      BLOB    NOT NULL CHECK (length(key) = 32),
    at       INTEGER NOT NULL
) STRICT;

CREATE TABLE release (
    claim INTEGER PRIMARY KEY REFERENCES claim (id),
    at    INTEGER NOT NULL,
    actor TEXT    NOT NULL
) STRICT;

-- The latest use of each device. `seq` rises with each one recorded; `claim` is the claim that held the device then.
CREATE TABLE check_in (
    device INTEGER PRIMARY KEY REFERENCES device (id),
    at     INTEGER NOT NULL,
    seq    INTEGER NOT NULL UNIQUE,
    claim  INTEGER REFERENCES claim (id)
) STRICT;
CREATE INDEX check_in_of_claim ON check_in (seq) WHERE claim IS NOT NULL;
