//! What waits for the consumer: as many signals as there are, up to so many bytes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::signal::{Resync, Signal};

/// What a message takes beside its bytes: its index of headers and its place in the queue.
const MESSAGE_OVERHEAD_BYTES: usize = 512;

/// What a connection tells, in order. Dropping it ends the connection.
#[derive(Debug)]
pub struct Signals(Arc<Shared>);

/// The other end.
#[derive(Debug)]
pub(crate) struct Outlet {
    shared: Arc<Shared>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// The consumer waits for it.
    arrived: Notify,
    /// The driver waits for it: everything was taken.
    drained: Notify,
    /// The driver waits for it: nobody takes anything any more.
    abandoned: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Signal>,
    bytes: usize,
    is_over: bool,
    is_abandoned: bool,
}

/// More bytes wait than may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

pub(crate) fn queue(bytes_max: usize) -> (Outlet, Signals) {
    let shared = Arc::new(Shared::default());
    let outlet = Outlet {
        shared: Arc::clone(&shared),
        bytes_max,
    };
    (outlet, Signals(shared))
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signals {
    /// The next signal; `None` when the connection was closed for good.
    pub async fn next(&mut self) -> Option<Signal> {
        loop {
            let arrived = self.0.arrived.notified();
            {
                let mut state = self.0.state();
                if let Some(signal) = self.pop(&mut state) {
                    return Some(signal);
                }
                if state.is_over {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// The next signal, if one is there already.
    pub fn try_next(&mut self) -> Option<Signal> {
        let mut state = self.0.state();
        self.pop(&mut state)
    }

    /// How many bytes wait, which says how far the consumer is behind.
    pub fn waiting_bytes(&self) -> usize {
        self.0.state().bytes
    }

    fn pop(&self, state: &mut State) -> Option<Signal> {
        let signal = state.waiting.pop_front()?;
        state.bytes -= cost(&signal);
        if state.waiting.is_empty() {
            // What a burst took is given back.
            state.waiting.shrink_to(1024);
            self.0.drained.notify_one();
        }
        Some(signal)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.0.state().is_abandoned = true;
        self.0.drained.notify_one();
        self.0.abandoned.notify_one();
    }
}

impl Outlet {
    /// Adds signals, and answers how many bytes wait; those that no longer fit are dropped with the rest.
    pub(crate) fn push(&self, signals: impl IntoIterator<Item = Signal>) -> Result<usize, Full> {
        let mut state = self.shared.state();
        let mut is_full = false;
        for signal in signals {
            let bytes = state.bytes + cost(&signal);
            if bytes > self.bytes_max {
                is_full = true;
                break;
            }
            state.bytes = bytes;
            state.waiting.push_back(signal);
        }
        let bytes = state.bytes;
        drop(state);
        self.shared.arrived.notify_one();
        match is_full {
            true => Err(Full),
            false => Ok(bytes),
        }
    }

    /// Adds a signal that has to be told, whatever waits. There are few of them, and none comes while the consumer is
    /// waited for.
    pub(crate) fn push_anyway(&self, signal: Signal) {
        let mut state = self.shared.state();
        state.bytes += cost(&signal);
        state.waiting.push_back(signal);
        drop(state);
        self.shared.arrived.notify_one();
    }

    /// Waits until the consumer has taken everything, or gone.
    pub(crate) async fn drained(&self) {
        let drained = &self.shared.drained;
        self.wait(drained, |state| state.waiting.is_empty()).await;
    }

    /// Waits until the consumer has gone.
    pub(crate) async fn abandoned(&self) {
        self.wait(&self.shared.abandoned, |_state| false).await;
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.shared.state().is_abandoned
    }

    async fn wait(&self, changed: &Notify, is_reached: impl Fn(&State) -> bool) {
        loop {
            let changed = changed.notified();
            {
                let state = self.shared.state();
                if state.is_abandoned || is_reached(&state) {
                    return;
                }
            }
            changed.await;
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.arrived.notify_one();
    }
}

fn cost(signal: &Signal) -> usize {
    match signal {
        Signal::Event(message) | Signal::Stray(message) => {
            message.as_bytes().len() + MESSAGE_OVERHEAD_BYTES
        }
        Signal::Resync(Resync::Channels(channels)) => {
            let bytes =
                |message: &crate::Message| message.as_bytes().len() + MESSAGE_OVERHEAD_BYTES;
            channels.iter().map(bytes).sum::<usize>() + MESSAGE_OVERHEAD_BYTES
        }
        Signal::Resync(Resync::Refused(_) | Resync::TooLong { .. })
        | Signal::Connected(_)
        | Signal::LeftOut(_)
        | Signal::Disconnected { .. } => MESSAGE_OVERHEAD_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    fn event(text: &'static str) -> Signal {
        Signal::Event(Message::parse(text.into()))
    }

    #[tokio::test]
    async fn signals_come_in_order_and_end() {
        let (outlet, mut signals) = queue(1 << 20);
        outlet.push([event("Event: A"), event("Event: B")]).unwrap();
        assert_eq!(signals.next().await, Some(event("Event: A")));
        assert!(signals.waiting_bytes() > 0);
        drop(outlet);
        assert_eq!(signals.next().await, Some(event("Event: B")));
        assert_eq!(signals.waiting_bytes(), 0);
        assert_eq!(signals.next().await, None);
        assert_eq!(signals.try_next(), None);
    }

    #[tokio::test]
    async fn a_waiting_consumer_is_woken() {
        let (outlet, mut signals) = queue(1 << 20);
        let (got, ()) = tokio::join!(signals.next(), async {
            tokio::task::yield_now().await;
            outlet.push([event("Event: A")]).unwrap();
        });
        assert_eq!(got, Some(event("Event: A")));
    }

    #[tokio::test]
    async fn what_fits_is_kept_and_the_rest_refused() {
        let (outlet, mut signals) = queue(3 * (MESSAGE_OVERHEAD_BYTES + 8));
        let four = ["Event: A", "Event: B", "Event: C", "Event: D"].map(event);
        assert_eq!(outlet.push(four), Err(Full));
        outlet.push_anyway(event("Event: E"));
        let mut left = Vec::new();
        while let Some(signal) = signals.try_next() {
            left.push(signal);
        }
        assert_eq!(
            left,
            ["Event: A", "Event: B", "Event: C", "Event: E"].map(event)
        );
        outlet.drained().await;
    }

    #[tokio::test]
    async fn a_gone_consumer_is_noticed() {
        let (outlet, signals) = queue(1 << 20);
        outlet.push([event("Event: A")]).unwrap();
        let ((), ()) = tokio::join!(outlet.drained(), async {
            tokio::task::yield_now().await;
            drop(signals);
        });
        outlet.abandoned().await;
        assert!(outlet.is_abandoned());
    }
}
