//! InfluxDB line protocol, read strictly: `measurement,tag=value field=value,field=value timestamp`.
//!
//! What the grammar leaves open is refused and not guessed: an empty name, a tag or field twice in a line, a
//! number that is none. Where InfluxDB and Telegraf agree, so do we: a backslash escapes only what it must
//! (`,` and space in a measurement; `,` `=` and space in tags and field names; `"` and `\` in text) and
//! else stands for itself, text may hold line breaks, lines may end in `\r\n`, be empty, or start with `#`.

use super::Scalar;
use firmware_schemas::telemetry::METRICS_MAX;

/// The most tags, and the most fields, of one line: as many as a device has metrics.
const PARTS_MAX: usize = METRICS_MAX;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its number in the payload, from 1.
    pub number: usize,
    pub measurement: String,
    pub tags: Vec<(String, String)>,
    /// At least one.
    pub fields: Vec<(String, Scalar)>,
    /// In the precision that the sender uses.
    pub timestamp: Option<i64>,
}

/// Why a line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, byte {at}: {why}")]
pub struct LineError {
    /// From 1.
    pub line: usize,
    /// From the start of the payload.
    pub at: usize,
    pub why: LineFault,
}

/// What is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    #[error("the {0} is empty")]
    Empty(&'static str),
    #[error("{0} is missing")]
    Expected(&'static str),
    #[error("the {0} stands twice: {1:?}")]
    Twice(&'static str, String),
    #[error("more than {PARTS_MAX} tags or fields")]
    TooMany,
    #[error("a text that does not end")]
    OpenText,
    #[error("neither a number, a boolean nor a text in quotes: {0:?}")]
    Value(String),
    #[error("not a timestamp: {0:?}")]
    Timestamp(String),
}

/// Reads all lines of a payload; there may be none.
pub fn parse(text: &str) -> Result<Vec<Line>, LineError> {
    let mut cursor = Cursor { text, at: 0, line: 1 };
    let mut lines = Vec::new();
    while cursor.skip_to_line() {
        lines.push(cursor.line()?);
    }
    Ok(lines)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Cursor<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self, c: char) {
        self.at += c.len_utf8();
        self.line += usize::from(c == '\n');
    }

    fn is_line_end(&self) -> bool {
        let rest = self.rest();
        rest.is_empty() || rest.starts_with('\n') || rest.starts_with("\r\n") || rest == "\r"
    }

    fn refuse<T>(&self, why: LineFault) -> Result<T, LineError> {
        Err(LineError { line: self.line, at: self.at, why })
    }

    fn skip_spaces(&mut self) -> bool {
        let before = self.at;
        while self.peek() == Some(' ') {
            self.at += 1;
        }
        self.at > before
    }

    /// False at the end of the payload.
    fn skip_to_line(&mut self) -> bool {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\r' | '\n' => self.advance(c),
                '#' => {
                    let comment = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.at += comment;
                }
                _ => return true,
            }
        }
        false
    }

    fn line(&mut self) -> Result<Line, LineError> {
        let number = self.line;
        let measurement = self.name("measurement", &[',', ' '], &[',', ' '])?;
        let (mut tags, mut fields) = (Vec::new(), Vec::new());
        while self.peek() == Some(',') {
            self.at += 1;
            let key = self.key("tag key", &tags)?;
            let value = self.name("tag value", &[',', '=', ' '], &[',', '=', ' '])?;
            if self.peek() == Some('=') {
                return self.refuse(LineFault::Expected("the end of the tag value"));
            }
            tags.push((key, value));
        }
        if !self.skip_spaces() {
            return self.refuse(LineFault::Expected("a space and the fields"));
        }
        loop {
            let key = self.key("field key", &fields)?;
            let value = self.value()?;
            fields.push((key, value));
            if self.peek() != Some(',') {
                break;
            }
            self.at += 1;
        }
        let timestamp = if self.skip_spaces() && !self.is_line_end() { Some(self.timestamp()?) } else { None };
        self.skip_spaces();
        if !self.is_line_end() {
            return self.refuse(LineFault::Expected("the end of the line"));
        }
        Ok(Line { number, measurement, tags, fields, timestamp })
    }

    /// A name and the `=` after it, that none of `known` has.
    fn key<T>(&mut self, what: &'static str, known: &[(String, T)]) -> Result<String, LineError> {
        if known.len() == PARTS_MAX {
            return self.refuse(LineFault::TooMany);
        }
        let key = self.name(what, &[',', '=', ' '], &[',', '=', ' '])?;
        if known.iter().any(|(other, _)| *other == key) {
            return self.refuse(LineFault::Twice(what, key));
        }
        if self.peek() != Some('=') {
            return self.refuse(LineFault::Expected("'='"));
        }
        self.at += 1;
        Ok(key)
    }

    fn name(&mut self, what: &'static str, stops: &[char], escapes: &[char]) -> Result<String, LineError> {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if self.is_line_end() || stops.contains(&c) {
                break;
            }
            self.at += c.len_utf8();
            let escaped = self.peek().filter(|next| c == '\\' && escapes.contains(next));
            if let Some(next) = escaped {
                self.at += next.len_utf8();
            }
            name.push(escaped.unwrap_or(c));
        }
        if name.is_empty() { self.refuse(LineFault::Empty(what)) } else { Ok(name) }
    }

    fn value(&mut self) -> Result<Scalar, LineError> {
        if self.peek() == Some('"') {
            return self.text();
        }
        let token = self.token();
        let value = match token.as_str() {
            "t" | "T" | "true" | "True" | "TRUE" => Some(Scalar::Boolean(true)),
            "f" | "F" | "false" | "False" | "FALSE" => Some(Scalar::Boolean(false)),
            token => number(token),
        };
        match value {
            Some(value) => {
                self.at += token.len();
                Ok(value)
            }
            None => self.refuse(LineFault::Value(token)),
        }
    }

    /// What stands before the next separator.
    fn token(&self) -> String {
        let rest = self.rest();
        rest[..rest.find([',', ' ', '\n', '\r']).unwrap_or(rest.len())].to_owned()
    }

    fn text(&mut self) -> Result<Scalar, LineError> {
        let (begin, line) = (self.at, self.line);
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.advance(c);
            match c {
                '"' => return Ok(Scalar::Text(text)),
                '\\' => {
                    let escaped = self.peek().filter(|next| matches!(next, '"' | '\\'));
                    if escaped.is_some() {
                        self.at += 1;
                    }
                    text.push(escaped.unwrap_or(c));
                }
                c => text.push(c),
            }
        }
        Err(LineError { line, at: begin, why: LineFault::OpenText })
    }

    fn timestamp(&mut self) -> Result<i64, LineError> {
        let token = self.token();
        let digits = token.strip_prefix('-').unwrap_or(&token);
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        match token.parse() {
            Ok(at) if is_number => {
                self.at += token.len();
                Ok(at)
            }
            _ => self.refuse(LineFault::Timestamp(token)),
        }
    }
}

/// `12i`, `12u`, or a finite decimal with an optional exponent.
fn number(token: &str) -> Option<Scalar> {
    let integer = |text: &str, signed: bool| {
        let digits = text.strip_prefix('-').filter(|_| signed).unwrap_or(text);
        let is_integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let value: i128 = text.parse().ok().filter(|_| is_integer)?;
        let range = if signed { i128::from(i64::MIN)..=i128::from(i64::MAX) } else { 0..=i128::from(u64::MAX) };
        range.contains(&value).then_some(Scalar::Integer(value))
    };
    if let Some(text) = token.strip_suffix('i') {
        return integer(text, true);
    }
    if let Some(text) = token.strip_suffix('u') {
        return integer(text, false);
    }
    super::decimal(token).map(Scalar::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match parse(text) {
            Ok(lines) => lines
                .iter()
                .map(|line| format!("{}|{:?}|{:?}|{:?}", line.measurement, line.tags, line.fields, line.timestamp))
                .collect::<Vec<_>>()
                .join("\n"),
            Err(why) => why.to_string(),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_examples_of_influxdb_and_telegraf_read_as_they_say() {
        check(
            "weather,location=us-midwest temperature=82 1465839830100400200",
            r#"weather|[("location", "us-midwest")]|[("temperature", Float(82.0))]|Some(1465839830100400200)"#,
        );
        check(
            r#"myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000"#,
            r#"myMeasurement|[("tag1", "value1"), ("tag2", "value2")]|[("fieldKey", Text("fieldValue"))]|Some(1556813561098000000)"#,
        );
        check(
            "m f=1i,g=2u,h=-1e-3,i=t,j=False",
            r#"m|[]|[("f", Integer(1)), ("g", Integer(2)), ("h", Float(-0.001)), ("i", Boolean(true)), ("j", Boolean(false))]|None"#,
        );
        check(
            r#"my\ Measurement,tag\ Key\,1=tag\=Value field\=Key="string \"in\" \\ \n""#,
            r#"my Measurement|[("tag Key,1", "tag=Value")]|[("field=Key", Text("string \"in\" \\ \\n"))]|None"#,
        );
        check("wea\\ther,C:\\x=y\\z t=1", r#"wea\ther|[("C:\\x", "y\\z")]|[("t", Float(1.0))]|None"#);
        check(
            "# a comment\n\n cpu a=1\r\nmem b=2 3\n",
            "cpu|[]|[(\"a\", Float(1.0))]|None\nmem|[]|[(\"b\", Float(2.0))]|Some(3)",
        );
        check(
            "m f=\"two\nlines\" 4\nm f=1",
            "m|[]|[(\"f\", Text(\"two\\nlines\"))]|Some(4)\nm|[]|[(\"f\", Float(1.0))]|None",
        );
        check("m,t=温度 f=\"😀\"", r#"m|[("t", "温度")]|[("f", Text("😀"))]|None"#);
        check("m  f=18446744073709551615u  5 ", r#"m|[]|[("f", Integer(18446744073709551615))]|Some(5)"#);
        check("", "");
    }

    #[test]
    fn a_line_that_could_be_read_in_two_ways_is_refused_with_its_place() {
        check("m", "line 1, byte 1: a space and the fields is missing");
        check("m f=1\nm", "line 2, byte 7: a space and the fields is missing");
        check("m ", "line 1, byte 2: the field key is empty");
        check(",a=b f=1", "line 1, byte 0: the measurement is empty");
        check("m,a= f=1", "line 1, byte 4: the tag value is empty");
        check("m,a f=1", "line 1, byte 3: '=' is missing");
        check("m,a=b=c f=1", "line 1, byte 5: the end of the tag value is missing");
        check("m,a=1,a=2 f=1", "line 1, byte 7: the tag key stands twice: \"a\"");
        check("m f=1,f=2", "line 1, byte 7: the field key stands twice: \"f\"");
        check("m f=", "line 1, byte 4: neither a number, a boolean nor a text in quotes: \"\"");
        check("m f=abc", "line 1, byte 4: neither a number, a boolean nor a text in quotes: \"abc\"");
        check("m f=NaN", "line 1, byte 4: neither a number, a boolean nor a text in quotes: \"NaN\"");
        check("m f=1e999", "line 1, byte 4: neither a number, a boolean nor a text in quotes: \"1e999\"");
        check(
            "m f=9223372036854775808i",
            "line 1, byte 4: neither a number, a boolean nor a text in quotes: \"9223372036854775808i\"",
        );
        check("m f=-1u", "line 1, byte 4: neither a number, a boolean nor a text in quotes: \"-1u\"");
        check("m f=\"open", "line 1, byte 4: a text that does not end");
        check("m f=1 noon", "line 1, byte 6: not a timestamp: \"noon\"");
        check("m f=1 5 6", "line 1, byte 8: the end of the line is missing");
        check("m f=\"a\"b", "line 1, byte 7: the end of the line is missing");
    }

    fn escaped(name: &str, escapes: &[char]) -> String {
        let mut text = String::new();
        for c in name.chars() {
            if escapes.contains(&c) {
                text.push('\\');
            }
            text.push(c);
        }
        text
    }

    fn written(line: &Line) -> String {
        let key = |name: &str| escaped(name, &[',', '=', ' ']);
        let tags: String = line.tags.iter().map(|(k, v)| format!(",{}={}", key(k), key(v))).collect();
        let fields: Vec<_> = line
            .fields
            .iter()
            .map(|(name, value)| match value {
                Scalar::Integer(n) if *n > i128::from(i64::MAX) => format!("{}={n}u", key(name)),
                Scalar::Integer(n) => format!("{}={n}i", key(name)),
                Scalar::Float(x) => format!("{}={x:e}", key(name)),
                Scalar::Boolean(b) => format!("{}={b}", key(name)),
                Scalar::Text(text) => format!("{}=\"{}\"", key(name), escaped(text, &['"', '\\'])),
            })
            .collect();
        let at = line.timestamp.map_or(String::new(), |at| format!(" {at}"));
        format!("{}{tags} {}{at}", escaped(&line.measurement, &[',', ' ']), fields.join(","))
    }

    fn scalar() -> impl Strategy<Value = Scalar> {
        prop_oneof![
            (i128::from(i64::MIN)..=i128::from(u64::MAX)).prop_map(Scalar::Integer),
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Scalar::Float),
            any::<bool>().prop_map(Scalar::Boolean),
            any::<String>().prop_map(Scalar::Text),
        ]
    }

    /// A backslash in a name is left out: before a separator it cannot be told from an escape.
    const NAME: &str = "[^\\\\\r\n#\u{0}][^\\\\\r\n\u{0}]{0,12}";

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            lines in proptest::collection::vec(
                (
                    NAME,
                    proptest::collection::btree_map(NAME, NAME, 0..4),
                    proptest::collection::btree_map(NAME, scalar(), 1..4),
                    any::<Option<i64>>(),
                ),
                0..4,
            ),
        ) {
            let mut number = 1;
            let (mut expected, mut text) = (Vec::new(), String::new());
            for (measurement, tags, fields, timestamp) in lines {
                let (tags, fields) = (tags.into_iter().collect(), fields.into_iter().collect());
                let line = Line { number, measurement, tags, fields, timestamp };
                let one = written(&line) + "\n";
                number += one.matches('\n').count();
                text += &one;
                expected.push(line);
            }
            prop_assert_eq!(parse(&text), Ok(expected), "{}", text);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[mf ,=\\\\\"\n\r#1-9.eitu\u{e9}-]{0,60}", any: String) {
            parse(&text).ok();
            parse(&any).ok();
        }
    }
}
