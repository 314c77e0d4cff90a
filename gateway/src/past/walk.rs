//! Going through the journal, fact by fact, from one moment to the next.

use crate::journal::{JournalReader, Records, Seq, milestone};
use crate::ports::Disk;
use crate::recover::{RecoverError, newest_time, oldest};
use firmware_schemas::fact::Fact;
use firmware_schemas::quantity::Timestamp;
use std::sync::atomic::{AtomicBool, Ordering};
use twin::Twin;
use twin::apply::Touched;
use twin::snapshot::SNAPSHOT_VERSION;

/// The twin after some record.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The twin.
    pub twin: Twin,
    /// No record up to there is of later than this; `None` while none says when it became known.
    pub newest: Option<Timestamp>,
}

impl Standing {
    /// The latest state from which `at` is reached by going forward: the newest milestone not after it, or `held`
    /// where that is later, or the oldest snapshot, or the journal's beginning.
    pub fn nearest(
        disk: &dyn Disk,
        reader: &JournalReader,
        at: Timestamp,
        held: Option<Self>,
    ) -> Result<Self, RecoverError> {
        let first = reader.first();
        let held = held.filter(|held| Seq(held.twin.revision).next() >= first);
        let known = held.as_ref().map_or(0, |held| held.twin.revision);
        let marks = milestone::list(disk)?;
        let reaching = marks.iter().rev().filter(|mark| mark.at <= at && mark.seq.next() >= first);
        for mark in reaching.take_while(|mark| mark.seq.0 > known) {
            // What the journal has not got any more, after a disaster, is not its past.
            if mark.seq > reader.durable() {
                continue;
            }
            let bytes = milestone::load(disk, *mark, SNAPSHOT_VERSION)?;
            if let Some(twin) = bytes.and_then(|bytes| Twin::from_bytes(&bytes).ok()) {
                return Ok(Self { twin, newest: Some(mark.at) });
            }
        }
        if let Some(held) = held {
            return Ok(held);
        }
        let twin = oldest(disk, reader)?;
        let newest = if twin.revision > 0 { newest_time(&twin) } else { None };
        match newest.filter(|begins| *begins > at) {
            // Of a journal without its beginning only the snapshot is known, not how it came to be.
            Some(begins) => Err(RecoverError::TooEarly { asked: at, begins }),
            None => Ok(Self { twin, newest }),
        }
    }
}

/// On the way.
pub struct Walk {
    records: Records,
    standing: Standing,
    /// Read, and not yet applied.
    ahead: Option<(u64, Fact)>,
}

impl Walk {
    /// From here on.
    pub fn begin(reader: &JournalReader, standing: Standing) -> Result<Self, RecoverError> {
        let records = reader.read_from(Seq(standing.twin.revision).next())?;
        Ok(Self { records, standing, ahead: None })
    }

    /// Where it is.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Goes on to `at`: applies every record before the first that is of later. Says what each touched.
    ///
    /// Errs with `Stopped` as soon as `stop` says so, and can go on from there.
    pub fn to(
        &mut self,
        at: Timestamp,
        stop: &dyn Fn() -> bool,
        each: &mut dyn FnMut(&Touched, &Twin),
    ) -> Result<(), RecoverError> {
        /// Whether to stop is asked once in so many records.
        const LOOK_UP: u64 = 256;
        let mut touched = Vec::new();
        while let Some((seq, fact)) = self.next()? {
            if seq % LOOK_UP == 0 && stop() {
                self.ahead = Some((seq, fact));
                return Err(RecoverError::Stopped);
            }
            let known_at = fact.known_at();
            match (known_at, self.standing.newest) {
                (Some(begins), None) if begins > at => return Err(RecoverError::TooEarly { asked: at, begins }),
                (Some(known_at), _) if known_at > at => {
                    self.ahead = Some((seq, fact));
                    return Ok(());
                }
                _ => {}
            }
            touched.clear();
            self.standing.twin.apply(seq, &fact, &mut touched)?;
            self.standing.newest = self.standing.newest.max(known_at);
            touched.iter().for_each(|what| each(what, &self.standing.twin));
        }
        Ok(())
    }

    /// When the next record is of; `now` where it does not say, `None` at the journal's end.
    pub fn next_known(&mut self, now: Timestamp) -> Result<Option<Timestamp>, RecoverError> {
        let Some((seq, fact)) = self.next()? else { return Ok(None) };
        let known_at = fact.known_at().or(self.standing.newest).unwrap_or(now);
        self.ahead = Some((seq, fact));
        Ok(Some(known_at))
    }

    fn next(&mut self) -> Result<Option<(u64, Fact)>, RecoverError> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        let Some(record) = self.records.next_record()? else { return Ok(None) };
        let seq = record.seq.0;
        let fact = Fact::decode(record.payload).map_err(|why| RecoverError::Fact { seq, why })?;
        Ok(Some((seq, fact)))
    }
}

/// The twin as it was at a moment: everything that was known by then.
pub fn twin_at(
    disk: &dyn Disk,
    reader: &JournalReader,
    at: Timestamp,
    stop: &AtomicBool,
) -> Result<Twin, RecoverError> {
    let mut walk = Walk::begin(reader, Standing::nearest(disk, reader, at, None)?)?;
    walk.to(at, &|| stop.load(Ordering::Relaxed), &mut |_, _| {})?;
    Ok(walk.standing.twin)
}

/// The first moment from which [`Standing::nearest`] goes forward without a milestone.
pub(super) fn first_known(disk: &dyn Disk, reader: &JournalReader) -> Result<Option<Timestamp>, RecoverError> {
    let twin = oldest(disk, reader)?;
    if twin.revision > 0
        && let Some(newest) = newest_time(&twin)
    {
        return Ok(Some(newest));
    }
    let mut walk = Walk::begin(reader, Standing { twin, newest: None })?;
    while let Some((_, fact)) = walk.next()? {
        if let Some(known_at) = fact.known_at() {
            return Ok(Some(known_at));
        }
    }
    Ok(None)
}
