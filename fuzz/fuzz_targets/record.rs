//! The record's canonical forms: no two entries have the same bytes, and the tree is the standard's.
#![no_main]

use arbitrary::Arbitrary;
use devicedrop_core::device::Sha256;
use devicedrop_core::ids::{CustomerKey, EntryId};
use devicedrop_core::record::tree::inner;
use devicedrop_core::record::{
    BlockHeader, Kind, Row, Tree, Value, commitment, content, idempotency_key, leaf, salt,
};
use devicedrop_core::time::Timestamp;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Clone, PartialEq, Arbitrary)]
enum Column {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

#[derive(Debug, Arbitrary)]
struct Input {
    kind: u8,
    columns: Vec<Column>,
    leaves: Vec<[u8; 2]>,
    numbers: [u64; 4],
    keys: [(u8, u8, [u64; 3]); 2],
}

fuzz_target!(|input: Input| {
    let kind = Kind::ALL[usize::from(input.kind) % Kind::ALL.len()];
    let values: Vec<Value<'_>> = input.columns.iter().map(Column::value).collect();
    let bytes = content(kind, &values);
    // What can be read back whole can't be two things.
    assert_eq!(decode(&bytes), Some((kind.number(), input.columns.clone())));
    tree(&input.leaves);
    block(&input, &bytes);
    let [one, other] = input.keys;
    assert_eq!(named(one) == named(other), key(one) == key(other));
});

impl Column {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

/// Reads an entry's content by the words of its documentation.
fn decode(content: &[u8]) -> Option<(u8, Vec<Column>)> {
    let (kind, mut rest) = content.strip_prefix(b"devicedrop-entry-v1\0")?.split_first()?;
    let mut columns = Vec::new();
    while let Some((tag, after)) = rest.split_first() {
        let (column, after) = match tag {
            b'N' => (Column::Null, after),
            b'I' => {
                let (number, after) = after.split_first_chunk()?;
                (Column::Integer(i64::from_be_bytes(*number)), after)
            }
            b'T' | b'B' => {
                let (length, after) = after.split_first_chunk()?;
                let (bytes, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
                let column = if *tag == b'T' {
                    Column::Text(String::from_utf8(bytes.to_vec()).ok()?)
                } else {
                    Column::Blob(bytes.to_vec())
                };
                (column, after)
            }
            _ => return None,
        };
        columns.push(column);
        rest = after;
    }
    Some((*kind, columns))
}

fn tree(leaves: &[[u8; 2]]) {
    let leaves: Vec<[u8; 32]> = leaves.iter().take(40).map(|leaf| *Sha256::of(leaf).as_bytes()).collect();
    let mut grown = Tree::new();
    grown.extend(leaves.iter().copied());
    assert_eq!(grown.len(), leaves.len() as u64);
    assert_eq!(grown.root(), slow(&leaves));
}

/// RFC 6962, section 2.1, to the letter.
fn slow(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => *Sha256::of(b"").as_bytes(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            inner(&slow(left), &slow(right))
        }
    }
}

/// A block's hash changes with each of its fields.
fn block(input: &Input, content: &[u8]) {
    let [epoch, number, first, entries] = input.numbers;
    let Some(first) = i64::try_from(first).ok().and_then(EntryId::new) else { return };
    let secret = *Sha256::of(content).as_bytes();
    let header = BlockHeader {
        ledger: [7; 16],
        epoch,
        number,
        first,
        entries,
        at: Timestamp::from_unix_ms(first.get()),
        root: leaf(&salt(&secret, first), content),
        commitment: commitment(&secret),
        previous: [0; 32],
    };
    let others = [
        BlockHeader { epoch: epoch ^ 1, ..header },
        BlockHeader { number: number ^ 1, ..header },
        BlockHeader { entries: entries ^ 1, ..header },
        BlockHeader { root: header.commitment, ..header },
        BlockHeader { commitment: header.root, ..header },
        BlockHeader { previous: header.root, ..header },
    ];
    assert!(others.iter().all(|other| other.hash() != header.hash()));
}

type Parts = (u8, u8, [u64; 3]);

/// Customer and path that share their letters, so that only the boundary between them tells some apart.
fn named((customer, path, numbers): Parts) -> (String, String, [u64; 3]) {
    let letters = "aaaabbbb";
    let (customer, path) = (1 + usize::from(customer) % 4, usize::from(path) % 4);
    (letters[..customer].to_owned(), letters[customer..customer + path].to_owned(), numbers)
}

fn key(parts: Parts) -> Sha256 {
    let (customer, path, [judging, line, generation]) = named(parts);
    let customer = CustomerKey::parse(&customer).expect("letters are a key");
    let sha256 = Sha256::of(b"content");
    idempotency_key(Row { customer: &customer, path: &path, sha256: &sha256, judging, line, generation })
}
