//! The name of a device batch: after the order ID or, where there is none, after the submission.
//!
//! A batch's name is what a person sees in Partner Center, a segment of the paths under which its devices lie, and the
//! group tag of its devices: an order ID that is plain stands there as it is. Any other becomes what is plain of it
//! and the beginning of its SHA-256, behind `dd-`, with which no plain name begins: two order IDs never share a batch,
//! except that the service doesn't tell `po-1` from `PO-1` (Partner-Center-PowerShell compares names without their
//! case when it looks for one, and so do we).

use devicedrop_core::device::Sha256;
use devicedrop_core::ids::SubmissionId;

/// The longest order ID that is a name as it stands, in characters. The documentation gives no limit; a GUID, which it
/// says a batch's ID is, has 36.
const LONGEST: usize = 64;

/// Characters that are kept of an order ID that isn't plain.
const KEPT: usize = 40;

/// What our own names begin with.
const OURS: &str = "dd-";

/// The batch's name for rows with this order ID of this submission.
pub(super) fn batch_name(order_id: Option<&str>, submission: SubmissionId) -> String {
    match order_id.filter(|id| !id.trim().is_empty()) {
        None => format!("{OURS}{submission}"),
        Some(id) if is_plain(id) => id.to_owned(),
        Some(id) => made_plain(id),
    }
}

/// Whether it means itself in any path and on any screen.
fn is_plain(id: &str) -> bool {
    let begins_well = id.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_ours = id.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS));
    begins_well && !is_ours && !id.ends_with('.') && id.len() <= LONGEST && id.chars().all(is_plain_character)
}

fn is_plain_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

fn made_plain(id: &str) -> String {
    let mut kept = String::new();
    for c in id.chars() {
        let plain = if is_plain_character(c) { c } else { '-' };
        if kept.len() == KEPT {
            break;
        }
        if plain != '-' || !kept.ends_with('-') {
            kept.push(plain);
        }
    }
    let print: String = Sha256::of(id.as_bytes()).to_string().chars().take(16).collect();
    match kept.trim_matches(['-', '.']) {
        "" => format!("{OURS}{print}"),
        kept => format!("{OURS}{kept}-{print}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn submission() -> SubmissionId {
        SubmissionId::from_parts(1_795_358_739_123, [0xab; 10])
    }

    fn of_order(id: &str) -> String {
        batch_name(Some(id), submission())
    }

    #[test]
    fn a_batch_is_named_after_its_order_or_its_submission() {
        assert_eq!(of_order("PO-4711"), "PO-4711");
        assert_eq!(of_order("Microsoft365Managed_Autopilot"), "Microsoft365Managed_Autopilot");
        assert_eq!(batch_name(None, submission()), format!("dd-{}", submission()));
        assert_eq!(of_order(" "), format!("dd-{}", submission()));
        insta::assert_snapshot!(of_order("Bestellung 47/11 (Köln)"), @"dd-Bestellung-47-11-K-ln-6df1690a4419b987");
    }

    #[test]
    fn no_order_can_take_the_name_of_a_submission_or_of_another_order() {
        let ours = format!("dd-{}", submission());
        assert_ne!(of_order(&ours), ours);
        assert_ne!(of_order("a/b"), of_order("a b"));
        let made = of_order("a/b");
        assert_ne!(of_order(&made), made);
        assert_ne!(of_order(&made.to_uppercase()).to_lowercase(), made);
    }

    proptest! {
        #[test]
        fn a_name_is_one_segment_of_a_path(id in ".{0,200}") {
            let name = of_order(&id);
            prop_assert!(!name.is_empty() && name.len() <= 80, "{name}");
            prop_assert!(name.chars().all(is_plain_character) && !name.starts_with('.') && !name.ends_with('.'));
        }

        #[test]
        fn two_orders_have_two_batches(one in "[a-c/. _-]{1,6}", other in "[a-c/. _-]{1,6}") {
            prop_assume!(one != other && !one.trim().is_empty() && !other.trim().is_empty());
            prop_assert_ne!(of_order(&one).to_lowercase(), of_order(&other).to_lowercase());
        }
    }
}
