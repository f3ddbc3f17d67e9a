//! The tracking ID in the `Location` of an answer "accepted".
//!
//! Documented is `/customers/{customer}/batchJobStatus/{id}`: relative, and without the `/v1` that every path of the
//! service has; elsewhere the documentation writes `batchjobstatus`. With `/v1`, and absolute on the service's own
//! origin, it is taken as well. Any other origin is refused: our token goes where we were told to send it, and nowhere
//! that an answer says. The address is never called as it stands; only the ID is taken out of it.

use reqwest::Url;

/// The longest header that is looked at, in bytes.
const LONGEST: usize = 2_048;

/// The longest ID, in characters: a GUID has 36.
const LONGEST_ID: usize = 128;

/// The ID, or why there is none.
pub(super) fn tracking_id(base: &Url, tenant: &str, location: &str) -> Result<String, &'static str> {
    if location.len() > LONGEST {
        return Err("its Location is too long");
    }
    let url = base.join(location).map_err(|_| "its Location is no address")?;
    if url.origin() != base.origin() {
        return Err("its Location leads to another service");
    }
    let segments: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let mut following = segments.iter().skip_while(|segment| !segment.eq_ignore_ascii_case("batchJobStatus")).skip(1);
    let id = following.next().ok_or("its Location names no job")?;
    let mut customer = segments.iter().skip_while(|segment| !segment.eq_ignore_ascii_case("customers")).skip(1);
    if customer.next().is_some_and(|other| !other.eq_ignore_ascii_case(tenant)) {
        return Err("its Location is another customer's");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if id.len() > LONGEST_ID || !id.chars().all(plain) || !id.chars().any(|c| c.is_ascii_alphanumeric()) {
        return Err("its Location names a job with an odd ID");
    }
    Ok((*id).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TENANT: &str = "c7f3c849-129f-4b85-a96d-4f8e88b315a3";
    const JOB: &str = "beba2053-5401-46ff-9223-7e841ed78fbf";

    fn base() -> Url {
        Url::parse("https://api.partnercenter.microsoft.com/").expect("an address")
    }

    fn id(location: &str) -> Result<String, &'static str> {
        tracking_id(&base(), TENANT, location)
    }

    #[test]
    fn the_id_is_found_in_every_spelling() {
        for before in
            ["/", "/v1/", "//api.partnercenter.microsoft.com/v1/", "https://api.partnercenter.microsoft.com//"]
        {
            for word in ["batchJobStatus", "batchjobstatus"] {
                let location = format!("{before}customers/{TENANT}/{word}/{JOB}");
                assert_eq!(id(&location), Ok(JOB.to_owned()), "{location}");
            }
        }
        assert_eq!(id(&format!("customers/{}/batchJobStatus/{JOB}?x=y", TENANT.to_uppercase())), Ok(JOB.to_owned()));
    }

    #[test]
    fn another_service_another_customer_and_oddities_are_refused() {
        for location in [
            format!("https://evil.example/customers/{TENANT}/batchJobStatus/{JOB}"),
            format!("http://api.partnercenter.microsoft.com/customers/{TENANT}/batchJobStatus/{JOB}"),
            format!("//evil.example/customers/{TENANT}/batchJobStatus/{JOB}"),
            format!("\\\\evil.example\\customers\\{TENANT}\\batchJobStatus\\{JOB}"),
            format!("/customers/0127ed8e-ff72-4983-a3d8-e8d8bd378932/batchJobStatus/{JOB}"),
            format!("/customers/{TENANT}/batchJobStatus/"),
            format!("/customers/{TENANT}/deviceBatches/{JOB}"),
            format!("/customers/{TENANT}/batchJobStatus/%2e%2e%2f"),
            format!("/customers/{TENANT}/batchJobStatus/{}", "x".repeat(200)),
            "x".repeat(10_000),
            String::new(),
        ] {
            assert!(id(&location).is_err(), "{location:.80}: {:?}", id(&location));
        }
    }

    proptest! {
        #[test]
        fn an_id_is_one_segment_of_a_path(location in ".{0,120}", end in "[a-zA-Z0-9./%_-]{0,50}") {
            for location in [location, format!("/customers/{TENANT}/batchJobStatus/{end}")] {
                if let Ok(id) = id(&location) {
                    prop_assert!(!id.is_empty() && !id.contains(['/', '%', '?', '#']) && id != "..");
                }
            }
        }
    }
}
