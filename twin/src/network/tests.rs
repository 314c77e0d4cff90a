//! Stories about whole networks; the readers of single values are tested where they stand.

use std::borrow::Cow;
use std::collections::BTreeMap;

use firmware_schemas::network::{LaneSpec, MetricKind, Mode, TemperatureClass};
use firmware_schemas::quantity::{Metres, MilliCelsius, MinorUnits, Pieces, Position, Seconds};
use proptest::prelude::*;

use super::*;

type Files = BTreeMap<&'static str, String>;

/// A small right network: a supplier, a port at each end, a warehouse, a customer.
fn right() -> Files {
    [
        (
            "network.toml",
            "format = 1\nname = \"Small\"\ntenant = \"acme\"\ncurrency = \"EUR\"\ntime_zone = \"Europe/Berlin\"\n\
             [defaults]\nunit = \"box\"\n[defaults.speed_m_per_h]\nsea = 33000\n[seasonality.week]\n\
             weekday_permille = [1400, 1400, 1400, 1400, 1400, 0, 0]\n",
        ),
        (
            "sites.csv",
            "site,kind,name,lat,lon,time_zone,name_zh\nNGB,port,Ningbo,29.87,121.55,Asia/Shanghai,宁波\n\
             HAM,port,Hamburg,53.54,9.98,,\nWH,central_warehouse,\"Lager, Hamburg\",53.5,10.1,,\n\
             C1,customer,Customer,52.5,13.4,,\n",
        ),
        (
            "lanes.csv",
            "lane,from,to,mode,lead_time_h,lead_time_days,via,two_way,cost_minor\n\
             # over the open sea\nSEA,NGB,HAM,sea,,32.5,1.2 103.9;36 -5.5,,\nPRE,HAM,WH,road,3,,,true,12000\n\
             LAST,WH,C1,road,6,,,,\n",
        ),
        (
            "skus.csv",
            "sku,name,mass_g,temperature,temperature_min_c,temperature_max_c,value_minor\n\
             TEA,Tea,250,,,,399\nYOG,Yoghurt,500,chilled,2,8.5,149\n",
        ),
        (
            "stock.csv",
            "site,sku,on_hand,reserved,reorder_point,order_up_to,source\nWH,TEA,500,20,100,800,NGB\nWH,YOG,60,,,,\n",
        ),
        (
            "vehicles.csv",
            "vehicle,kind,capacity_g,home,route,progress_permille,device\nSHIP,ship,9000000000,NGB,SEA,250,GPS\n\
             T1,truck,24000000,WH,PRE~back;PRE,,\n",
        ),
        (
            "devices.csv",
            "device,site,kind,vehicle,interval_secs,metrics\nGPS,NGB,tracker,SHIP,300,\n\
             COLD,WH,cold_room,,,temperature:Cel:float:2..8;door.open::boolean\n",
        ),
        (
            "demand.csv",
            "site,sku,rate_per_day,order_size,order_size_cv2,seasonality\nC1,TEA,2.25,6,1.5,week\nC1,YOG,0.5,,,\n",
        ),
        (
            "shipments.csv",
            "shipment,from,to,lane,vehicle,due_in_secs,sku,quantity\nS1,NGB,WH,SEA,SHIP,900000,TEA,200\n\
             S1,NGB,WH,SEA,SHIP,900000,YOG,30\n",
        ),
        ("gtins.csv", "sku,gtin\nTEA,9521234543213\n"),
        ("glns.csv", "site,gln\nWH,9521234000006\n"),
        (
            "site_plans.csv",
            "site,part,x_m,y_m,width_m,height_m,sku,sensor\nWH,hall,-1,0,40.5,20,,\nWH,chilled,0,5,20,10,,COLD\n\
             WH,slot,3,8.125,2.7,1.2,YOG,\nWH,slot,6,8,2.7,1.2,,\nWH,dock_in,10,0,,,,\nWH,dock_out,10,20,,,,\n",
        ),
    ]
    .map(|(name, text)| (name, text.to_owned()))
    .into()
}

fn load(files: &Files) -> Result<Network, Vec<NetworkError>> {
    parse(&|name| files.get(name).map(|text| Cow::Borrowed(text.as_str())))
}

/// Puts `with` in the place of `what` in a right network, and says what the loader finds.
#[track_caller]
fn check(file: &'static str, what: &str, with: &str, expected: &[&str]) {
    let mut files = right();
    let text = files.get_mut(file).unwrap();
    assert!(text.contains(what), "{file} has no {what:?}");
    *text = text.replacen(what, with, 1);
    let found: Vec<String> = load(&files).err().unwrap_or_default().iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{file} with {with:?} for {what:?}");
}

#[test]
fn a_right_network_is_read_as_it_is_written() {
    let network = load(&right()).unwrap();
    assert_eq!(network.head().name, "Small");
    assert_eq!(network.sites()[0].name_zh.as_deref(), Some("宁波"));
    assert_eq!(
        (network.sites()[1].time_zone.as_str(), network.sites()[2].name.as_str()),
        ("Europe/Berlin", "Lager, Hamburg")
    );
    let lanes: Vec<_> = network.lanes().iter().map(|lane| lane.lane.as_str()).collect();
    assert_eq!(lanes, ["SEA", "PRE", "PRE~back", "LAST"]);
    let sea: &LaneSpec = &network.lanes()[0];
    assert_eq!((sea.lead_time_secs, sea.mode), (Seconds(2_808_000), Mode::Sea));
    assert_eq!(sea.via, [Position::from_degrees(1.2, 103.9), Position::from_degrees(36.0, -5.5)].map(Option::unwrap));
    assert_eq!(network.lane_points(sea).len(), 4);
    assert_eq!(network.lanes()[2].from.as_str(), "WH");
    assert_eq!(network.lanes()[1].distance_m, Metres(9_095)); // Hamburg's port to its warehouse
    assert_eq!(network.skus()[0].unit, "box");
    assert_eq!(network.skus()[1].temperature, TemperatureClass::Chilled);
    assert_eq!(network.skus()[1].temperature_max_milli_c, Some(MilliCelsius(8_500)));
    assert_eq!(network.skus()[0].value_minor, MinorUnits(399));
    assert_eq!(network.stock_of("WH", "TEA").map(|stock| stock.on_hand), Some(Pieces(500)));
    assert!(network.stock_of("C1", "TEA").is_none() && network.stock_of("nowhere", "TEA").is_none());
    assert_eq!(network.vehicles()[0].speed_m_per_h, 33_000);
    assert_eq!(network.vehicles()[1].route.len(), 2);
    assert_eq!(network.devices()[1].interval_secs, Seconds(60));
    assert_eq!(network.devices()[1].metrics[0].max_milli, Some(8_000));
    assert_eq!(network.devices()[1].metrics[1].kind, MetricKind::Boolean);
    assert_eq!(network.demand()[0].rate_micro, 2_250_000);
    assert_eq!(network.seasonality()[0].hour_permille, [1_000; 24]);
    assert_eq!(network.shipments()[0].lines.len(), 2);
    assert_eq!((network.site_idx("C1"), network.lane_idx("LAST"), network.sku_idx("YOG")), (Some(3), Some(3), Some(1)));
    assert_eq!((network.vehicle_idx("T1"), network.device_idx("COLD")), (Some(1), Some(1)));
}

#[test]
fn lead_times_add_up_over_lanes() {
    let network = load(&right()).unwrap();
    assert_eq!(network.lead_time("NGB", "C1"), Some(Seconds(2_808_000 + 3 * 3_600 + 6 * 3_600)));
    assert_eq!(network.lead_time("C1", "NGB"), None);
    assert_eq!(network.lead_time("WH", "WH"), Some(Seconds(0)));
    assert_eq!(network.lead_time("WH", "nowhere"), None);
    assert_eq!(network.lead_times_from("HAM"), [None, Some(0), Some(10_800), Some(32_400)].map(|s| s.map(Seconds)));
    assert!(network.lead_times_from("nowhere").is_empty());
    assert_eq!((network.graph().node_count(), network.graph().edge_count()), (4, 4));
}

#[test]
fn lead_times_are_by_air_only_where_nothing_else_leads() {
    let mut files = right();
    files.get_mut("lanes.csv").unwrap().push_str("FLY,NGB,C1,air,12,,,,\nFETCH,C1,NGB,air,10,,,,\n");
    let network = load(&files).unwrap();
    let by_sea = Some(Seconds(2_808_000 + 9 * 3_600));
    assert_eq!((network.lead_time("NGB", "C1"), network.lead_time("C1", "NGB")), (by_sea, Some(Seconds(36_000))));
    let from = |site| network.lead_times_from(site);
    assert_eq!((from("NGB")[3], from("C1")[0]), (by_sea, Some(Seconds(36_000))));
}

#[test]
fn checked_parts_make_the_same_network_again() {
    let network = load(&right()).unwrap();
    let again = Network::new(network.clone().into_parts()).unwrap();
    assert_eq!(again.into_parts(), network.into_parts());
}

#[test]
fn a_missing_file_is_named_and_optional_ones_may_be_missing() {
    let mut files = right();
    files.remove("sites.csv");
    files.remove("lanes.csv");
    let found: Vec<_> = load(&files).err().unwrap_or_default().into_iter().map(|e| (e.file, e.cause)).take(2).collect();
    assert_eq!(found, [("sites.csv", Cause::FileMissing), ("lanes.csv", Cause::FileMissing)]);
    let mut files = right();
    files.retain(|name, _| ["network.toml", "sites.csv", "lanes.csv"].contains(name));
    assert_eq!(load(&files).unwrap().sites().len(), 4);
}

#[test]
fn unknown_columns_and_keys_are_refused_by_name() {
    check(
        "sites.csv",
        "time_zone,",
        "timezone,",
        &[
            "sites.csv:1: timezone: unknown, expected one of site, kind, name, name_zh, lat, lon, country, time_zone, tier, partner_class",
        ],
    );
    check(
        "sites.csv",
        "kind,name,",
        "name,name,",
        &["sites.csv:1: name: this column stands twice in the header", "sites.csv:1: kind: required and missing"],
    );
    check(
        "network.toml",
        "unit =",
        "units =",
        &["network.toml:7: defaults.units: unknown, expected one of unit, device_interval_secs, speed_m_per_h"],
    );
    check(
        "network.toml",
        "sea =",
        "see =",
        &["network.toml:9: defaults.speed_m_per_h.see: unknown, expected one of sea, road, rail, air, barge, internal"],
    );
    check(
        "network.toml",
        "currency = \"EUR\"\n",
        "colour = 3\n",
        &[
            "network.toml:1: currency: required and missing",
            "network.toml:4: colour: unknown, expected one of format, name, tenant, currency, time_zone, defaults, seasonality",
        ],
    );
    check(
        "network.toml",
        "[seasonality.week]\nweekday",
        "[seasonality.week]\nweekend",
        &[
            "network.toml:11: seasonality.week.weekend_permille: unknown, expected one of weekday_permille, month_permille, hour_permille",
        ],
    );
}

#[test]
fn values_of_the_head_are_checked() {
    check("network.toml", "format = 1", "format = 2", &["network.toml:1: format: expected format 1, found \"2\""]);
    check(
        "network.toml",
        "\"EUR\"",
        "\"euro\"",
        &["network.toml:4: currency: expected an ISO 4217 currency code such as EUR, found \"\\\"euro\\\"\""],
    );
    check("network.toml", "\"Small\"", "7", &["network.toml:2: name: expected a string, found \"7\""]);
    check("network.toml", "name =", "name", &["network.toml:2: not a TOML file: key with no value, expected `=`"]);
    check(
        "network.toml",
        "[1400,",
        "[1300,",
        &[
            "network.toml:10: weekday: the factors average to 985, expected 1000 within 10",
            "demand.csv:2: seasonality: no seasonality is called \"week\"",
        ],
    );
}

#[test]
fn a_wrong_field_is_named_with_what_was_expected_and_found() {
    check("sites.csv", "52.5,", "north,", &["sites.csv:5: lat: expected degrees from -90 to 90, found \"north\""]);
    check("lanes.csv", "LAST,WH", "LAST,WX", &["lanes.csv:5: from: no site is called \"WX\""]);
    check(
        "lanes.csv",
        "LAST,WH,C1,road,6",
        "LAST,WH,WH,road,x",
        &["lanes.csv:5: lead_time_h: expected a decimal number with at most 3 digits after the point, found \"x\""],
    );
    check(
        "lanes.csv",
        "LAST,WH,C1",
        "LAST,WH,WH",
        &["lanes.csv:5: to: a lane leads from one site to another, and \"WH\" is both"],
    );
    check("lanes.csv", "road,6,", "road,,", &["lanes.csv:5: lead_time_secs: required and missing"]);
    check(
        "lanes.csv",
        "road,6,,",
        "road,6,2,",
        &["lanes.csv:5: lead_time_days: the same is given in another unit as well"],
    );
    check(
        "lanes.csv",
        "103.9;",
        "203.9;",
        &["lanes.csv:3: via: expected degrees from -180 to 180, found \"1.2 203.9;36 -5.5\""],
    );
    check(
        "lanes.csv",
        "LAST,WH,C1,road,6,,,,",
        "LAST,WH,C1,road",
        &["lanes.csv:5: expected 9 fields as in the header, found 4"],
    );
    check("skus.csv", "250", "-250", &["skus.csv:2: mass_g: expected a whole number in range, found \"-250\""]);
    check(
        "stock.csv",
        "500",
        "99999999999999999999",
        &["stock.csv:2: on_hand: expected a whole number in range, found \"99999999999999999999\""],
    );
    check("stock.csv", "500", "-1", &["stock.csv:2: on_hand: -1 is not within 0 to 1000000000000000"]);
    check("stock.csv", "100,800", "900,800", &["stock.csv:2: order_up_to: 800 is below the reorder point 900"]);
    check("stock.csv", "WH,YOG", "WH,TEA", &["stock.csv:3: sku: \"WH TEA\" is already on line 2"]);
    check(
        "vehicles.csv",
        "PRE~back;PRE",
        "PRE~back;PRE~back;SEA",
        &[
            "vehicles.csv:3: route: lane \"PRE~back\" starts at \"WH\", the one before it ends at \"HAM\"",
            "vehicles.csv:3: route: lane \"SEA\" starts at \"NGB\", the one before it ends at \"HAM\"",
            "vehicles.csv:3: route: lane \"SEA\" is for sea, the vehicle goes by road",
        ],
    );
    check("vehicles.csv", "250,GPS", "1250,COLD", &["vehicles.csv:2: progress_permille: 1250 is not within 0 to 1000"]);
    check("vehicles.csv", "GPS", "COLD", &["vehicles.csv:2: device: devices.csv does not put \"COLD\" on \"SHIP\""]);
    check(
        "devices.csv",
        "boolean",
        "bool",
        &[
            "devices.csv:3: metrics: expected one of float, integer, boolean, text, found \"temperature:Cel:float:2..8;door.open::bool\"",
        ],
    );
    check("demand.csv", "week", "year", &["demand.csv:2: seasonality: no seasonality is called \"year\""]);
    check(
        "shipments.csv",
        "900000,YOG",
        "900001,YOG",
        &["shipments.csv:3: due_in_secs: differs from the first row of this shipment, on line 2"],
    );
    check(
        "sites.csv",
        "HAM,port",
        "NGB,port",
        &[
            "sites.csv:3: site: \"NGB\" is already on line 2",
            "lanes.csv:3: to: no site is called \"HAM\"",
            "lanes.csv:4: from: no site is called \"HAM\"",
        ],
    );
}

#[test]
fn lines_are_counted_past_comments_blank_lines_and_quoted_line_ends() {
    check(
        "sites.csv",
        "HAM,port,Hamburg,53.54",
        "\n# a comment\n\n\"HAM\",port,\"Ham\nburg\",93.54",
        &[
            "sites.csv:6: name: expected text without control characters, found \"Ham\\nburg\"",
            "sites.csv:6: lat: expected degrees from -90 to 90, found \"93.54\"",
        ],
    );
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_read() {
    let mut files = right();
    for text in files.values_mut() {
        *text = text.replace('\n', "\r\n");
    }
    let sites = files.get_mut("sites.csv").unwrap();
    sites.insert(0, '\u{feff}');
    assert_eq!(load(&files).map(Network::into_parts), load(&right()).map(Network::into_parts));
}

#[test]
fn a_wrong_check_digit_is_told_with_the_right_one() {
    let mut files = right();
    assert_eq!(load(&files).unwrap().gtins()[0].gtin.to_string(), "9521234543213");
    let keys = files.get_mut("gtins.csv").unwrap();
    *keys = keys.replace("9521234543213", "9521234543214");
    let errors = load(&files).err().unwrap();
    let told = errors[0].to_string();
    assert!(told.starts_with("gtins.csv:2: gtin: ") && told.contains("must be 3"), "{told}");
}

#[test]
fn a_hundred_errors_are_enough() {
    let mut files = right();
    let rows: String = (0..1_000).map(|i| format!("X{i},nowhere,HAM,road,1,,,,\n")).collect();
    files.get_mut("lanes.csv").unwrap().push_str(&rows);
    let errors = load(&files).err().unwrap_or_default();
    assert_eq!(errors.len(), ERRORS_MAX);
    assert_eq!(errors[99].line, Some(105));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_damage_to_a_file_makes_the_loader_panic(
        file in 0..FILES.len(), at in any::<prop::sample::Index>(), cut in 0..30_usize,
        with in prop_oneof![
            "[,;\"\n\r#:.~\\-0-9a-z\\[\\]= ]{0,20}", "\\PC{0,20}", Just("99999999999999999999".to_owned()),
            Just("\"".to_owned()), Just("\n\n#\n".to_owned()), Just("[[[[[[[[[[".to_owned()),
        ],
    ) {
        let mut files = right();
        let text = files.get_mut(FILES[file]).unwrap();
        let chars: Vec<char> = text.chars().collect();
        let start = at.index(chars.len());
        let rest = chars.iter().skip(start + cut);
        *text = chars[..start].iter().copied().chain(with.chars()).chain(rest.copied()).collect();
        match load(&files) {
            Ok(network) => prop_assert!(Network::new(network.into_parts()).is_ok()),
            Err(errors) => {
                prop_assert!(!errors.is_empty() && errors.len() <= ERRORS_MAX);
                for error in &errors {
                    prop_assert!(error.to_string().len() < 1_000, "{error}");
                    prop_assert!(FILES.contains(&error.file));
                }
            }
        }
    }
}

#[test]
fn a_plan_is_read_part_by_part_with_its_hall_first() {
    let network = load(&right()).unwrap();
    let [plan] = network.plans() else { panic!("{:?}", network.plans()) };
    let kinds: Vec<&str> = plan.parts.iter().map(|part| part.kind.as_str()).collect();
    assert_eq!(kinds, ["hall", "chilled", "slot", "slot", "dock_in", "dock_out"]);
    let slot = &plan.parts[2];
    assert_eq!((slot.x_mm, slot.y_mm, slot.width_mm, slot.height_mm), (3_000, 8_125, 2_700, 1_200));
    assert_eq!(slot.sku.as_ref().map(|sku| sku.as_str()), Some("YOG"));
}

#[test]
fn a_plan_that_cannot_be_is_refused_by_line_and_field() {
    let file = "site_plans.csv";
    check(
        file,
        "WH,hall",
        "X,hall",
        &[
            "site_plans.csv:2: site: no site is called \"X\"",
            "site_plans.csv:3: part: the hall of \"WH\" must come before its other parts",
            "site_plans.csv:4: part: the hall of \"WH\" must come before its other parts",
            "site_plans.csv:5: part: the hall of \"WH\" must come before its other parts",
            "site_plans.csv:6: part: the hall of \"WH\" must come before its other parts",
            "site_plans.csv:7: part: the hall of \"WH\" must come before its other parts",
        ],
    );
    check(file, "WH,chilled", "WH,hall", &["site_plans.csv:3: sensor: only a zone has a sensor"]);
    check(file, "0,5,20,10,,COLD", "0,5,20,16,,COLD", &["site_plans.csv:3: x_m: this chilled lies outside the hall"]);
    check(file, ",,COLD", ",,GPS", &["site_plans.csv:3: sensor: \"GPS\" reports under \"NGB\""]);
    check(file, ",,COLD", ",,NONE", &["site_plans.csv:3: sensor: no device is called \"NONE\""]);
    check(file, "2.7,1.2,YOG", "2.7,1.2,JAM", &["site_plans.csv:4: sku: no sku is called \"JAM\""]);
    check(file, "slot,6,8,2.7,", "slot,6,8,0,", &["site_plans.csv:5: width_m: must be above 0 and at most 10000 m"]);
    check(
        file,
        "slot,6,8,",
        "slot,6.00001,8,",
        &["site_plans.csv:5: x_m: expected a decimal number with at most 3 digits after the point, found \"6.00001\""],
    );
    check(file, "dock_in,10,0", "dock_in,10,1", &["site_plans.csv:6: x_m: a door stands in a wall of the hall"]);
    check(
        file,
        "dock_in",
        "gate",
        &["site_plans.csv:6: part: expected one of hall, receiving, dry, chilled, frozen, shipping, slot, dock_in, \
         dock_out, found \"gate\""],
    );
}
