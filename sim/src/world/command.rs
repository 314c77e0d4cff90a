//! What Portolan tells devices to do, and how they answer.

use super::calendar::{minutes, secs};
use super::device::Reach;
use super::queue::{Event, Rank};
use super::stock::{Delivery, nanos};
use super::vehicle::{Mission, Place};
use super::{Message, World};
use firmware_schemas::codec;
use firmware_schemas::command::{Action, CommandFrame, DesiredFrame};
use firmware_schemas::id::{CommandId, LaneId, MetricName, OrderId, ShipmentId, SiteId};
use firmware_schemas::telemetry::{AckFrame, GoodsLine, Outcome, ReportedFrame, Setting, Value};
use firmware_schemas::topic::{Channel, Topic};
use std::collections::BTreeMap;

/// The most commands that wait for a device that is out of reach; then the oldest is lost.
const INBOX_MAX: usize = 1_024;
/// How many answered commands a device remembers, so as not to obey twice.
const ANSWERED_MAX: usize = 4_096;
/// The setting that devices know.
const REPORT_INTERVAL: &str = "report_interval_secs";

/// What a device is about to say.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Ack(u32, CommandId, Outcome, Option<&'static str>),
    Birth(u32),
    Settings(u32),
}

type Verdict = (Outcome, Option<&'static str>);

impl World {
    /// Gives a device what was published on its `command` or `desired` topic, now.
    ///
    /// It obeys at once and answers within two seconds, on `ack` or `reported`. A command that it has
    /// obeyed before gets the same answer and no second obedience. What is no command of the contract, or
    /// for no device here, is counted and ignored.
    pub fn command(&mut self, topic: &str, payload: &[u8]) {
        let Some((device, channel)) = self.receiver(topic) else {
            self.totals.commands_ignored += 1;
            return;
        };
        let receiver = &mut self.devices[device as usize];
        if receiver.reach == Reach::Online {
            self.obey(device, channel, payload);
            return;
        }
        if receiver.inbox.len() == INBOX_MAX {
            receiver.inbox.pop_front();
            self.totals.commands_ignored += 1;
        }
        receiver.inbox.push_back((channel, payload.to_vec()));
    }

    fn receiver(&self, topic: &str) -> Option<(u32, Channel)> {
        let topic = Topic::parse(topic).ok()?;
        let device = *self.device_index.get(topic.device)?;
        let site = self.sites[self.devices[device as usize].site as usize].id.as_str();
        let ours = topic.tenant == self.tenant.as_str() && topic.site == site && !topic.channel.is_up();
        ours.then_some((device, topic.channel))
    }

    pub(super) fn obey(&mut self, device: u32, channel: Channel, payload: &[u8]) {
        let understood = match channel {
            Channel::Desired => codec::read::<DesiredFrame>(payload).is_ok_and(|desired| {
                self.apply_settings(device, &desired);
                true
            }),
            _ => codec::read::<CommandFrame>(payload).is_ok_and(|command| {
                self.obey_command(device, command);
                true
            }),
        };
        if !understood {
            self.totals.commands_ignored += 1;
        }
    }

    fn apply_settings(&mut self, device: u32, desired: &DesiredFrame) {
        if let Some(Setting(Value::Integer(secs))) = desired.settings.get(REPORT_INTERVAL) {
            self.report_every(device, u32::try_from(*secs).unwrap_or(1));
        }
        self.plan_answer(device, Answer::Settings(device));
    }

    fn obey_command(&mut self, device: u32, command: CommandFrame) {
        let CommandFrame { command: id, expires_at, action, .. } = command;
        let known = self.devices[device as usize].answered.iter().find(|(known, _, _)| *known == id);
        if let Some((_, outcome, reason)) = known {
            let (outcome, reason) = (*outcome, *reason);
            self.plan_answer(device, Answer::Ack(device, id, outcome, reason));
            return;
        }
        let expired = expires_at.is_some_and(|at| at.as_nanos() < self.now);
        let (outcome, reason) = if expired {
            (Outcome::Rejected, Some("expired before it was begun"))
        } else {
            self.act(device, &id, action)
        };
        self.answer_command(device, id, outcome, reason);
    }

    /// Remembers and sends an answer.
    fn answer_command(&mut self, device: u32, id: CommandId, outcome: Outcome, reason: Option<&'static str>) {
        let answered = &mut self.devices[device as usize].answered;
        answered.retain(|(known, _, _)| *known != id);
        if answered.len() == ANSWERED_MAX {
            answered.pop_front();
        }
        answered.push_back((id.clone(), outcome, reason));
        self.plan_answer(device, Answer::Ack(device, id, outcome, reason));
    }

    fn act(&mut self, device: u32, id: &CommandId, action: Action) -> Verdict {
        match action {
            Action::ReportEvery { interval_secs: 0 } => (Outcome::Rejected, Some("interval_secs is at least 1")),
            Action::ReportEvery { interval_secs } => {
                self.report_every(device, interval_secs);
                self.plan_answer(device, Answer::Settings(device));
                (Outcome::Done, None)
            }
            Action::Rebirth {} => {
                self.plan_answer(device, Answer::Birth(device));
                (Outcome::Done, None)
            }
            Action::Hold { until } => match self.steered(device) {
                Ok(vehicle) => {
                    self.hold(vehicle, until.map(|until| until.as_nanos()));
                    (Outcome::Done, None)
                }
                Err(why) => why,
            },
            Action::GoTo { site, lane } => self.send_vehicle(device, id, &site, lane.as_ref(), &[]),
            Action::Deliver { order, to, lines, .. } => self.deliver(device, order, &to, &lines),
            Action::Carry { shipments, to, lane } => self.send_vehicle(device, id, &to, lane.as_ref(), &shipments),
        }
    }

    /// A site begins with an order at once, and has it sent as soon as it can.
    fn deliver(&mut self, device: u32, order: OrderId, to: &SiteId, lines: &[GoodsLine]) -> Verdict {
        let no = |why: &'static str| (Outcome::Rejected, Some(why));
        let seller = self.devices[device as usize].site;
        let Some(buyer) = self.site_index.get(to).copied() else { return no("unknown site") };
        if buyer == seller {
            return no("it is here");
        }
        let sku = |line: &GoodsLine| Some((*self.sku_index.get(&line.sku)?, line.pieces.0));
        let known: Option<Vec<(u32, i64)>> = lines.iter().map(sku).collect();
        let Some(lines) = known else { return no("unknown SKU") };
        if lines.is_empty() || lines.iter().any(|(_, pieces)| *pieces < 1) {
            return no("nothing to deliver");
        }
        if self.way_of_goods(seller, buyer).is_none() {
            return no("no way leads there");
        }
        let serial = self.next_serial();
        self.deliveries.insert(serial, Delivery { order, seller, buyer, lines });
        self.queue.plan(self.now, Rank::Review, self.sites[seller as usize].height, Event::Told(serial));
        (Outcome::Accepted, None)
    }

    fn steered(&self, device: u32) -> Result<u32, Verdict> {
        self.devices[device as usize].vehicle.ok_or((Outcome::Rejected, Some("not on a vehicle")))
    }

    fn send_vehicle(
        &mut self,
        device: u32,
        id: &CommandId,
        site: &SiteId,
        lane: Option<&LaneId>,
        shipments: &[ShipmentId],
    ) -> Verdict {
        match self.mission(device, id, site, lane, shipments) {
            Ok((vehicle, mission)) => {
                if let Some(before) = self.vehicles[vehicle as usize].mission.replace(mission) {
                    let why = Some("replaced by a later command");
                    self.answer_command(before.device, before.command, Outcome::Rejected, why);
                }
                let state = &mut self.vehicles[vehicle as usize];
                state.held = false;
                self.move_on(vehicle);
                (Outcome::Accepted, None)
            }
            Err(why) => why,
        }
    }

    /// What a vehicle has to do to get to a site, with shipments that it fetches on the way.
    fn mission(
        &self,
        device: u32,
        id: &CommandId,
        site: &SiteId,
        lane: Option<&LaneId>,
        shipments: &[ShipmentId],
    ) -> Result<(u32, Mission), Verdict> {
        let no = |why: &'static str| (Outcome::Rejected, Some(why));
        let vehicle = self.steered(device)?;
        let goal = *self.site_index.get(site).ok_or(no("unknown site"))?;
        let mut at = self.next_site(vehicle);
        let mut steps = Vec::new();
        let mut fetch = Vec::new();
        let mut pickup = None;
        for shipment in shipments {
            let (number, known) =
                self.shipments.iter().find(|(_, known)| known.id == *shipment).ok_or(no("unknown shipment"))?;
            if self.vehicles[vehicle as usize].cargo.contains(number) {
                continue;
            }
            if !known.waits {
                return Err(no("a shipment is under way already"));
            }
            if pickup.is_some_and(|site| site != known.from) {
                return Err(no("the shipments wait at different sites"));
            }
            pickup = Some(known.from);
            fetch.push(*number);
        }
        if let Some(pickup) = pickup {
            steps.extend(self.way(vehicle, at, pickup).ok_or(no("no way to the shipments"))?);
            at = pickup;
        }
        match lane {
            Some(lane) => {
                let lane = *self.lane_index.get(lane).ok_or(no("unknown lane"))?;
                let along = &self.lanes[lane as usize];
                if along.mode != self.vehicles[vehicle as usize].mode {
                    return Err(no("the lane is of another mode"));
                }
                if along.to != goal {
                    return Err(no("the lane does not lead there"));
                }
                steps.extend(self.way(vehicle, at, along.from).ok_or(no("no way to the lane"))?);
                steps.push(super::vehicle::Step { lane, reversed: false });
            }
            None => steps.extend(self.way(vehicle, at, goal).ok_or(no("no way there"))?),
        }
        let load_at = pickup.map(|pickup| (pickup, fetch));
        Ok((vehicle, Mission { command: id.clone(), device, steps: steps.into(), load_at }))
    }

    /// True while a vehicle at a site has a mission that leads further.
    pub(super) fn mission_goes_on(&self, vehicle: u32) -> bool {
        self.vehicles[vehicle as usize].mission.as_ref().is_some_and(|mission| !mission.steps.is_empty())
    }

    /// Loads what the mission fetches at this site and is still there.
    pub(super) fn load_mission(&mut self, index: u32, site: u32) {
        let vehicle = &mut self.vehicles[index as usize];
        let Some(mission) = &mut vehicle.mission else { return };
        let Some((_, shipments)) = mission.load_at.take_if(|(at, _)| *at == site) else { return };
        for number in shipments {
            if let Some(shipment) = self.shipments.get_mut(&number)
                && shipment.waits
            {
                shipment.waits = false;
                shipment.vehicle = Some(index);
                (shipment.ashore, shipment.onward) = (shipment.to, 0);
                vehicle.cargo.push(number);
            }
        }
    }

    /// A vehicle is where it was told to go.
    pub(super) fn mission_done(&mut self, index: u32) {
        let Some(mission) = self.vehicles[index as usize].mission.take() else { return };
        self.answer_command(mission.device, mission.command, Outcome::Done, None);
        let vehicle = &mut self.vehicles[index as usize];
        vehicle.plan += 1;
        if matches!(vehicle.place, Place::Site(_)) && !vehicle.round.is_empty() {
            self.queue.plan(self.now + minutes(30), Rank::Departure, index, Event::Departure(index, vehicle.plan));
        }
    }

    fn plan_answer(&mut self, device: u32, answer: Answer) {
        let number = self.next_serial();
        let subject = self.devices[device as usize].subject;
        let after = secs(0.2) + (crate::rng::mix(subject, number) % 1_800) as i64 * 1_000_000;
        self.answers.insert(number, answer);
        let at = self.now.saturating_add(after.min(nanos(std::time::Duration::from_secs(2))));
        self.queue.plan(at, Rank::Answer, device, Event::Answer(number));
    }

    /// A device answers.
    pub(super) fn answer(&mut self, number: u64, out: &mut Vec<Message>) {
        match self.answers.remove(&number) {
            Some(Answer::Ack(index, command, outcome, reason)) => {
                let device = &self.devices[index as usize];
                let at = Some(device.local_time(self.now));
                let reason = reason.map(str::to_owned);
                let frame = AckFrame { device: device.id.clone(), command, at, outcome, reason };
                let payload = super::wire::encode(&frame, device.encoding);
                self.send(index, Channel::Ack, payload, out);
            }
            Some(Answer::Birth(index)) => self.say_birth(index, out),
            Some(Answer::Settings(index)) => {
                let device = &self.devices[index as usize];
                let interval = Setting(Value::Integer(device.interval / 1_000_000_000));
                let name = MetricName::new(REPORT_INTERVAL);
                let settings: BTreeMap<_, _> = name.into_iter().map(|name| (name, interval.clone())).collect();
                let frame =
                    ReportedFrame { device: device.id.clone(), at: Some(device.local_time(self.now)), settings };
                let payload = super::wire::encode(&frame, device.encoding);
                self.send(index, Channel::Reported, payload, out);
            }
            None => {}
        }
    }
}
