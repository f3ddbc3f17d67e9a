#!/usr/bin/env python3
"""Checks devicedrop's record without devicedrop: an independent reading of docs/auditing.md.

  verify.py proof FILE [--key KEY]                 a proof or a receipt, by itself
  verify.py ledger LEDGER [--checkpoint FILE] [--key KEY]   every block, and the root at the checkpoint's size

Needs Python 3.9 and nothing else; with --key, the package `cryptography`. Ends with 0 if it holds, else with 1.
"""

import argparse
import base64
import hashlib
import json
import re
import sqlite3
import sys
import uuid

KINDS = ["epoch", "submission", "delivery", "registration", "call", "attempt", "outcome", "transition", "result",
         "refusal", "action"]  # numbered from 1


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def number(n):
    return n.to_bytes(8, "big", signed=n < 0)


def content(kind, columns):
    out = [b"devicedrop-entry-v1\0", bytes([KINDS.index(kind) + 1])]
    for value in columns:
        if value is None:
            out.append(b"N")
        elif isinstance(value, int):
            out += [b"I", number(value)]
        else:
            tag, data = (b"T", value.encode()) if isinstance(value, str) else (b"B", bytes(value))
            out += [tag, len(data).to_bytes(4, "big"), data]
    return b"".join(out)


def leaf(salt, kind, columns):
    return sha(b"\0", salt, content(kind, columns))


def root(pieces, size):
    """The root (RFC 6962) of a tree of `size` leaves, of pieces (leaves, hash) in their order; takes them away."""
    if not size:
        return sha()
    if pieces[0][0] == size:
        return pieces.pop(0)[1]
    left = 1 << (size - 1).bit_length() - 1
    if size == 1:
        raise ValueError("the pieces make no tree")
    return sha(b"\1", root(pieces, left), root(pieces, size - left))


def whole(pieces, size):
    pieces = list(pieces)
    found = root(pieces, size)
    if pieces:
        raise ValueError("the pieces make a larger tree")
    return found


def block_hash(ledger, epoch, block, first, entries, at, tree, commitment, previous):
    return sha(b"devicedrop-block-v1\0", ledger, *map(number, (epoch, block, first, entries, at)), tree, commitment,
               previous)


def checkpoint(text, key):
    """The parts of a checkpoint, after its signature by `key`, if there is one."""
    body, _, signatures = text.rpartition("\n\n") if "\n\n" in text else (text.rstrip("\n"), "", "")
    body += "\n"
    if key:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        name, _, material = key.split("+", 2)
        material = base64.b64decode(material)
        ident = sha(name.encode(), b"\n", material)[:4]
        ours = [base64.b64decode(line.split(" ")[2]) for line in signatures.splitlines()
                if line.startswith(f"\u2014 {name} ")]
        ours = [signature[4:] for signature in ours if signature[:4] == ident]
        if not ours:
            raise ValueError(f"not signed by {name}")
        Ed25519PublicKey.from_public_bytes(material[1:]).verify(ours[0], body.encode())
    lines = body.splitlines()
    ledger = bytes.fromhex(re.fullmatch(r"devicedrop\.ledger/([0-9a-f-]{36})", lines[0])[1].replace("-", ""))
    return ledger, int(lines[1]), base64.b64decode(lines[2])


def proof(told, key):
    """The entries that a proof shows, as (number, kind, columns), once it was checked."""
    if told["form"] != "devicedrop-proof-v1":
        raise ValueError("another form")
    ledger, size, expected = checkpoint(told["checkpoint"], key)
    shown, log, before = [], [], 0
    for piece in told["log"]:
        if "block" in piece:
            block, tree = piece["block"], []
            if block["number"] != before + 1:
                raise ValueError(f"block {block['number']} stands at another place")
            at = block["first"]
            for part in block["tree"]:
                if "entry" in part:
                    entry = part["entry"]
                    columns = [bytes.fromhex(c["hex"]) if isinstance(c, dict) else c for c in entry["columns"]]
                    if any(isinstance(c, (bool, float)) for c in columns):
                        raise ValueError(f"entry {at} has a column that can't be one")
                    if columns[0] != at:
                        raise ValueError(f"entry {at} has another number")
                    shown.append((at, entry["kind"], columns))
                    tree.append((1, leaf(bytes.fromhex(entry["salt"]), entry["kind"], columns)))
                else:
                    tree.append((part["leaves"], bytes.fromhex(part["root"])))
                at += tree[-1][0]
            digest = block_hash(ledger, block["epoch"], block["number"], block["first"], block["entries"],
                                block["at_ms"], whole(tree, block["entries"]), bytes.fromhex(block["commitment"]),
                                bytes.fromhex(block["previous"]))
            log.append((1, sha(b"\0", digest)))
        else:
            log.append((piece["leaves"], bytes.fromhex(piece["root"])))
        before += log[-1][0]
    if whole(log, size) != expected:
        raise ValueError("it doesn't lead to the root of its checkpoint")
    return shown


def receipt(told, key):
    """Compares what a receipt says with the entries that its proof shows."""
    if told["form"] != "devicedrop-receipt-v1":
        raise ValueError("another form")
    last = {kind: columns for _, kind, columns in proof(told["proof"], key)}
    submission, delivery, result = last["submission"], last["delivery"], last["result"]
    same = {
        "submission_id": str(uuid.UUID(bytes=submission[2])) == told["submission_id"],
        "customer": submission[3] == told["customer"],
        "order_id": submission[6] == told["order_id"],
        "purchase_id": submission[7] == told["purchase_id"],
        "sha256": (submission[11].hex() if submission[11] else None) == told["sha256"],
        "rows": submission[15] == told["rows"],
        "file": delivery[2] == submission[0] and delivery[4] == told["file"],
        "result": result[2] == submission[0] and result[3] == told["result"],
        "result_sha256": result[4].hex() == told["result_sha256"],
        "final": bool(result[5]) == told["final"],
    }
    for what, is_same in same.items():
        if not is_same:
            raise ValueError(f"it says something else than the record about: {what}")


def ledger(path, kept, key):
    """Recomputes every block from its entries, and the root at the size of the checkpoint."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    db.execute("BEGIN")
    epochs = db.execute("SELECT id, ledger_uuid, number FROM epoch ORDER BY id").fetchall()
    size, expected, log, previous, next_entry = None, None, [], bytes(32), 1
    if kept:
        name, size, expected = checkpoint(open(kept, encoding="utf-8").read(), key)
        if name != epochs[0][1]:
            raise ValueError("the checkpoint is another ledger's")
    blocks = db.execute("SELECT number, first_entry, entries, at, secret, root, hash FROM block ORDER BY number")
    for index, (block, first, entries, at, secret, tree, digest) in enumerate(blocks, 1):
        leaves = {}
        for kind in KINDS:
            rows = db.execute(f"SELECT * FROM entry_{kind} WHERE id BETWEEN ? AND ?", (first, first + entries - 1))
            for columns in rows:
                leaves[columns[0]] = leaf(sha(secret, number(columns[0]))[:16], kind, columns)
        uuid, epoch = [(uuid, epoch) for entry, uuid, epoch in epochs if entry < first + entries][-1]
        found = whole([(1, leaves[entry]) for entry in range(first, first + entries)], entries)
        commitment = sha(b"devicedrop-secret-v1\0", secret)
        if (block, first, found) != (index, next_entry, tree) or digest != block_hash(
                uuid, epoch, block, first, entries, at, found, commitment, previous):
            raise ValueError(f"block {index} (entries {first} to {first + entries - 1}) isn't as it was written")
        previous, next_entry = digest, first + entries
        log.append((1, sha(b"\0", digest)))
    if kept and (len(log) < size or whole(log[:size], size) != expected):
        raise ValueError("the record isn't the one of the checkpoint, or its end is gone")
    return next_entry - 1, len(log)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("what", choices=["proof", "ledger"])
    words.add_argument("file")
    words.add_argument("--checkpoint")
    words.add_argument("--key")
    asked = words.parse_args()
    try:
        if asked.what == "ledger":
            print("holds: entries %d, blocks %d" % ledger(asked.file, asked.checkpoint, asked.key))
        else:
            told = json.load(open(asked.file, encoding="utf-8"))
            if "proof" in told:
                receipt(told, asked.key)
                told = told["proof"]
            print(f"holds: entries shown {len(proof(told, asked.key))}")
    except Exception as error:  # whatever is wrong with it, it isn't what it should be
        sys.exit(f"doesn't hold: {error or type(error).__name__}")


if __name__ == "__main__":
    main()
