#!/usr/bin/env python3
"""Reads a ledger with tools that others wrote, as a user who may only read it, while the daemon takes rows.

  read.py DEVICEDROP [--rows 100000]

The tools: the `sqlite3` shell, Python's sqlite3, DuckDB's SQLite scanner, Datasette. Each reads over and over while rows come
in, then after the daemon stopped in order, then after it was killed at work. It must never be refused, never see a
submission whose rows aren't all there, and never fewer rows than before; and the daemon must go on.

Needs root, to run daemon and readers as two users who share a group; a Python that others than root may run, with the packages duckdb, duckdb-ext-sqlite and
datasette; and the sqlite3 shell. Ends with 0 if all of that holds. `.ci/run` installs what it needs.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

OWNER, READER, GROUP = 47110, 47111, 47110  # nobody's: the kernel needs no names for them
QUESTION = ("SELECT count(*) AS files, coalesce(sum(s.rows), 0) AS told, (SELECT count(*) FROM audit_registrations) AS rows, "
            "coalesce(sum(s.rows <> s.pending + s.ready + s.failed), 0) AS odd FROM audit_submissions s")
PATIENCE = 120

# What a tool is asked to do runs in a process of its own, as the reader.
PYTHON = """
import json, sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(json.dumps(db.execute(sys.argv[2]).fetchone()))
try:
    db.execute("DELETE FROM action")
except sqlite3.OperationalError:
    pass
else:
    raise SystemExit("it may write")
"""
DUCKDB = """
import duckdb, duckdb_ext, glob, json, os, sys
folder = list(duckdb_ext.__path__)[0]
db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
db.execute("LOAD '%s'" % glob.glob(folder + "/extensions/*/*/sqlite_scanner.duckdb_extension")[0])
db.execute("ATTACH '%s' AS ledger (TYPE sqlite, READ_ONLY)" % sys.argv[1])
# Asked so, SQLite answers; views that DuckDB finds by itself it reads as if they were its own SQL.
answer, = db.execute("SELECT * FROM sqlite_query('ledger', ?)", [sys.argv[2]]).fetchall()
print(json.dumps([int(cell) for cell in answer]))
"""


class Wrong(Exception):
    pass


def as_reader(words):
    """What a program prints that the reader runs."""
    told = subprocess.run(words, capture_output=True, text=True, user=READER, group=GROUP, extra_groups=[],
                          timeout=PATIENCE, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, cwd="/")
    if told.returncode:
        raise Wrong(f"{words[0]} {words[1][:12]}: {told.stdout}{told.stderr}")
    return told.stdout


def shell(ledger):
    return [int(cell) for cell in as_reader(["sqlite3", "-readonly", str(ledger), QUESTION]).strip().split("|")]


def python(ledger):
    return json.loads(as_reader([sys.executable, "-c", PYTHON, str(ledger), QUESTION]))


def duckdb(ledger):
    return json.loads(as_reader([sys.executable, "-c", DUCKDB, str(ledger), QUESTION]))


class Datasette:
    """A Datasette that serves the ledger, as the reader."""

    def __init__(self, ledger):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = [sys.executable, "-m", "datasette", "serve", str(ledger), "--port", str(self.port),
                 "--setting", "sql_time_limit_ms", "60000"]
        self.log = tempfile.TemporaryFile()
        self.served = subprocess.Popen(words, stdout=self.log, stderr=self.log, user=READER, group=GROUP, extra_groups=[],
                                       env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, cwd="/")

    def __call__(self, _ledger):
        url = f"http://127.0.0.1:{self.port}/ledger.json?_shape=arrays&sql=" + urllib.parse.quote(QUESTION)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                    return json.load(answer)["rows"][0]
            except urllib.error.HTTPError as error:
                raise Wrong(f"datasette: {error.read().decode()}") from error
            except OSError as error:
                if time.monotonic() > until or self.served.poll() is not None:
                    self.log.seek(0)
                    raise Wrong(f"datasette can't be reached: {self.log.read().decode()}") from error
                time.sleep(0.1)

    def stop(self):
        self.served.terminate()
        self.served.wait(PATIENCE)


class Place:
    """A folder with a configuration, and the daemon in it."""

    def __init__(self, folder, binary):
        self.folder, self.binary = folder, folder / "devicedrop"
        shutil.copy(binary, self.binary)
        self.ledger = folder / "state/ledger.db"
        for name in ["drop/contoso", "state"]:
            (folder / name).mkdir(parents=True)
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, OWNER, GROUP)
            path.chmod(0o750)
        folder.chmod(0o755)
        (folder / "devicedrop.toml").write_text(f"""
[drop]
root = "{folder}/drop"
customers = "folders"
reserve = "1MiB"
[ledger]
path = "{self.ledger}"
originals = "{folder}/state/originals"
[registrar]
kind = "embedded"
[registrar.embedded]
path = "{folder}/state/registry.db"
inventory = "open"
[web]
listen = "off"
""")
        self.daemon, self.dropped = None, 0

    def start(self):
        self.log = open(self.folder / "log", "ab")
        self.daemon = subprocess.Popen([self.binary, "--config", self.folder / "devicedrop.toml", "run"], stdout=self.log,
                                       stderr=self.log, user=OWNER, group=GROUP, extra_groups=[], cwd=self.folder)
        self.wait("it starts", (self.folder / "state/control.sock").exists)

    def end(self, signal_number, expected):
        self.daemon.send_signal(signal_number)
        code = self.daemon.wait(PATIENCE)
        (self.folder / "state/control.sock").unlink(missing_ok=True)
        if code != expected:
            raise Wrong(f"the daemon ended with {code}")

    def drop(self, rows):
        self.dropped += 1
        text = "Manufacturer,Model,Serial Number\n" + "".join(
            f"Contoso,Tablet {row % 7},{self.dropped}-{row}\n" for row in range(rows))
        aside = self.folder / f"drop/contoso/.{self.dropped}.tmp"
        aside.write_text(text)
        os.chown(aside, OWNER, GROUP)
        aside.rename(self.folder / f"drop/contoso/devices-{self.dropped}.csv")

    def final(self):
        return json.loads(subprocess.run(
            [sys.executable, "-c", PYTHON.split("try:")[0], self.ledger, "SELECT count(*) FROM audit_results WHERE final"],
            capture_output=True, check=True, user=READER, group=GROUP, extra_groups=[], cwd="/").stdout)[0]

    def wait(self, what, ready):
        until = time.monotonic() + PATIENCE
        while not ready():
            if time.monotonic() > until or self.daemon.poll() is not None:
                raise Wrong(f"{what}: not within {PATIENCE} s; {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)


def check(name, answer, least):
    files, told, rows, odd = answer
    if odd or rows != told or rows < least:
        raise Wrong(f"{name} read {answer}, at least {least} rows were there")
    return told


def reading(tools, place, work):
    """Has all tools read over and over until `work` is done; how often each did."""
    done, wrong, times = threading.Event(), [], {name: 0 for name in tools}

    def one(name, tool):
        least = 0
        try:
            while not done.is_set() or times[name] == 0:
                least = check(name, tool(place.ledger), least)
                times[name] += 1
        except Exception as error:  # told where it is joined
            wrong.append(f"{name}: {error}")

    threads = [threading.Thread(target=one, args=tool) for tool in tools.items()]
    for thread in threads:
        thread.start()
    try:
        work()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    if wrong:
        raise Wrong("; ".join(wrong))
    return times


def once(when, tools, place, rows):
    for name, tool in tools.items():
        answer = tool(place.ledger)
        if check(name, answer, 0) != rows and rows is not None:
            raise Wrong(f"{when}, {name} read {answer}, not {rows} rows")
    print(f"{when}: read by {', '.join(tools)}")


def campaign(place, rows):
    files, served = 5, None
    try:
        place.start()
        served = Datasette(place.ledger)
        tools = {"the sqlite3 shell": shell, "Python's sqlite3": python, "DuckDB": duckdb, "Datasette": served}

        def take():
            for number in range(1, files + 1):
                place.drop(rows // files)
                place.wait(f"file {number} is answered", lambda number=number: place.final() >= number)

        began = time.monotonic()
        times = reading(tools, place, take)
        told = ", ".join(f"{name} {count} times" for name, count in times.items())
        print(f"while {rows} rows came in, {time.monotonic() - began:.1f} s: {told}")
        place.end(signal.SIGTERM, 0)
        once("after it stopped in order", tools, place, rows)
        served.stop()
        served = tools["Datasette"] = Datasette(place.ledger)
        once("the same, opened anew", tools, place, rows)
        place.start()
        place.drop(rows // files)
        before = place.ledger.with_name("ledger.db-wal").stat().st_size
        # Where it has room in its log, and is quick, it is done before anything shows.
        grown = lambda: place.ledger.with_name("ledger.db-wal").stat().st_size != before
        place.wait("it is at work", lambda: grown() or place.final() > files)
        place.end(signal.SIGKILL, -signal.SIGKILL)
        once("after it was killed at work", tools, place, None)
        served.stop()
        served = tools["Datasette"] = Datasette(place.ledger)
        once("the same, opened anew", tools, place, None)
        place.start()
        place.wait("it goes on", lambda: place.final() > files)
        place.end(signal.SIGTERM, 0)
        once("after the start behind that", tools, place, rows + rows // files)
    finally:
        if served:
            served.stop()
        if place.daemon and place.daemon.poll() is None:
            place.daemon.kill()


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("devicedrop", type=pathlib.Path)
    words.add_argument("--rows", type=int, default=100_000)
    asked = words.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="devicedrop-readers-"))
    try:
        campaign(Place(folder, asked.devicedrop.resolve()), asked.rows)
        print("readers: all read what was there")
    except Wrong as wrong:
        sys.exit(f"readers: {wrong}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
