//! From facts to events: what of all that happens is told to whom.

use crate::journal::Seq;
use firmware_schemas::api::webhook::EventType;
use firmware_schemas::fact::{AlertId, Fact};
use firmware_schemas::id::{MessageId, OrderId, SiteId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{EventRecord, Happening};
use firmware_schemas::topic::Topic;
use serde_json::{Value as Json, json};
use twin::Twin;

/// Something that receivers may want to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What it is about.
    pub event_type: EventType,
    /// When it was.
    pub at: Timestamp,
    /// The sites that it concerns; empty when none is known, and then it concerns all.
    pub sites: Vec<SiteId>,
    /// The rest.
    pub data: Json,
}

/// The events that a fact stands for, in order. The same fact gives the same events again, whatever has happened
/// since: of the twin only names are taken, and where something is.
pub fn events_of(fact: &Fact, twin: &Twin) -> Vec<Event> {
    let one = |event_type, at: &Timestamp, sites, data| vec![Event { event_type, at: *at, sites, data }];
    match fact {
        Fact::OrderTaken { at, expires_at, order, parts, .. } => {
            let data = json!({ "order": order, "parts": parts, "expires_at": expires_at });
            one(EventType::OrderTaken, at, vec![order.site.clone()], data)
        }
        Fact::OrderAmended { at, order, parts } => {
            let data = json!({ "order": order, "parts": parts });
            one(EventType::OrderAmended, at, vec![order.site.clone()], data)
        }
        Fact::OrderEnded { at, order, how, reason } => {
            let site = twin.orders.by_id.get(order).map(|order| order.spec.site.clone());
            let data = json!({ "order": order, "how": how, "reason": reason });
            one(EventType::OrderEnded, at, site.into_iter().collect(), data)
        }
        Fact::Planned { at, is_first, proposals } => {
            let data = json!({ "is_first": is_first, "proposals": proposals.len() });
            one(EventType::ReplenishmentPlanned, at, Vec::new(), data)
        }
        Fact::ProposalDecided { at, id, decision, by, note } => {
            let site = twin.supply.proposals.get(id).map(|state| state.spec.site.clone());
            let data = json!({ "id": id, "decision": decision, "by": by, "note": note });
            one(EventType::ProposalDecided, at, site.into_iter().collect(), data)
        }
        Fact::SupplyOrderPlaced { at, order } => {
            let sites = vec![order.from.clone(), order.to.clone()];
            one(EventType::SupplyOrderPlaced, at, sites, json!({ "order": order }))
        }
        Fact::SupplyOrderConfirmed { at, order, due_at } => {
            let data = json!({ "order": order, "due_at": due_at });
            one(EventType::SupplyOrderConfirmed, at, sites_of_supply(twin, order), data)
        }
        Fact::SupplyOrderCancelled { at, order, reason } => {
            let data = json!({ "order": order, "reason": reason });
            one(EventType::SupplyOrderCancelled, at, sites_of_supply(twin, order), data)
        }
        Fact::AlertRaised { id, at, subject, severity, message } => {
            let site = twin.site_of(subject).map(|at| twin.sites[at.at()].spec.site.clone());
            let data = json!({ "id": id, "subject": subject, "severity": severity, "message": message, "site": site });
            one(EventType::AlertRaised, at, site.into_iter().collect(), data)
        }
        Fact::AlertUpdated { id, at, severity, message } => {
            let data = json!({ "id": id, "severity": severity, "message": message });
            one(EventType::AlertUpdated, at, site_of_alert(twin, *id), data)
        }
        Fact::AlertAcknowledged { id, at, by, note } => {
            let data = json!({ "id": id, "by": by, "note": note });
            one(EventType::AlertAcknowledged, at, site_of_alert(twin, *id), data)
        }
        Fact::AlertCleared { id, at } => {
            one(EventType::AlertCleared, at, site_of_alert(twin, *id), json!({ "id": id }))
        }
        Fact::Happened { site, events, .. } => events.iter().filter_map(|event| shipment(event, site)).collect(),
        Fact::CommandAnswered { device, received_at, answer } => {
            let record = twin.devices.get(device.0 as usize);
            let site = record.map(|record| twin.sites[record.site.at()].spec.site.clone());
            let data = json!({
                "command": answer.command, "device": answer.device, "outcome": answer.outcome, "reason": answer.reason,
            });
            one(EventType::CommandAnswered, received_at, site.into_iter().collect(), data)
        }
        Fact::Quarantined { received_at, topic, refused_by, reason, payload } => {
            let site = Topic::parse(topic).ok().and_then(|topic| SiteId::new(topic.site).ok());
            let data = json!({
                "topic": topic, "refused_by": refused_by, "reason": reason, "payload_len": payload.len(),
            });
            one(EventType::PayloadQuarantined, received_at, site.into_iter().collect(), data)
        }
        _ => Vec::new(),
    }
}

fn sites_of_supply(twin: &Twin, order: &OrderId) -> Vec<SiteId> {
    let order = twin.supply.by_id.get(order);
    let sites = order.into_iter().flat_map(|order| order.from.into_iter().chain([order.to]));
    sites.map(|at| twin.sites[at.at()].spec.site.clone()).collect()
}

fn site_of_alert(twin: &Twin, id: AlertId) -> Vec<SiteId> {
    let site = twin.alerts.get(&id).and_then(|alert| twin.site_of(&alert.subject));
    site.map(|at| twin.sites[at.at()].spec.site.clone()).into_iter().collect()
}

/// What is told of the goods that move.
fn shipment(event: &EventRecord, topic_site: &SiteId) -> Option<Event> {
    let site = event.site.as_ref().unwrap_or(topic_site).clone();
    let (event_type, sites, data) = match &event.happening {
        Happening::ShipmentDispatched { shipment, to, lane, vehicle, due_at, order, lines } => (
            EventType::ShipmentDispatched,
            vec![site.clone(), to.clone()],
            json!({
                "shipment": shipment, "from": site, "to": to, "lane": lane, "vehicle": vehicle, "due_at": due_at,
                "order": order, "lines": lines,
            }),
        ),
        Happening::ShipmentArrived { shipment, lines } => {
            let data = json!({ "shipment": shipment, "at": site, "lines": lines });
            (EventType::ShipmentArrived, vec![site], data)
        }
        _ => return None,
    };
    Some(Event { event_type, at: event.at, sites, data })
}

/// False for the facts that there are most of, and that no event comes from: they are not decoded.
pub(super) fn may_have_events(record: &[u8]) -> bool {
    /// [`Fact::Readings`] and [`Fact::Positioned`] as postcard numbers them.
    const OFTEN: [u8; 2] = [12, 13];
    record.get(1).is_none_or(|variant| !OFTEN.contains(variant))
}

/// The id of an event: the same whenever the same record of the same journal is read, and of no other event. `source`
/// is the gateway's own, and `record` the bytes, since a restored backup may go on differently from the same place.
pub(super) fn message_id(source: u32, seq: Seq, index: usize, record: &[u8]) -> Option<MessageId> {
    MessageId::new(&format!("msg_{source:08x}_{seq}_{index}_{:08x}", crc32fast::hash(record))).ok()
}

/// What is posted.
pub(super) fn body(event: &Event, seq: Option<Seq>) -> String {
    json!({
        "type": event.event_type, "timestamp": event.at, "seq": seq.map(|seq| seq.0), "data": event.data,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_schemas::fact::{AlertSubject, DeviceIdx, Fix, FrameNumber, RefusedBy, Severity};
    use firmware_schemas::id::{ShipmentId, VehicleId};
    use firmware_schemas::order::OrderEnd;
    use firmware_schemas::quantity::Position;

    fn at() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-22T06:40:00Z").unwrap()
    }

    fn bytes(fact: &Fact) -> Vec<u8> {
        let mut bytes = Vec::new();
        fact.encode_into(&mut bytes).unwrap();
        bytes
    }

    #[track_caller]
    fn check(fact: &Fact, expected: &[(&str, &[&str])]) {
        let events = events_of(fact, &Twin::default());
        let found: Vec<(&str, Vec<&str>)> = events
            .iter()
            .map(|event| (event.event_type.as_str(), event.sites.iter().map(SiteId::as_str).collect()))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(name, sites)| (*name, sites.to_vec())).collect();
        assert_eq!(found, expected, "{fact:?}");
        assert!(expected.is_empty() || may_have_events(&bytes(fact)), "{fact:?}");
    }

    #[test]
    fn what_others_want_to_know_becomes_an_event_with_its_sites() {
        let site = |text| SiteId::new(text).unwrap();
        let id = AlertId(7);
        let order = OrderId::new("SO-1").unwrap();
        check(&Fact::OrderEnded { at: at(), order, how: OrderEnd::Cancelled, reason: None }, &[("order.ended", &[])]);
        let subject = AlertSubject::OffLane { vehicle: VehicleId::new("V").unwrap() };
        let raised = Fact::AlertRaised { id, at: at(), subject, severity: Severity::Watch, message: "far off".into() };
        check(&raised, &[("alert.raised", &[])]);
        check(&Fact::AlertCleared { id, at: at() }, &[("alert.cleared", &[])]);
        let refused = Fact::Quarantined {
            received_at: at(),
            topic: "portolan/v1/t/WH/d1/telemetry".into(),
            payload: vec![1, 2],
            refused_by: RefusedBy::Frame,
            reason: "no frame".into(),
        };
        check(&refused, &[("payload.quarantined", &["WH"])]);
        let shipment = ShipmentId::new("SH-1").unwrap();
        let left = Happening::ShipmentDispatched {
            shipment: shipment.clone(),
            to: site("SHOP"),
            lane: None,
            vehicle: None,
            due_at: None,
            order: None,
            lines: Vec::new(),
        };
        let events = vec![
            EventRecord { at: at(), site: None, happening: left },
            EventRecord {
                at: at(),
                site: Some(site("SHOP")),
                happening: Happening::ShipmentArrived { shipment, lines: None },
            },
        ];
        let number = FrameNumber { boot: 1, seq: 1 };
        let happened = Fact::Happened { device: DeviceIdx(0), received_at: at(), number, site: site("WH"), events };
        check(&happened, &[("shipment.dispatched", &["WH", "SHOP"]), ("shipment.arrived", &["SHOP"])]);
    }

    #[test]
    fn readings_and_positions_are_passed_over_undecoded() {
        let readings = Fact::Readings { device: DeviceIdx(0), received_at: at(), number: None, readings: Vec::new() };
        let fix = Fix {
            vehicle: VehicleId::new("V").unwrap(),
            at: at(),
            position: Position::from_degrees(53.5, 10.0).unwrap(),
            speed_mm_per_s: None,
            heading_cdeg: None,
            lane: None,
            site: None,
        };
        let positioned = Fact::Positioned { device: DeviceIdx(0), received_at: at(), number: None, fix };
        for fact in [readings, positioned] {
            check(&fact, &[]);
            assert!(!may_have_events(&bytes(&fact)), "{fact:?}");
        }
    }

    #[test]
    fn an_id_is_of_one_event_and_always_the_same() {
        let id = |source, seq, index, record: &[u8]| message_id(source, Seq(seq), index, record).unwrap();
        let first = id(1, 4_711, 0, b"a");
        assert_eq!(first, id(1, 4_711, 0, b"a"));
        assert!(!first.as_str().contains('.'), "{first}");
        for other in [id(2, 4_711, 0, b"a"), id(1, 4_712, 0, b"a"), id(1, 4_711, 1, b"a"), id(1, 4_711, 0, b"b")] {
            assert_ne!(first, other);
        }
        id(u32::MAX, u64::MAX, usize::from(u16::MAX), b"the longest fits");
    }
}
