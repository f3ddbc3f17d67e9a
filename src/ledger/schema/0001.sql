-- The ledger, schema 1: record tables, whose rows never change, and beside them tables that say where everything
-- stands now.
--
-- Every entry of the record, of whatever kind, has one number of one sequence without gaps: its id. The columns of a
-- record table stand in the order in which they are hashed; what stands here as the number of a dictionary is hashed
-- as its text (see the views entry_*). The triggers, and the checks, are guard rails against mistakes; what shows a
-- change is the chain of blocks.
--
-- Foreign keys are declared for readers and for `foreign_key_check`; the writer doesn't enforce them, they would cost
-- half as much again as the insert itself.

-- Dictionaries of what repeats.
CREATE TABLE customer(number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE target(number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE manufacturer(number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE model(number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

-- Words for the numbers that stand in the tables, and the fixed English sentences; filled from devicedrop_core.
CREATE TABLE state_word(number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE error_word(number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE cause_word(number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE outcome_word(number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE error_text(error INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;

-- The chain: one block for each transaction that wrote entries.
CREATE TABLE block(
  number INTEGER PRIMARY KEY CHECK (number >= 1),
  first_entry INTEGER NOT NULL CHECK (first_entry >= 1),
  entries INTEGER NOT NULL CHECK (entries >= 1),
  at INTEGER NOT NULL,
  secret BLOB NOT NULL CHECK (length(secret) = 32),
  root BLOB NOT NULL CHECK (length(root) = 32),
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  -- The first two bytes of each leaf. They prove nothing; when the root shows that an entry was changed, they tell
  -- which, where all that is certain is in which block.
  marks BLOB NOT NULL CHECK (length(marks) = 2 * entries)
) STRICT;
CREATE TRIGGER block_follows BEFORE INSERT ON block
WHEN NEW.number <> coalesce((SELECT max(number) FROM block), 0) + 1
  OR NEW.first_entry <> coalesce((SELECT first_entry + entries FROM block ORDER BY number DESC LIMIT 1), 1)
BEGIN SELECT raise(ABORT, 'a block follows the one before it'); END;

CREATE TABLE epoch(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  number INTEGER NOT NULL UNIQUE CHECK (number >= 1),
  ledger_uuid BLOB NOT NULL CHECK (length(ledger_uuid) = 16),
  prior_hash BLOB CHECK (length(prior_hash) = 32),
  actor TEXT NOT NULL,
  reason TEXT
) STRICT;

CREATE TABLE submission(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  uuid BLOB NOT NULL CHECK (length(uuid) = 16),
  customer INTEGER NOT NULL REFERENCES customer,
  file TEXT NOT NULL,
  judging INTEGER NOT NULL CHECK (judging >= 1),
  order_id TEXT,
  purchase_id TEXT,
  format TEXT CHECK (format IN ('partner', 'self-service')),
  encoding TEXT,
  delimiter TEXT,
  sha256 BLOB CHECK (length(sha256) = 32),
  bytes INTEGER NOT NULL CHECK (bytes >= 0),
  outcome INTEGER NOT NULL CHECK (outcome IN (1, 2)),
  rejection TEXT,
  rows INTEGER NOT NULL CHECK (rows >= 0),
  -- In text, as the views show it, so that a look-up by it in any tool finds the index. Not hashed: uuid is.
  shown TEXT NOT NULL GENERATED ALWAYS AS (lower(substr(hex(uuid), 1, 8) || '-' || substr(hex(uuid), 9, 4) || '-'
    || substr(hex(uuid), 13, 4) || '-' || substr(hex(uuid), 17, 4) || '-' || substr(hex(uuid), 21))) VIRTUAL,
  CHECK ((outcome = 2) = (rejection IS NOT NULL)),
  CHECK (outcome = 2 OR sha256 IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX submission_shown ON submission(shown);
CREATE INDEX submission_file ON submission(customer, file);
-- In the words of the views, for questions about a span of time. A row's own outcome has such an index, too, at 33 bytes;
-- rows that were received are found by their submission.
CREATE INDEX submission_received ON submission(strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch'));

CREATE TABLE delivery(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  submission INTEGER NOT NULL REFERENCES submission,
  kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
  file TEXT NOT NULL,
  owner TEXT,
  modified_at INTEGER
) STRICT;
CREATE INDEX delivery_submission ON delivery(submission);
CREATE UNIQUE INDEX delivery_new ON delivery(submission) WHERE kind = 1;

CREATE TABLE registration(
  id INTEGER PRIMARY KEY,
  submission INTEGER NOT NULL REFERENCES submission,
  line INTEGER NOT NULL CHECK (line >= 1),
  manufacturer INTEGER REFERENCES manufacturer,
  model INTEGER REFERENCES model,
  serial_number TEXT,
  hardware_hash TEXT,
  order_id TEXT,
  purchase_id TEXT
) STRICT;
-- An index by serial number alone would make the load many times slower once it outgrows the cache: serial numbers
-- come in random order. In segments each insert stays among the newest pages, and a look-up visits each segment
-- (about eight microseconds). The row of statistics below is what makes any tool's planner do that.
CREATE INDEX registration_serial ON registration(id >> 18, serial_number);
-- Few files bring an order ID for each row; the others don't pay for this.
CREATE INDEX registration_order ON registration(order_id) WHERE order_id IS NOT NULL;

CREATE TABLE call(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  registrar TEXT NOT NULL,
  target INTEGER NOT NULL REFERENCES target,
  request_id TEXT,
  correlation_id TEXT
) STRICT;
-- The embedded registrar has no request IDs, and so doesn't pay for these; others take longer than any index.
CREATE INDEX call_request ON call(request_id) WHERE request_id IS NOT NULL;

CREATE TABLE attempt(
  id INTEGER PRIMARY KEY,
  call INTEGER NOT NULL REFERENCES call,
  registration INTEGER NOT NULL REFERENCES registration,
  number INTEGER NOT NULL CHECK (number >= 1),
  generation INTEGER NOT NULL CHECK (generation >= 1)
) STRICT;
CREATE INDEX attempt_registration ON attempt(registration);

CREATE TABLE outcome(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  attempt INTEGER NOT NULL REFERENCES attempt,
  outcome INTEGER NOT NULL CHECK (outcome BETWEEN 1 AND 6),
  error INTEGER,
  holder INTEGER REFERENCES registration,
  detail TEXT,
  request_id TEXT,
  tracking_id TEXT,
  answer TEXT,
  CHECK (CASE outcome
    WHEN 1 THEN error IS NULL
    WHEN 2 THEN error IS NOT NULL AND error = 3
    WHEN 3 THEN error IS NOT NULL AND error BETWEEN 1 AND 7 AND error <> 3
    WHEN 4 THEN error IS NULL OR error BETWEEN 1 AND 7
    ELSE error IS NULL END),
  CHECK (holder IS NULL OR outcome = 2)
) STRICT;
CREATE UNIQUE INDEX outcome_attempt ON outcome(attempt);
CREATE INDEX outcome_at ON outcome(strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch'));
CREATE INDEX outcome_request ON outcome(request_id) WHERE request_id IS NOT NULL;

CREATE TABLE transition(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  registration INTEGER NOT NULL REFERENCES registration,
  from_state INTEGER NOT NULL,
  to_state INTEGER NOT NULL,
  error INTEGER CHECK (error BETWEEN 1 AND 7),
  cause INTEGER NOT NULL,
  actor TEXT,
  attempt INTEGER REFERENCES attempt,
  detail TEXT,
  last_seen INTEGER,
  -- Digits: from, to, cause. What devicedrop_core::state::next allows, less what registrations and outcomes tell.
  CHECK (from_state BETWEEN 1 AND 5 AND to_state BETWEEN 1 AND 5 AND cause BETWEEN 1 AND 8
    AND 100 * from_state + 10 * to_state + cause IN (122, 128, 137, 215, 216, 344, 544, 454)),
  CHECK ((to_state = 2) = (error IS NOT NULL))
) STRICT;
CREATE INDEX transition_registration ON transition(registration);
CREATE INDEX transition_at ON transition(strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch'));

CREATE TABLE result(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  submission INTEGER NOT NULL REFERENCES submission,
  file TEXT NOT NULL,
  sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
  final INTEGER NOT NULL CHECK (final IN (0, 1))
) STRICT;
CREATE INDEX result_submission ON result(submission);
CREATE INDEX result_sha256 ON result(sha256);

CREATE TABLE refusal(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  customer INTEGER NOT NULL REFERENCES customer,
  file TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX refusal_once ON refusal(customer, file, reason);

CREATE TABLE action(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT,
  reason TEXT
) STRICT;

-- Where everything stands now. Each of these can be made anew out of the record, except for what says so.

-- A registration that isn't merely pending, never attempted and due at once. One without a row here is, or is under
-- way for the first time.
CREATE TABLE present(
  registration INTEGER PRIMARY KEY REFERENCES registration,
  customer INTEGER NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
  error INTEGER,
  entry INTEGER NOT NULL,              -- the one that brought it into this state
  attempts INTEGER NOT NULL,
  generation INTEGER NOT NULL DEFAULT 1,
  due INTEGER,                         -- of a pending one; none while it is under way. Not on record
  last_seen INTEGER,
  released INTEGER                     -- the action by which the device was given up
) STRICT;
CREATE INDEX present_due ON present(customer, due) WHERE due IS NOT NULL;
-- For whoever asks by customer and state, or by error: ten bytes a row, and next to nothing.
CREATE INDEX present_state ON present(customer, state);
CREATE INDEX present_error ON present(error) WHERE error IS NOT NULL;
CREATE INDEX present_active ON present(last_seen) WHERE state = 4;

-- The registrations of a submission: few runs of numbers in which no other submission's stand.
CREATE TABLE range(
  submission INTEGER NOT NULL REFERENCES submission,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (submission, first)
) STRICT, WITHOUT ROWID;

-- The first registration of a submission that was never attempted; none when there is no such one.
CREATE TABLE cursor(
  customer INTEGER NOT NULL,
  submission INTEGER NOT NULL REFERENCES submission,
  next INTEGER NOT NULL,
  PRIMARY KEY (customer, submission)
) STRICT, WITHOUT ROWID;

-- Submissions whose acceptance is complete.
CREATE TABLE tally(
  submission INTEGER PRIMARY KEY REFERENCES submission,
  customer INTEGER NOT NULL,
  path TEXT NOT NULL,                  -- where its file lies now, or lay last
  superseded_by INTEGER,
  rows INTEGER NOT NULL,
  pending INTEGER NOT NULL CHECK (pending >= 0),
  ready INTEGER NOT NULL CHECK (ready >= 0),
  failed INTEGER NOT NULL CHECK (failed >= 0),
  already INTEGER NOT NULL CHECK (already BETWEEN 0 AND ready),
  completed_at INTEGER,
  CHECK (rows = pending + ready + failed),
  CHECK (completed_at IS NULL OR pending = 0)
) STRICT;
CREATE INDEX tally_path ON tally(customer, path);
CREATE INDEX tally_pending ON tally(submission) WHERE pending > 0;

-- Acceptances that aren't complete: how far they are.
CREATE TABLE acceptance(submission INTEGER PRIMARY KEY, customer INTEGER NOT NULL, rows INTEGER NOT NULL,
  failed INTEGER NOT NULL) STRICT;

-- Calls whose attempts haven't all ended. The attempts of a call are the entries right behind it.
CREATE TABLE open_call(call INTEGER PRIMARY KEY, attempts INTEGER NOT NULL, open INTEGER NOT NULL CHECK (open >= 1), tracking_id TEXT) STRICT;

-- Files as they lay when they were taken. Not on record.
CREATE TABLE known_file(
  customer INTEGER NOT NULL,
  path TEXT NOT NULL,
  dev INTEGER NOT NULL,
  ino INTEGER NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL,
  born_ns INTEGER,
  submission INTEGER NOT NULL REFERENCES submission,
  PRIMARY KEY (customer, path)
) STRICT, WITHOUT ROWID;

-- What the daemon's parts note for themselves (0: for all customers): cursors, folders' identities, side files that
-- were used up, hashes of results written. Not on record.
CREATE TABLE note(
  customer INTEGER NOT NULL,
  topic TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (customer, topic, key)
) STRICT, WITHOUT ROWID;

-- Result files owed. Not on record.
CREATE TABLE owed(
  submission INTEGER PRIMARY KEY REFERENCES submission,
  since INTEGER NOT NULL,
  kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
  version INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  reason TEXT
) STRICT;

-- How the last run ended. Not on record.
CREATE TABLE run(only INTEGER PRIMARY KEY CHECK (only = 1), clean INTEGER NOT NULL CHECK (clean IN (0, 1))) STRICT;
INSERT INTO run VALUES (1, 1);
