//! Which store keeps the readings, as configured: our own, or an InfluxDB 2 that a writer feeds from the journal.

use crate::config::{Config, StoreKind};
use crate::disk::Folder;
use crate::http::{Asked, Published};
use crate::instrument::Health;
use crate::journal::JournalReader;
use crate::ports::{Clock, Disk};
use crate::recover::{RecoverError, STORE_FOLDER};
use crate::server::StartError;
use crate::store::{EmbeddedStore, Store, StoreConfig};
use arc_swap::ArcSwap;
use firmware_schemas::id::TenantId;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The store that is read, and what feeds it.
pub struct Readings {
    /// What is asked about series.
    pub store: Arc<dyn Store>,
    #[cfg(feature = "influxdb2")]
    influx: Option<influx::Feed>,
}

/// What a feed works with once the journal is open.
pub struct FeedParts {
    /// The journal.
    pub journal: JournalReader,
    /// Where the cursor is kept: the journal's disk.
    pub disk: Arc<dyn Disk>,
    /// The newest durable twin.
    pub published: Arc<ArcSwap<Published>>,
    /// Where requests to the plane go.
    pub requests: mpsc::Sender<Asked>,
    /// How we are.
    pub health: Arc<Health>,
    /// Whose readings.
    pub tenant: TenantId,
}

/// Stops the feed; blocks until it has ended.
pub type StopFeed = Box<dyn FnOnce() + Send>;

impl Readings {
    /// Opens the store that `config` names. `disk` is the journal's.
    #[cfg_attr(not(feature = "influxdb2"), expect(unused_variables, reason = "only a database needs them"))]
    pub fn open(
        config: &Config,
        disk: &Arc<dyn Disk>,
        published: &Arc<ArcSwap<Published>>,
    ) -> Result<Self, StartError> {
        let in_folder = |source| StartError::Recover { folder: config.data_folder.clone(), source };
        match config.store.kind {
            StoreKind::Embedded => {
                let store_config = StoreConfig {
                    head_points_max: config.store.head_points_max,
                    oldest: crate::clock::SystemClock.now().saturating_sub(config.retention()),
                    ..StoreConfig::default()
                };
                let folder = Folder::open(config.data_folder.join(STORE_FOLDER)).map_err(RecoverError::from);
                let store = folder
                    .and_then(|folder| Ok(EmbeddedStore::open(Arc::new(folder), store_config)?))
                    .map_err(in_folder)?;
                Ok(Self {
                    store: Arc::new(store),
                    #[cfg(feature = "influxdb2")]
                    influx: None,
                })
            }
            #[cfg(feature = "influxdb2")]
            StoreKind::Influxdb2 => {
                let (store, feed) = influx::open(config, disk, published)?;
                Ok(Self { store, influx: Some(feed) })
            }
            #[cfg(not(feature = "influxdb2"))]
            StoreKind::Influxdb2 => {
                let why = "this build has no influxdb2".to_owned();
                Err(crate::config::ConfigError::Value { key: "store.kind", why }.into())
            }
        }
    }

    /// Starts what feeds the store from the journal, if it does not feed on the plane; gives how to stop it.
    pub fn start_feed(self, parts: FeedParts) -> Result<Option<StopFeed>, StartError> {
        #[cfg(feature = "influxdb2")]
        if let Some(feed) = self.influx {
            return Ok(Some(feed.start(parts)?));
        }
        drop(parts);
        Ok(None)
    }
}

#[cfg(feature = "influxdb2")]
pub mod influx {
    //! InfluxDB 2, from the configuration.

    use super::{Arc, ArcSwap, Config, Disk, FeedParts, Published, StartError, StopFeed, Store};
    use crate::config::ConfigError;
    use crate::ingest::tls::{Roots, TlsOptions};
    use crate::journal::{Seq, cursor};
    use crate::server::{read_secret, some_path};
    use crate::store::SeriesId;
    use crate::store::influx::writer::{self, READER};
    use crate::store::influx::{
        InfluxClient, InfluxReader, InfluxStore, MetricKey, Patience, Progress, Target, Token, Writer, WriterConfig,
    };
    use std::time::Duration;

    /// A writer that has not begun.
    pub(super) struct Feed {
        client: InfluxClient,
        progress: Arc<Progress>,
        config: WriterConfig,
    }

    pub(super) fn open(
        config: &Config,
        disk: &Arc<dyn Disk>,
        published: &Arc<ArcSwap<Published>>,
    ) -> Result<(Arc<dyn Store>, Feed), StartError> {
        let influx = &config.store.influxdb2;
        let client = client(config)?;
        let cursor = cursor::load(disk.as_ref(), READER)?.unwrap_or(Seq::NONE);
        let progress = Arc::new(Progress::new(cursor));
        let twin = published.clone();
        let names = move |series: SeriesId| {
            let twin = &twin.load().twin;
            let known = twin.series.get(series.0 as usize)?;
            let device = twin.devices[known.device as usize].device.clone();
            Some(MetricKey { device, metric: known.metric.clone() })
        };
        // Reader and writer have a runtime each, and connections belong to one.
        let days = influx.rolled_up_from_days;
        let rolled_up_from = (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400));
        let reader = InfluxReader::new(self::client(config)?, Arc::new(names)).rolled_up_from(rolled_up_from);
        let store = InfluxStore::new(reader, progress.clone()).map_err(StartError::Thread)?;
        let config = WriterConfig {
            window_points: influx.batch_points,
            window_wait: Duration::from_millis(influx.batch_wait_millis),
            connections: influx.connections,
            gzip: influx.gzip,
            retry_ceiling: Duration::from_secs(influx.retry_max_secs),
        };
        Ok((Arc::new(store), Feed { client, progress, config }))
    }

    /// Speaks with the InfluxDB that `config` names; nothing is sent yet.
    pub fn client(config: &Config) -> Result<InfluxClient, StartError> {
        let influx = &config.store.influxdb2;
        match influx.token.reveal() {
            "" => {
                let token = read_secret(&influx.token_file)?;
                Ok(client_with(config, &Token::new(&token))?.with_token_file(influx.token_file.clone()))
            }
            token => client_with(config, &Token::new(token)),
        }
    }

    /// The same with another token than the configured one.
    pub fn client_with(config: &Config, token: &Token) -> Result<InfluxClient, StartError> {
        let influx = &config.store.influxdb2;
        let target = Target {
            url: influx.url.clone(),
            org: influx.org.clone(),
            bucket: influx.bucket.clone(),
            token: token.clone(),
            tls: TlsOptions { roots: some_path(&influx.roots_file).map_or(Roots::System, Roots::File), identity: None },
            patience: Patience { write: Duration::from_secs(influx.timeout_secs), ..Patience::default() },
        };
        InfluxClient::new(&target)
            .map_err(|why| ConfigError::Value { key: "store.influxdb2", why: why.to_string() }.into())
    }

    impl Feed {
        pub(super) fn start(self, parts: FeedParts) -> Result<StopFeed, StartError> {
            let FeedParts { journal, disk, published, requests, health, tenant } = parts;
            // Started with a journal whose beginning is gone: what is gone was in another store.
            let first = journal.first();
            let written = Seq(self.progress.written.load(std::sync::atomic::Ordering::Acquire));
            if written.next() < first {
                tracing::warn!(first = first.0, written = written.0, "InfluxDB gets the readings from here on");
                self.progress.written.store(first.0 - 1, std::sync::atomic::Ordering::Release);
            }
            let progress = self.progress;
            let client = self.client;
            let parts = writer::Parts { client, journal, disk, published, requests, health, progress, tenant };
            let writer = Writer::start(parts, self.config).map_err(StartError::Thread)?;
            Ok(Box::new(move || writer.stop()))
        }
    }
}
