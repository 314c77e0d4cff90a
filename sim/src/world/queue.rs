//! What is due when.
//!
//! Events of one instant run in the order of their [`Rank`], then of the subject's place in the input, then
//! in the order in which they were planned. Devices' reports come last, in the order of the devices, so that
//! they show the instant as it is when all else has happened.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// The order of what happens within an instant: what comes in, then what is asked, served and ordered, then
/// what leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Begin,
    Story,
    Fault,
    Arrival,
    Receipt,
    Midnight,
    Demand,
    Issue,
    Review,
    Departure,
    Answer,
    Resend,
}

/// A kind of fault of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Compressor,
    Battery,
    Outage,
    Clock,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Event {
    /// A device starts.
    Begin(u32),
    /// The stock of the start has orders that nobody has placed yet.
    Opening,
    /// A scene of the demo.
    Story(u8),
    /// The next fault of a device.
    Fault(u32),
    /// The end of one.
    FaultEnd(u32, FaultKind),
    /// A vehicle breaks down, if it moves.
    Breakdown(u32),
    /// A vehicle is repaired.
    Repaired(u32),
    /// A vehicle need not hold any longer: number of the order to hold that this ends.
    Released(u32, u32),
    /// A vehicle gets to the end of its leg: number of the plan that this is of.
    Arrival(u32, u32),
    /// A vehicle leaves, if it still stands: number of the plan that this is of.
    Departure(u32, u32),
    /// An order may leave on its main leg.
    Ready(u64),
    /// A shipment is unpacked.
    Delivered(u64),
    /// The goods of an order are made.
    Made(u64),
    /// A new day in one time zone.
    Midnight(u32),
    /// The next customer's order in one time zone.
    Demand(u32),
    /// Reserved goods leave.
    Issue(u64),
    /// A site looks at its stock.
    Review(u32),
    /// A site begins with what it was told to deliver.
    Told(u64),
    /// A carrier comes for what waits on a lane.
    Carrier(u32),
    /// A device answers a command.
    Answer(u64),
    /// A message comes a second time.
    Resend(u64),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: i64,
    rank: Rank,
    subject: u32,
    serial: u64,
    event: Event,
}

impl Entry {
    fn key(&self) -> (i64, Rank, u32, u64) {
        (self.at, self.rank, self.subject, self.serial)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    Event(Event),
    /// A device's time to report; it stays planned until [`Queue::tick_again`].
    Tick(u32),
}

/// All that is planned. Reports of devices have a heap of their own: they are nearly all that happens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    events: BinaryHeap<Reverse<Entry>>,
    ticks: BinaryHeap<Reverse<(i64, u32)>>,
    serial: u64,
}

impl Queue {
    pub(crate) fn plan(&mut self, at: i64, rank: Rank, subject: u32, event: Event) {
        self.serial += 1;
        self.events.push(Reverse(Entry { at, rank, subject, serial: self.serial, event }));
    }

    pub(crate) fn plan_tick(&mut self, at: i64, device: u32) {
        self.ticks.push(Reverse((at, device)));
    }

    pub(crate) fn next_at(&self) -> Option<i64> {
        let event = self.events.peek().map(|Reverse(entry)| entry.at);
        let tick = self.ticks.peek().map(|Reverse((at, _))| *at);
        match (event, tick) {
            (Some(event), Some(tick)) => Some(event.min(tick)),
            (event, tick) => event.or(tick),
        }
    }

    /// Takes the next thing that is due at or before `until`.
    #[inline]
    pub(crate) fn take(&mut self, until: i64) -> Option<(i64, Next)> {
        let tick = self.ticks.peek().map_or((i64::MAX, u32::MAX), |Reverse(tick)| *tick);
        if let Some(top) = self.events.peek_mut()
            && top.0.at <= tick.0
        {
            if top.0.at > until {
                return None;
            }
            let entry = PeekMut::pop(top).0;
            return Some((entry.at, Next::Event(entry.event)));
        }
        (tick.0 <= until && tick.1 != u32::MAX).then_some((tick.0, Next::Tick(tick.1)))
    }

    /// Moves the tick that [`Queue::take`] gave to its next time.
    #[inline]
    pub(crate) fn tick_again(&mut self, at: i64) {
        if let Some(mut top) = self.ticks.peek_mut() {
            top.0.0 = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_runs_by_rank_then_subject_then_plan_and_reports_come_last() {
        let mut queue = Queue::default();
        queue.plan_tick(5, 1);
        queue.plan_tick(5, 0);
        queue.plan(5, Rank::Demand, 0, Event::Demand(0));
        queue.plan(5, Rank::Receipt, 9, Event::Made(2));
        queue.plan(5, Rank::Receipt, 9, Event::Made(1));
        queue.plan(5, Rank::Receipt, 3, Event::Made(3));
        queue.plan(4, Rank::Resend, 0, Event::Resend(0));
        let mut seen = Vec::new();
        while let Some((_, next)) = queue.take(5) {
            seen.push(next);
            if matches!(next, Next::Tick(_)) {
                queue.tick_again(10);
            }
        }
        let event = Next::Event;
        assert_eq!(
            seen,
            [
                event(Event::Resend(0)),
                event(Event::Made(3)),
                event(Event::Made(2)),
                event(Event::Made(1)),
                event(Event::Demand(0)),
                Next::Tick(0),
                Next::Tick(1),
            ]
        );
        assert_eq!(queue.next_at(), Some(10));
    }
}
