//! A supply network of any size, the same for the same seed, as the texts of its files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How large a network to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Sites; at least two.
    pub sites: usize,
    /// Lanes; at least as many as sites, because a ring joins all sites.
    pub lanes: usize,
    /// SKUs.
    pub skus: usize,
    /// Stock positions, spread evenly; at most `sites * skus`.
    pub positions: usize,
}

impl Size {
    /// The size to think of: 10,000 sites, 100,000 lanes, 1,000,000 positions.
    pub const FULL: Self = Self { sites: 10_000, lanes: 100_000, skus: 2_000, positions: 1_000_000 };
}

/// The texts of a network's files, by name.
pub type Texts = BTreeMap<&'static str, String>;

/// Sebastiano Vigna's SplitMix64.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Makes a network: sites on a grid over the continents' latitudes, a ring of lanes through all of them and
/// lanes between random pairs, each site with its share of the positions.
pub fn texts(size: Size, seed: u64) -> Texts {
    let mut draws = Draws(seed);
    let mut files = Texts::new();
    files.insert(
        "network.toml",
        format!(
            "format = 1\nname = \"Big network {seed}\"\ntenant = \"big\"\ncurrency = \"EUR\"\ntime_zone = \"UTC\"\n"
        ),
    );

    let mut sites = String::from("site,kind,name,lat,lon\n");
    let kinds = ["supplier", "factory", "port", "central_warehouse", "regional_warehouse", "shop", "customer"];
    for i in 0..size.sites {
        let (lat, lon) = (draws.below(11_000_000) as f64 / 1e5 - 50.0, draws.below(34_000_000) as f64 / 1e5 - 170.0);
        row(&mut sites, format_args!("S{i:05},{},Site {i},{lat:.5},{lon:.5}", kinds[i % kinds.len()]));
    }
    files.insert("sites.csv", sites);

    let mut lanes = String::from("lane,from,to,mode,lead_time_secs,cost_minor\n");
    let modes = ["road", "road", "road", "rail", "sea", "air"];
    for i in 0..size.lanes {
        let from = if i < size.sites { i } else { draws.below(size.sites) };
        let to =
            if i < size.sites { (i + 1) % size.sites } else { (from + 1 + draws.below(size.sites - 1)) % size.sites };
        let (mode, hours, cost) = (modes[draws.below(modes.len())], 1 + draws.below(500), draws.below(1_000_000));
        row(&mut lanes, format_args!("L{i:06},S{from:05},S{to:05},{mode},{},{cost}", hours * 3_600));
    }
    files.insert("lanes.csv", lanes);

    let mut skus = String::from("sku,name,mass_g,value_minor,temperature\n");
    for i in 0..size.skus {
        let class = ["dry", "dry", "chilled", "frozen"][draws.below(4)];
        row(&mut skus, format_args!("K{i:04},Goods {i},{},{},{class}", 10 + draws.below(20_000), draws.below(50_000)));
    }
    files.insert("skus.csv", skus);

    let mut stock = String::with_capacity(size.positions * 36);
    stock.push_str("site,sku,on_hand,reserved,in_transit,on_order,reorder_point,order_up_to,source\n");
    for site in 0..size.sites {
        let n = size.positions * (site + 1) / size.sites - size.positions * site / size.sites;
        let first = draws.below(size.skus);
        for k in 0..n {
            let (sku, point) = ((first + k) % size.skus, draws.below(500));
            let (on_hand, reserved, up_to) = (draws.below(2_000), draws.below(50), point + 1 + draws.below(1_000));
            let source = (site + 1) % size.sites;
            row(
                &mut stock,
                format_args!("S{site:05},K{sku:04},{on_hand},{reserved},0,{},{point},{up_to},S{source:05}", k % 7),
            );
        }
    }
    files.insert("stock.csv", stock);
    files
}

fn row(text: &mut String, row: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    writeln!(text, "{row}").unwrap_or_default();
}

/// Loads texts as the twin does.
pub fn load(texts: &Texts) -> Result<twin::network::Network, Vec<twin::network::NetworkError>> {
    twin::network::parse(&|name| texts.get(name).map(|text| Cow::Borrowed(text.as_str())))
}
