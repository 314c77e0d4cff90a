//! The demo network for weeks on a virtual clock: forecasts, plans, orders over the contract's commands, shipments
//! that follow, receipts, lead times learned; the real control loop, a simulated world, nobody's help.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]
#![allow(clippy::print_stdout, reason = "how well it went, for those who ask with --nocapture")]

use firmware_schemas::quantity::Timestamp;
use gateway::control::{Control, ControlConfig, Effect, Event, GivenDemand, Request};
use gateway::planning::planned;
use sim::world::{Message, Totals, World, WorldConfig};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use twin::Twin;
use twin::alert::AlertRules;
use twin::demand_book::day_of;
use twin::observe::ObserveRules;
use twin::planning::Forecasts;
use twin::supply::SupplyStatus;

/// A plane and a world, joined by messages only.
struct Loop {
    world: World,
    control: Control<()>,
    published: Twin,
    forecasts: Option<Forecasts>,
    messages: Vec<Message>,
    threads: usize,
}

impl Loop {
    fn new(sites_order: bool, threads: usize) -> Self {
        let network = gateway::demo::network().unwrap();
        let start = Timestamp::parse_rfc3339("2026-03-02T00:00:00Z").unwrap();
        // Few readings: this is about goods.
        let config = WorldConfig { sites_order, interval_scale: 200.0, ..WorldConfig::new(7, start) };
        let world = World::new(&(&network).into(), config).unwrap();
        let config = ControlConfig {
            tenant: network.head().tenant.clone(),
            observe: ObserveRules::default(),
            alerts: AlertRules::default(),
            mappings: Arc::default(),
        };
        let control = Control::new(config, Twin::default(), start);
        let mut this =
            Self { world, control, published: Twin::default(), forecasts: None, messages: Vec::new(), threads };
        let facts = Twin::default().define(&network, start);
        this.step(Event::NetworkGiven(facts), start);
        let (from, asked) = this.world.asked_before(104);
        let given = asked.into_iter().map(|it| GivenDemand {
            site: it.site,
            sku: it.sku,
            from,
            weeks: it.pieces.into_iter().map(|pieces| (pieces, 0)).collect(),
        });
        this.ask(Request::GiveDemand(given.collect()), start);
        if !sites_order {
            let document = Some(serde_json::to_string(&gateway::demo::policy()).unwrap());
            this.ask(Request::DecideReplenishment { position: None, version: 0, by: None, document }, start);
        }
        this
    }

    fn ask(&mut self, request: Request, now: Timestamp) {
        self.step(Event::Asked { ticket: (), request }, now);
    }

    /// Takes an event, and does all that follows; every batch is durable at once.
    fn step(&mut self, event: Event<()>, now: Timestamp) {
        let mut effects = VecDeque::from(self.control.step(event, now).unwrap());
        effects.extend(self.control.step(Event::BatchDue, now).unwrap());
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Commit(records) => {
                    effects.extend(self.control.step(Event::Stored { up_to: records.last }, now).unwrap());
                }
                Effect::Publish(durable) => self.published = durable.twin,
                Effect::Send { command, topic, payload } => {
                    self.world.command(&topic, &payload);
                    effects.extend(self.control.step(Event::CommandDelivered(command), now).unwrap());
                }
                Effect::Answer((), answer) => drop(answer.unwrap()),
                Effect::Acknowledge(()) => {}
            }
        }
    }

    /// A day: an hour of the world after the other, and a planning run in the morning.
    fn day(&mut self, plans: bool) {
        for hour in 0..24 {
            let now = self.world.now().saturating_add(Duration::from_secs(3_600));
            self.world.advance_to(now, &mut self.messages);
            for Message { topic, payload, .. } in std::mem::take(&mut self.messages) {
                self.step(Event::FrameArrived { ticket: (), topic, payload: payload.into() }, now);
            }
            if plans && hour == 5 {
                self.plan(now);
            }
        }
    }

    fn plan(&mut self, now: Timestamp) {
        let today = day_of(now);
        let known = self.forecasts.take();
        let is_fresh = |it: &Forecasts| it.first_week == twin::demand_book::week_of(today);
        let forecasts = match known {
            Some(known) if is_fresh(&known) => known,
            known => Forecasts::make(&self.published, today, known.as_ref(), self.threads),
        };
        let proposals = planned(&self.published, &forecasts, today, self.threads).unwrap().proposals;
        let seen = self.published.supply.decided_in;
        self.ask(Request::TakePlan { is_first: true, seen, proposals }, now);
        self.forecasts = Some(forecasts);
    }

    /// Pieces on shelves at shops and warehouses.
    fn on_hand(&self) -> i64 {
        let kept = self.published.stock.iter();
        let own = |site: twin::state::SiteIdx| !twin::supply::is_supplier(self.published.sites[site.at()].spec.kind);
        kept.filter(|stock| own(stock.site)).map(|stock| stock.on_hand.max(0)).sum()
    }
}

/// Weeks with the plane's orders, or the sites' own; what became of them, and the mean stock of the second half.
fn run(weeks: u32, sites_order: bool) -> (Loop, Totals, f64) {
    let mut it = Loop::new(sites_order, 2);
    let (mut before, mut stock) = (Totals::default(), 0);
    for day in 0..weeks * 7 {
        if day == weeks * 7 / 2 {
            before = it.world.totals();
        }
        it.day(!sites_order);
        if day >= weeks * 7 / 2 {
            stock += it.on_hand();
        }
    }
    let after = it.world.totals();
    let totals = Totals {
        issued: after.issued - before.issued,
        demanded: after.demanded - before.demanded,
        lost: after.lost - before.lost,
        ..after
    };
    (it, totals, stock as f64 / f64::from(weeks * 7 - weeks * 7 / 2))
}

#[test]
fn a_network_is_supplied_by_the_plane_alone() {
    let (it, totals, stock) = run(10, false);
    let supply = &it.published.supply;
    let ours: Vec<_> = supply.by_id.values().filter(|order| order.is_ours).collect();
    let received = ours.iter().filter(|order| order.status == SupplyStatus::Received).count();
    let waiting = ours.iter().filter(|order| order.status == SupplyStatus::Placed).count();
    let (_, theirs, their_stock) = run(10, true);
    let filled = |totals: &Totals| totals.issued as f64 / totals.demanded as f64;
    println!(
        "{} orders, {received} received, {} routes with lead times learned; filled {:.4}, sites by themselves {:.4}; \
         mean stock {stock:.0} pieces, sites by themselves {their_stock:.0}",
        ours.len(),
        supply.leads.len(),
        filled(&totals),
        filled(&theirs),
    );
    assert!(received > 100 && received * 10 > ours.len() * 5, "{received} of {}", ours.len());
    assert_eq!(waiting, 0, "every order was confirmed by whoever sends it");
    assert!(supply.leads.keys().any(|(from, to)| supply.lead_days(*from, *to).is_some()), "lead times are learned");
    assert!(filled(&totals) > 0.9, "{totals:?}");
    assert_eq!(it.world.totals().commands_ignored, 0);
    // Devices with wrong clocks are refused; what they say of goods is not.
    let goods = |topic: &str| topic.ends_with("/event") || topic.ends_with("/ack");
    let refused = it.published.quarantine.values().find(|it| goods(&it.topic));
    assert_eq!(refused, None);
}

#[test]
fn the_same_weeks_are_planned_alike_by_any_number_of_threads() {
    let [one, three] = [1, 3].map(|threads| {
        let mut it = Loop::new(false, threads);
        (0..9).for_each(|_| it.day(true));
        it.published.to_bytes().unwrap()
    });
    assert!(one == three);
}
