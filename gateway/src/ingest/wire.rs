//! One MQTT 5 connection: bytes in, packets out, and back.
//!
//! The packets and their codec are rumqttc's; the socket is ours. rumqttc's own event loop flushes the
//! socket once for every acknowledgement and clones every packet into a queue of events, and with MQTT 5
//! it keeps the socket private. Here acknowledgements go out together in one write, and reading stops
//! when nobody can take more.

use super::tls::{TlsError, TlsOptions};
use super::{Credentials, PACKET_BYTES_MAX};
use bytes::{BufMut, BytesMut};
use rumqttc::v5::mqttbytes::Error as CodecError;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, Connect, ConnectProperties, ConnectReturnCode, DisconnectReasonCode, Login, Packet,
};
use rustls::pki_types::ServerName;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How much is read at once. Payloads are views into this buffer.
const READ_BYTES: usize = 64 * 1024;

/// How long opening a connection may take: name, TCP, TLS and CONNACK together.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a write may wait for the broker to read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a broker is and how to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    pub host: String,
    pub port: u16,
    pub tls: Option<TlsOptions>,
    pub credentials: Option<Credentials>,
}

/// What a CONNECT says besides who we are.
pub(super) struct Hello<'a> {
    pub(super) client_id: &'a str,
    pub(super) clean_start: bool,
    pub(super) session_expiry_secs: u32,
    pub(super) keep_alive: Duration,
    pub(super) receive_max: u16,
}

/// Why there is no connection, or none any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the broker did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{host:?} is no name that a certificate could bear")]
    ServerName { host: String },
    #[error("the broker closed the connection")]
    Closed,
    #[error("the broker ended the connection: {0:?}")]
    Disconnected(DisconnectReasonCode),
    #[error("the broker refused the connection: {0:?}")]
    Refused(ConnectReturnCode),
    #[error("the broker broke the protocol: {0}")]
    Protocol(String),
}

impl WireError {
    /// Whether a person must change something before it can work.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(code) => !matches!(
                code,
                ConnectReturnCode::ServiceUnavailable
                    | ConnectReturnCode::ServerUnavailable
                    | ConnectReturnCode::ServerBusy
                    | ConnectReturnCode::UseAnotherServer
                    | ConnectReturnCode::ConnectionRateExceeded
            ),
            Self::Tls(_) | Self::ServerName { .. } => true,
            _ => false,
        }
    }
}

impl From<CodecError> for WireError {
    fn from(error: CodecError) -> Self {
        Self::Protocol(error.to_string())
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An open connection, after CONNACK.
pub(super) struct Connection {
    socket: Box<dyn Duplex>,
    inbox: BytesMut,
    outbox: BytesMut,
}

impl Connection {
    /// Opens the socket, says hello and waits for the broker's consent.
    pub(super) async fn open(address: &BrokerAddress, hello: Hello<'_>) -> Result<(Self, ConnAck), WireError> {
        match timeout(OPEN_TIMEOUT, Self::open_now(address, hello)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(WireError::TimedOut(OPEN_TIMEOUT)),
        }
    }

    async fn open_now(address: &BrokerAddress, hello: Hello<'_>) -> Result<(Self, ConnAck), WireError> {
        let tcp = TcpStream::connect((address.host.as_str(), address.port)).await?;
        tcp.set_nodelay(true)?;
        let socket: Box<dyn Duplex> = match &address.tls {
            None => Box::new(tcp),
            Some(options) => {
                let connector = TlsConnector::from(options.client_config()?);
                let name = ServerName::try_from(address.host.clone())
                    .map_err(|_invalid| WireError::ServerName { host: address.host.clone() })?;
                Box::new(connector.connect(name, tcp).await?)
            }
        };
        let mut connection = Self { socket, inbox: BytesMut::with_capacity(READ_BYTES), outbox: BytesMut::new() };
        connection.queue(&connect_packet(address, &hello))?;
        connection.flush().await?;
        loop {
            match connection.next_packet()? {
                Some(Packet::ConnAck(answer)) if answer.code == ConnectReturnCode::Success => {
                    return Ok((connection, answer));
                }
                Some(Packet::ConnAck(answer)) => return Err(WireError::Refused(answer.code)),
                Some(other) => return Err(WireError::Protocol(format!("{other:?} instead of CONNACK"))),
                None => connection.fill().await?,
            }
        }
    }

    /// Reads what there is, at least one byte. Cancel-safe.
    pub(super) async fn fill(&mut self) -> Result<(), WireError> {
        if self.inbox.capacity() - self.inbox.len() < READ_BYTES / 4 {
            self.inbox.reserve(READ_BYTES);
        }
        match self.socket.read_buf(&mut self.inbox).await? {
            0 => Err(WireError::Closed),
            _ => Ok(()),
        }
    }

    /// The next whole packet among the bytes already read.
    pub(super) fn next_packet(&mut self) -> Result<Option<Packet>, WireError> {
        if self.inbox.len() < 2 {
            return Ok(None);
        }
        match Packet::read(&mut self.inbox, Some(PACKET_BYTES_MAX)) {
            Ok(Packet::Disconnect(farewell)) => Err(WireError::Disconnected(farewell.reason_code)),
            Ok(packet) => Ok(Some(packet)),
            Err(CodecError::InsufficientBytes(missing)) => {
                self.inbox.reserve(missing);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a packet behind those that wait for [`Self::flush`].
    pub(super) fn queue(&mut self, packet: &Packet) -> Result<(), WireError> {
        packet.write(&mut self.outbox, None)?;
        Ok(())
    }

    /// Puts a PUBACK behind those that wait for [`Self::flush`].
    pub(super) fn queue_puback(&mut self, packet_id: u16) {
        self.outbox.put_u16(0x4002); // PUBACK, two bytes follow; no reason code means success
        self.outbox.put_u16(packet_id);
    }

    /// Writes everything queued.
    pub(super) async fn flush(&mut self) -> Result<(), WireError> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let write = async {
            self.socket.write_all_buf(&mut self.outbox).await?;
            self.socket.flush().await
        };
        match timeout(WRITE_TIMEOUT, write).await {
            Ok(result) => Ok(result?),
            Err(_elapsed) => Err(WireError::TimedOut(WRITE_TIMEOUT)),
        }
    }

    /// Says goodbye and closes. Errors do not matter any more.
    pub(super) async fn close(mut self) {
        self.outbox.put_slice(&[0xE0, 0x00]); // DISCONNECT, normal
        if self.flush().await.is_ok() {
            timeout(WRITE_TIMEOUT, self.socket.shutdown()).await.ok();
        }
    }
}

fn connect_packet(address: &BrokerAddress, hello: &Hello<'_>) -> Packet {
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(hello.session_expiry_secs);
    properties.receive_maximum = Some(hello.receive_max.max(1));
    properties.max_packet_size = Some(PACKET_BYTES_MAX);
    let connect = Connect {
        keep_alive: u16::try_from(hello.keep_alive.as_secs()).unwrap_or(u16::MAX),
        client_id: hello.client_id.to_owned(),
        clean_start: hello.clean_start,
        properties: Some(properties),
    };
    let login = address.credentials.as_ref().map(|login| Login::new(login.user.clone(), login.password.reveal()));
    Packet::Connect(connect, None, login)
}

/// Waiting times between attempts: doubling from `first` to `ceiling`, each between half and the whole of
/// it, so that many gateways do not come back in step.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    ceiling: Duration,
    next: Duration,
    state: u64,
}

impl Backoff {
    pub(super) fn new(first: Duration, ceiling: Duration, seed: u64) -> Self {
        Self { first, ceiling, next: first, state: seed }
    }

    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }

    pub(super) fn next_wait(&mut self) -> Duration {
        let whole = self.next.min(self.ceiling);
        self.next = (whole * 2).min(self.ceiling);
        // SplitMix64: spread is all that is asked of it.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let fraction = (mixed >> 40) as f64 / (1_u64 << 24) as f64;
        whole.mul_f64(0.5 + fraction / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_its_ceiling_and_never_leaves_its_half_open_range() {
        let (first, ceiling) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(first, ceiling, 7);
        let mut whole = first;
        for attempt in 0..20 {
            let wait = backoff.next_wait();
            assert!(wait >= whole / 2 && wait <= whole, "attempt {attempt}: {wait:?} for {whole:?}");
            whole = (whole * 2).min(ceiling);
        }
        backoff.reset();
        assert!(backoff.next_wait() <= first);
    }

    #[test]
    fn two_gateways_do_not_come_back_in_step() {
        let wait = |seed| Backoff::new(Duration::from_secs(1), Duration::from_secs(30), seed).next_wait();
        assert_ne!(wait(1), wait(2));
    }
}
