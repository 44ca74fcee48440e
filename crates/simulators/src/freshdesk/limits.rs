//! How often the account may be asked: one window for all, smaller ones for some lists.

use jiff::Timestamp;

/// What the account's plan allows in a window. Windows are fixed: they begin on the minute, or the hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Everything together, in credits.
    pub total: u32,
    /// Lists of tickets, in requests.
    pub ticket_lists: u32,
    /// Lists of contacts, in requests.
    pub contact_lists: u32,
    /// How long a window lasts.
    pub window_seconds: i64,
}

impl Limits {
    /// 50 a minute.
    pub const TRIAL: Self = Self::per_minute(50, 50, 50);
    /// 200 a minute, of which 20 lists of tickets and 20 of contacts.
    pub const GROWTH: Self = Self::per_minute(200, 20, 20);
    /// 400 a minute, of which 100 lists of tickets and 100 of contacts.
    pub const PRO: Self = Self::per_minute(400, 100, 100);
    /// 700 a minute, of which 200 lists of tickets and 200 of contacts.
    pub const ENTERPRISE: Self = Self::per_minute(700, 200, 200);
    /// An old plan: 3000 an hour.
    pub const GARDEN: Self = Self {
        total: 3000,
        ticket_lists: 3000,
        contact_lists: 3000,
        window_seconds: 3600,
    };
    /// No plan: what a test sets that is not about limits.
    pub const NONE: Self = Self::per_minute(u32::MAX, u32::MAX, u32::MAX);

    const fn per_minute(total: u32, ticket_lists: u32, contact_lists: u32) -> Self {
        Self {
            total,
            ticket_lists,
            contact_lists,
            window_seconds: 60,
        }
    }
}

/// Which of the smaller limits a request counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    TicketList,
    ContactList,
    Other,
}

/// What was used in the present window.
#[derive(Debug, Default)]
pub(super) struct Used {
    window: i64,
    total: u32,
    ticket_lists: u32,
    contact_lists: u32,
}

/// What the headers say of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    Taken { remaining: u32 },
    Refused { remaining: u32, retry_after: i64 },
}

impl Used {
    /// Takes the credits of one request, or says when to come back. Others than the asking client draw upon the total,
    /// too, which [`Used::take`] is called for with their credits.
    pub(super) fn take(
        &mut self,
        limits: Limits,
        endpoint: Endpoint,
        credits: u32,
        now: Timestamp,
    ) -> Charge {
        let window = now.as_second().div_euclid(limits.window_seconds);
        if window != self.window {
            *self = Self {
                window,
                ..Self::default()
            };
        }
        let retry_after = (window + 1) * limits.window_seconds - now.as_second();
        let (used, limit) = match endpoint {
            Endpoint::TicketList => (&mut self.ticket_lists, limits.ticket_lists),
            Endpoint::ContactList => (&mut self.contact_lists, limits.contact_lists),
            Endpoint::Other => (&mut 0, u32::MAX),
        };
        let remaining = limits.total.saturating_sub(self.total);
        if *used >= limit || credits > remaining {
            return Charge::Refused {
                remaining,
                retry_after,
            };
        }
        *used += 1;
        self.total += credits;
        Charge::Taken {
            remaining: remaining - credits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_refused_while_much_remains_and_served_in_the_next_window() {
        let mut used = Used::default();
        let start: Timestamp = "2026-01-05T02:30:10Z".parse().unwrap();
        for _ in 0..20 {
            let charge = used.take(Limits::GROWTH, Endpoint::TicketList, 3, start);
            assert!(matches!(charge, Charge::Taken { .. }));
        }
        let refused = used.take(Limits::GROWTH, Endpoint::TicketList, 1, start);
        let expected = Charge::Refused {
            remaining: 140,
            retry_after: 50,
        };
        assert_eq!(refused, expected);
        let other = used.take(Limits::GROWTH, Endpoint::Other, 1, start);
        assert_eq!(other, Charge::Taken { remaining: 139 });
        let later = "2026-01-05T02:31:00Z".parse().unwrap();
        let next = used.take(Limits::GROWTH, Endpoint::TicketList, 1, later);
        assert_eq!(next, Charge::Taken { remaining: 199 });
    }
}
