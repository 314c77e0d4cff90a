//! MQTT topic filters whose single-level wildcards may have names: `plant/{site}/line/+/{device}/#`.

/// One level of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Literal(String),
    /// `+`, or `{name}`.
    Any(Option<String>),
}

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    text: String,
    levels: Vec<Level>,
    /// Ends in `#`: this level and any below.
    has_tail: bool,
}

/// Why a text is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    #[error("is empty")]
    Empty,
    #[error("is longer than 65535 bytes")]
    TooLong,
    #[error("holds a character that a topic cannot have")]
    Character,
    #[error("'#' stands only as the last level")]
    Tail,
    #[error("a wildcard or a name fills its whole level, not {0:?}")]
    Level(String),
    #[error("the level name {0:?} stands twice, is reserved, or has other characters than a-z 0-9 _")]
    Name(String),
    #[error("'$share' comes from mqtt.external.shared_group, and '$SYS' is the broker's own")]
    Dollar,
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        if text.is_empty() {
            return Err(FilterError::Empty);
        }
        if text.len() > usize::from(u16::MAX) {
            return Err(FilterError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(FilterError::Character);
        }
        if text.starts_with('$') {
            return Err(FilterError::Dollar);
        }
        let mut parts: Vec<&str> = text.split('/').collect();
        let has_tail = parts.last() == Some(&"#");
        if has_tail {
            parts.pop();
        }
        let mut levels = Vec::with_capacity(parts.len());
        for part in parts {
            let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            levels.push(match (part, name) {
                ("#", _) => return Err(FilterError::Tail),
                ("+", _) => Level::Any(None),
                (_, Some(name)) => {
                    let is_known = levels.contains(&Level::Any(Some(name.to_owned())));
                    let is_name = !name.is_empty()
                        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                    if is_known || !is_name || matches!(name, "field" | "measurement") {
                        return Err(FilterError::Name(name.to_owned()));
                    }
                    Level::Any(Some(name.to_owned()))
                }
                (literal, None) if literal.contains(['+', '#', '{', '}']) => {
                    return Err(FilterError::Level(literal.to_owned()));
                }
                (literal, None) => Level::Literal(literal.to_owned()),
            });
        }
        Ok(Self { text: text.to_owned(), levels, has_tail })
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// As MQTT has it.
    pub(super) fn mqtt(&self) -> String {
        let levels = self.levels.iter().map(|level| match level {
            Level::Literal(text) => text.as_str(),
            Level::Any(_) => "+",
        });
        levels.chain(self.has_tail.then_some("#")).collect::<Vec<_>>().join("/")
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        self.levels.iter().any(|level| matches!(level, Level::Any(Some(known)) if known == name))
    }

    pub(super) fn matches(&self, topic: &str) -> bool {
        if topic.starts_with('$') {
            return false; // wildcards never cover the broker's own topics
        }
        let mut parts = topic.split('/');
        for level in &self.levels {
            match (level, parts.next()) {
                (Level::Literal(text), Some(part)) if text == part => {}
                (Level::Any(_), Some(_)) => {}
                _ => return false,
            }
        }
        self.has_tail || parts.next().is_none()
    }

    /// The part of a matching topic at the level of this name.
    pub(super) fn part<'a>(&self, topic: &'a str, name: &str) -> Option<&'a str> {
        let at = self.levels.iter().position(|level| matches!(level, Level::Any(Some(known)) if known == name))?;
        topic.split('/').nth(at)
    }

    /// Whether some topic matches both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let common = self.levels.iter().zip(&other.levels);
        for (ours, theirs) in common {
            if let (Level::Literal(ours), Level::Literal(theirs)) = (ours, theirs)
                && ours != theirs
            {
                return false;
            }
        }
        // `a/#` matches `a` too.
        (self.levels.len() == other.levels.len())
            || (self.levels.len() < other.levels.len() && self.has_tail)
            || (other.levels.len() < self.levels.len() && other.has_tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Filter {
        Filter::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn a_filter_matches_what_mqtt_says() {
        let check =
            |text: &str, topic: &str, expected| assert_eq!(filter(text).matches(topic), expected, "{text} {topic}");
        check("a/+/c", "a/b/c", true);
        check("a/+/c", "a//c", true);
        check("a/+/c", "a/b/c/d", false);
        check("a/#", "a", true);
        check("a/#", "a/b/c", true);
        check("a/#", "ab", false);
        check("a/{x}", "a/b", true);
        check("a/{x}", "a", false);
        check("+/b", "$SYS/b", false);
        assert_eq!(filter("a/{x}/+/#").mqtt(), "a/+/+/#");
        assert_eq!(filter("a/+/{x}/#").part("a/b/c/d", "x"), Some("c"));
    }

    #[test]
    fn a_text_that_is_no_filter_is_refused() {
        for text in ["", "a/#/b", "a+/b", "a/{x", "{x}/{x}", "a/b#", "$share/g/a", "a/{X}", "{}", "a\n", "{field}"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn two_filters_overlap_when_a_topic_matches_both() {
        let check = |a: &str, b: &str, expected| {
            assert_eq!(filter(a).overlaps(&filter(b)), expected, "{a} {b}");
            assert_eq!(filter(b).overlaps(&filter(a)), expected, "{b} {a}");
        };
        check("a/b", "a/+", true);
        check("a/b", "a/c", false);
        check("a/{x}", "{y}/b", true);
        check("a/#", "a", true);
        check("a/#", "a/b/c", true);
        check("a/b/#", "a/+", true);
        check("a/b/c/#", "a/+", false);
        check("a/+", "a/+/b", false);
    }
}
