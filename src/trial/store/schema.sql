-- The trial service's state, version 1. Times are milliseconds since 1970.
--
-- What is registered is a row of `registration` without `released_at`; rows are never deleted, so the table is the
-- journal too. That no device is registered twice is held by an index, not by code.

-- The key that access tokens are sealed with: they outlive a restart, and no other service's are taken.
CREATE TABLE service (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key BLOB    NOT NULL CHECK (length(key) = 32)
) STRICT;

CREATE TABLE inventory (
    manufacturer  TEXT NOT NULL,
    model         TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    hardware_hash TEXT,
    PRIMARY KEY (manufacturer, model, serial_number)
) STRICT, WITHOUT ROWID;

-- A list of devices at Partner Center. Names differ in more than case.
CREATE TABLE batch (
    id         INTEGER PRIMARY KEY,
    customer   TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    folded     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (customer, folded)
) STRICT;

-- An upload to Partner Center, or an import by Graph: accepted at once, done later.
CREATE TABLE job (
    id          INTEGER PRIMARY KEY,
    tracking    TEXT    NOT NULL UNIQUE,
    tenant      TEXT    NOT NULL,
    surface     TEXT    NOT NULL CHECK (surface IN ('partner-center', 'graph')),
    batch       INTEGER REFERENCES batch (id),
    request_id  TEXT    NOT NULL,
    accepted_at INTEGER NOT NULL,
    starts_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX job_of_batch ON job (batch);

-- A device of a job, in the order sent. `settled` turns 1 once its time has come.
CREATE TABLE item (
    id            INTEGER PRIMARY KEY,
    guid          TEXT    NOT NULL UNIQUE,
    job           INTEGER NOT NULL REFERENCES job (id),
    manufacturer  TEXT,
    model         TEXT,
    serial_number TEXT,
    product_key   TEXT,
    hardware_hash TEXT,
    group_tag     TEXT,
    import_id     TEXT,
    assigned_user TEXT,
    due_at        INTEGER NOT NULL,
    settled       INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
    error_code    INTEGER,
    error_name    TEXT,
    registration  INTEGER REFERENCES registration (id),
    deleted       INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))
) STRICT;
CREATE INDEX item_of_job ON item (job, id);
CREATE INDEX item_due ON item (due_at, id) WHERE settled = 0;

CREATE TABLE registration (
    id            INTEGER PRIMARY KEY,
    guid          TEXT    NOT NULL UNIQUE,
    at            INTEGER NOT NULL,
    tenant        TEXT    NOT NULL,
    identity      TEXT    NOT NULL,
    manufacturer  TEXT,
    model         TEXT,
    serial_number TEXT,
    product_key   TEXT,
    group_tag     TEXT,
    item          INTEGER NOT NULL REFERENCES item (id),
    released_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX registered_once ON registration (identity) WHERE released_at IS NULL;
CREATE INDEX registration_of_item ON registration (item);
CREATE INDEX registration_of_tenant ON registration (tenant, id) WHERE released_at IS NULL;

-- A device in somebody's hands, known from its first check-in on.
CREATE TABLE enrolment (
    id           INTEGER PRIMARY KEY,
    guid         TEXT    NOT NULL UNIQUE,
    registration INTEGER NOT NULL UNIQUE REFERENCES registration (id),
    enrolled_at  INTEGER NOT NULL,
    last_sync    INTEGER NOT NULL
) STRICT;

-- What was answered to a call that carried an MS-RequestId: the same call gets the same answer.
CREATE TABLE answered (
    call         TEXT    PRIMARY KEY,
    at           INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    location     TEXT,
    content_type TEXT,
    body         BLOB    NOT NULL
) STRICT;

CREATE TABLE refresh_token (
    token     TEXT    PRIMARY KEY,
    tenant    TEXT    NOT NULL,
    client    TEXT    NOT NULL,
    used      INTEGER NOT NULL DEFAULT 0 CHECK (used IN (0, 1))
) STRICT;

CREATE TABLE device_code (
    code       TEXT    PRIMARY KEY,
    user_code  TEXT    NOT NULL UNIQUE,
    tenant     TEXT    NOT NULL,
    client     TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    approved   INTEGER NOT NULL DEFAULT 0 CHECK (approved IN (0, 1)),
    redeemed   INTEGER NOT NULL DEFAULT 0 CHECK (redeemed IN (0, 1))
) STRICT;
