//! What customers and auditors bring: receipts, proofs, checkpoints, keys' handovers. Whatever bytes they are, each is read or
//! refused; what is read is written the same; and under the checkpoint of an honest record nothing is shown that isn't in it.
#![no_main]

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use devicedrop::proof::receipt::Receipt;
use devicedrop::proof::{Proof, Proven};
use devicedrop_core::checkpoint::Checkpoint;
use devicedrop_core::handover::Handover;
use devicedrop_core::signed_note::{Note, Verifier};
use libfuzzer_sys::fuzz_target;

/// A receipt, and a proof of all of a customer's entries, as the daemon made them.
const RECEIPT: &str = include_str!("../seeds/proof/receipt");
const PROOF: &str = include_str!("../seeds/proof/proof");

/// The honest receipt and proof: for the root of each, what it shows.
static HONEST: LazyLock<(Receipt, [([u8; 32], BTreeSet<String>); 2])> = LazyLock::new(|| {
    let receipt: Receipt = serde_json::from_str(RECEIPT).expect("a receipt");
    let proof: Proof = serde_json::from_str(PROOF).expect("a proof");
    let of_receipt = shown(&receipt.check().expect("it holds"));
    let of_proof = shown(&proof.check().expect("it holds"));
    (receipt, [of_receipt, of_proof])
});

/// The root that a proof hangs on, and each entry that it shows.
fn shown(proven: &Proven<'_>) -> ([u8; 32], BTreeSet<String>) {
    let entries = proven.entries.iter().map(|entry| format!("{} {:?} {:?}", entry.id, entry.kind, entry.columns));
    (proven.checkpoint.root, entries.collect())
}

fn check_proof(proven: &Proven<'_>) {
    let (root, entries) = shown(proven);
    for (honest, known) in &HONEST.1 {
        assert!(root != *honest || entries.is_subset(known), "an entry that isn't on record was shown: {entries:?}");
    }
}

fn check_receipt(receipt: &Receipt, proven: &Proven<'_>) {
    let (honest, [(root, _), _]) = &*HONEST;
    if proven.checkpoint.root != *root {
        return;
    }
    let told = |receipt: &Receipt| {
        let Receipt { submission_id, customer, file, sha256, order_id, purchase_id, .. } = receipt.clone();
        let Receipt { result, result_sha256, is_final, rows, .. } = receipt.clone();
        (submission_id, customer, file, sha256, order_id, purchase_id, result, result_sha256, is_final, rows)
    };
    assert_eq!(told(receipt), told(honest), "a receipt holds that says something else than the record");
}

/// Whether it can be read; if so, it is the same once it was written.
fn read_again<T: FromStr + Display + Debug + PartialEq>(text: &str) -> Option<T> {
    let read: T = text.parse().ok()?;
    assert_eq!(read.to_string().parse().ok().as_ref(), Some(&read), "{text:?}");
    Some(read)
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(receipt) = serde_json::from_str::<Receipt>(text)
        && let Ok(proven) = receipt.check()
    {
        check_proof(&proven);
        check_receipt(&receipt, &proven);
    }
    if let Ok(proof) = serde_json::from_str::<Proof>(text)
        && let Ok(proven) = proof.check()
    {
        check_proof(&proven);
    }
    let checkpoint = match read_again::<Note>(text) {
        Some(note) => note.text.parse::<Checkpoint>(),
        None => text.parse::<Checkpoint>(),
    };
    if let Ok(checkpoint) = checkpoint {
        let written = checkpoint.to_string();
        assert_eq!(written.parse(), Ok(checkpoint));
        assert!(text.starts_with(&written), "two texts of one checkpoint: {text:?}");
    }
    read_again::<Verifier>(text);
    if let Some(handover) = read_again::<Handover>(text) {
        assert_ne!(handover.is_signed(&handover.after), Some(true), "a key never handed over to itself");
    }
});
