use super::plane::Plane;
use crate::http::{Limits, serve};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

async fn start(plane: &Arc<Plane>, change: impl FnOnce(&mut Limits)) -> Server {
    let mut limits = Limits { shutdown_grace: Duration::from_secs(2), ..Limits::default() };
    change(&mut limits);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let (router, hub) = (plane.router.clone(), plane.hub.clone());
    let done = tokio::spawn(serve(listener, router, hub, limits, async { _ = stopped.await }));
    Server { address, stop, done }
}

async fn ask(server: &Server, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: it\r\n\r\n").as_bytes()).await.unwrap();
    socket
}

/// Reads until the text is there.
async fn read_until(socket: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&read).contains(text) {
            assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0, "closed: {}", String::from_utf8_lossy(&read));
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap();
    String::from_utf8(read).unwrap()
}

/// Waits until the server closes the connection.
async fn read_to_end(socket: &mut TcpStream) {
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut rest)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_runs_over_a_socket_and_ends_when_the_gateway_stops() {
    let plane = Plane::new(|_| {});
    let server = start(&plane, |_| {}).await;
    let mut socket = ask(&server, "/v1/stream").await;
    let head = read_until(&mut socket, "event: snapshot").await;
    assert!(head.starts_with("HTTP/1.1 200") && !head.contains("content-encoding"), "{head}");
    plane.hear_temperature(0, 4.5);
    read_until(&mut socket, "event: delta").await;
    server.stop.send(()).unwrap();
    read_to_end(&mut socket).await;
    tokio::time::timeout(Duration::from_secs(20), server.done).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn who_says_nothing_is_hung_up_on() {
    let plane = Plane::new(|_| {});
    let server = start(&plane, |limits| limits.header_timeout = Duration::from_millis(50)).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let mut other_version = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET / HTT").await.unwrap();
    other_version.write_all(b"PRI * HTTP/2.0").await.unwrap();
    read_to_end(&mut slow).await;
    read_to_end(&mut other_version).await;
    read_to_end(&mut silent).await;
}

#[tokio::test]
async fn one_connection_too_many_waits_for_its_turn() {
    let plane = Plane::new(|_| {});
    let server = start(&plane, |limits| limits.connections_max = 1).await;
    let mut first = ask(&server, "/v1/stream").await;
    read_until(&mut first, "event: snapshot").await;
    let mut second = ask(&server, "/healthz").await;
    let early = tokio::time::timeout(Duration::from_millis(200), second.read_u8()).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    read_until(&mut second, "alive").await;
}
