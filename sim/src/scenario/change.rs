//! The changes of a scenario as they are written, read key by key.

use firmware_schemas::network::{Mode, SiteKind, TemperatureClass};
use firmware_schemas::quantity::Position;

use super::error::{At, Cause, Errors, Place, Reported};
use super::levels::Level;
use super::node::{Choice, Day, Degrees, Keys, Money, Node, Number, Read, Whole, Word};
use super::passage::{PASSAGES, Passage};
use crate::situation::check::{LEAD_DAYS_MAX, PIECES_MAX};
use crate::situation::{Allocation, Rounding, Smoothing, Sourcing};

/// A quantity of pieces.
type Pieces = Whole<0, PIECES_MAX>;
/// Days of a lead time.
type LeadDays = Whole<1, { LEAD_DAYS_MAX as i64 }>;
type Permille = Whole<0, 1_000>;

/// One change, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) place: Place,
    /// Its kind as it is written.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What a change does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Demand { filter: Filter, factor: f64, timing: Timing },
    SiteClosed { filter: Filter, timing: Timing },
    LaneClosed { filter: LaneFilter, timing: Timing },
    SiteCapacity { filter: Filter, only_suppliers: bool, amount: Amount, timing: Timing },
    LaneSlower { filter: LaneFilter, factor: f64, timing: Timing },
    LaneCapacity { filter: LaneFilter, amount: Amount, timing: Timing },
    LeadTime { filter: Filter, from_sites: Option<Vec<At<String>>>, days: Days, may_cross: bool },
    LaneLeadTime { filter: LaneFilter, days: Days },
    Price { filter: Filter, from_sites: Option<Vec<At<String>>>, price: Price },
    Cost { filter: Filter, cost: Cost },
    Freight { filter: LaneFilter, factor: f64 },
    Policy { filter: Filter, policy: PolicyChange },
    Levels(Vec<Level>),
    Ordering { filter: Filter, min: Option<i64>, multiple: Option<i64>, rounding: Option<Rounding> },
    Review { filter: Filter, every_days: Option<u16>, first_day: Option<u16>, weekdays: Option<u8> },
    Sourcing { filter: Filter, sourcing: Option<Sourcing>, sources: Option<Vec<NewSource>> },
    Allocation { filter: Filter, allocation: Allocation },
    Backorders { filter: Filter, permille: u16 },
    NewSite(Box<NewSite>),
    NewLane(Box<NewLane>),
    RemoveLane { filter: LaneFilter },
    PassageClosed { passage: &'static Passage, detour: Option<f64>, timing: Timing },
    ColdStoreFails { filter: Filter, timing: Timing },
    Lateral { filter: Filter, lateral: LateralChange },
}

/// Which stock positions, sites or SKUs; what is not named lets all through.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter {
    pub(super) place: Place,
    pub(super) sites: Option<Vec<At<String>>>,
    pub(super) site_kinds: Option<Vec<SiteKind>>,
    pub(super) partner_classes: Option<Vec<At<String>>>,
    pub(super) tiers: Option<Vec<u8>>,
    pub(super) skus: Option<Vec<At<String>>>,
    pub(super) classes: Option<Vec<At<String>>>,
    pub(super) temperatures: Option<Vec<TemperatureClass>>,
}

/// Which lanes; at least one of these is named.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LaneFilter {
    pub(super) place: Place,
    pub(super) lanes: Option<Vec<At<String>>>,
    pub(super) modes: Option<Vec<Mode>>,
    pub(super) from_sites: Option<Vec<At<String>>>,
    pub(super) to_sites: Option<Vec<At<String>>>,
}

/// When.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Timing {
    Always,
    Days { from: Option<At<Day>>, until: Option<At<Day>> },
    Random { mean_between: f64, mean_lasting: f64 },
}

/// How much of something in a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Amount {
    /// Of what it is.
    Factor(f64),
    Pieces(i64),
    Grams(i64),
}

/// A lead time in days.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Days {
    Constant(u16),
    /// Days, and their weights.
    Weights(Vec<(u16, f64)>),
}

/// What a piece costs to buy.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Price {
    Factor(f64),
    List(Vec<(i64, f64)>),
}

/// Factors on costs; `order_minor` is an amount.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cost {
    pub(super) holding: Option<f64>,
    pub(super) backorder: Option<f64>,
    pub(super) lost: Option<f64>,
    pub(super) order: Option<f64>,
    pub(super) order_minor: Option<f64>,
}

/// A quantity in pieces, or in days of what goes through the position on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Quantity {
    Pieces(i64),
    Days(f64),
}

/// A policy, or a factor on the levels of the one there is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PolicyChange {
    Scale(f64),
    Never,
    BaseStock { level: Quantity },
    MinMax { min: Quantity, max: Quantity },
    ReorderLot { reorder_point: Quantity, lot: Quantity },
    EchelonBaseStock { level: Quantity },
    Forecast { smoothing: Smoothing, cover_days: f64, safety: Quantity },
}

/// A source that a position gets.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NewSource {
    pub(super) place: Place,
    /// `None` is outside.
    pub(super) site: Option<At<String>>,
    pub(super) lead_time_days: Option<u16>,
    pub(super) share_permille: u16,
    pub(super) price_minor: Option<f64>,
    pub(super) priority: u8,
    pub(super) partial: bool,
}

/// A site that is opened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NewSite {
    pub(super) site: At<String>,
    pub(super) kind: SiteKind,
    pub(super) tier: u8,
    pub(super) partner_class: Option<String>,
    pub(super) position: Position,
    pub(super) ships_per_day_max: Option<i64>,
    pub(super) lanes: Vec<NewLane>,
    /// What it keeps, of what its source keeps.
    pub(super) goods: Filter,
    pub(super) source: At<String>,
    pub(super) serves: Option<Filter>,
    pub(super) takes_demand: Vec<(At<String>, u16)>,
    pub(super) initial_days: f64,
    pub(super) policy: PolicyChange,
}

/// A lane that is opened; in a new site's table one end may be missing, and is the site.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NewLane {
    pub(super) place: Place,
    pub(super) lane: Option<At<String>>,
    pub(super) from: Option<At<String>>,
    pub(super) to: Option<At<String>>,
    pub(super) mode: Mode,
    pub(super) via: Vec<Position>,
    pub(super) lead_time_h: f64,
    pub(super) lead_time_sd_h: f64,
    pub(super) distance_m: Option<u64>,
    pub(super) departure_cost_minor: i64,
    pub(super) tonne_cost_minor: i64,
    pub(super) capacity_g: Option<u64>,
    pub(super) departs_every_days: u16,
    pub(super) two_way: bool,
}

/// How positions help each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LateralChange {
    pub(super) pool: Option<u32>,
    /// Days between and under way; `None`: only in a shortage.
    pub(super) proactive: Option<(u16, u16)>,
    pub(super) cost_minor: f64,
}

macro_rules! words {
    ($name:ty: $($word:literal = $value:expr,)+) => {
        impl Word for $name {
            fn all() -> Vec<(&'static str, Self)> {
                vec![$(($word, $value)),+]
            }
        }
    };
}

macro_rules! schema_words {
    ($($name:ty),+) => {
        $(impl Word for $name {
            fn all() -> Vec<(&'static str, Self)> {
                Self::ALL.iter().map(|value| (value.as_str(), *value)).collect()
            }
        })+
    };
}

schema_words!(SiteKind, Mode, TemperatureClass);
words!(Rounding: "up" = Self::Up, "down" = Self::Down, "nearest" = Self::Nearest,);
words!(Sourcing: "priority" = Self::Priority, "share" = Self::Share, "cheapest" = Self::Cheapest,);
words!(Allocation:
    "proportional" = Self::Proportional,
    "priority" = Self::Priority,
    "fair_share" = Self::FairShare,
);

#[derive(Clone, Copy)]
struct Weekday(u8);
words!(Weekday:
    "mon" = Self(0), "tue" = Self(1), "wed" = Self(2), "thu" = Self(3), "fri" = Self(4), "sat" = Self(5),
    "sun" = Self(6),
);

#[derive(Clone, Copy, PartialEq)]
enum When {
    Reactive,
    Proactive,
}
words!(When: "reactive" = Self::Reactive, "proactive" = Self::Proactive,);

#[derive(Clone, Copy)]
enum PolicyName {
    Never,
    BaseStock,
    MinMax,
    ReorderLot,
    Echelon,
    Forecast,
}
words!(PolicyName:
    "never" = Self::Never,
    "base_stock" = Self::BaseStock,
    "min_max" = Self::MinMax,
    "reorder_lot" = Self::ReorderLot,
    "echelon" = Self::Echelon,
    "forecast" = Self::Forecast,
);

impl Word for &'static Passage {
    fn all() -> Vec<(&'static str, Self)> {
        PASSAGES.iter().map(|passage| (passage.name, passage)).collect()
    }
}

/// How a kind is read.
type Reader = fn(&mut Keys, &mut Errors) -> Result<Kind, Reported>;

/// All kinds, by name.
pub(super) const KINDS: [(&str, Reader); 24] = [
    ("demand", demand),
    ("site_closed", site_closed),
    ("lane_closed", lane_closed),
    ("supplier_capacity", |keys, errors| site_capacity(keys, true, errors)),
    ("site_capacity", |keys, errors| site_capacity(keys, false, errors)),
    ("lane_slower", lane_slower),
    ("lane_capacity", lane_capacity),
    ("lead_time", lead_time),
    ("price", price),
    ("cost", cost),
    ("freight", freight),
    ("policy", policy),
    ("levels", |keys, errors| Ok(Kind::Levels(keys.required("levels", errors)?))),
    ("ordering", ordering),
    ("review", review),
    ("sourcing", sourcing),
    ("allocation", allocation),
    ("backorders", backorders),
    ("new_site", new_site),
    ("new_lane", |keys, errors| Ok(Kind::NewLane(Box::new(lane(keys, true, errors)?)))),
    ("remove_lane", |keys, errors| Ok(Kind::RemoveLane { filter: lane_filter(keys, errors)? })),
    ("passage_closed", passage_closed),
    ("cold_store_fails", cold_store_fails),
    ("lateral", lateral),
];

#[derive(Clone, Copy)]
struct KindName(usize);

impl Word for KindName {
    fn all() -> Vec<(&'static str, Self)> {
        KINDS.iter().enumerate().map(|(at, (name, _))| (*name, Self(at))).collect()
    }
}

impl Read for Change {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let mut keys = Keys::read(node, place, errors)?;
        let Choice(KindName(at)) = keys.required("kind", errors)?;
        let (name, read) = KINDS[at];
        let kind = read(&mut keys, errors);
        let place = keys.place.clone();
        keys.finish(errors)?;
        Ok(Self { place, name, kind: kind? })
    }
}

fn filter(keys: &mut Keys, errors: &mut Errors) -> Result<Filter, Reported> {
    let sites = site_filter(keys, errors);
    let goods = goods_filter(keys, errors);
    let (sites, goods) = (sites?, goods?);
    Ok(Filter { skus: goods.skus, classes: goods.classes, temperatures: goods.temperatures, ..sites })
}

fn site_filter(keys: &mut Keys, errors: &mut Errors) -> Result<Filter, Reported> {
    let sites = keys.optional("sites", errors);
    let site_kinds = keys.optional::<Vec<Choice<SiteKind>>>("site_kinds", errors);
    let partner_classes = keys.optional("partner_classes", errors);
    let tiers = keys.optional::<Vec<Whole<0, 255>>>("tiers", errors);
    Ok(Filter {
        place: keys.place.clone(),
        sites: sites?,
        site_kinds: site_kinds?.map(|kinds| kinds.into_iter().map(|Choice(kind)| kind).collect()),
        partner_classes: partner_classes?,
        tiers: tiers?.map(|tiers| tiers.into_iter().map(|Whole(tier)| tier as u8).collect()),
        ..Filter::default()
    })
}

fn goods_filter(keys: &mut Keys, errors: &mut Errors) -> Result<Filter, Reported> {
    let skus = keys.optional("skus", errors);
    let classes = keys.optional("classes", errors);
    let temperatures = keys.optional::<Vec<Choice<TemperatureClass>>>("temperatures", errors);
    Ok(Filter {
        place: keys.place.clone(),
        skus: skus?,
        classes: classes?,
        temperatures: temperatures?.map(|all| all.into_iter().map(|Choice(temperature)| temperature).collect()),
        ..Filter::default()
    })
}

fn lane_filter(keys: &mut Keys, errors: &mut Errors) -> Result<LaneFilter, Reported> {
    let lanes = keys.optional("lanes", errors);
    let modes = keys.optional::<Vec<Choice<Mode>>>("modes", errors);
    let from_sites = keys.optional("from_sites", errors);
    let to_sites = keys.optional("to_sites", errors);
    let filter = LaneFilter {
        place: keys.place.clone(),
        lanes: lanes?,
        modes: modes?.map(|modes| modes.into_iter().map(|Choice(mode)| mode).collect()),
        from_sites: from_sites?,
        to_sites: to_sites?,
    };
    if filter == (LaneFilter { place: filter.place.clone(), ..LaneFilter::default() }) {
        let why = "names no lane: give one of lanes, modes, from_sites, to_sites";
        return Err(errors.contradiction(&filter.place, why));
    }
    Ok(filter)
}

fn timing(keys: &mut Keys, errors: &mut Errors) -> Result<Timing, Reported> {
    let from = keys.optional::<At<Day>>("from", errors);
    let until = keys.optional::<At<Day>>("until", errors);
    let between = keys.optional::<At<Number>>("mean_days_between", errors);
    let lasting = keys.optional::<At<Number>>("mean_days_lasting", errors);
    let (from, until, between, lasting) = (from?, until?, between?, lasting?);
    match (between, lasting) {
        (None, None) => {}
        (Some(between), Some(lasting)) => {
            if from.is_some() || until.is_some() {
                let why = "either from and until, or mean_days_between and mean_days_lasting";
                return Err(errors.contradiction(&keys.place, why));
            }
            for days in [&between, &lasting] {
                if days.value.0 <= 0.0 {
                    return Err(errors.contradiction(&days.place, "must be above 0"));
                }
            }
            return Ok(Timing::Random { mean_between: between.value.0, mean_lasting: lasting.value.0 });
        }
        _ => {
            let why = "mean_days_between and mean_days_lasting go together";
            return Err(errors.contradiction(&keys.place, why));
        }
    }
    if from.is_none() && until.is_none() {
        return Ok(Timing::Always);
    }
    if let (Some(At { value: from, .. }), Some(At { value: until, place })) = (&from, &until) {
        let is_reversed = match (from, until) {
            (Day::Date(from), Day::Date(until)) => from >= until,
            (Day::Number(from), Day::Number(until)) => from >= until,
            _ => false, // known when it is applied
        };
        if is_reversed {
            return Err(errors.contradiction(place, "not after from"));
        }
    }
    Ok(Timing::Days { from, until })
}

fn factor(keys: &mut Keys, errors: &mut Errors) -> Result<f64, Reported> {
    keys.required::<Number>("factor", errors).map(|Number(factor)| factor)
}

fn demand(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let factor = factor(keys, errors);
    let timing = timing(keys, errors);
    let timing = timing?;
    if matches!(timing, Timing::Random { .. }) {
        return Err(errors.contradiction(&keys.place, "demand changes at set times, with from and until"));
    }
    Ok(Kind::Demand { filter: filter?, factor: factor?, timing })
}

fn site_closed(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = site_filter(keys, errors);
    let timing = timing(keys, errors);
    Ok(Kind::SiteClosed { filter: filter?, timing: timing? })
}

fn lane_closed(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = lane_filter(keys, errors);
    let timing = timing(keys, errors);
    Ok(Kind::LaneClosed { filter: filter?, timing: timing? })
}

fn grams(Number(tonnes): Number) -> i64 {
    libm::round(tonnes * 1e6) as i64
}

fn amount(keys: &mut Keys, with_pieces: bool, errors: &mut Errors) -> Result<Amount, Reported> {
    let factor = keys.optional::<Number>("factor", errors);
    let pieces = if with_pieces { keys.optional::<Pieces>("pieces_per_day", errors) } else { Ok(None) };
    let tonnes = keys.optional::<Number>("tonnes_per_day", errors);
    match (factor?, pieces?, tonnes?) {
        (Some(Number(factor)), None, None) => Ok(Amount::Factor(factor)),
        (None, Some(Whole(pieces)), None) => Ok(Amount::Pieces(pieces)),
        (None, None, Some(tonnes)) => Ok(Amount::Grams(grams(tonnes))),
        _ if with_pieces => {
            Err(errors.contradiction(&keys.place, "needs one of factor, pieces_per_day, tonnes_per_day"))
        }
        _ => Err(errors.contradiction(&keys.place, "needs one of factor, tonnes_per_day")),
    }
}

fn site_capacity(keys: &mut Keys, only_suppliers: bool, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = site_filter(keys, errors);
    let amount = amount(keys, true, errors);
    let timing = timing(keys, errors);
    Ok(Kind::SiteCapacity { filter: filter?, only_suppliers, amount: amount?, timing: timing? })
}

fn lane_slower(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = lane_filter(keys, errors);
    let factor = positive(keys, "factor", errors);
    let timing = timing(keys, errors);
    Ok(Kind::LaneSlower { filter: filter?, factor: factor?, timing: timing? })
}

fn positive(keys: &mut Keys, key: &'static str, errors: &mut Errors) -> Result<f64, Reported> {
    let At { place, value: Number(number) } = keys.required(key, errors)?;
    if number > 0.0 { Ok(number) } else { Err(errors.contradiction(&place, "must be above 0")) }
}

fn lane_capacity(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = lane_filter(keys, errors);
    let amount = amount(keys, false, errors);
    let timing = timing(keys, errors);
    Ok(Kind::LaneCapacity { filter: filter?, amount: amount?, timing: timing? })
}

/// A row of a distribution.
struct Weighted(u16, f64);

impl Read for Weighted {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let mut keys = Keys::read(node, place, errors)?;
        let days = keys.required::<LeadDays>("days", errors);
        let probability = keys.required::<At<Number>>("probability", errors);
        keys.finish(errors)?;
        let (Whole(days), probability) = (days?, probability?);
        if probability.value.0 > 1.0 {
            return Err(errors.contradiction(&probability.place, "a probability is at most 1"));
        }
        Ok(Self(days as u16, probability.value.0))
    }
}

fn lead_time(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    if keys.has("lanes") || keys.has("modes") || keys.has("to_sites") {
        let days = days(keys, errors);
        let filter = lane_filter(keys, errors);
        return Ok(Kind::LaneLeadTime { filter: filter?, days: days? });
    }
    let days = days(keys, errors);
    let filter = filter(keys, errors);
    let from_sites = keys.optional("from_sites", errors);
    let may_cross = keys.optional("may_cross", errors);
    Ok(Kind::LeadTime { filter: filter?, from_sites: from_sites?, days: days?, may_cross: may_cross?.unwrap_or(false) })
}

fn days(keys: &mut Keys, errors: &mut Errors) -> Result<Days, Reported> {
    const OFF_MAX: f64 = 1e-6;
    let days = keys.optional::<LeadDays>("days", errors);
    let distribution = keys.optional::<At<Vec<Weighted>>>("distribution", errors);
    let observed = keys.optional::<Vec<LeadDays>>("observed", errors);
    match (days?, distribution?, observed?) {
        (Some(Whole(days)), None, None) => Ok(Days::Constant(days as u16)),
        (None, Some(rows), None) => {
            let sum: f64 = rows.value.iter().map(|Weighted(_, probability)| probability).sum();
            if libm::fabs(sum - 1.0) > OFF_MAX {
                let rounded = libm::round(sum * 1e6) / 1e6;
                return Err(errors.contradiction(&rows.place, format!("probabilities sum to {rounded}, expected 1")));
            }
            Ok(Days::Weights(rows.value.iter().map(|Weighted(days, weight)| (*days, *weight)).collect()))
        }
        (None, None, Some(days)) => Ok(Days::Weights(days.iter().map(|Whole(days)| (*days as u16, 1.0)).collect())),
        _ => Err(errors.contradiction(&keys.place, "needs one of days, distribution, observed")),
    }
}

/// A row of a price list.
struct PriceRow(At<i64>, f64);

impl Read for PriceRow {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let mut keys = Keys::read(node, place, errors)?;
        let from = keys.required::<At<Pieces>>("from", errors);
        let minor = keys.required::<Money>("minor", errors);
        keys.finish(errors)?;
        let (At { place, value: Whole(from) }, Money(minor)) = (from?, minor?);
        Ok(Self(At { place, value: from }, minor))
    }
}

fn price(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let from_sites = keys.optional("from_sites", errors);
    let factor = keys.optional::<Number>("factor", errors);
    let minor = keys.optional::<Money>("minor", errors);
    let list = keys.optional::<Vec<PriceRow>>("prices", errors);
    let price = match (factor?, minor?, list?) {
        (Some(Number(factor)), None, None) => Price::Factor(factor),
        (None, Some(Money(minor)), None) => Price::List(vec![(0, minor)]),
        (None, None, Some(rows)) => {
            let mut expected = 0..=0; // the first begins at 0
            for PriceRow(from, _) in &rows {
                if !expected.contains(&from.value) {
                    return Err(errors.contradiction(&from.place, "price lists begin from 0 pieces and ascend"));
                }
                expected = from.value + 1..=i64::MAX;
            }
            Price::List(rows.iter().map(|PriceRow(from, minor)| (from.value, *minor)).collect())
        }
        _ => return Err(errors.contradiction(&keys.place, "needs one of factor, minor, prices")),
    };
    Ok(Kind::Price { filter: filter?, from_sites: from_sites?, price })
}

fn cost(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let mut number = |key| keys.optional::<Number>(key, errors).map(|it| it.map(|Number(number)| number));
    let (holding, backorder, lost, order) = (number("holding"), number("backorder"), number("lost"), number("order"));
    let order_minor = keys.optional::<Whole<0, 1_000_000_000_000>>("order_minor", errors);
    let cost = Cost {
        holding: holding?,
        backorder: backorder?,
        lost: lost?,
        order: order?,
        order_minor: order_minor?.map(|Whole(minor)| minor as f64),
    };
    if cost == (Cost { holding: None, backorder: None, lost: None, order: None, order_minor: None }) {
        let why = "needs at least one of holding, backorder, lost, order, order_minor";
        return Err(errors.contradiction(&keys.place, why));
    }
    Ok(Kind::Cost { filter: filter?, cost })
}

fn freight(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = lane_filter(keys, errors);
    let factor = factor(keys, errors);
    Ok(Kind::Freight { filter: filter?, factor: factor? })
}

fn policy(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let policy = policy_change(keys, errors);
    Ok(Kind::Policy { filter: filter?, policy: policy? })
}

/// The quantity under a key, in pieces, or in days under the other one.
fn quantity(
    keys: &mut Keys,
    in_pieces: &'static str,
    in_days: &'static str,
    errors: &mut Errors,
) -> Result<Option<Quantity>, Reported> {
    let pieces = keys.optional::<Pieces>(in_pieces, errors);
    let days = keys.optional::<Number>(in_days, errors);
    match (pieces?, days?) {
        (Some(Whole(pieces)), None) => Ok(Some(Quantity::Pieces(pieces))),
        (None, Some(Number(days))) => Ok(Some(Quantity::Days(days))),
        (None, None) => Ok(None),
        _ => Err(errors.contradiction(&keys.place, format!("either {in_pieces} or {in_days}"))),
    }
}

fn needed(
    keys: &mut Keys,
    in_pieces: &'static str,
    in_days: &'static str,
    errors: &mut Errors,
) -> Result<Quantity, Reported> {
    match quantity(keys, in_pieces, in_days, errors)? {
        Some(quantity) => Ok(quantity),
        None => Err(errors.push(&keys.place.key(in_pieces, None), Cause::FieldMissing)),
    }
}

/// All keys of all policies.
const POLICY_KEYS: [&str; 15] = [
    "level",
    "level_days",
    "min",
    "min_days",
    "max",
    "max_days",
    "reorder_point",
    "reorder_point_days",
    "lot",
    "lot_days",
    "average_days",
    "alpha_permille",
    "cover_days",
    "safety",
    "safety_days",
];

fn policy_change(keys: &mut Keys, errors: &mut Errors) -> Result<PolicyChange, Reported> {
    let scale = keys.optional::<Number>("scale", errors);
    let name = keys.optional::<Choice<PolicyName>>("policy", errors);
    let read = scale.and_then(|scale| Ok((scale, name?)));
    let name = match read {
        Ok((Some(Number(scale)), None)) => return Ok(PolicyChange::Scale(scale)),
        Ok((None, Some(Choice(name)))) => name,
        other => {
            // Which keys belong here is not known, so none of these is wrong.
            keys.pass_over(&POLICY_KEYS);
            return Err(match other {
                Err(reported) => reported,
                Ok(_) => errors.contradiction(&keys.place, "needs either policy or scale"),
            });
        }
    };
    match name {
        PolicyName::Never => Ok(PolicyChange::Never),
        PolicyName::BaseStock => Ok(PolicyChange::BaseStock { level: needed(keys, "level", "level_days", errors)? }),
        PolicyName::Echelon => {
            Ok(PolicyChange::EchelonBaseStock { level: needed(keys, "level", "level_days", errors)? })
        }
        PolicyName::MinMax => {
            let min = needed(keys, "min", "min_days", errors);
            let max = needed(keys, "max", "max_days", errors);
            let (min, max) = (min?, max?);
            let is_reversed = match (min, max) {
                (Quantity::Pieces(min), Quantity::Pieces(max)) => min > max,
                (Quantity::Days(min), Quantity::Days(max)) => min > max,
                _ => false, // known when it is applied
            };
            if is_reversed {
                return Err(errors.contradiction(&keys.place, "min is above max"));
            }
            Ok(PolicyChange::MinMax { min, max })
        }
        PolicyName::ReorderLot => {
            let reorder_point = needed(keys, "reorder_point", "reorder_point_days", errors);
            let lot = needed(keys, "lot", "lot_days", errors);
            Ok(PolicyChange::ReorderLot { reorder_point: reorder_point?, lot: lot? })
        }
        PolicyName::Forecast => {
            let average = keys.optional::<Whole<1, 3_650>>("average_days", errors);
            let alpha = keys.optional::<Whole<1, 1_000>>("alpha_permille", errors);
            let cover = keys.required::<Number>("cover_days", errors);
            let safety = quantity(keys, "safety", "safety_days", errors);
            let smoothing = match (average?, alpha?) {
                (Some(Whole(days)), None) => Smoothing::MovingAverage { days: days as u16 },
                (None, Some(Whole(alpha))) => Smoothing::Exponential { alpha_permille: alpha as u16 },
                _ => return Err(errors.contradiction(&keys.place, "needs either average_days or alpha_permille")),
            };
            let (Number(cover_days), safety) = (cover?, safety?.unwrap_or(Quantity::Pieces(0)));
            Ok(PolicyChange::Forecast { smoothing, cover_days, safety })
        }
    }
}

fn ordering(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let min = keys.optional::<Pieces>("moq", errors);
    let multiple = keys.optional::<Whole<1, PIECES_MAX>>("multiple", errors);
    let rounding = keys.optional::<Choice<Rounding>>("rounding", errors);
    let (min, multiple, rounding) = (min?, multiple?, rounding?);
    if min.is_none() && multiple.is_none() && rounding.is_none() {
        return Err(errors.contradiction(&keys.place, "needs at least one of moq, multiple, rounding"));
    }
    Ok(Kind::Ordering {
        filter: filter?,
        min: min.map(|Whole(min)| min),
        multiple: multiple.map(|Whole(multiple)| multiple),
        rounding: rounding.map(|Choice(rounding)| rounding),
    })
}

fn review(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let every_days = keys.optional::<Whole<1, 3_650>>("every_days", errors);
    let first_day = keys.optional::<Whole<0, 3_650>>("first_day", errors);
    let weekdays = keys.optional::<Vec<Choice<Weekday>>>("weekdays", errors);
    let (every_days, first_day, weekdays) = (every_days?, first_day?, weekdays?);
    if every_days.is_none() && first_day.is_none() && weekdays.is_none() {
        return Err(errors.contradiction(&keys.place, "needs at least one of every_days, first_day, weekdays"));
    }
    Ok(Kind::Review {
        filter: filter?,
        every_days: every_days.map(|Whole(days)| days as u16),
        first_day: first_day.map(|Whole(day)| day as u16),
        weekdays: weekdays.map(|days| days.iter().fold(0, |mask, Choice(Weekday(day))| mask | 1 << day)),
    })
}

impl Read for NewSource {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let mut keys = Keys::read(node, place, errors)?;
        let site = keys.optional::<At<String>>("site", errors);
        let outside = keys.optional::<bool>("outside", errors);
        let days = keys.optional::<LeadDays>("lead_time_days", errors);
        let share = keys.optional::<Permille>("share_permille", errors);
        let price = keys.optional::<Money>("price_minor", errors);
        let priority = keys.optional::<Whole<0, 255>>("priority", errors);
        let partial = keys.optional::<bool>("partial", errors);
        let place = keys.place.clone();
        keys.finish(errors)?;
        let (site, outside, days) = (site?, outside?.unwrap_or(false), days?);
        match (&site, outside, days) {
            (Some(_), false, _) | (None, true, Some(_)) => {}
            (None, true, None) => {
                return Err(errors.push(&place.key("lead_time_days", None), Cause::FieldMissing));
            }
            _ => return Err(errors.contradiction(&place, "needs either site or outside = true")),
        }
        Ok(Self {
            site,
            lead_time_days: days.map(|Whole(days)| days as u16),
            share_permille: share?.map_or(0, |Whole(share)| share as u16),
            price_minor: price?.map(|Money(price)| price),
            priority: priority?.map_or(0, |Whole(priority)| priority as u8),
            partial: partial?.unwrap_or(true),
            place,
        })
    }
}

fn sourcing(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let sourcing = keys.optional::<Choice<Sourcing>>("sourcing", errors);
    let sources = keys.optional::<At<Vec<NewSource>>>("sources", errors);
    let (sourcing, sources) = (sourcing?, sources?);
    if sourcing.is_none() && sources.is_none() {
        return Err(errors.contradiction(&keys.place, "needs at least one of sourcing, sources"));
    }
    let sourcing = sourcing.map(|Choice(sourcing)| sourcing);
    if let Some(sources) = sources.as_ref().filter(|_| sourcing == Some(Sourcing::Share)) {
        let sum: u32 = sources.value.iter().map(|source| u32::from(source.share_permille)).sum();
        if sum != 1_000 {
            let why = format!("share_permille sums to {sum}, expected 1000");
            return Err(errors.contradiction(&sources.place, why));
        }
    }
    Ok(Kind::Sourcing { filter: filter?, sourcing, sources: sources.map(|sources| sources.value) })
}

fn allocation(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let allocation = keys.required::<Choice<Allocation>>("allocation", errors);
    Ok(Kind::Allocation { filter: filter?, allocation: allocation?.0 })
}

fn backorders(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let permille = keys.required::<Permille>("permille", errors);
    Ok(Kind::Backorders { filter: filter?, permille: permille?.0 as u16 })
}

/// A pair of degrees.
struct Point(Position);

impl Read for Point {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let degrees = Vec::<Degrees>::read(node, place, errors)?;
        let position = match degrees.as_slice() {
            [Degrees(lat), Degrees(lon)] => Position::from_degrees(*lat, *lon),
            _ => None,
        };
        position.map(Self).ok_or_else(|| errors.contradiction(place, "a point is [lat, lon] in degrees"))
    }
}

struct LaneHere(NewLane);

impl Read for LaneHere {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let mut keys = Keys::read(node, place, errors)?;
        let read = lane(&mut keys, false, errors);
        keys.finish(errors)?;
        read.map(Self)
    }
}

/// A lane; both ends must be there, or exactly one.
fn lane(keys: &mut Keys, both_ends: bool, errors: &mut Errors) -> Result<NewLane, Reported> {
    let id = keys.optional::<At<String>>("lane", errors);
    let from = keys.optional::<At<String>>("from", errors);
    let to = keys.optional::<At<String>>("to", errors);
    let mode = keys.required::<Choice<Mode>>("mode", errors);
    let hours = keys.optional::<Number>("lead_time_h", errors);
    let days = keys.optional::<Number>("lead_time_days", errors);
    let sd_hours = keys.optional::<Number>("lead_time_sd_h", errors);
    let distance = keys.optional::<Whole<1, 1_000_000_000>>("distance_m", errors);
    let via = keys.optional::<Vec<Point>>("via", errors);
    let departure = keys.optional::<Whole<0, 1_000_000_000_000>>("cost_minor", errors);
    let tonne = keys.optional::<Whole<0, 1_000_000_000_000>>("cost_per_tonne_minor", errors);
    let capacity = keys.optional::<Number>("tonnes_per_day", errors);
    let every = keys.optional::<Whole<0, 3_650>>("departs_every_days", errors);
    let two_way = keys.optional::<bool>("two_way", errors);
    let (id, from, to) = (id?, from?, to?);
    if both_ends && (from.is_none() || to.is_none()) {
        let missing = if from.is_none() { "from" } else { "to" };
        return Err(errors.push(&keys.place.key(missing, None), Cause::FieldMissing));
    }
    if !both_ends && from.is_some() == to.is_some() {
        return Err(errors.contradiction(&keys.place, "needs either from or to; the other end is the new site"));
    }
    let lead_time_h = match (hours?, days?) {
        (Some(Number(hours)), None) => hours,
        (None, Some(Number(days))) => days * 24.0,
        _ => return Err(errors.contradiction(&keys.place, "needs either lead_time_h or lead_time_days")),
    };
    Ok(NewLane {
        place: keys.place.clone(),
        lane: id,
        from,
        to,
        mode: mode?.0,
        via: via?.unwrap_or_default().into_iter().map(|Point(position)| position).collect(),
        lead_time_h,
        lead_time_sd_h: sd_hours?.map_or(0.0, |Number(hours)| hours),
        distance_m: distance?.map(|Whole(metres)| metres as u64),
        departure_cost_minor: departure?.map_or(0, |Whole(minor)| minor),
        tonne_cost_minor: tonne?.map_or(0, |Whole(minor)| minor),
        capacity_g: capacity?.map(|tonnes| grams(tonnes) as u64),
        departs_every_days: every?.map_or(0, |Whole(days)| days as u16),
        two_way: two_way?.unwrap_or(false),
    })
}

/// Whose demand the new site takes over, and how much.
struct Takes(At<String>, u16);

impl Read for Takes {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let mut keys = Keys::read(node, place, errors)?;
        let site = keys.required("site", errors);
        let share = keys.required::<Permille>("share_permille", errors);
        keys.finish(errors)?;
        Ok(Self(site?, share?.0 as u16))
    }
}

struct Serves(Filter);

impl Read for Serves {
    fn read(node: Node, place: &Place, errors: &mut Errors) -> Result<Self, Reported> {
        let mut keys = Keys::read(node, place, errors)?;
        let read = filter(&mut keys, errors);
        keys.finish(errors)?;
        read.map(Self)
    }
}

fn new_site(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let site = keys.required::<At<String>>("site", errors);
    let kind = keys.required::<Choice<SiteKind>>("site_kind", errors);
    let tier = keys.optional::<Whole<0, 255>>("tier", errors);
    let partner_class = keys.optional::<String>("partner_class", errors);
    let lat = keys.required::<Degrees>("lat", errors);
    let lon = keys.required::<Degrees>("lon", errors);
    let ships = keys.optional::<Pieces>("pieces_per_day", errors);
    let lanes = keys.required::<Vec<LaneHere>>("lanes", errors);
    let goods = goods_filter(keys, errors);
    let source = keys.required::<At<String>>("source", errors);
    let serves = keys.optional::<Serves>("serves", errors);
    let takes = keys.optional::<Vec<Takes>>("takes_demand", errors);
    let initial = keys.optional::<Number>("initial_days", errors);
    let policy = policy_change(keys, errors);
    let site = site?;
    // Who refers to a site that was refused need not hear of it.
    let read = (|| {
        let (Degrees(lat), Degrees(lon)) = (lat?, lon?);
        let Some(position) = Position::from_degrees(lat, lon) else {
            return Err(errors.contradiction(&keys.place.key("lat", None), "latitudes are from -90 to 90"));
        };
        let policy = policy?;
        if matches!(policy, PolicyChange::Scale(_)) {
            return Err(errors.contradiction(&keys.place, "a new site has no policy that could be scaled"));
        }
        let (kind, tier) = (kind?.0, tier?);
        Ok(NewSite {
            site: site.clone(),
            kind,
            tier: tier.map_or(1, |Whole(tier)| tier as u8),
            partner_class: partner_class?,
            position,
            ships_per_day_max: ships?.map(|Whole(pieces)| pieces),
            lanes: lanes?.into_iter().map(|LaneHere(lane)| lane).collect(),
            goods: goods?,
            source: source?,
            serves: serves?.map(|Serves(filter)| filter),
            takes_demand: takes?.unwrap_or_default().into_iter().map(|Takes(site, share)| (site, share)).collect(),
            initial_days: initial?.map_or(0.0, |Number(days)| days),
            policy,
        })
    })();
    match read {
        Ok(new) => Ok(Kind::NewSite(Box::new(new))),
        Err(reported) => {
            errors.refuse(&site.value);
            Err(reported)
        }
    }
}

fn passage_closed(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let passage = keys.required::<Choice<&'static Passage>>("passage", errors);
    let factor = keys.optional::<At<Number>>("detour_factor", errors);
    let has_detour = keys.optional::<bool>("detour", errors);
    let timing = timing(keys, errors);
    let Choice(passage) = passage?;
    let factor = match factor? {
        Some(At { place, value: Number(factor) }) if factor <= 0.0 => {
            return Err(errors.contradiction(&place, "must be above 0"));
        }
        factor => factor.map(|at| at.value.0),
    };
    let detour = match (factor, has_detour?) {
        (Some(factor), None | Some(true)) => Some(factor),
        (None, Some(true)) => match passage.detour_factor {
            Some(factor) => Some(factor),
            None => {
                let why = format!("no way leads round {}: leave detour out", passage.name);
                return Err(errors.contradiction(&keys.place.key("detour", None), why));
            }
        },
        (None, None | Some(false)) => None,
        (Some(_), Some(false)) => {
            return Err(errors.contradiction(&keys.place, "detour = false has no detour_factor"));
        }
    };
    Ok(Kind::PassageClosed { passage, detour, timing: timing? })
}

fn cold_store_fails(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let timing = timing(keys, errors);
    Ok(Kind::ColdStoreFails { filter: filter?, timing: timing? })
}

fn lateral(keys: &mut Keys, errors: &mut Errors) -> Result<Kind, Reported> {
    let filter = filter(keys, errors);
    let when = keys.required::<Choice<When>>("when", errors);
    let pool = keys.optional::<Whole<0, 1_000_000>>("pool", errors);
    let every = keys.optional::<Whole<1, 3_650>>("every_days", errors);
    let lead = keys.optional::<LeadDays>("lead_days", errors);
    let cost = keys.optional::<Money>("cost_minor", errors);
    let Choice(when) = when?;
    let proactive = match (when, every?, lead?) {
        (When::Reactive, None, None) => None,
        (When::Proactive, Some(Whole(every)), Some(Whole(lead))) => Some((every as u16, lead as u16)),
        (When::Reactive, ..) => {
            return Err(errors.contradiction(&keys.place, "every_days and lead_days are for when = \"proactive\""));
        }
        (When::Proactive, ..) => {
            return Err(errors.contradiction(&keys.place, "proactive needs every_days and lead_days"));
        }
    };
    Ok(Kind::Lateral {
        filter: filter?,
        lateral: LateralChange {
            pool: pool?.map(|Whole(pool)| pool as u32),
            proactive,
            cost_minor: cost?.map_or(0.0, |Money(cost)| cost),
        },
    })
}
