//! Situations put together by hand: for known answers, tests and examples.

use std::sync::Arc;

use firmware_schemas::id::{SiteId, SkuId};
use firmware_schemas::network::{SiteKind, TemperatureClass};
use firmware_schemas::quantity::{Grams, Position, Timestamp};

use super::{
    Allocation, Demand, LeadTime, Ordering, Origin, Policy, Review, Route, Site, Situation, Sku, Source, Sourcing,
    StockPosition,
};
use crate::theory::distribution::Pmf;

impl Situation {
    /// Nothing yet, on Monday 2026-01-05.
    pub fn empty() -> Self {
        Self {
            start: Timestamp::from_secs(1_767_571_200).unwrap_or_default(),
            currency: "EUR".to_owned(),
            sites: Vec::new(),
            lanes: Vec::new(),
            skus: Vec::new(),
            positions: Vec::new(),
            factors: Vec::new(),
            disruptions: Vec::new(),
        }
    }

    /// Adds a site of this echelon.
    ///
    /// # Panics
    /// If the name is no identifier.
    pub fn add_site(&mut self, site: &str, tier: u8) -> u32 {
        let Some(position) = Position::from_e7(0, 0) else { unreachable!("it is on the globe") };
        self.sites.push(Site {
            site: identifier::<SiteId>(site),
            kind: if tier == 0 { SiteKind::Shop } else { SiteKind::RegionalWarehouse },
            tier,
            partner_class: None,
            position,
            ships_per_day_max: None,
        });
        self.sites.len() as u32 - 1
    }

    /// Adds goods of class `A`: pieces of a kilogram.
    ///
    /// # Panics
    /// If the name is no identifier.
    pub fn add_sku(&mut self, sku: &str) -> u32 {
        self.skus.push(Sku {
            sku: identifier::<SkuId>(sku),
            class: "A".to_owned(),
            mass: Grams(1_000),
            value_minor: 1_000,
            margin_minor: 0,
            shelf_life_days: None,
            temperature: TemperatureClass::Dry,
        });
        self.skus.len() as u32 - 1
    }

    /// Adds a stock position.
    pub fn add(&mut self, position: StockPosition) -> u32 {
        self.positions.push(position);
        self.positions.len() as u32 - 1
    }
}

fn identifier<T: std::str::FromStr>(text: &str) -> T {
    match text.parse() {
        Ok(id) => id,
        Err(_) => panic!("{text:?} is no identifier"),
    }
}

impl StockPosition {
    /// Empty, without demand, orders or cost; who is not served waits.
    pub fn new(site: u32, sku: u32) -> Self {
        Self {
            site,
            sku,
            on_hand: 0,
            backorders: 0,
            arriving: Vec::new(),
            demand: Demand::None,
            backorder_permille: 1_000,
            policy: Policy::Never,
            review: Review::DAILY,
            ordering: Ordering::FREE,
            sources: Vec::new(),
            sourcing: Sourcing::Priority,
            allocation: Allocation::Proportional,
            holding_minor_per_year: 0.0,
            backorder_minor_per_day: 0.0,
            lost_minor: 0.0,
            lateral: None,
        }
    }

    /// Adds a source that sends parts of orders.
    pub fn from(mut self, from: Origin, route: Route) -> Self {
        self.sources.push(Source { from, route, share_permille: 0, prices: Vec::new(), priority: 0, partial: true });
        self
    }
}

impl Route {
    /// Always as many days.
    pub fn days(days: u16) -> Self {
        Self::Direct { days: LeadTime::Constant(days), may_cross: false }
    }
}

impl Demand {
    /// Independent draws.
    pub fn random(pieces: Pmf) -> Self {
        Self::Random { pieces: Arc::new(pieces), factor: None }
    }

    /// Day by day.
    pub fn history(pieces: &[u32]) -> Self {
        Self::History { pieces: pieces.into(), factor: None }
    }
}
