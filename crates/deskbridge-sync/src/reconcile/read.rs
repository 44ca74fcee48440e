//! Reading what changed of one object, from where the last round ended.

use caresoft::rest::{Cause, List, Order, ROWS_MAX};
use jiff::{SignedDuration, Timestamp, tz::Offset};

use super::{
    poller::{Again, Poller, Round, Stop},
    row::Bounds,
    settings::Object,
    state::{Progress, State},
    times::{Meaning, distance},
    walk::{Asked, Shown, Turn, Walk},
};

impl Poller {
    /// Reads what changed of one object, from where the last round ended.
    pub(super) async fn read(
        &self,
        state: &mut State,
        object: Object,
        round: &mut Round,
    ) -> Result<Again, Stop> {
        let meaning = state.times.meaning;
        for _page in 0..self.settings.pages_per_round {
            let Some(progress) = state.objects.get_mut(&object) else {
                break;
            };
            let turn = self.read_page(progress, object, meaning, round).await?;
            self.save(state).await?;
            if turn == Turn::End {
                return Ok(Again::AsUsual);
            }
        }
        Ok(Again::Soon)
    }

    async fn read_page(
        &self,
        progress: &mut Progress,
        object: Object,
        meaning: Meaning,
        round: &mut Round,
    ) -> Result<Turn, Stop> {
        let now = self.setup.clock.now();
        progress.counts.last_round_at = Some(now);
        // It is kept when the page is taken; until then the page is asked for again.
        let walk = progress.walk.clone();
        let walk = walk.or_else(|| {
            let end = before(now, self.settings.grace());
            let from = before(progress.mark.min(end), self.settings.overlap());
            Walk::new(from, progress.mark, end)
        });
        let Some(mut walk) = walk else {
            return Ok(Turn::End);
        };
        let list = question(walk.asks(), meaning, self.zone.offset);
        let page = match self.account.list(object.resource(), &list).await {
            Err(error) if matches!(error.cause, Cause::TooLarge { .. }) && walk.narrow() => {
                progress.walk = Some(walk);
                return Ok(Turn::On(None));
            }
            answered => answered?,
        };
        // Further pages may be empty by now, because rows went away.
        let is_empty = walk.asks().page == 1 && page.rows.is_empty();
        if let Some(found) = page.found.filter(|found| *found > 0 && is_empty) {
            return Err(Stop::Held(format!(
                "CareSoft says that {found} {} changed, and shows none",
                object.as_str()
            )));
        }
        let bounds = Bounds {
            since: progress.since,
            new_from: walk.new_from,
            end: walk.end,
        };
        let taken = self.take(object, &page, meaning, bounds).await?;
        taken.count(&mut progress.counts, now);
        round.rows += taken.rows;
        round.missed += taken.missed;
        let turn = walk.turn(Shown {
            times: &taken.times,
            rows_max: ROWS_MAX.into(),
            is_more: page.next.is_some(),
            found: page.found,
        });
        match turn {
            Turn::On(reached) => {
                progress.mark = progress.mark.max(reached.unwrap_or(progress.mark));
                progress.walk = Some(walk);
            }
            Turn::End => {
                progress.mark = progress.mark.max(walk.end);
                progress.walk = None;
                progress.counts.last_end_at = Some(now);
            }
        }
        Ok(turn)
    }
}

/// The question for a piece of a walk.
///
/// Times are written in the account's words. Where its rows do not tell how it takes a `Z`, they are written so that
/// either way nothing is left out, and what is too much is told by the rows' own times.
fn question(asked: Asked, meaning: Meaning, offset: Offset) -> List {
    let local = distance(offset);
    let shifted = |time: Timestamp, by: SignedDuration| time.saturating_add(by).unwrap_or(time);
    let list = List::new()
        .order_by("updated_at", Order::Ascending)
        .page(asked.page);
    match meaning {
        Meaning::Utc => list.updated_since(asked.from).updated_to(asked.to),
        Meaning::Local => list
            .updated_since(shifted(asked.from, local))
            .updated_to(shifted(asked.to, local)),
        Meaning::Unwritten | Meaning::Unknown => {
            let (early, late) = (
                local.min(SignedDuration::ZERO),
                local.max(SignedDuration::ZERO),
            );
            list.updated_since(shifted(asked.from, early))
                .updated_to(shifted(asked.to, late))
        }
    }
}

fn before(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_sub(by).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_asked_in_the_words_of_the_account() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let hours_7 = 7 * 3_600;
        let asked = Asked {
            from: at(1_000_000),
            to: at(1_000_500),
            page: 3,
        };
        let check = |meaning, hours: i8, since: i64, to: i64| {
            let expected = List::new()
                .order_by("updated_at", Order::Ascending)
                .page(3)
                .updated_since(at(since))
                .updated_to(at(to));
            let question = question(asked, meaning, Offset::constant(hours));
            assert_eq!(question, expected, "{meaning:?} at {hours}");
        };
        check(Meaning::Utc, 7, 1_000_000, 1_000_500);
        check(Meaning::Local, 7, 1_000_000 + hours_7, 1_000_500 + hours_7);
        check(Meaning::Local, -7, 1_000_000 - hours_7, 1_000_500 - hours_7);
        // Nothing is left out, whichever it is.
        check(Meaning::Unwritten, 7, 1_000_000, 1_000_500 + hours_7);
        check(Meaning::Unwritten, -7, 1_000_000 - hours_7, 1_000_500);
    }
}
