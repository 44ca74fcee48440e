//! Looking at what changed last, to find out what `Z` means.

use caresoft::rest::{List, Order};
use jiff::Timestamp;

use super::{
    page::failed,
    poller::{Poller, Stop},
    row::Row,
    state::{Newest, State},
    times::{Evidence, distance, find},
};

/// Rows of each object that are looked at.
const ROWS: u16 = 50;

impl Poller {
    /// Looks at the latest changes. The question names no time, so that it is understood either way.
    pub(super) async fn look(&self, state: &mut State, now: Timestamp) -> Result<(), Stop> {
        let (mut evidence, mut rows_seen, mut with_z) = (Vec::new(), 0, 0);
        let list = List::new()
            .count(ROWS)
            .order_by("updated_at", Order::Descending);
        for object in self.settings.objects.iter().copied() {
            let page = self.account.list(object.resource(), &list).await?;
            let rows = page.rows.iter();
            let rows: Vec<Row<'_>> = rows
                .filter_map(|row| Row::read(object, row, self.zone))
                .collect();
            let shown: Vec<Timestamp> = rows.iter().filter_map(|row| row.shown).collect();
            rows_seen += rows.len();
            with_z += shown.len();
            evidence.extend(
                shown
                    .iter()
                    .map(|shown| Evidence::There { shown: *shown, now }),
            );
            self.compare(&rows, &mut evidence).await?;
            let newest = newest(&shown, page.next.is_none());
            if let Some(progress) = state.objects.get_mut(&object) {
                if let Some(former) = progress.newest {
                    let new = shown.iter().filter(|shown| **shown > former.shown);
                    evidence.extend(new.map(|shown| Evidence::Appeared {
                        shown: *shown,
                        after: former.looked_at,
                        until: now,
                    }));
                }
                progress.newest = newest.map(|shown| Newest {
                    shown,
                    looked_at: now,
                });
            }
        }
        let found = find(&evidence, rows_seen, with_z, self.zone.offset);
        tracing::debug!(connection = self.connection, "Looked at times: {found}");
        let former = state.times.meaning;
        state.learn(found, distance(self.zone.offset), now);
        if state.times.meaning != former {
            tracing::info!(
                connection = self.connection,
                former = former.as_str(),
                "It was found out what times mean: {}",
                state.times
            );
        }
        Ok(())
    }

    /// Compares rows with what webhooks told. Their milliseconds are true instants; what has none may have come from
    /// a row, read as we held right at the time.
    async fn compare(&self, rows: &[Row<'_>], evidence: &mut Vec<Evidence>) -> Result<(), Stop> {
        let records = rows
            .iter()
            .map(|row| row.record(&self.connection))
            .collect();
        let known = self.setup.store.known(records).await;
        let known = known.map_err(failed("read what is known of records"))?;
        evidence.extend(rows.iter().zip(&known).filter_map(|(row, known)| {
            let shown = row.shown?;
            let told = (self.setup.seen)(known)?;
            (told.subsec_nanosecond() != 0).then_some(Evidence::Told { shown, told })
        }));
        Ok(())
    }
}

/// The latest time, where it is known to be: what stands above it later is new. `is_all` says that there are no other
/// rows.
fn newest(shown: &[Timestamp], is_all: bool) -> Option<Timestamp> {
    match shown.iter().copied().max() {
        None => is_all.then_some(Timestamp::UNIX_EPOCH),
        latest => latest.filter(|_| is_all || shown.is_sorted_by(|one, next| one >= next)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_known_when_it_stands_first_or_all_are_seen() {
        let check = |shown: &[i64], is_all, expected: Option<i64>| {
            let at = |second: &i64| Timestamp::from_second(*second).unwrap();
            let shown: Vec<Timestamp> = shown.iter().map(at).collect();
            let newest = newest(&shown, is_all).map(Timestamp::as_second);
            assert_eq!(newest, expected, "{shown:?}");
        };
        check(&[9, 5, 5, 2], false, Some(9));
        check(&[5, 9, 2], false, None);
        check(&[5, 9, 2], true, Some(9));
        check(&[], true, Some(0));
        check(&[], false, None);
    }
}
