-- What makes SQLite's planner, ours and anyone's, look a serial number up segment by segment. ANALYZE would replace it
-- by what it finds, which on a young ledger is too little; so it is put back at each start.
ANALYZE sqlite_schema;
BEGIN IMMEDIATE;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES ('registration', 'registration_serial', '10000000 100000 1');
COMMIT;
-- Read anew by this connection.
ANALYZE sqlite_schema;
