//! Multi-echelon chains in the format of Willems, "Data Set: Real-World Multiechelon Supply Chains Used for
//! Inventory Optimization", M&SOM 10(1), 2008: `stages.csv`, `arcs.csv`, and optionally `chains.csv` and
//! `stage_time_dist.csv`.
//!
//! Each chain becomes one [`Network`]:
//!
//! - A stage is a site: `Part` a supplier, `Manuf` a factory, `Trans` a cross-dock, `Dist` a regional
//!   warehouse, `Retail` a shop. Its tier is its `rel_depth`.
//! - An arc is a road lane `source~destination`. Its lead time is the **destination's** stage time, mean and
//!   deviation: what leaves `source` is usable behind `destination` once that stage has done its work. So the
//!   lead time from one stage to another leaves out only the first stage's own time, which [`Stage`] keeps.
//! - All stages handle one SKU, `CHAIN-nn`, at the greatest cumulative cost of a demand stage; the set has no
//!   bill of materials. Mass is taken as one kilogram.
//! - A stage with demand asks for it at the given mean; an order's size is such that the variance of a day's
//!   demand is the given one, if that is at least the mean (below, orders of one piece vary more).
//! - **Places are not real.** `x` and `y` are coordinates of a drawing. They are laid, one chain at a time, on
//!   a box from 36° to 60° north (`y` downwards) and 10° west to 30° east (`x` to the right). Distances that
//!   follow from it mean nothing.

use std::collections::BTreeMap;

use firmware_schemas::id::{IdError, LaneId, SiteId, SkuId, TenantId};
use firmware_schemas::network::{
    DemandSpec, LaneSpec, Mode, NetworkSpec, SiteKind, SiteSpec, SkuSpec, TemperatureClass,
};
use firmware_schemas::quantity::{Grams, Metres, MinorUnits, Position, Seconds};
use routing::LatLon;

use crate::network::error::{Cause, Errors, NetworkError, Place, Reported, shortened};
use crate::network::field::{self, Expected};
use crate::network::table::{Column, Row, Table, optional, required};
use crate::network::{Network, Parts};

/// The texts of the four files.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'t> {
    /// `stages.csv`.
    pub stages: &'t str,
    /// `arcs.csv`.
    pub arcs: &'t str,
    /// `chains.csv`: with it the counts of stages and arcs are checked, and chains have descriptions.
    pub chains: Option<&'t str>,
    /// `stage_time_dist.csv`: distributions of stage times.
    pub stage_time_dist: Option<&'t str>,
}

/// One chain.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Its number.
    pub chain: u32,
    /// What its company makes, in the words of the Standard Industrial Classification.
    pub description: Option<String>,
    /// The chain as a network.
    pub network: Network,
    /// What a network has no room for, in the order of [`Network::sites`].
    pub stages: Vec<Stage>,
}

/// What a stage does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the paper's")]
pub enum StageClass {
    Part,
    Manuf,
    Trans,
    Dist,
    Retail,
}

/// One stage, as the file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What it does.
    pub class: StageClass,
    /// Direct cost added to a unit here, in cents.
    pub cost: MinorUnits,
    /// Mean processing time.
    pub time: Seconds,
    /// Its standard deviation; `None` where it is fixed or given as a distribution.
    pub time_sd: Option<Seconds>,
    /// Values and probabilities of the processing time, where the file has them.
    pub time_distribution: Vec<(Seconds, f64)>,
    /// What customers ask for here.
    pub demand: Option<StageDemand>,
}

/// Demand at a stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageDemand {
    /// Units a day.
    pub mean_per_day: f64,
    /// Standard deviation of a day's units.
    pub sd_per_day: f64,
    /// The longest wait that customers accept.
    pub max_service_time: Seconds,
    /// The share of demand to be met within it.
    pub service_level: f64,
}

const STAGES: &str = "stages.csv";
const ARCS: &str = "arcs.csv";
const CHAINS: &str = "chains.csv";
const STAGE_TIME_DIST: &str = "stage_time_dist.csv";

const STAGE_COLUMNS: &[Column] = &[
    required("chain"),
    required("stage"),
    required("classification"),
    required("rel_depth"),
    required("stage_cost_usd"),
    required("stage_time_days"),
    optional("stage_time_sd_days"),
    optional("avg_demand_per_day"),
    optional("sd_demand_per_day"),
    optional("max_service_time_days"),
    optional("service_level"),
    required("x"),
    required("y"),
];
const ARC_COLUMNS: &[Column] = &[required("chain"), required("source"), required("destination")];
const CHAIN_COLUMNS: &[Column] = &[
    required("chain"),
    optional("company"),
    optional("sic_code"),
    optional("sic_description"),
    required("stages"),
    required("arcs"),
    optional("demand_stages"),
    optional("part"),
    optional("manuf"),
    optional("trans"),
    optional("dist"),
    optional("retail"),
    optional("max_rel_depth"),
];
const DIST_COLUMNS: &[Column] = &[required("chain"), required("stage"), required("time_days"), required("probability")];

const DAY_SECS: f64 = 86_400.0;

/// A stage with what only its place in the network needs.
struct Drawn {
    site: SiteId,
    tier: u8,
    x: f64,
    y: f64,
    stage: Stage,
    place: Place,
}

#[derive(Default)]
struct Draft {
    stages: Vec<Drawn>,
    index: BTreeMap<SiteId, usize>,
    arcs: Vec<(usize, usize, Place)>,
    description: Option<String>,
}

/// Reads all chains, in order of their numbers. At most a hundred errors are reported.
pub fn parse(texts: Texts<'_>) -> Result<Vec<Chain>, Vec<NetworkError>> {
    let mut errors = Errors::default();
    let mut drafts: BTreeMap<u32, Draft> = BTreeMap::new();
    rows(STAGES, texts.stages, STAGE_COLUMNS, &mut errors, |row| read_stage(row, &mut drafts));
    if let Some(text) = texts.stage_time_dist {
        rows(STAGE_TIME_DIST, text, DIST_COLUMNS, &mut errors, |row| read_distribution(row, &mut drafts));
    }
    rows(ARCS, texts.arcs, ARC_COLUMNS, &mut errors, |row| read_arc(row, &mut drafts));
    if let Some(text) = texts.chains {
        rows(CHAINS, text, CHAIN_COLUMNS, &mut errors, |row| read_chain(row, &mut drafts));
    }
    if errors.len() > 0 {
        return Err(errors.into_inner());
    }
    drafts.into_iter().map(|(number, draft)| chain(number, draft)).collect()
}

fn rows(
    file: &'static str,
    text: &str,
    columns: &'static [Column],
    errors: &mut Errors,
    mut read: impl FnMut(&mut Row<'_>) -> Result<(), Reported>,
) {
    let Some(mut table) = Table::open(file, text, columns, errors) else { return };
    while let Some(mut row) = table.next(errors) {
        crate::network::error::noted(read(&mut row));
    }
}

/// A number that is not negative and at most `max`.
fn number(max: f64) -> impl Fn(&str) -> Result<f64, Expected> {
    move |text| {
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let found = plain.then(|| text.parse::<f64>().ok()).flatten();
        found.filter(|number| *number <= max).ok_or_else(|| format!("a number from 0 to {max}").into())
    }
}

fn days(text: &str) -> Result<Seconds, Expected> {
    number(3_650.0)(text).map(|days| Seconds((days * DAY_SECS).round() as u64))
}

fn class(text: &str) -> Result<StageClass, Expected> {
    match text {
        "Part" | "Parts" => Ok(StageClass::Part),
        "Manuf" => Ok(StageClass::Manuf),
        "Trans" => Ok(StageClass::Trans),
        "Dist" => Ok(StageClass::Dist),
        "Retail" => Ok(StageClass::Retail),
        _ => Err("one of Part, Manuf, Trans, Dist, Retail".into()),
    }
}

fn read_stage(row: &mut Row<'_>, drafts: &mut BTreeMap<u32, Draft>) -> Result<(), Reported> {
    let chain = row.required(0, field::whole::<u32>);
    let site = row.required(1, field::id::<SiteId>);
    let class = row.required(2, class);
    let tier = row.required(3, field::whole::<u8>);
    let cost = row.required(4, number(1e9));
    let time = row.required(5, days);
    let time_sd = row.optional(6, days);
    let mean = row.optional(7, number(1e8));
    let sd = row.optional(8, number(1e8));
    let wait = row.optional(9, days);
    let level = row.optional(10, number(1.0));
    let (x, y) = (row.required(11, number(1e9)), row.required(12, number(1e9)));
    let demand = match (mean?, sd?) {
        (Some(mean_per_day), Some(sd_per_day)) => Some(StageDemand {
            mean_per_day,
            sd_per_day,
            max_service_time: wait?.unwrap_or(Seconds::ZERO),
            service_level: level?.unwrap_or(0.0),
        }),
        (None, None) => None,
        (Some(_), None) => return Err(row.wrong(8, Cause::FieldMissing)),
        (None, Some(_)) => return Err(row.wrong(7, Cause::FieldMissing)),
    };
    let stage = Stage {
        class: class?,
        cost: MinorUnits((cost? * 100.0).round() as i64),
        time: time?,
        time_sd: time_sd?,
        time_distribution: Vec::new(),
        demand,
    };
    let (site, place) = (site?, row.place);
    let drawn = Drawn { site: site.clone(), tier: tier?, x: x?, y: y?, stage, place };
    let draft = drafts.entry(chain?).or_default();
    if let Some(first) = draft.index.get(&site) {
        let first_line = draft.stages[*first].place.line;
        return Err(row.wrong(1, Cause::Duplicate { found: site.to_string(), first_line }));
    }
    draft.index.insert(site, draft.stages.len());
    draft.stages.push(drawn);
    Ok(())
}

/// The chain and the stage that a row names in its columns `0` and `column`.
fn find<'d>(
    row: &mut Row<'_>,
    column: usize,
    drafts: &'d mut BTreeMap<u32, Draft>,
) -> Result<(&'d mut Draft, usize), Reported> {
    let chain = row.required(0, field::whole::<u32>)?;
    let site = row.required(column, field::id::<SiteId>)?;
    let Some(draft) = drafts.get_mut(&chain) else {
        return Err(row.wrong(0, Cause::Dangling { what: "chain", found: chain.to_string() }));
    };
    match draft.index.get(&site).copied() {
        Some(at) => Ok((draft, at)),
        None => Err(row.wrong(column, Cause::Dangling { what: "stage", found: shortened(site.as_str()) })),
    }
}

fn read_distribution(row: &mut Row<'_>, drafts: &mut BTreeMap<u32, Draft>) -> Result<(), Reported> {
    let time = row.required(2, days);
    let probability = row.required(3, number(1.0));
    let (draft, at) = find(row, 1, drafts)?;
    draft.stages[at].stage.time_distribution.push((time?, probability?));
    Ok(())
}

fn read_arc(row: &mut Row<'_>, drafts: &mut BTreeMap<u32, Draft>) -> Result<(), Reported> {
    let (_, source) = find(row, 1, drafts)?;
    let (draft, destination) = find(row, 2, drafts)?;
    draft.arcs.push((source, destination, row.place));
    Ok(())
}

fn read_chain(row: &mut Row<'_>, drafts: &mut BTreeMap<u32, Draft>) -> Result<(), Reported> {
    let chain = row.required(0, field::whole::<u32>);
    let description = row.optional(3, field::text);
    let stages = row.required(4, field::whole::<usize>);
    let arcs = row.required(5, field::whole::<usize>);
    let Some(draft) = drafts.get_mut(&chain?) else {
        return Err(row.wrong(0, Cause::Contradiction(format!("no stage of this chain is in {STAGES}"))));
    };
    draft.description = description?;
    for (column, said, found) in [(4, stages?, draft.stages.len()), (5, arcs?, draft.arcs.len())] {
        if said != found {
            return Err(row.wrong(column, Cause::Contradiction(format!("{said} are announced, {found} were read"))));
        }
    }
    Ok(())
}

fn chain(number: u32, draft: Draft) -> Result<Chain, Vec<NetworkError>> {
    let wrong = |place: Place, field: &str, cause: Cause| {
        vec![NetworkError { file: place.file, line: Some(place.line), field: Some(field.into()), cause }]
    };
    let start = Place { file: STAGES, line: 1 };
    let identifier = |text: &str, why: IdError| Cause::Contradiction(format!("{text:?}: {why}"));
    let tenant = TenantId::new("willems").map_err(|why| wrong(start, "chain", identifier("willems", why)))?;
    let sku_name = format!("CHAIN-{number:02}");
    let sku = SkuId::new(&sku_name).map_err(|why| wrong(start, "chain", identifier(&sku_name, why)))?;
    let value = dearest(&draft).map_err(|at| {
        let place = draft.stages[at].place;
        wrong(place, "stage", Cause::Contradiction("the arcs lead in a circle through this stage".into()))
    })?;

    let name = draft.description.clone().map_or(sku_name.clone(), |text| format!("{sku_name}: {text}"));
    let network = NetworkSpec { name, tenant, currency: "USD".into(), time_zone: "UTC".into() };
    let mut parts = Parts::empty(network);
    parts.skus.push(SkuSpec {
        sku: sku.clone(),
        name: sku_name,
        name_zh: None,
        unit: "piece".into(),
        mass_g: Grams(1_000),
        volume_ml: 0,
        value_minor: value,
        temperature: TemperatureClass::Dry,
        temperature_min_milli_c: None,
        temperature_max_milli_c: None,
        shelf_life_days: None,
    });
    let places = lay_out(&draft.stages);
    for (drawn, position) in draft.stages.iter().zip(&places) {
        parts.sites.push(SiteSpec {
            site: drawn.site.clone(),
            kind: match drawn.stage.class {
                StageClass::Part => SiteKind::Supplier,
                StageClass::Manuf => SiteKind::Factory,
                StageClass::Trans => SiteKind::CrossDock,
                StageClass::Dist => SiteKind::RegionalWarehouse,
                StageClass::Retail => SiteKind::Shop,
            },
            name: drawn.site.to_string(),
            name_zh: None,
            position: *position,
            country: None,
            time_zone: "UTC".into(),
            tier: Some(drawn.tier),
            partner_class: None,
        });
        parts.demand.extend(drawn.stage.demand.map(|demand| demand_spec(&drawn.site, &sku, demand)));
    }
    for &(source, destination, place) in &draft.arcs {
        let (from, to) = (&draft.stages[source], &draft.stages[destination]);
        let id = format!("{}~{}", from.site, to.site);
        let lane = LaneId::new(&id).map_err(|why| wrong(place, "source", identifier(&id, why)))?;
        let at = |i: usize| LatLon { lat: places[i].lat(), lon: places[i].lon() };
        parts.lanes.push(LaneSpec {
            lane,
            from: from.site.clone(),
            to: to.site.clone(),
            mode: Mode::Road,
            lead_time_secs: to.stage.time,
            lead_time_sd_secs: to.stage.time_sd.unwrap_or(Seconds::ZERO),
            distance_m: Metres(routing::distance_m(at(source), at(destination))),
            via: Vec::new(),
            cost_minor: MinorUnits::ZERO,
            cost_per_tonne_minor: MinorUnits::ZERO,
            capacity_g_per_day: None,
            departs_every_secs: None,
        });
    }
    let network = Network::new(parts)?;
    let stages = draft.stages.into_iter().map(|drawn| drawn.stage).collect();
    Ok(Chain { chain: number, description: draft.description, network, stages })
}

/// The greatest cumulative cost of a stage with demand: its own and that of every unit that goes into it, one
/// for each arc. `Err` names a stage on a circle.
fn dearest(draft: &Draft) -> Result<MinorUnits, usize> {
    const COST_MAX: i64 = 1_000_000_000_000_000;
    let n = draft.stages.len();
    let mut waiting = vec![0_usize; n];
    let mut out = vec![Vec::new(); n];
    for &(source, destination, _) in &draft.arcs {
        waiting[destination] += 1;
        out[source].push(destination);
    }
    let mut cost: Vec<i64> = draft.stages.iter().map(|drawn| drawn.stage.cost.0).collect();
    let mut ready: Vec<usize> = (0..n).filter(|i| waiting[*i] == 0).collect();
    let mut n_done = 0;
    while let Some(i) = ready.pop() {
        n_done += 1;
        for &next in &out[i] {
            cost[next] = cost[next].saturating_add(cost[i]).min(COST_MAX);
            waiting[next] -= 1;
            if waiting[next] == 0 {
                ready.push(next);
            }
        }
    }
    if n_done < n {
        return Err(waiting.iter().position(|n| *n > 0).unwrap_or(0));
    }
    let asked = draft.stages.iter().zip(&cost).filter(|(drawn, _)| drawn.stage.demand.is_some());
    Ok(MinorUnits(asked.map(|(_, cost)| *cost).max().unwrap_or(0)))
}

/// Places for the drawing's coordinates; see the head of this file.
fn lay_out(stages: &[Drawn]) -> Vec<Position> {
    let extent = |values: &dyn Fn(&Drawn) -> f64| {
        let least = stages.iter().map(values).fold(f64::INFINITY, f64::min);
        let most = stages.iter().map(values).fold(f64::NEG_INFINITY, f64::max);
        (least, (most - least).max(1.0))
    };
    let (left, width) = extent(&|drawn| drawn.x);
    let (top, height) = extent(&|drawn| drawn.y);
    let centre = Position::from_e7(480_000_000, 100_000_000);
    let place = |drawn: &Drawn| {
        let (lat, lon) = (60.0 - 24.0 * (drawn.y - top) / height, -10.0 + 40.0 * (drawn.x - left) / width);
        Position::from_degrees(lat, lon).or(centre)
    };
    stages.iter().filter_map(place).collect()
}

fn demand_spec(site: &SiteId, sku: &SkuId, demand: StageDemand) -> DemandSpec {
    let variance = demand.sd_per_day * demand.sd_per_day;
    let size = if demand.mean_per_day > 0.0 { (variance / demand.mean_per_day).clamp(1.0, 1e9) } else { 1.0 };
    DemandSpec {
        site: site.clone(),
        sku: sku.clone(),
        rate_micro: (demand.mean_per_day * 1e6).round() as u64,
        order_size_milli: (size * 1e3).round() as u64,
        order_size_cv2_milli: 0,
        seasonality: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAGES_TEXT: &str = "chain,stage,classification,rel_depth,stage_cost_usd,stage_time_days,stage_time_sd_days,\
        avg_demand_per_day,sd_demand_per_day,max_service_time_days,service_level,x,y\n\
        7,Part_1,Parts,2,12.5,28,11.25,,,,,32,32\n7,Part_2,Part,2,3,14,,,,,,32,96\n\
        7,Manuf_1,Manuf,1,39,10,,,,,,176,32\n7,Retail_1,Retail,0,0.01,1.5,,20,40,0,0.95,320,64\n";
    const ARCS_TEXT: &str = "chain,source,destination\n7,Part_1,Manuf_1\n7,Part_2,Manuf_1\n7,Manuf_1,Retail_1\n";

    fn texts<'t>(stages: &'t str, arcs: &'t str) -> Texts<'t> {
        Texts { stages, arcs, chains: None, stage_time_dist: None }
    }

    #[test]
    fn a_chain_becomes_a_network() {
        let distribution = "chain,stage,time_days,probability\n7,Part_2,10,0.5\n7,Part_2,18,0.5\n";
        let chains_text = "chain,sic_description,stages,arcs\n7,\"Chemicals, Fine\",4,3\n";
        let all =
            Texts { chains: Some(chains_text), stage_time_dist: Some(distribution), ..texts(STAGES_TEXT, ARCS_TEXT) };
        let chains = parse(all).unwrap();
        let Chain { chain, network, stages, .. } = &chains[0];
        assert_eq!((chains.len(), *chain, network.head().name.as_str()), (1, 7, "CHAIN-07: Chemicals, Fine"));
        assert_eq!((network.sites().len(), network.lanes().len()), (4, 3));
        assert_eq!(network.lead_time("Part_1", "Retail_1"), Some(Seconds(11 * 86_400 + 43_200)));
        assert_eq!(network.skus()[0].value_minor, MinorUnits(1_250 + 300 + 3_900 + 1));
        assert_eq!(network.demand()[0].rate_micro, 20_000_000);
        assert_eq!(network.demand()[0].order_size_milli, 80_000); // variance 1600 at mean 20
        assert_eq!(stages[0].time_sd, Some(Seconds(972_000)));
        assert_eq!(stages[1].time_distribution, [(Seconds(864_000), 0.5), (Seconds(1_555_200), 0.5)]);
        let corner = network.sites()[0].position;
        assert_eq!((corner.lat(), corner.lon()), (60.0, -10.0));
    }

    #[track_caller]
    fn check(stages: &str, arcs: &str, expected: &str) {
        let errors = parse(texts(stages, arcs)).err().unwrap_or_default();
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let arcs = |row: &str| format!("{ARCS_TEXT}{row}\n");
        check(STAGES_TEXT, &arcs("7,Part_3,Manuf_1"), "arcs.csv:5: source: no stage is called \"Part_3\"");
        check(STAGES_TEXT, &arcs("8,Part_1,Manuf_1"), "arcs.csv:5: chain: no chain is called \"8\"");
        check(
            STAGES_TEXT,
            &arcs("7,Retail_1,Part_1"),
            "stages.csv:2: stage: the arcs lead in a circle through this stage",
        );
        let stages = STAGES_TEXT.replace("20,40", ",40");
        check(&stages, "chain,source,destination\n", "stages.csv:5: avg_demand_per_day: required and missing");
        let stages = STAGES_TEXT.replace("7,Manuf_1,Manuf", "7,Part_1,Manuf");
        check(&stages, "chain,source,destination\n", "stages.csv:4: stage: \"Part_1\" is already on line 2");
        let chains_text = "chain,stages,arcs\n7,5,3\n";
        let errors = parse(Texts { chains: Some(chains_text), ..texts(STAGES_TEXT, ARCS_TEXT) }).err().unwrap();
        assert_eq!(errors[0].to_string(), "chains.csv:2: stages: 5 are announced, 4 were read");
    }

    proptest! {
        #[test]
        fn no_damage_makes_the_reader_panic(at in any::<prop::sample::Index>(), with in "[,\"\n0-9a-zA-Z._-]{0,12}") {
            let at = at.index(STAGES_TEXT.len());
            let stages = format!("{}{with}{}", &STAGES_TEXT[..at], &STAGES_TEXT[at..]);
            if let Err(errors) = parse(texts(&stages, ARCS_TEXT)) {
                prop_assert!(!errors.is_empty());
            }
            let at = at % ARCS_TEXT.len();
            let arcs = format!("{}{with}{}", &ARCS_TEXT[..at], &ARCS_TEXT[at..]);
            if let Err(errors) = parse(texts(STAGES_TEXT, &arcs)) {
                prop_assert!(!errors.is_empty());
            }
        }
    }
}
