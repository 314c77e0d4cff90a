//! Serving connections: a bounded number, with a limit on how long a request's head may take, until told to stop.
//!
//! HTTP/1.1 only: browsers speak HTTP/2 over TLS alone, which is the reverse proxy's work, and looking for
//! either version would wait without a limit for who says nothing.

use super::Limits;
use super::stream::Hub;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

/// Serves until `shutdown` resolves; then refuses new connections, ends all streams, and gives requests under
/// way [`Limits::shutdown_grace`].
///
/// When [`Limits::connections_max`] are open the next waits in the kernel's backlog.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    hub: Arc<Hub>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(limits.connections_max.max(1)));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        let socket = match accepted {
            Ok((socket, _from)) => socket,
            Err(error) => {
                if !is_of_one_connection(&error) {
                    // Out of file descriptors, for instance: it will not be better at once.
                    warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                continue;
            }
        };
        // Deltas are small and should not wait for each other. Without it all works, only later.
        socket.set_nodelay(true).ok();
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(socket), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    hub.close();
    if tokio::time::timeout(limits.shutdown_grace, graceful.shutdown()).await.is_err() {
        debug!("requests were cut off at shutdown");
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
