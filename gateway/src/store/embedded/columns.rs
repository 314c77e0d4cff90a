//! Points of one series and one kind of value, as columns.

use super::super::{Point, Quality, Value};
use compact_str::CompactString;
use firmware_schemas::quantity::Timestamp;
use std::ops::Range;

/// The values of some points, all of one kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    Float(Vec<f64>),
    Integer(Vec<i64>),
    Boolean(Vec<bool>),
    Text(Vec<CompactString>),
}

/// Which kind of value a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    Float = 0,
    Integer = 1,
    Boolean = 2,
    Text = 3,
}

impl Kind {
    pub(super) fn from_code(code: u32) -> Option<Self> {
        [Self::Float, Self::Integer, Self::Boolean, Self::Text].get(code as usize).copied()
    }

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Float(_) => Self::Float,
            Value::Integer(_) => Self::Integer,
            Value::Boolean(_) => Self::Boolean,
            Value::Text(_) => Self::Text,
        }
    }
}

impl Values {
    pub(super) fn new(kind: Kind, capacity: usize) -> Self {
        match kind {
            Kind::Float => Self::Float(Vec::with_capacity(capacity)),
            Kind::Integer => Self::Integer(Vec::with_capacity(capacity)),
            Kind::Boolean => Self::Boolean(Vec::with_capacity(capacity)),
            Kind::Text => Self::Text(Vec::with_capacity(capacity)),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Float(_) => Kind::Float,
            Self::Integer(_) => Kind::Integer,
            Self::Boolean(_) => Kind::Boolean,
            Self::Text(_) => Kind::Text,
        }
    }

    pub(super) fn get(&self, idx: usize) -> Value {
        match self {
            Self::Float(values) => Value::Float(values[idx]),
            Self::Integer(values) => Value::Integer(values[idx]),
            Self::Boolean(values) => Value::Boolean(values[idx]),
            Self::Text(values) => Value::Text(values[idx].clone()),
        }
    }

    /// Appends `value` and gives true if it is of this kind.
    pub(super) fn push(&mut self, value: &Value) -> bool {
        match (self, value) {
            (Self::Float(values), Value::Float(x)) => values.push(*x),
            (Self::Integer(values), Value::Integer(x)) => values.push(*x),
            (Self::Boolean(values), Value::Boolean(x)) => values.push(*x),
            (Self::Text(values), Value::Text(x)) => values.push(x.clone()),
            _ => return false,
        }
        true
    }

    fn extend(&mut self, from: &Self, range: Range<usize>) {
        match (self, from) {
            (Self::Float(values), Self::Float(other)) => values.extend_from_slice(&other[range]),
            (Self::Integer(values), Self::Integer(other)) => values.extend_from_slice(&other[range]),
            (Self::Boolean(values), Self::Boolean(other)) => values.extend_from_slice(&other[range]),
            (Self::Text(values), Self::Text(other)) => values.extend_from_slice(&other[range]),
            _ => debug_assert!(false, "columns of two kinds"),
        }
    }

    fn pick(&self, order: &[u32]) -> Self {
        fn picked<T: Clone>(values: &[T], order: &[u32]) -> Vec<T> {
            order.iter().map(|i| values[*i as usize].clone()).collect()
        }
        match self {
            Self::Float(values) => Self::Float(picked(values, order)),
            Self::Integer(values) => Self::Integer(picked(values, order)),
            Self::Boolean(values) => Self::Boolean(picked(values, order)),
            Self::Text(values) => Self::Text(picked(values, order)),
        }
    }
}

/// The qualities of some points: mostly all the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Qualities {
    Same(Quality),
    Each(Vec<Quality>),
}

impl Qualities {
    pub(super) fn get(&self, idx: usize) -> Quality {
        match self {
            Self::Same(quality) => *quality,
            Self::Each(qualities) => qualities[idx],
        }
    }

    /// Appends `quality` to the `len` that are here.
    fn push(&mut self, len: usize, quality: Quality) {
        match self {
            Self::Same(same) if len == 0 => *same = quality,
            Self::Same(same) if *same == quality => {}
            Self::Same(same) => {
                let mut each = vec![*same; len];
                each.push(quality);
                *self = Self::Each(each);
            }
            Self::Each(each) => each.push(quality),
        }
    }

    fn extend(&mut self, len: usize, from: &Self, range: Range<usize>) {
        match (&mut *self, from) {
            (Self::Same(same), Self::Same(other)) if len == 0 || same == other => *same = *other,
            (Self::Each(each), Self::Each(other)) => each.extend_from_slice(&other[range]),
            _ => {
                for (added, idx) in range.enumerate() {
                    self.push(len + added, from.get(idx));
                }
            }
        }
    }
}

pub(super) fn quality_code(quality: Quality) -> u8 {
    match quality {
        Quality::Good => 0,
        Quality::Suspect => 1,
        Quality::Bad => 2,
    }
}

pub(super) fn quality_from_code(code: u8) -> Option<Quality> {
    [Quality::Good, Quality::Suspect, Quality::Bad].get(usize::from(code)).copied()
}

/// Points of one series and one kind of value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Columns {
    /// Nanoseconds since the epoch.
    pub(super) at: Vec<i64>,
    pub(super) values: Values,
    pub(super) qualities: Qualities,
}

impl Columns {
    pub(super) fn new(kind: Kind, capacity: usize) -> Self {
        Self {
            at: Vec::with_capacity(capacity),
            values: Values::new(kind, capacity),
            qualities: Qualities::Same(Quality::Good),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.at.len()
    }

    pub(super) fn kind(&self) -> Kind {
        self.values.kind()
    }

    pub(super) fn point(&self, idx: usize) -> Point {
        Point { at: Timestamp::from_nanos(self.at[idx]), value: self.values.get(idx), quality: self.qualities.get(idx) }
    }

    /// Appends `point`, which must be of this kind.
    pub(super) fn push(&mut self, point: &Point) {
        if self.values.push(&point.value) {
            self.qualities.push(self.at.len(), point.quality);
            self.at.push(point.at.as_nanos());
        } else {
            debug_assert!(false, "a point of another kind");
        }
    }

    /// Appends some of `from`, which must be of the same kind.
    pub(super) fn extend(&mut self, from: &Self, range: Range<usize>) {
        self.values.extend(&from.values, range.clone());
        self.qualities.extend(self.at.len(), &from.qualities, range.clone());
        self.at.extend_from_slice(&from.at[range]);
    }

    /// The same points ascending in time; of those with the same time only the last.
    pub(super) fn sorted(&self) -> Self {
        let mut order: Vec<u32> = (0..self.at.len() as u32).collect();
        order.sort_by_key(|i| self.at[*i as usize]); // stable: arrival decides
        let mut kept: Vec<u32> = Vec::with_capacity(order.len());
        for i in order {
            match kept.last_mut() {
                Some(last) if self.at[*last as usize] == self.at[i as usize] => *last = i,
                _ => kept.push(i),
            }
        }
        let mut qualities = Qualities::Same(Quality::Good);
        for (len, i) in kept.iter().enumerate() {
            qualities.push(len, self.qualities.get(*i as usize));
        }
        Self { at: kept.iter().map(|i| self.at[*i as usize]).collect(), values: self.values.pick(&kept), qualities }
    }
}
