use std::collections::HashMap;

use super::*;
use crate::{bitrix24::Portal, clock::Clock};

fn now() -> Timestamp {
    "2026-11-20T05:00:00Z".parse().unwrap()
}

#[test]
fn the_sample_is_a_portals_data_and_survives_being_written_down() {
    let data = sample(now());
    let text = serde_json::to_string(&data).unwrap();
    let portal = Portal::new(Clock::manual(now()), Data::parse(&text).unwrap()).unwrap();
    let held = portal.data();
    assert_eq!(held.companies.len(), 41 + 11);
    let of_wrong_types = held
        .companies
        .iter()
        .find(|company| company["ID"] == "1205")
        .unwrap();
    assert_eq!(of_wrong_types["ASSIGNED_BY_ID"], json!({}));
    assert_eq!(of_wrong_types["UF_CRM_LAST_HSI_DETAIL"], json!([]));
    assert_eq!(
        of_wrong_types["UF_CRM_COMPANY_ID"],
        json!(200_000_488_888_u64)
    );
}

#[test]
fn the_sample_has_the_cases_that_a_profile_must_tell_apart() {
    let data = sample(now());
    let mut carriers: HashMap<String, usize> = HashMap::new();
    for company in &data.companies {
        let id = company["UF_CRM_COMPANY_ID"].as_str().unwrap_or_default();
        *carriers.entry(id.to_owned()).or_default() += 1;
    }
    carriers.remove("");
    let shared: Vec<_> = carriers.iter().filter(|(_, count)| **count > 1).collect();
    assert_eq!(
        shared.len(),
        2,
        "one of the sample's own and one that the helpdesk knows"
    );
    let expiries = data
        .companies
        .iter()
        .filter_map(|company| company["UF_CRM_DATE_EXPIRED_SHOPPLAN"].as_str());
    let expiries: Vec<&str> = expiries.collect();
    for day in [
        "2026-11-19T03:00:00+03:00",
        "2026-11-23T03:00:00+03:00",
        "2027-11-19T03:00:00+03:00",
    ] {
        assert!(
            expiries.contains(&day),
            "no plan expires on {day}: {expiries:?}"
        );
    }
    let is_active = |id: &Value| {
        let user = data.users.iter().find(|user| user["ID"] == *id)?;
        user["ACTIVE"].as_bool()
    };
    let active: Vec<_> = data
        .companies
        .iter()
        .map(|company| is_active(&company["ASSIGNED_BY_ID"]))
        .collect();
    for case in [Some(true), Some(false), None] {
        assert!(
            active.contains(&case),
            "nobody is responsible who is {case:?}"
        );
    }
}

#[test]
fn generated_companies_are_the_same_for_the_same_seed() {
    let ids = |ids, seed| -> Vec<String> {
        let data = generated(100, ids, seed, now());
        Portal::new(Clock::manual(now()), data.clone()).unwrap();
        let ids = data.companies.iter();
        ids.map(|company| company["ID"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(Ids::Sparse, 7), ids(Ids::Sparse, 7));
    assert_ne!(ids(Ids::Sparse, 7), ids(Ids::Sparse, 8));
    assert_eq!(ids(Ids::Dense, 7).last().unwrap(), "100");
}

#[test]
fn what_the_helpdesk_knows_is_there_as_the_crm_has_it() {
    use crate::sample_facts::SHOPS;
    let data = sample(now());
    let by_id = |records: &[Record], id: u32| {
        let id = id.to_string();
        records
            .iter()
            .filter(|record| record["ID"] == id.as_str())
            .cloned()
            .collect::<Vec<_>>()
    };
    for shop in SHOPS {
        if let Some(id) = shop.bitrix_company {
            let [company] = by_id(&data.companies, id).try_into().unwrap();
            assert_eq!(company["UF_CRM_COMPANY_ID"], shop.company_id);
            assert_eq!(company["UF_CRM_HARAVAN_ORG_ID"], shop.org_id);
        }
        if let Some(id) = shop.bitrix_contact {
            let [contact] = by_id(&data.contacts, id).try_into().unwrap();
            assert_eq!(
                contact["EMAIL"].as_array().unwrap().is_empty(),
                shop.email_in_crm.is_empty()
            );
        }
        let carriers = data
            .companies
            .iter()
            .filter(|company| company["UF_CRM_COMPANY_ID"] == shop.company_id);
        let same = SHOPS
            .iter()
            .filter(|other| other.company_id == shop.company_id && other.bitrix_company.is_some());
        assert_eq!(carriers.count(), same.count(), "{}", shop.shop_name);
    }
}
