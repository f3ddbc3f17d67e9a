-- The views: first the canonical columns of each kind of entry, as they are hashed; then the contract's, which anyone
-- may rely on.
--
-- `range` stands between a registration and its submission so that a look-up by submission finds its registrations by
-- their numbers, without an index that every insert would pay for. Dictionaries and words hang on by LEFT JOIN, so
-- that the planner neither begins with them nor reads them where their column isn't asked for.

CREATE VIEW entry_epoch AS SELECT id, at, number, ledger_uuid, prior_hash, actor, reason FROM epoch;
CREATE VIEW entry_submission AS SELECT s.id, s.at, s.uuid, c.text AS customer, s.file, s.judging, s.order_id,
  s.purchase_id, s.format, s.encoding, s.delimiter, s.sha256, s.bytes, s.outcome, s.rejection, s.rows
  FROM submission s LEFT JOIN customer c ON c.number = s.customer;
CREATE VIEW entry_delivery AS SELECT id, at, submission, kind, file, owner, modified_at FROM delivery;
CREATE VIEW entry_registration AS SELECT r.id, r.submission, r.line, m.text AS manufacturer, o.text AS model,
  r.serial_number, r.hardware_hash, r.order_id, r.purchase_id
  FROM registration r LEFT JOIN manufacturer m ON m.number = r.manufacturer LEFT JOIN model o ON o.number = r.model;
CREATE VIEW entry_call AS SELECT k.id, k.at, k.registrar, t.text AS target, k.request_id, k.correlation_id
  FROM call k LEFT JOIN target t ON t.number = k.target;
CREATE VIEW entry_attempt AS SELECT id, call, registration, number, generation FROM attempt;
CREATE VIEW entry_outcome AS SELECT id, at, attempt, outcome, error, holder, detail, request_id, tracking_id, answer
  FROM outcome;
CREATE VIEW entry_transition AS SELECT id, at, registration, from_state, to_state, error, cause, actor, attempt,
  detail, last_seen FROM transition;
CREATE VIEW entry_result AS SELECT id, at, submission, file, sha256, final FROM result;
CREATE VIEW entry_refusal AS SELECT f.id, f.at, c.text AS customer, f.file, f.reason
  FROM refusal f LEFT JOIN customer c ON c.number = f.customer;
CREATE VIEW entry_action AS SELECT id, at, actor, action, subject, reason FROM action;

CREATE VIEW audit_submissions AS SELECT
  s.shown AS submission_id, c.text AS customer, s.file, s.order_id, s.purchase_id, s.format, s.encoding, s.delimiter,
  CASE WHEN s.sha256 IS NOT NULL THEN lower(hex(s.sha256)) END AS sha256, s.bytes,
  strftime('%Y-%m-%dT%H:%M:%fZ', s.at / 1000.0, 'unixepoch') AS received_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', y.completed_at / 1000.0, 'unixepoch') AS completed_at,
  CASE s.outcome WHEN 1 THEN 'accepted' ELSE 'rejected' END AS outcome, s.rejection,
  y.rows, y.pending, y.ready, y.failed, y.already
FROM tally y JOIN submission s ON s.id = y.submission LEFT JOIN customer c ON c.number = s.customer;

CREATE VIEW audit_deliveries AS SELECT
  d.id AS seq, strftime('%Y-%m-%dT%H:%M:%fZ', d.at / 1000.0, 'unixepoch') AS at, s.shown AS submission_id, c.text AS customer, d.file,
  CASE WHEN s.sha256 IS NOT NULL THEN lower(hex(s.sha256)) END AS sha256, CASE d.kind WHEN 1 THEN 'new' WHEN 2 THEN 'again' ELSE 'moved' END AS kind, d.owner,
  strftime('%Y-%m-%dT%H:%M:%fZ', d.modified_at / 1000.0, 'unixepoch') AS modified_at
FROM delivery d JOIN submission s ON s.id = d.submission LEFT JOIN customer c ON c.number = s.customer;

-- Two parts: those that have a row in `present`, found by customer, state and error through its indexes; and those that
-- are pending and were never attempted, or are under way for the first time, which are few, or lie together: between the
-- first and the last row of what is pending.
-- o: the outcome that brought it where it is; t: the transition that did; l: for a transition, its attempt's outcome.
CREATE VIEW audit_registrations AS SELECT
  p.registration AS registration_id, s.shown AS submission_id, c.text AS customer, s.file, r.line,
  coalesce(r.order_id, s.order_id) AS order_id, coalesce(r.purchase_id, s.purchase_id) AS purchase_id,
  m.text AS manufacturer, n.text AS model, r.serial_number, r.hardware_hash,
  sw.word AS state,
  strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(o.at, t.at, s.at) / 1000.0, 'unixepoch') AS since,
  ew.word AS error,
  CASE WHEN p.error IS NULL THEN coalesce(o.detail, t.detail) ELSE nullif(trim(
    coalesce(e.text || CASE p.error WHEN 5 THEN coalesce(' ' || coalesce(o.request_id, l.request_id, k.request_id, CASE WHEN p.state = 2 THEN 'dd-' || a.id END), '') || '.' ELSE '' END, '')
    || coalesce(' ' || coalesce(o.detail, t.detail), '')
    || coalesce((SELECT ' It was registered on ' || date(coalesce(
        (SELECT ho.at FROM attempt ha JOIN outcome ho ON ho.attempt = ha.id
          WHERE ha.registration = h.id AND ho.outcome IN (1, 2) ORDER BY ho.id DESC LIMIT 1),
        (SELECT ht.at FROM transition ht WHERE ht.registration = h.id AND ht.to_state = 3 ORDER BY ht.id DESC LIMIT 1),
        hs.at) / 1000, 'unixepoch') || ' by line ' || h.line || ' of the file "' || hs.file || '".'
      FROM registration h JOIN submission hs ON hs.id = h.submission WHERE h.id = o.holder), '')), '') END AS error_details,
  coalesce(o.request_id, l.request_id, k.request_id, CASE WHEN p.state = 2 THEN 'dd-' || a.id END) AS request_id,
  (SELECT count(*) FROM attempt WHERE registration = r.id) AS attempts,
  coalesce(p.state = 2 AND y.superseded_by IS NOT NULL, 0) AS superseded
FROM present p
JOIN registration r ON r.id = p.registration
JOIN range x ON x.submission = r.submission AND r.id BETWEEN x.first AND x.last
JOIN tally y ON y.submission = x.submission
LEFT JOIN submission s ON s.id = x.submission
LEFT JOIN customer c ON c.number = p.customer
LEFT JOIN manufacturer m ON m.number = r.manufacturer
LEFT JOIN model n ON n.number = r.model
LEFT JOIN state_word sw ON sw.number = p.state
LEFT JOIN error_word ew ON ew.number = p.error
LEFT JOIN error_text e ON e.error = p.error
LEFT JOIN outcome o ON o.id = p.entry
LEFT JOIN transition t ON t.id = p.entry
LEFT JOIN attempt a ON a.id = coalesce(o.attempt, t.attempt)
LEFT JOIN outcome l ON l.attempt = t.attempt
LEFT JOIN call k ON k.id = a.call
UNION ALL SELECT
  r.id, s.shown, c.text, s.file, r.line,
  coalesce(r.order_id, s.order_id), coalesce(r.purchase_id, s.purchase_id),
  m.text, n.text, r.serial_number, r.hardware_hash,
  CAST('registration_pending' AS TEXT),
  strftime('%Y-%m-%dT%H:%M:%fZ', s.at / 1000.0, 'unixepoch'),
  CAST(NULL AS TEXT), NULL, NULL,
  (SELECT count(*) FROM attempt WHERE registration = r.id),
  0
FROM registration r
JOIN range x ON x.submission = r.submission AND r.id BETWEEN x.first AND x.last
JOIN submission s ON s.id = x.submission
JOIN tally y ON y.submission = x.submission
LEFT JOIN customer c ON c.number = s.customer
LEFT JOIN manufacturer m ON m.number = r.manufacturer
LEFT JOIN model n ON n.number = r.model
WHERE y.pending > 0 AND NOT EXISTS (SELECT 1 FROM present WHERE registration = r.id)
  AND r.id >= (SELECT min(v.first) FROM tally u CROSS JOIN range v ON v.submission = u.submission WHERE u.pending > 0)
  AND r.id <= (SELECT max(v.last) FROM tally u CROSS JOIN range v ON v.submission = u.submission WHERE u.pending > 0);

CREATE VIEW audit_attempts AS SELECT
  a.id AS attempt_id, a.registration AS registration_id, s.shown AS submission_id, c.text AS customer,
  r.serial_number, a.number, k.registrar, g.text AS target,
  strftime('%Y-%m-%dT%H:%M:%fZ', k.at / 1000.0, 'unixepoch') AS started_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', o.at / 1000.0, 'unixepoch') AS finished_at,
  ow.word AS outcome, ew.word AS error,
  CASE WHEN o.error IS NULL THEN o.detail ELSE nullif(trim(
    coalesce(e.text || CASE o.error WHEN 5 THEN coalesce(' ' || coalesce(o.request_id, k.request_id, 'dd-' || a.id), '') || '.' ELSE '' END, '')
    || coalesce(' ' || o.detail, '')
    || coalesce((SELECT ' It was registered on ' || date(coalesce(
        (SELECT ho.at FROM attempt ha JOIN outcome ho ON ho.attempt = ha.id
          WHERE ha.registration = h.id AND ho.outcome IN (1, 2) ORDER BY ho.id DESC LIMIT 1),
        (SELECT ht.at FROM transition ht WHERE ht.registration = h.id AND ht.to_state = 3 ORDER BY ht.id DESC LIMIT 1),
        hs.at) / 1000, 'unixepoch') || ' by line ' || h.line || ' of the file "' || hs.file || '".'
      FROM registration h JOIN submission hs ON hs.id = h.submission WHERE h.id = o.holder), '')), '') END AS error_details,
  coalesce(o.request_id, k.request_id, CASE WHEN o.outcome = 3 THEN 'dd-' || a.id END) AS request_id, k.correlation_id,
  coalesce(o.tracking_id, w.tracking_id) AS tracking_id, o.answer
FROM attempt a
JOIN registration r ON r.id = a.registration
JOIN range x ON x.submission = r.submission AND r.id BETWEEN x.first AND x.last
JOIN submission s ON s.id = x.submission
LEFT JOIN customer c ON c.number = s.customer
LEFT JOIN call k ON k.id = a.call
LEFT JOIN target g ON g.number = k.target
LEFT JOIN open_call w ON w.call = a.call
LEFT JOIN outcome o ON o.attempt = a.id
LEFT JOIN outcome_word ow ON ow.number = o.outcome
LEFT JOIN error_word ew ON ew.number = o.error
LEFT JOIN error_text e ON e.error = o.error;

-- A registration is its own first transition; an outcome that ends the trying is one too. The three parts have columns
-- of one affinity, or SQLite would put all of them together first, and sort them, before it picks any.
-- How likely it is that a registration stands in a run tells the planner that a submission has some ten rows, so that it
-- begins with the submissions where they are asked for by their time.
CREATE VIEW audit_transitions AS
SELECT
  r.id AS seq, strftime('%Y-%m-%dT%H:%M:%fZ', s.at / 1000.0, 'unixepoch') AS at, r.id AS registration_id, s.shown AS submission_id,
  c.text AS customer, s.file, r.line, r.serial_number, CAST(NULL AS TEXT) AS from_state,
  CAST('registration_pending' AS TEXT) AS to_state, CAST(NULL AS TEXT) AS error, CAST('received' AS TEXT) AS cause,
  CAST(NULL AS TEXT) AS actor, CAST(NULL AS INTEGER) AS attempt_id
FROM registration r
JOIN range x ON x.submission = r.submission AND likelihood(r.id >= x.first, 0.001) AND likelihood(r.id <= x.last, 0.001)
JOIN submission s ON s.id = x.submission
JOIN tally y ON y.submission = x.submission
LEFT JOIN customer c ON c.number = s.customer
UNION ALL SELECT
  o.id, strftime('%Y-%m-%dT%H:%M:%fZ', o.at / 1000.0, 'unixepoch'), r.id, s.shown,
  c.text, s.file, r.line, r.serial_number, CAST('registration_pending' AS TEXT),
  CAST(CASE o.outcome WHEN 3 THEN 'registration_failed' ELSE 'ready_for_user' END AS TEXT), ew.word,
  CAST('attempt' AS TEXT), CAST(NULL AS TEXT), o.attempt
FROM outcome o
JOIN attempt a ON a.id = o.attempt
JOIN registration r ON r.id = a.registration
JOIN range x ON x.submission = r.submission AND r.id BETWEEN x.first AND x.last
JOIN submission s ON s.id = x.submission
LEFT JOIN customer c ON c.number = s.customer
LEFT JOIN error_word ew ON ew.number = o.error
WHERE o.outcome IN (1, 2, 3)
UNION ALL SELECT
  t.id, strftime('%Y-%m-%dT%H:%M:%fZ', t.at / 1000.0, 'unixepoch'), r.id, s.shown,
  c.text, s.file, r.line, r.serial_number, fw.word, tw.word, ew.word, cw.word, t.actor, t.attempt
FROM transition t
JOIN registration r ON r.id = t.registration
JOIN range x ON x.submission = r.submission AND r.id BETWEEN x.first AND x.last
JOIN submission s ON s.id = x.submission
JOIN tally y ON y.submission = x.submission
LEFT JOIN customer c ON c.number = s.customer
LEFT JOIN state_word fw ON fw.number = t.from_state
LEFT JOIN state_word tw ON tw.number = t.to_state
LEFT JOIN error_word ew ON ew.number = t.error
LEFT JOIN cause_word cw ON cw.number = t.cause;

-- A row whose device another registration holds is no device of its own; nor is one that was given up.
CREATE VIEW audit_devices AS SELECT
  c.text AS customer, m.text AS manufacturer, n.text AS model, r.serial_number, sw.word AS state,
  strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(o.at, t.at, s.at) / 1000.0, 'unixepoch') AS since,
  strftime('%Y-%m-%dT%H:%M:%fZ', p.last_seen / 1000.0, 'unixepoch') AS last_seen,
  p.registration AS registration_id, coalesce(r.order_id, s.order_id) AS order_id,
  coalesce(r.purchase_id, s.purchase_id) AS purchase_id
FROM registration r
JOIN present p ON p.registration = r.id
JOIN submission s ON s.id = r.submission
LEFT JOIN customer c ON c.number = s.customer
LEFT JOIN manufacturer m ON m.number = r.manufacturer
LEFT JOIN model n ON n.number = r.model
LEFT JOIN state_word sw ON sw.number = p.state
LEFT JOIN outcome o ON o.id = p.entry
LEFT JOIN transition t ON t.id = p.entry
WHERE p.state IN (3, 4, 5) AND p.released IS NULL AND o.holder IS NULL;

CREATE VIEW audit_results AS SELECT
  f.id AS seq, strftime('%Y-%m-%dT%H:%M:%fZ', f.at / 1000.0, 'unixepoch') AS at, s.shown AS submission_id, c.text AS customer, f.file,
  lower(hex(f.sha256)) AS sha256, f.final
FROM result f JOIN submission s ON s.id = f.submission LEFT JOIN customer c ON c.number = s.customer;

CREATE VIEW audit_refusals AS SELECT
  f.id AS seq, strftime('%Y-%m-%dT%H:%M:%fZ', f.at / 1000.0, 'unixepoch') AS at, c.text AS customer, f.file, f.reason
FROM refusal f LEFT JOIN customer c ON c.number = f.customer;

CREATE VIEW audit_actions AS SELECT
  id AS seq, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, actor, action, subject, reason
FROM action;
