//! Which page holds the rows from an offset on.

/// Pages of tickets beyond this one are refused.
pub(super) const TICKET_PAGES_MAX: u32 = 300;
const PER_PAGE_MAX: u32 = 100;
const PER_PAGE_MIN: u32 = 50;

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) page: u32,
    pub(crate) per_page: u32,
}

impl Slice {
    /// The first page.
    pub(crate) const FIRST: Self = Self {
        page: 1,
        per_page: PER_PAGE_MAX,
    };

    /// The page that begins at `offset` or a little before it, and reaches farthest beyond it. Sizes of pages are free, so
    /// that pages can overlap although they are counted. Nothing when it would be beyond the last page.
    pub(crate) fn holding(offset: u64, pages_max: Option<u32>) -> Option<Self> {
        let sizes = (PER_PAGE_MIN..=PER_PAGE_MAX).rev();
        let slices = sizes.filter_map(|per_page| {
            let page = u32::try_from(offset / u64::from(per_page))
                .ok()?
                .checked_add(1)?;
            let is_readable = pages_max.is_none_or(|max| page <= max);
            is_readable.then_some(Self { page, per_page })
        });
        slices.max_by_key(|slice| (slice.end(), slice.per_page))
    }

    /// Whether there is a page that goes on beyond `offset` rows, with one of them in it.
    pub(crate) fn goes_on(offset: u64, pages_max: Option<u32>) -> bool {
        let slice = Self::holding(offset.saturating_sub(1), pages_max);
        slice.is_some_and(|slice| slice.end() > offset)
    }

    fn end(self) -> u64 {
        self.start() + u64::from(self.per_page)
    }

    /// How many rows are before it.
    pub(crate) fn start(self) -> u64 {
        u64::from(self.page - 1) * u64::from(self.per_page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_that_can_be_reached_is_held_with_many_behind_it() {
        for offset in 0..29_999 {
            let slice = Slice::holding(offset, Some(TICKET_PAGES_MAX)).unwrap();
            assert!(
                slice.start() <= offset && offset < slice.end(),
                "{offset} {slice:?}"
            );
            assert!(slice.per_page <= 100 && slice.page <= 300);
            assert!(
                slice.end() - offset >= 50 || offset > 15_000,
                "{offset} {slice:?}"
            );
        }
        assert!(Slice::goes_on(29_000, Some(TICKET_PAGES_MAX)));
        assert!(!Slice::goes_on(30_000, Some(TICKET_PAGES_MAX)));
        assert_eq!(
            Slice::holding(0, None),
            Some(Slice {
                page: 1,
                per_page: 100
            })
        );
        assert_eq!(Slice::holding(30_000, Some(TICKET_PAGES_MAX)), None);
        assert!(Slice::holding(30_000, None).is_some());
    }
}
