//! Proofs that hold, and what becomes of them when something in them is changed.

use devicedrop_core::record::commitment;
use proptest::prelude::*;

use super::receipt::{Receipt, ReceiptError};
use super::*;

/// A record of one entry in each of three blocks, the second of which is shown.
fn proof() -> Proof {
    let ledger = [9; 16];
    let block = |number: u64, previous: [u8; 32]| Block {
        epoch: 1,
        number,
        first: 2 * number - 1,
        entries: 2,
        at_ms: 1_795_356_339_003,
        commitment: Hex(commitment(&[u8::try_from(number).expect("small"); 32])),
        previous: Hex(previous),
        tree: vec![
            TreePiece::Hidden(Hidden { leaves: 1, root: Hex([7; 32]) }),
            TreePiece::Shown {
                entry: Entry {
                    kind: "refusal".to_owned(),
                    salt: Hex([3; 16]),
                    columns: vec![
                        Column::Integer(2 * i64::try_from(number).expect("small")),
                        Column::Integer(1_795_356_339_003),
                        Column::Text("contoso".to_owned()),
                        Column::Null(()),
                        Column::Bytes { hex: "00ff".to_owned() },
                    ],
                },
            },
        ],
    };
    let checkpoint = |blocks, root| Checkpoint {
        ledger,
        blocks,
        root,
        epoch: 1,
        entries: 2 * blocks,
        at: Timestamp::from_unix_ms(1_795_356_339_003),
    };
    let mut previous = [0; 32];
    let mut tree = devicedrop_core::record::Tree::new();
    let mut log = Vec::new();
    for number in 1..=3 {
        let block = block(number, previous);
        previous = block.check(&checkpoint(3, [0; 32]), &mut Vec::new()).expect("a block");
        let leaf = block_leaf(&previous);
        tree.push(leaf);
        log.push(match number {
            2 => LogPiece::Shown { block },
            _ => LogPiece::Hidden(Hidden { leaves: 1, root: Hex(leaf) }),
        });
    }
    Proof { form: FORM.to_owned(), checkpoint: checkpoint(3, tree.root()).to_string(), log }
}

#[test]
fn holds_and_shows_its_entry() {
    let proof = proof();
    let proven = proof.check().expect("a proof");
    assert_eq!(proven.checkpoint.blocks, 3);
    assert!(proven.note.is_none());
    let told: Vec<_> = proven.entries.iter().map(|entry| (entry.id.get(), entry.kind)).collect();
    assert_eq!(told, [(4, Kind::Refusal)]);
}

#[test]
fn is_the_same_after_its_text() {
    let text = serde_json::to_string(&proof()).expect("JSON");
    assert_eq!(serde_json::from_str::<Proof>(&text).expect("a proof"), proof());
}

#[test]
fn nothing_is_read_that_is_not_checked() {
    let text = serde_json::to_string(&proof()).expect("JSON");
    assert!(serde_json::from_str::<Proof>(&text.replacen("{\"form\"", "{\"more\":1,\"form\"", 1)).is_err());
    assert!(serde_json::from_str::<Proof>(&text.replace("\"kind\"", "\"more\":1,\"kind\"")).is_err());
    assert!(serde_json::from_str::<Proof>(&text.replace("00ff", "00FF")).expect("JSON").check().is_err());
    assert!(serde_json::from_str::<Proof>(&text.replace("0303", "0x03")).is_err());
}

#[test]
fn another_form_and_another_place_are_refused() {
    let mut other = proof();
    other.form = "devicedrop-proof-v2".to_owned();
    assert_eq!(other.check().expect_err("no proof"), ProofError::Form);
    let mut other = proof();
    let LogPiece::Shown { block } = &mut other.log[1] else { panic!("a block is shown") };
    block.number = 3;
    assert_eq!(other.check().expect_err("no proof"), ProofError::Block(3));
    let mut other = proof();
    let LogPiece::Shown { block } = &mut other.log[1] else { panic!("a block is shown") };
    block.first = 4;
    assert_eq!(other.check().expect_err("no proof"), ProofError::Entry(5));
    let mut other = proof();
    other.log.truncate(2);
    assert_eq!(other.check().expect_err("no proof"), ProofError::Root);
}

proptest! {
    /// Whatever is changed in the text, nothing else is shown to hold than what held.
    #[test]
    fn a_changed_proof_shows_nothing_new(at in any::<prop::sample::Index>(), with in "[0-9a-f\"{}:,ntB ]") {
        let text = serde_json::to_string(&proof()).expect("JSON");
        let at = at.index(text.len());
        let changed = format!("{}{with}{}", &text[..at], &text[at + 1..]);
        let Ok(changed) = serde_json::from_str::<Proof>(&changed) else { return Ok(()) };
        let original = proof();
        let held = original.check().expect("a proof");
        if let Ok(proven) = changed.check() {
            prop_assert_eq!(proven.checkpoint.root, held.checkpoint.root);
            for (one, other) in proven.entries.iter().zip(&held.entries) {
                prop_assert_eq!((one.id, one.kind, one.columns), (other.id, other.kind, other.columns));
            }
        }
    }
}

/// As the daemon wrote it, kept for the fuzzing of this check.
const RECEIPT: &str = include_str!("../../fuzz/seeds/proof/receipt");

#[test]
fn a_receipt_says_what_the_record_says_to_the_letter() {
    let honest: Receipt = serde_json::from_str(RECEIPT).expect("a receipt");
    assert!(honest.check().is_ok());
    let id = honest.submission_id.clone();
    for other in [id.replace('-', ""), id.replacen('-', "", 1), id.to_uppercase(), format!("{{{id}}}"), String::new()]
    {
        let changed = Receipt { submission_id: other.clone(), ..honest.clone() };
        assert_eq!(changed.check().err(), Some(ReceiptError::Differs("submission_id")), "{other:?}");
    }
    let changed = Receipt { rows: honest.rows + 1, ..honest };
    assert_eq!(changed.check().err(), Some(ReceiptError::Differs("rows")));
}
