//! The statistics of calls: what their filter knows, and their pages.

use super::*;

/// 120 calls, one a minute from eight o'clock on; every second one is of another telephone system.
fn calls() -> Portal {
    let mut data = bare();
    for number in 1..=120_u32 {
        let (hour, minute) = (8 + (number - 1) / 60, (number - 1) % 60);
        let row = json!({
            "ID": number.to_string(),
            "CALL_ID": format!("externalCall.{number}"),
            "EXTERNAL_CALL_ID": if number % 2 == 0 { format!("office:{number}") } else { String::new() },
            "CALL_START_DATE": format!("2026-03-10T{hour:02}:{minute:02}:00+00:00"),
            "CALL_DURATION": number.to_string(),
        });
        data.statistics.push(row.as_object().unwrap().clone());
    }
    portal(data)
}

async fn found(portal: &Portal, params: Value) -> (Vec<u64>, Value) {
    let (status, body) = answer(portal, "voximplant.statistic.get", params).await;
    assert_eq!(status, 200, "{body}");
    let rows = body["result"].as_array().unwrap();
    let ids = rows
        .iter()
        .map(|row| row["ID"].as_str().unwrap().parse().unwrap());
    (ids.collect(), body["next"].clone())
}

#[tokio::test]
async fn every_prefix_of_statistics_selects_what_it_says() {
    let portal = calls();
    for (filter, expected) in [
        (
            json!({">=CALL_START_DATE": "2026-03-10T16:58:00+07:00"}),
            &[119, 120][..],
        ),
        (
            json!({"><CALL_START_DATE": ["2026-03-10T08:00:00+00:00", "2026-03-10T08:02:00+00:00"]}),
            &[1, 2, 3],
        ),
        (json!({"!><CALL_DURATION": [3, 120]}), &[1, 2]),
        (json!({"?EXTERNAL_CALL_ID": "ice:12"}), &[12, 120]),
        (
            json!({"%EXTERNAL_CALL_ID": "office:11"}),
            &[110, 112, 114, 116, 118],
        ),
        (json!({"=EXTERNAL_CALL_ID": "office:7"}), &[]),
        (
            json!({"!EXTERNAL_CALL_ID": "", "<CALL_DURATION": 5}),
            &[2, 4],
        ),
    ] {
        let params = json!({"FILTER": filter, "SORT": "ID", "ORDER": "ASC"});
        assert_eq!(found(&portal, params).await.0, expected, "{filter}");
    }
}

#[tokio::test]
async fn statistics_come_in_pages_of_fifty() {
    let portal = calls();
    let filter = json!({">=CALL_START_DATE": "2026-03-10T08:10:00+00:00"});
    let (mut start, mut all) = (json!(0), Vec::new());
    while !start.is_null() {
        let params = json!({"FILTER": filter, "SORT": "ID", "ORDER": "ASC", "start": start});
        let (ids, next) = found(&portal, params).await;
        assert!(ids.len() <= 50);
        all.extend(ids);
        start = next;
    }
    assert_eq!(all, (11..=120).collect::<Vec<u64>>());
}
