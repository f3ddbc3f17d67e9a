//! The record's canonical forms: what is hashed, byte for byte, so that anyone can recompute it.
//!
//! An entry's *content* is told by its kind and its columns ([`content()`]); its *leaf* is a salted hash of that
//! ([`leaf()`]); the leaves of one transaction are a *block*, whose root ([`Tree`]) goes into a header that is chained
//! to the header before it ([`BlockHeader`]). Nothing is stored or read here: the ledger does that.
//!
//! A change of anything in this module makes every existing ledger unverifiable; the fixed vectors in its tests
//! are there to be tripped over.

pub mod block;
pub mod content;
pub mod key;
pub mod leaf;
pub mod pruned;
pub mod tree;

pub use block::{BlockHeader, Secret, commitment};
pub use content::{Kind, Value, content, write_content};
pub use key::{Row, idempotency_key};
pub use leaf::{leaf, salt};
pub use pruned::{Piece, Pruner, root_of};
pub use tree::Tree;
