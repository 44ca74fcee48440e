//! How often what happened, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$documentation:meta])* $name:ident $what:ident,)*) => {
        /// Counts since the program started.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($name: AtomicU64,)*
        }

        /// The counts at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CountersSnapshot {
            $($(#[$documentation])* pub $name: u64,)*
        }

        /// What is counted.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Counted {
            $($what,)*
        }

        impl Counters {
            pub(crate) fn add(&self, what: Counted, number: usize) {
                let counter = match what {
                    $(Counted::$what => &self.$name,)*
                };
                counter.fetch_add(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
            }

            /// The counts now.
            pub fn snapshot(&self) -> CountersSnapshot {
                CountersSnapshot {
                    $($name: self.$name.load(Ordering::Relaxed),)*
                }
            }
        }
    };
}

counters! {
    /// Effects recorded.
    recorded Recorded,
    /// Effects carried out, or events planned.
    done Done,
    /// Attempts that failed and will be repeated.
    rescheduled Rescheduled,
    /// Effects or events given up.
    dead Dead,
    /// Handlers that panicked; each of their effects or events is also counted as dead.
    panicked Panicked,
    /// Events that nobody knew what to do with.
    unrouted Unrouted,
    /// Events taken in.
    accepted Accepted,
    /// Events that repeated an earlier one.
    repeated Repeated,
    /// Events turned away because too much waited to be written.
    busy Busy,
    /// Events that could not be stored, for want of room or another reason.
    not_stored NotStored,
    /// Bodies kept although they could not be verified.
    quarantined Quarantined,
}
