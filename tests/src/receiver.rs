//! A receiver of webhooks: a small HTTP server that answers as it is told, and remembers what it heard.
#![allow(clippy::disallowed_methods, reason = "a receiver runs on the machine's clock")]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One request.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Headers by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
    /// What it was answered with; `None` where the connection was closed without an answer.
    pub status: Option<u16>,
}

impl Heard {
    /// The header `webhook-id`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("", String::as_str)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body))
    }

    /// Whether it was answered with 2xx.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With this status.
    Status(u16),
    /// With this status and `Retry-After` in seconds.
    RetryAfter(u16, u64),
    /// Not before so many milliseconds.
    Late(u64),
    /// Not at all: the connection is closed.
    Close,
}

type Rule = Box<dyn Fn(&Heard) -> Answer + Send + Sync>;

struct Inner {
    rule: Mutex<Arc<Rule>>,
    heard: Mutex<Vec<Heard>>,
}

/// The server. Its thread lives as long as the process.
pub struct Receiver {
    inner: Arc<Inner>,
    address: SocketAddr,
}

impl Receiver {
    /// Listens on a port of its own.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn start(rule: impl Fn(&Heard) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let rule: Rule = Box::new(rule);
        let inner = Arc::new(Inner { rule: Mutex::new(Arc::new(rule)), heard: Mutex::default() });
        let serving = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = Arc::clone(&serving);
                // A client that goes away in the middle is no news here.
                std::thread::spawn(move || serve(&inner, stream).ok());
            }
        });
        Self { inner, address }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers in another way from now on.
    pub fn answer(&self, rule: impl Fn(&Heard) -> Answer + Send + Sync + 'static) {
        let rule: Rule = Box::new(rule);
        *self.inner.rule.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rule);
    }

    /// All that it heard, in order.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.inner.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it took.
    #[must_use]
    pub fn taken(&self) -> Vec<Heard> {
        self.heard().into_iter().filter(Heard::is_taken).collect()
    }
}

fn serve(inner: &Inner, stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let len = headers.get("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
        let mut body = vec![0; len];
        reader.read_exact(&mut body)?;
        let mut heard = Heard { headers, body: String::from_utf8_lossy(&body).into_owned(), status: None };
        let rule = Arc::clone(&inner.rule.lock().unwrap_or_else(PoisonError::into_inner));
        let answer = rule(&heard);
        let (status, more) = match answer {
            Answer::Status(status) => (status, String::new()),
            Answer::RetryAfter(status, secs) => (status, format!("Retry-After: {secs}\r\n")),
            Answer::Late(millis) => {
                std::thread::sleep(Duration::from_millis(millis));
                (200, String::new())
            }
            Answer::Close => {
                inner.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
                return Ok(());
            }
        };
        let written = writer.write_all(format!("HTTP/1.1 {status} x\r\n{more}Content-Length: 0\r\n\r\n").as_bytes());
        // One that comes too late has not been answered.
        heard.status = (!matches!(answer, Answer::Late(_))).then_some(status);
        inner.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
        written?;
    }
}
