//! OpenStreetMap's XML, as far as roads need it: nodes with places, ways with their nodes and tags.

use crate::LatLon;
use std::collections::BTreeMap;

/// Why a text is no road network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OsmError {
    #[error("line {line}: a tag does not end")]
    Unfinished { line: usize },
    #[error("line {line}: attributes of {tag:?} are not understood")]
    Attributes { line: usize, tag: String },
    #[error("line {line}: {tag} has no {attribute}")]
    Missing { line: usize, tag: &'static str, attribute: &'static str },
    #[error("line {line}: {attribute} of {tag} is no number: {found:?}")]
    NotANumber { line: usize, tag: &'static str, attribute: &'static str, found: String },
    #[error("line {line}: node {id} is not on the earth")]
    NotOnEarth { line: usize, id: i64 },
    #[error("line {line}: node {id} is there twice")]
    Twice { line: usize, id: i64 },
    #[error("line {line}: {found:?} where an osm element was due")]
    NotOsm { line: usize, found: String },
    #[error("there is no road that the vehicle may use")]
    NoRoads,
}

/// A way as it is written.
pub(super) struct Way<'t> {
    pub(super) nodes: Vec<i64>,
    pub(super) tags: BTreeMap<&'t str, &'t str>,
}

#[derive(Default)]
pub(super) struct Map<'t> {
    pub(super) nodes: BTreeMap<i64, LatLon>,
    pub(super) ways: Vec<Way<'t>>,
}

/// One tag of the text.
struct Tag<'t> {
    line: usize,
    name: &'t str,
    attributes: Vec<(&'t str, &'t str)>,
    closes: bool,
}

/// Reads all of it; what is no node and no way is passed over.
pub(super) fn read(text: &str) -> Result<Map<'_>, OsmError> {
    let mut map = Map::default();
    let mut rest = Reader { text, at: 0, line: 1 };
    let mut is_osm = false;
    let mut open: Option<Way<'_>> = None;
    while let Some(tag) = rest.next()? {
        if !is_osm {
            if tag.name != "osm" {
                return Err(OsmError::NotOsm { line: tag.line, found: quote(tag.name) });
            }
            is_osm = true;
        }
        match (tag.name, tag.closes) {
            ("node", _) => {
                let id = tag.integer("node", "id")?;
                let place = LatLon { lat: tag.degrees("lat")?, lon: tag.degrees("lon")? };
                if !(place.lat.abs() <= 90.0 && place.lon.abs() <= 180.0) {
                    return Err(OsmError::NotOnEarth { line: tag.line, id });
                }
                if map.nodes.insert(id, place).is_some() {
                    return Err(OsmError::Twice { line: tag.line, id });
                }
            }
            ("way", false) => open = Some(Way { nodes: Vec::new(), tags: BTreeMap::new() }),
            ("/way", _) => map.ways.extend(open.take()),
            ("nd", _) => {
                if let Some(way) = &mut open {
                    way.nodes.push(tag.integer("nd", "ref")?);
                }
            }
            ("tag", _) => {
                if let Some(way) = &mut open {
                    way.tags.insert(tag.attribute("tag", "k")?, tag.attribute("tag", "v")?);
                }
            }
            _ => {}
        }
    }
    if is_osm { Ok(map) } else { Err(OsmError::NotOsm { line: 1, found: quote(text) }) }
}

fn quote(text: &str) -> String {
    text.chars().take(40).collect()
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl<'t> Reader<'t> {
    /// The next tag that is no comment and no declaration.
    fn next(&mut self) -> Result<Option<Tag<'t>>, OsmError> {
        loop {
            let Some(open) = self.text[self.at..].find('<') else { return Ok(None) };
            self.pass(open + 1);
            let line = self.line;
            let rest = &self.text[self.at..];
            let unfinished = OsmError::Unfinished { line };
            if rest.starts_with("!--") {
                let end = rest.find("-->").ok_or(unfinished)?;
                self.pass(end + 3);
                continue;
            }
            let end = tag_end(rest).ok_or(unfinished)?;
            let inside = &rest[..end];
            self.pass(end + 1);
            if inside.starts_with(['?', '!']) {
                continue;
            }
            let (inside, closes) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
            let inside = inside.trim();
            let name_end = inside.find(|c: char| c.is_ascii_whitespace()).unwrap_or(inside.len());
            let (name, attributes) = inside.split_at(name_end);
            let wrong = || OsmError::Attributes { line, tag: quote(name) };
            return Ok(Some(Tag { line, name, attributes: attributes_of(attributes).ok_or_else(wrong)?, closes }));
        }
    }

    fn pass(&mut self, bytes: usize) {
        let passed = &self.text.as_bytes()[self.at..self.at + bytes];
        self.line += passed.iter().filter(|&&b| b == b'\n').count();
        self.at += bytes;
    }
}

/// Where a tag ends: the first `>` outside quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quoted: Option<u8> = None;
    for (i, &b) in text.as_bytes().iter().enumerate() {
        match quoted {
            Some(quote) if b == quote => quoted = None,
            Some(_) => {}
            None if b == b'>' => return Some(i),
            None if b == b'"' || b == b'\'' => quoted = Some(b),
            None => {}
        }
    }
    None
}

fn attributes_of(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| *c == '"' || *c == '\'')?;
        let (value, after) = value[1..].split_once(quote)?;
        out.push((key.trim(), value));
        rest = after.trim_start();
    }
    Some(out)
}

impl<'t> Tag<'t> {
    fn attribute(&self, tag: &'static str, attribute: &'static str) -> Result<&'t str, OsmError> {
        let found = self.attributes.iter().find(|a| a.0 == attribute).map(|a| a.1);
        found.ok_or(OsmError::Missing { line: self.line, tag, attribute })
    }

    fn integer(&self, tag: &'static str, attribute: &'static str) -> Result<i64, OsmError> {
        let text = self.attribute(tag, attribute)?;
        let wrong = |_| OsmError::NotANumber { line: self.line, tag, attribute, found: quote(text) };
        text.parse().map_err(wrong)
    }

    fn degrees(&self, attribute: &'static str) -> Result<f64, OsmError> {
        let text = self.attribute("node", attribute)?;
        let wrong = || OsmError::NotANumber { line: self.line, tag: "node", attribute, found: quote(text) };
        text.parse::<f64>().ok().filter(|d| d.is_finite()).ok_or_else(wrong)
    }
}
