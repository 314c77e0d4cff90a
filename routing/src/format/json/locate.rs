//! On which line of a JSON text a field stands.

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// A field by its way from the root, written as `jobs[3].time_windows[0]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

impl Path {
    pub(super) fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }

    pub(super) fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    /// The line, from 1, where the field's value begins; of the last part of the path that is there.
    pub(super) fn line(&self, text: &str) -> usize {
        let mut at = Cursor { bytes: text.as_bytes(), at: 0 };
        at.space();
        let mut found = at.at;
        for step in &self.0 {
            let there = match step {
                Step::Key(key) => at.enter_object(key),
                Step::Index(index) => at.enter_array(*index),
            };
            if !there {
                break;
            }
            found = at.at;
        }
        1 + text.as_bytes()[..found.min(text.len())].iter().filter(|&&b| b == b'\n').count()
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if i == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A place in a text that is known to be JSON.
struct Cursor<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Past a string; gives what is between its quotes.
    fn string(&mut self) -> &[u8] {
        self.at += 1;
        let from = self.at;
        while self.at < self.bytes.len() && self.peek() != b'"' {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        let to = self.at.min(self.bytes.len());
        self.at += 1;
        &self.bytes[from..to]
    }

    /// Past a value.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        loop {
            self.space();
            match self.peek() {
                b'"' => {
                    self.string();
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                0 if self.at >= self.bytes.len() => return,
                _ => {
                    let is_more = |b: u8| !matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
                    while self.at < self.bytes.len() && is_more(self.peek()) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// To the value of a key; false if this is no object or has no such key.
    fn enter_object(&mut self, key: &str) -> bool {
        if self.peek() != b'{' {
            return false;
        }
        self.at += 1;
        loop {
            self.space();
            if self.peek() != b'"' {
                return false;
            }
            let is_it = self.string() == key.as_bytes();
            self.space();
            self.at += 1; // the colon
            self.space();
            if is_it {
                return true;
            }
            self.skip();
            self.space();
            if self.peek() == b',' {
                self.at += 1;
            }
        }
    }

    /// To the element of an array; false if this is no array or it is shorter.
    fn enter_array(&mut self, index: usize) -> bool {
        if self.peek() != b'[' {
            return false;
        }
        self.at += 1;
        self.space();
        for _ in 0..index {
            if self.peek() == b']' || self.at >= self.bytes.len() {
                return false;
            }
            self.skip();
            self.space();
            if self.peek() == b',' {
                self.at += 1;
            }
            self.space();
        }
        self.peek() != b']' && self.at < self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &Path, expected: usize) {
        let text = "{\n \"a\": [\"}]\\\"\",\n  {\"b\": 7},\n  [1,\n   [2], -3\n  ]],\n \"c\":\nnull}";
        assert_eq!(path.line(text), expected, "{path}");
    }

    #[test]
    fn a_field_is_on_the_line_where_its_value_begins() {
        let root = Path::default();
        let a = root.key("a");
        check(&root, 1);
        check(&a, 2);
        check(&a.index(1).key("b"), 3);
        check(&a.index(2).index(0), 4);
        check(&a.index(2).index(1).index(0), 5);
        check(&a.index(2).index(2), 5);
        check(&root.key("c"), 8);
    }

    #[test]
    fn what_is_missing_is_where_it_should_be() {
        let a = Path::default().key("a");
        check(&a.index(1).key("d"), 3);
        check(&a.index(9), 2);
        check(&a.index(1).key("b").index(0), 3);
        assert_eq!(a.index(2).key("x").to_string(), "a[2].x");
    }
}
