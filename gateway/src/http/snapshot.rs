//! A snapshot written piece by piece, so that a million stock positions never stand in memory as text.
//!
//! What comes out is byte for byte what `serde_json` makes of [`firmware_schemas::view::Snapshot`]; a test
//! holds it to that.

use super::Published;
use axum::body::Bytes;
use firmware_schemas::fact::DeviceIdx;
use firmware_schemas::id::TenantId;
use firmware_schemas::quantity::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;

/// A piece is sent once it is this long.
const PIECE_BYTES: usize = 64 << 10;

/// The client is gone, or something could not be written.
#[derive(Debug)]
pub(super) struct Stopped;

/// Collects text and sends it in pieces; waits while the client does not read.
pub(super) struct Pieces {
    out: mpsc::Sender<Bytes>,
    buffer: Vec<u8>,
}

impl Pieces {
    pub(super) fn new(out: mpsc::Sender<Bytes>) -> Self {
        Self { out, buffer: Vec::new() }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    fn json<T: Serialize>(&mut self, value: &T) -> Result<(), Stopped> {
        serde_json::to_writer(&mut self.buffer, value).map_err(|why| {
            tracing::error!(error = %why, "a snapshot cannot be written");
            Stopped
        })
    }

    async fn list<T: Serialize>(&mut self, name: &str, items: impl Iterator<Item = T>) -> Result<(), Stopped> {
        self.text(",\"");
        self.text(name);
        self.text("\":[");
        for (n, item) in items.enumerate() {
            if n > 0 {
                self.text(",");
            }
            self.json(&item)?;
            if self.buffer.len() >= PIECE_BYTES {
                self.flush().await?;
            }
        }
        self.text("]");
        Ok(())
    }

    pub(super) async fn flush(&mut self) -> Result<(), Stopped> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE_BYTES + 4_096)));
        self.out.send(piece).await.map_err(|_gone| Stopped)
    }
}

/// Writes the snapshot of `published` as seen at `now`.
pub(super) async fn write(
    out: &mut Pieces,
    published: &Published,
    tenant: &TenantId,
    now: Timestamp,
    with_stock: bool,
) -> Result<(), Stopped> {
    let twin = &published.twin;
    out.text("{\"seq\":");
    out.json(&published.delta_seq)?;
    out.text(",\"at\":");
    out.json(&now)?;
    out.text(",\"network\":");
    out.json(&twin.network_view(tenant))?;
    out.list("sites", twin.site_by_id.values().map(|at| twin.site_view(*at))).await?;
    out.list("lanes", twin.lane_by_id.values().map(|at| twin.lane_view(*at))).await?;
    out.list("skus", twin.sku_by_id.values().map(|at| twin.sku_view(*at))).await?;
    let stock = twin.stock_by_key.values().take(if with_stock { usize::MAX } else { 0 });
    out.list("stock", stock.map(|at| twin.stock_view(*at, now))).await?;
    let devices = twin.device_by_id.values().map(|at| twin.device_view(DeviceIdx(*at), now));
    out.list("devices", devices).await?;
    out.list("vehicles", twin.vehicle_by_id.values().map(|at| twin.vehicle_view(*at, now))).await?;
    let under_way = twin.shipments.iter().filter(|(_, shipment)| shipment.arrived_at.is_none());
    out.list("shipments", under_way.filter_map(|(id, _)| twin.shipment_view(id))).await?;
    out.list("alerts", twin.open_alerts.values().filter_map(|id| twin.alert_view(*id))).await?;
    out.text("}");
    Ok(())
}
