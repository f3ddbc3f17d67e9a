# The same look-ups with the system's SQLite: name, tab, statement, line by line on standard input.
import sqlite3
import sys
import time

db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
questions = {}
for line in sys.stdin:
    name, sql = line.rstrip("\n").split("\t")
    questions.setdefault(name, []).append(sql)
print(f"    SQLite {sqlite3.sqlite_version} (the system's, by Python)")
for name, statements in questions.items():
    plan = " / ".join(row[3] for row in db.execute("EXPLAIN QUERY PLAN " + statements[0]).fetchall()[:2])
    times, found, began = [], 0, time.perf_counter()
    for sql in statements:
        start = time.perf_counter()
        found += len(db.execute(sql).fetchall())
        times.append(time.perf_counter() - start)
        if time.perf_counter() - began > 3:
            break
    times.sort()
    half, most = (times[len(times) * part // 100] * 1e6 for part in (50, 99))
    print(f"      {name}: p50 {half:.0f} us, p99 {most:.0f} us, {found} found by {len(times)}; {plan}")
