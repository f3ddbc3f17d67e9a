"""Reads originals and their result files with Python's csv, as any script would, and compares the sender's cells.

Standard input: a JSON list of objects with original, encoding, delimiter, result. Prints what differs; 1 if anything.
"""

import csv
import json
import sys

OURS = ["State", "Error", "Error Details", "Request ID"]
CODECS = {"utf-8": "utf-8", "utf-8-bom": "utf-8-sig", "utf-16le": "utf-16", "utf-16be": "utf-16", "windows-1252": "cp1252"}
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
csv.field_size_limit(1 << 24)


def records(path, codec, delimiter):
    """All records but blank ones and a line sep=."""
    with open(path, encoding=codec, newline="") as file:
        begins = file.tell()
        # Read as a line, since it may hold a quote that is none.
        if not file.readline().lstrip('"').lower().startswith("sep="):
            file.seek(begins)
        for cells in csv.reader(file, delimiter=delimiter):
            blank = not any(cells) or (len(cells) == 1 and not cells[0].strip())
            if not blank:
                yield cells


def compare(one):
    delimiter = DELIMITERS[one["delimiter"]]
    original = list(records(one["original"], CODECS[one["encoding"]], delimiter))
    result = list(records(one["result"], "utf-8-sig", delimiter))
    # Blank lines above the headings may have characters that aren't seen.
    while not any(cell.strip() for cell in original[0]):
        original.pop(0)
    headings = original[0]
    while not headings[-1].strip():
        headings.pop()
    if [heading.strip() for heading in headings[-4:]] == OURS:
        headings = headings[:-4]
    width = len(headings)
    if result[0] != headings + OURS:
        return f"headings {result[0]}"
    sent = [(cells + [""] * width)[:width] for cells in original[1:]]
    got = [cells[:width] for cells in result[1:]]
    if len(sent) != len(got):
        return f"{len(sent)} rows sent, {len(got)} came back"
    for before, after in zip(sent, got):
        if before != after:
            return f"sent {before!r}, came back {after!r}"
    return None


wrong = [(one["original"], difference) for one in json.load(sys.stdin) if (difference := compare(one))]
for path, difference in wrong:
    print(f"{path}: {difference}")
sys.exit(1 if wrong else 0)
