//! Any number of companies, for measuring.

use jiff::Timestamp;
use serde_json::json;

use super::{day, directories, record};
use crate::bitrix24::data::{Data, Record};

/// How the ids of generated companies follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ids {
    /// 1, 2, 3, …
    Dense,
    /// With gaps of up to twenty.
    Sparse,
}

/// This many companies with all the fields of the [sample](super::sample()), directories and user fields; no
/// webhooks and no users. The same arguments give the same data.
///
/// The company at place `n` has `n` at the end of its `UF_CRM_COMPANY_ID`; see [`company_id`].
pub fn generated(companies: u64, ids: Ids, seed: u64, now: Timestamp) -> Data {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut id = 0;
    let companies = (0..companies).map(|at| {
        id += match ids {
            Ids::Dense => 1,
            Ids::Sparse => random.u64(1..=20),
        };
        company(at, id, now, &mut random)
    });
    Data {
        companies: companies.collect(),
        ..directories::data()
    }
}

/// The `UF_CRM_COMPANY_ID` of the generated company at this place, counted from nought.
pub fn company_id(at: u64) -> String {
    (200_000_000_000 + at).to_string()
}

fn company(at: u64, id: u64, now: Timestamp, random: &mut fastrand::Rng) -> Record {
    let company_id = company_id(at);
    let modified = -random.i64(0..1000);
    let segment = directories::SEGMENTS
        .get(random.usize(0..directories::SEGMENTS.len()))
        .map_or(15090, |(id, _)| *id);
    record(json!({
        "ID": id.to_string(),
        "COMPANY_TYPE": "CUSTOMER",
        "TITLE": format!("Cửa hàng {at} - {company_id}"),
        "HAS_PHONE": "Y", "HAS_EMAIL": "N", "HAS_IMOL": "N",
        "ASSIGNED_BY_ID": random.u64(300..340).to_string(),
        "CREATED_BY_ID": "1", "MODIFY_BY_ID": "1", "OPENED": "Y", "IS_MY_COMPANY": "N",
        "CURRENCY_ID": "VND", "REVENUE": format!("{}.00", random.u64(0..1_000_000_000)),
        "DATE_CREATE": day(now, -1500, 9), "DATE_MODIFY": day(now, modified, random.i64(0..24)),
        "UF_CRM_STORENAME": format!("Cửa hàng {at}"),
        "UF_CRM_COMPANY_ID": company_id,
        "UF_CRM_HARAVAN_ORG_ID": company_id,
        "UF_CRM_CURRENT_HSI_SEGMENT": "Loyal",
        "UF_CRM_CURRENT_HSI_DETAIL": format!("{}.0000000", random.u64(0..2000)),
        "UF_CRM_CURRENT_SHOPPLAN": "Omni Growth",
        "UF_CRM_DATE_EXPIRED_SHOPPLAN": day(now, random.i64(-400..400), 3),
        "UF_CRM_1778130421650": segment.to_string(),
        "PHONE": super::multifield("PHONE", usize::try_from(id).unwrap_or_default(), "WORK", &format!("+849{at:08}")),
    }))
}
