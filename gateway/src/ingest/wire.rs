//! One MQTT 5 connection: bytes in, packets out, and back.
//!
//! The packets and their codec are rumqttc's; the socket is ours. rumqttc's own event loop flushes the
//! socket once for every acknowledgement and clones every packet into a queue of events, and with MQTT 5
//! it keeps the socket private. Here acknowledgements go out together in one write, and reading stops
//! when nobody can take more.

use super::tls::{TlsError, TlsOptions};
use super::{Credentials, PACKET_BYTES_MAX};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use rumqttc::v5::mqttbytes::Error as CodecError;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, Connect, ConnectProperties, ConnectReturnCode, DisconnectReasonCode, Login, Packet,
};
use rustls::pki_types::ServerName;
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::debug;

/// How much is read at once. Payloads are views into this buffer.
const READ_BYTES: usize = 64 * 1024;

/// How long opening a connection may take: name, TCP, TLS and CONNACK together.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a write may wait for the broker to read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

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

    /// Whether the broker, and not the network, ended the connection.
    pub(super) fn is_closed_by_broker(&self) -> bool {
        matches!(self, Self::Closed | Self::Disconnected(_))
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
                Some(Incoming::Other(packet)) => {
                    return match *packet {
                        Packet::ConnAck(answer) if answer.code == ConnectReturnCode::Success => {
                            Ok((connection, answer))
                        }
                        Packet::ConnAck(answer) => Err(WireError::Refused(answer.code)),
                        other => Err(WireError::Protocol(format!("{other:?} instead of CONNACK"))),
                    };
                }
                Some(Incoming::Publish(_)) => return Err(WireError::Protocol("PUBLISH instead of CONNACK".to_owned())),
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
    pub(super) fn next_packet(&mut self) -> Result<Option<Incoming>, WireError> {
        let Some(header) = Header::read(&self.inbox)? else {
            return Ok(None);
        };
        let missing = header.frame_len().saturating_sub(self.inbox.len());
        if missing > 0 {
            self.inbox.reserve(missing);
            return Ok(None);
        }
        let mut frame = self.inbox.split_to(header.frame_len());
        match header.first >> 4 {
            3 => Ok(Some(Incoming::Publish(Received::read(&header, frame.freeze())?))),
            // rumqttc's codec takes a DISCONNECT without a reason code for an error.
            14 if header.remaining_len == 0 => Err(WireError::Disconnected(DisconnectReasonCode::NormalDisconnection)),
            _ => match Packet::read(&mut frame, None)? {
                Packet::Disconnect(farewell) => Err(WireError::Disconnected(farewell.reason_code)),
                packet => Ok(Some(Incoming::Other(Box::new(packet)))),
            },
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

    /// Says goodbye and waits until the broker has closed its side too, for then it has read everything: a
    /// broker that sees our next connection first would forget the acknowledgements still unread in this one.
    /// Errors do not matter any more.
    pub(super) async fn close(mut self) {
        self.outbox.put_slice(&[0xE0, 0x00]); // DISCONNECT, normal
        let farewell = async {
            self.flush().await?;
            self.socket.shutdown().await?;
            loop {
                self.inbox.clear();
                self.fill().await?;
            }
        };
        let result: Result<Result<Infallible, WireError>, _> = timeout(CLOSE_TIMEOUT, farewell).await;
        if result.is_err() {
            debug!("the broker did not close its side");
        }
    }
}

/// A packet from the broker. PUBLISH is read here and not by rumqttc, whose codec reads every property
/// and gives up on some that a device may well set; that would break the connection, and the broker would
/// deliver the message again after every reconnection, for ever.
#[derive(Debug)]
pub(super) enum Incoming {
    Publish(Received),
    Other(Box<Packet>),
}

/// A PUBLISH, without its properties.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) topic: Bytes,
    pub(super) payload: Bytes,
    pub(super) qos: u8,
    pub(super) retain: bool,
    /// Zero at QoS 0.
    pub(super) packet_id: u16,
}

impl Received {
    fn read(header: &Header, mut frame: Bytes) -> Result<Self, WireError> {
        let short = || WireError::Protocol("a PUBLISH that ends too early".to_owned());
        frame.advance(header.len);
        let qos = (header.first >> 1) & 3;
        let topic_len = usize::from(frame.try_get_u16().map_err(|_short| short())?);
        if frame.len() < topic_len {
            return Err(short());
        }
        let topic = frame.split_to(topic_len);
        let packet_id = if qos == 0 { 0 } else { frame.try_get_u16().map_err(|_short| short())? };
        if qos == 3 || (qos > 0 && packet_id == 0) {
            return Err(WireError::Protocol(format!("a PUBLISH with QoS {qos} and packet identifier {packet_id}")));
        }
        let Some((len_len, properties_len)) = variable_int(&frame)? else {
            return Err(short());
        };
        if frame.len() < len_len + properties_len {
            return Err(short());
        }
        frame.advance(len_len + properties_len);
        Ok(Self { topic, payload: frame, qos, retain: header.first & 1 == 1, packet_id })
    }
}

/// The fixed header of a packet.
struct Header {
    first: u8,
    len: usize,
    remaining_len: usize,
}

impl Header {
    /// `None` while it is not complete.
    fn read(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let Some((len_len, remaining_len)) = variable_int(rest)? else {
            return Ok(None);
        };
        if remaining_len > PACKET_BYTES_MAX as usize {
            return Err(WireError::Protocol(format!("a packet of {remaining_len} bytes, more than we said we take")));
        }
        Ok(Some(Self { first, len: 1 + len_len, remaining_len }))
    }

    fn frame_len(&self) -> usize {
        self.len + self.remaining_len
    }
}

/// A variable byte integer of MQTT and how many bytes it took; `None` while it is not complete.
fn variable_int(bytes: &[u8]) -> Result<Option<(usize, usize)>, WireError> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((index + 1, value)));
        }
    }
    if bytes.len() >= 4 { Err(WireError::Protocol("a length of more than four bytes".to_owned())) } else { Ok(None) }
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
pub(crate) struct Backoff {
    first: Duration,
    ceiling: Duration,
    next: Duration,
    state: u64,
}

impl Backoff {
    pub(crate) fn new(first: Duration, ceiling: Duration, seed: u64) -> Self {
        Self { first, ceiling, next: first, state: seed }
    }

    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }

    pub(crate) fn next_wait(&mut self) -> Duration {
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
    use proptest::prelude::*;
    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};

    fn read(bytes: &[u8]) -> Result<Option<Received>, WireError> {
        let Some(header) = Header::read(bytes)? else { return Ok(None) };
        if bytes.len() < header.frame_len() {
            return Ok(None);
        }
        Received::read(&header, Bytes::copy_from_slice(&bytes[..header.frame_len()])).map(Some)
    }

    proptest! {
        #[test]
        fn a_publish_reads_back_whatever_its_properties(
            topic in "[a-z/]{0,40}",
            payload in proptest::collection::vec(any::<u8>(), 0..400),
            qos in 0_u8..2,
            retain: bool,
            packet_id in 1_u16..,
            user_properties in proptest::collection::vec(("[a-z]{0,20}", ".{0,20}"), 0..12),
            expiry: Option<u32>,
            content_type in proptest::option::of("[a-z/]{0,20}"),
        ) {
            let properties = PublishProperties {
                user_properties,
                message_expiry_interval: expiry,
                content_type,
                subscription_identifiers: vec![7],
                ..PublishProperties::default()
            };
            let level = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            let mut publish = Publish::new(topic.clone(), level, payload.clone(), Some(properties));
            publish.retain = retain;
            publish.pkid = if qos == 0 { 0 } else { packet_id };
            let mut bytes = BytesMut::new();
            publish.write(&mut bytes).unwrap();
            let whole = bytes.len();
            bytes.extend_from_slice(b"next");
            let found = read(&bytes).unwrap().unwrap();
            prop_assert_eq!(found, Received {
                topic: topic.into(),
                payload: payload.into(),
                qos,
                retain,
                packet_id: publish.pkid,
            });
            prop_assert!(read(&bytes[..whole - 1]).unwrap().is_none());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut publish = vec![0x32];
            publish.extend(&bytes);
            for bytes in [&bytes, &publish] {
                if let Ok(Some(found)) = read(bytes) {
                    prop_assert!(found.payload.len() < bytes.len());
                }
            }
        }
    }

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
