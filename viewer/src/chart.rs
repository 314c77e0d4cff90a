//! What the window shows, and what can be done to it: without Bevy's systems, so that tests can hold it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bevy::prelude::Resource;
use bevy_egui::egui::Galley;
use firmware_schemas::id::SiteId;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::Snapshot;

use crate::desk::{Answer, Desk, Question};
use crate::feed::FeedEvent;
use crate::palette::Theme;
use crate::panel::Memory;
use crate::past::{PastAnswer, PastQuestion};
use crate::record::SharedRecorder;
use crate::scene::chart::{ChartPoint, Margins, ScreenPoint};
use crate::scene::clock::{GatewayClock, Shown, Timeline};
use crate::scene::fleet::{Fleet, Lines};
use crate::scene::history::Player;
use crate::scene::keys::Act;
use crate::scene::labels::{Gathering, Label};
use crate::scene::mark::ItemId;
use crate::scene::movements::Movements;
use crate::scene::overlay::Heat;
use crate::scene::past::{Chapters, Grain};
use crate::scene::plan::{PlanView, SitePlan};
use crate::scene::sites::Sites;
use crate::scene::what_if::Compare;
use crate::scene::{Known, Language, Layers, Link, Look, Units, View, Words, network};
use crate::what_if::WhatIf;

/// How everything is shown at first.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The colours.
    pub theme: Theme,
    /// Language, units and time zone.
    pub words: Words,
    /// What is drawn.
    pub layers: Layers,
    /// The heat map.
    pub heat: Heat,
}

impl Default for Settings {
    fn default() -> Self {
        Self { theme: Theme::DARK, words: Words::default(), layers: Layers::default(), heat: Heat::Off }
    }
}

/// The plan of a site is asked for again after this.
const PLAN_EVERY: Duration = Duration::from_secs(600);
/// What the line of time shows at first.
const DAY: Duration = Duration::from_secs(86_400);
/// The least and the most that it shows.
const REACH: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(400 * 86_400));
/// The gateway is asked this often how far back it reaches.
const REACH_EVERY: Duration = Duration::from_secs(60);
/// Chapters have stock position by position where there are no more positions than this.
const POSITIONS_MAX: u64 = 20_000;

/// Stock of a site that is looked at is asked for again after this.
pub(crate) const STOCK_EVERY: Duration = Duration::from_secs(15);

/// A name on the chart, which goes along with what it names until names are placed again.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) label: Label,
    /// Its letters.
    pub(crate) galley: Arc<Galley>,
    /// When they were laid out, by our clock.
    pub(crate) laid_out: Duration,
}

/// The inside of a warehouse.
#[derive(Clone, Debug)]
pub(crate) struct Inside {
    pub(crate) plan: SitePlan,
    /// `None` until it is known how large the window is.
    pub(crate) view: Option<PlanView>,
    /// What is pointed at.
    pub(crate) slot: Option<usize>,
    /// On which sides the names of vehicles are.
    pub(crate) sides: BTreeMap<ItemId, u8>,
}

/// Everything that the systems share.
#[derive(Resource)]
pub(crate) struct Chart {
    /// What the gateway told us.
    pub(crate) known: Known,
    /// What was known at the moment that is shown, when that is not now.
    pub(crate) past: Player,
    /// What the gateway gave of the time before this viewer's own.
    pub(crate) chapters: Chapters,
    /// How much of the past the line of time shows.
    pub(crate) reach: Duration,
    /// Our clock when the gateway was last asked how far back it reaches.
    reach_asked: Option<Duration>,
    /// The moment that was drawn last.
    stood: Option<Timestamp>,
    /// What is shown is a picture of the past: what the gateway would say of now does not belong there.
    pub(crate) of_past: bool,
    /// Counts up when all that is drawn must be drawn again: another moment, another network.
    pub(crate) generation: u64,
    /// Where the link stands.
    pub(crate) link: Link,
    /// The gateway's clock.
    pub(crate) clock: GatewayClock,
    /// Which moment is shown.
    pub(crate) timeline: Timeline,
    /// Our clock when the link last gave a sign of life.
    signed: Duration,
    /// Our clock: since the start.
    pub(crate) elapsed: Duration,
    /// What the window shows.
    pub(crate) view: View,
    /// Time stands: a file is shown, as at the time when it was made.
    pub(crate) still: bool,
    /// The person has moved the chart, so a new snapshot does not.
    pub(crate) moved: bool,
    pub(crate) theme: Theme,
    pub(crate) words: Words,
    pub(crate) layers: Layers,
    pub(crate) heat: Heat,
    /// What the panel shows.
    pub(crate) selected: Option<ItemId>,
    /// What is under the pointer.
    pub(crate) hovered: Option<ItemId>,
    /// What keys and pointer do is written in a corner.
    pub(crate) hints_shown: bool,
    pub(crate) help_shown: bool,
    pub(crate) labels_shown: bool,
    pub(crate) following: bool,
    /// The names as last placed.
    pub(crate) labels: Vec<Placed>,
    /// What for: view, generation, revision and moment. `None` when they must be placed at once.
    pub(crate) labels_for: Option<(View, u64, u64, Timestamp)>,
    /// When by our clock.
    pub(crate) labels_at: Duration,
    /// The next, as far as they are.
    pub(crate) gathering: Option<Gathering>,
    pub(crate) label_sides: BTreeMap<ItemId, u8>,
    pub(crate) sites: Sites,
    pub(crate) fleet: Fleet,
    pub(crate) lines: Lines,
    /// What was said to the person last, and when by our clock.
    pub(crate) notice: Option<(String, Duration)>,
    /// History, where there is a link.
    pub(crate) recorder: Option<SharedRecorder>,
    /// A picture is wanted.
    pub(crate) picture_wanted: bool,
    /// The search field and what is in it.
    pub(crate) search: Option<String>,
    /// The alert that `A` jumped to last.
    pub(crate) alert_at: Option<firmware_schemas::fact::AlertId>,
    pub(crate) alerts_shown: bool,
    /// What the gateway was asked.
    pub(crate) desk: Desk,
    /// The moment under the pointer in a chart, drawn in all of them.
    pub(crate) cursor: Option<Timestamp>,
    /// The warehouse that is seen from inside.
    pub(crate) inside: Option<Inside>,
    /// Plans that were given, by site.
    pub(crate) plans: BTreeMap<SiteId, SitePlan>,
    pub(crate) proposals_shown: bool,
    pub(crate) what_if: WhatIf,
    /// What panels worked out.
    pub(crate) memory: Memory,
    /// Counts up with everything that the person does and every answer.
    pub(crate) acted: u64,
    /// Select this when it is known.
    wanted: Option<String>,
    /// What the fleet and the sites were made from.
    begun: Option<(u64, u64)>,
    alerts_taken: u64,
    sites_taken: u64,
}

impl Chart {
    pub(crate) fn new(size: (u32, u32), settings: Settings, select: Option<String>) -> Self {
        let Settings { theme, words, layers, heat } = settings;
        Self {
            known: Known::default(),
            past: Player::default(),
            chapters: Chapters::default(),
            reach: DAY,
            reach_asked: None,
            stood: None,
            of_past: false,
            generation: 0,
            link: Link::Connecting,
            clock: GatewayClock::default(),
            timeline: Timeline::default(),
            signed: Duration::ZERO,
            elapsed: Duration::ZERO,
            view: View::world(f64::from(size.0), f64::from(size.1)),
            still: false,
            moved: false,
            theme,
            words,
            layers,
            heat,
            selected: None,
            hovered: None,
            hints_shown: true,
            help_shown: false,
            labels_shown: true,
            following: false,
            labels: Vec::new(),
            labels_for: None,
            labels_at: Duration::ZERO,
            gathering: None,
            label_sides: BTreeMap::new(),
            sites: Sites::default(),
            fleet: Fleet::default(),
            lines: Lines::default(),
            notice: None,
            recorder: None,
            picture_wanted: false,
            search: None,
            alert_at: None,
            alerts_shown: false,
            desk: Desk::default(),
            cursor: None,
            inside: None,
            plans: BTreeMap::new(),
            proposals_shown: false,
            what_if: WhatIf::default(),
            memory: Memory::default(),
            acted: 0,
            wanted: select,
            begun: None,
            alerts_taken: 0,
            sites_taken: 0,
        }
    }

    /// Shows a snapshot from a file, as at the time when it was made.
    pub(crate) fn show_file(&mut self, snapshot: Snapshot) {
        self.link = Link::File;
        self.still = true;
        self.hints_shown = false;
        self.take_snapshot(snapshot);
    }

    /// What is shown: what is known now, or was then.
    pub(crate) fn shown(&self) -> &Known {
        if self.timeline.is_live() || self.past.known.at.is_none() { &self.known } else { &self.past.known }
    }

    /// The gateway's clock, carried on by ours since it was last heard. `None` before the first snapshot.
    pub(crate) fn live_now(&self) -> Option<Timestamp> {
        if self.still { self.known.at } else { self.clock.now(self.elapsed) }
    }

    /// The moment that is shown.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        Some(self.timeline.at(self.live_now()?, self.elapsed))
    }

    pub(crate) fn look(&self) -> Look {
        Look { theme: self.theme, greyed: matches!(self.link, Link::Lost { .. }) && self.timeline.is_live() }
    }

    /// Brings the whole network into the window.
    pub(crate) fn fit(&mut self) {
        network::fit(&self.known, &mut self.view, self.selected.is_some());
    }

    /// Where the selected thing is.
    pub(crate) fn selected_place(&self) -> Option<ChartPoint> {
        self.place_of(self.selected.as_ref()?)
    }

    pub(crate) fn place_of(&self, item: &ItemId) -> Option<ChartPoint> {
        let known = self.shown();
        let site = |id: &SiteId| known.sites.get(id).map(|site| ChartPoint::of(site.position));
        match item {
            ItemId::Site(id) | ItemId::Position(id, _) => site(id),
            ItemId::Vehicle(id) => self.fleet.place(id, self.now()?),
            ItemId::Device(id) => {
                let device = known.devices.get(id)?;
                match &device.vehicle {
                    Some(vehicle) => self.fleet.place(vehicle, self.now()?),
                    None => site(&device.site),
                }
            }
            ItemId::Shipment(id) => {
                let shipment = known.shipments.get(id)?;
                match &shipment.vehicle {
                    Some(vehicle) => self.fleet.place(vehicle, self.now()?),
                    None => site(&shipment.from),
                }
            }
            ItemId::Sku(_) | ItemId::Order(_) | ItemId::City(_) => None,
        }
    }

    /// Selects something and brings it into the window.
    pub(crate) fn jump_to(&mut self, item: ItemId) {
        let place = self.place_of(&item);
        self.selected = Some(item);
        if let Some(place) = place {
            self.look_at(place, 60.0);
        }
    }

    pub(crate) fn look_at(&mut self, place: ChartPoint, scale_min: f64) {
        let middle = ScreenPoint { x: self.view.width / 2.0, y: self.view.height / 2.0 };
        let scale = self.view.scale;
        self.view.zoom((scale_min / scale).max(1.0), middle);
        self.view.centre = place;
        // What a panel covers is not the middle.
        let covered = if self.selected.is_some() { network::PANEL_PX / 2.0 } else { 0.0 };
        self.view.pan(-covered, 0.0);
        self.moved = true;
    }

    pub(crate) fn say(&mut self, text: String) {
        self.notice = Some((text, self.elapsed));
    }

    fn take_snapshot(&mut self, snapshot: Snapshot) {
        let at = snapshot.at;
        let first = self.known.at.is_none();
        self.words.site_zone = snapshot.network.time_zone.clone();
        self.known.take_snapshot(snapshot);
        if first || self.still {
            self.clock.set(at, self.elapsed);
        } else {
            self.clock.hear(at, self.elapsed);
        }
        self.lines = Lines::default();
        if let Some(wanted) = self.wanted.take() {
            self.selected = crate::scene::inspect::find(&self.known, &wanted);
            if self.selected.is_none() {
                self.say(format!("{wanted}?"));
            }
        }
        if !self.moved {
            self.fit();
        }
    }

    pub(crate) fn take(&mut self, event: FeedEvent) {
        if !matches!(event, FeedEvent::Lost(_)) {
            self.signed = self.elapsed;
        }
        match event {
            FeedEvent::Snapshot(snapshot) => {
                self.take_snapshot(*snapshot);
                self.link = Link::Live;
            }
            FeedEvent::Delta(delta) => {
                let at = delta.at;
                if self.known.take_delta(*delta) {
                    self.clock.hear(at, self.elapsed);
                }
                self.link = Link::Live;
            }
            FeedEvent::Following | FeedEvent::Heard => self.link = Link::Live,
            FeedEvent::Lost(why) => {
                let since = match &self.link {
                    Link::Lost { since, .. } => *since,
                    _ => self.live_now().map(|now| now.saturating_sub(self.elapsed.saturating_sub(self.signed))),
                };
                self.link = Link::Lost { since, reason: why.to_string() };
            }
        }
    }

    /// Brings history, fleet and sites to the moment that is shown.
    pub(crate) fn keep_up(&mut self) {
        let Some(now) = self.now() else { return };
        if !self.timeline.is_live() {
            self.go_back(now);
        }
        let Some(now) = self.now() else { return };
        self.stood = Some(now);
        let live = self.timeline.is_live() || self.past.known.at.is_none();
        let Self { known, past, fleet, sites, .. } = self;
        let known = if live { known } else { &mut past.known };
        let begun = Some((self.generation, known.epochs.snapshots));
        if self.begun != begun {
            fleet.begin(known, now);
            sites.begin(known, self.view.scale);
            self.labels_for = None;
            self.begun = begun;
            known.news = Some(Vec::new());
            (self.alerts_taken, self.sites_taken) = (known.epochs.alerts, known.epochs.sites);
        }
        match known.news.replace(Vec::new()) {
            Some(news) => {
                for id in news {
                    if let Some(vehicle) = known.vehicles.get(&id) {
                        fleet.take(known, vehicle, now);
                    }
                }
            }
            None => fleet.begin(known, now),
        }
        if self.alerts_taken != known.epochs.alerts {
            self.alerts_taken = known.epochs.alerts;
            fleet.take_alerts(known, now);
            sites.take_statuses(known);
        }
        if self.sites_taken != known.epochs.sites {
            self.sites_taken = known.epochs.sites;
            sites.begin(known, self.view.scale);
        }
        fleet.advance(now);
        let scale = if self.layers.on(Layers::CLUSTERS) { self.view.scale } else { f64::INFINITY };
        if sites.arrange(scale.min(1e9)) {
            self.labels_for = None;
        }
        if self.following
            && let Some(place) = self.selected_place()
        {
            self.view.centre = place;
            self.view.pan(-network::PANEL_PX / 2.0, 0.0);
            self.moved = true;
        }
    }

    /// Brings the past to a moment: from what was heard here, else from the gateway's. Where that is not here yet the
    /// moment waits for it, so that time goes on without a hole.
    fn go_back(&mut self, now: Timestamp) {
        let Some(recorder) = self.recorder.clone() else { return };
        let Ok(mut recorder) = recorder.lock() else { return };
        let heard = recorder.history.span().map(|(from, _)| from);
        let grain = match self.timeline.shown {
            Shown::Replay { .. } => Grain::of_speed(self.timeline.speed()),
            Shown::Live | Shown::Paused(_) => Grain::Fine,
        };
        let chapter = heard.and_then(|heard| self.chapters.of(now, heard, grain));
        let went = match (chapter, heard) {
            (Some(wanted), Some(heard)) => {
                self.chapters.want(wanted);
                let found = self.chapters.find(now, grain);
                if self.chapters.has(wanted) && self.timeline.runs() {
                    // The next, so that it is here in time.
                    if let Some(next) = self.chapters.of(wanted.to, heard, grain) {
                        self.chapters.want(next);
                    }
                }
                match found {
                    Some(found) => self.past.go_in(&self.chapters, found, now),
                    None => {
                        self.timeline.wait(self.stood.unwrap_or(now), self.elapsed);
                        Ok(false)
                    }
                }
            }
            _ => self.past.go(&mut recorder.history, now),
        };
        match went {
            Ok(true) => self.generation += 1,
            Ok(false) => {}
            Err(why) => bevy::log::warn!("history cannot be shown: {why}"),
        }
    }

    /// What to ask of the gateway's past now.
    pub(crate) fn past_question(&mut self) -> Option<PastQuestion> {
        self.known.at?;
        if self.reach_asked.is_none_or(|asked| self.elapsed.saturating_sub(asked) >= REACH_EVERY) {
            self.reach_asked = Some(self.elapsed);
            return Some(PastQuestion::Reach);
        }
        let chapter = self.chapters.take_wanted(self.elapsed)?;
        let n_positions: u64 = self.known.sites.values().map(|site| u64::from(site.stock.positions)).sum();
        Some(PastQuestion::Chapter(chapter, n_positions <= POSITIONS_MAX))
    }

    /// Takes what the gateway told of its past.
    pub(crate) fn take_past(&mut self, answer: PastAnswer) {
        match answer {
            PastAnswer::Reach(Ok(begins)) => self.chapters.set_begins(begins),
            // An older gateway has no past to give: what was heard here is there all the same.
            PastAnswer::Reach(Err(why)) => bevy::log::debug!("how far back the gateway reaches is not known: {why}"),
            PastAnswer::Chapter(chapter, packed) => {
                if let Err(why) = &packed {
                    let said = self.words.pick(format!("the past is not here: {why}"), format!("无法取得历史：{why}"));
                    self.say(said);
                }
                self.chapters.take(chapter, packed, self.elapsed);
            }
        }
    }

    /// Whether stock is to be asked for: not where that of the past is shown.
    pub(crate) fn wants_stock(&self) -> bool {
        !self.of_past && (self.timeline.is_live() || !self.past.in_chapter())
    }

    /// Does what a key or a button asks for.
    pub(crate) fn act(&mut self, act: Act) {
        self.acted += 1;
        let middle = ScreenPoint { x: self.view.width / 2.0, y: self.view.height / 2.0 };
        let live = self.live_now();
        match act {
            Act::Pause => {
                if let Some(live) = live {
                    self.timeline.toggle(live, self.elapsed);
                    self.generation += 1;
                }
            }
            Act::Live => {
                self.timeline.go_live();
                self.generation += 1;
            }
            Act::Step(steps) => {
                if let Some(now) = self.now() {
                    let span = Duration::from_secs(60) * steps.unsigned_abs();
                    let at = if steps < 0 { now.saturating_sub(span) } else { now.saturating_add(span) };
                    self.seek(at);
                }
            }
            Act::Speed(by) => {
                if let Some(live) = live {
                    self.timeline.change_speed(by, live, self.elapsed);
                }
            }
            Act::Search => self.search = Some(String::new()),
            Act::NextAlert => self.next_alert(),
            Act::Alerts => self.alerts_shown = !self.alerts_shown,
            Act::Focus => match self.selected_place() {
                Some(place) => self.look_at(place, 120.0),
                None => self.fit_again(),
            },
            Act::Fit => self.fit_again(),
            Act::Follow => self.following = self.selected.is_some() && !self.following,
            Act::Up => self.up(),
            Act::Layer(layer) => {
                self.layers.0[layer] ^= true;
                self.labels_for = None;
            }
            Act::Heat => self.heat = self.heat.next(),
            Act::Labels => {
                self.labels_shown = !self.labels_shown;
                self.labels_for = None;
            }
            Act::Theme => self.theme = if self.theme.is_dark() { Theme::LIGHT } else { Theme::DARK },
            Act::Language => {
                self.words.language = self.words.language.pick(Language::Zh, Language::En);
                self.labels_for = None;
            }
            Act::Zone => self.words.zone = self.words.zone.next(),
            Act::Units => {
                self.words.units = if self.words.units == Units::Metric { Units::Imperial } else { Units::Metric };
            }
            Act::Picture => self.picture_wanted = true,
            Act::Record => self.record(),
            Act::Zoom(by) => {
                self.view.zoom(1.5_f64.powi(by), middle);
                self.moved = true;
            }
            Act::Pan(x, y) => {
                self.view.pan(-80.0 * f64::from(x), -80.0 * f64::from(y));
                self.moved = true;
                self.following = false;
            }
            Act::Help => self.help_shown = !self.help_shown,
            Act::Enter => self.enter(),
            Act::RunFuture => self.what_if.run_or_stop(),
            Act::StepFuture(days) => self.what_if.set_day(self.what_if.day + f64::from(days)),
            Act::WhatIf => self.what_if.shown = !self.what_if.shown,
            Act::Compare => {
                self.what_if.compare = self.what_if.compare.next();
                let name = self.what_if.compare.name(&self.words);
                self.say(name.to_owned());
            }
            Act::Proposals => self.proposals_shown = !self.proposals_shown,
        }
    }

    fn fit_again(&mut self) {
        self.moved = false;
        self.following = false;
        self.fit();
    }

    /// Out of whatever is on top.
    fn up(&mut self) {
        if self.help_shown {
            self.help_shown = false;
        } else if self.search.take().is_some() {
        } else if self.alerts_shown || self.proposals_shown || self.what_if.shown {
            self.alerts_shown = false;
            self.proposals_shown = false;
            self.what_if.shown = false;
        } else if self.inside.is_some() && !matches!(self.selected, Some(ItemId::Position(..) | ItemId::Device(_))) {
            self.inside = None;
        } else {
            self.selected = None;
            self.following = false;
        }
    }

    /// Shows another moment.
    pub(crate) fn seek(&mut self, at: Timestamp) {
        let Some(live) = self.live_now() else { return };
        let from = self.history_span().map_or(live, |(from, _)| from);
        let at = at.max(from).min(live);
        self.timeline.seek(at, self.elapsed);
        self.stood = Some(at);
        // A moment that the line of time does not reach is reached all the same.
        self.reach = self.reach.max(live.since(at)).min(REACH.1);
        self.generation += 1;
    }

    /// From when to when moments can be shown.
    pub(crate) fn history_span(&self) -> Option<(Timestamp, Timestamp)> {
        let recorder = self.recorder.as_ref()?.lock().ok()?;
        let (heard, to) = recorder.history.span()?;
        let from = self.chapters.begins().map_or(heard, |begins| begins.min(heard));
        Some((from, self.live_now().unwrap_or(to).max(to)))
    }

    /// From when on the line of time shows the past.
    pub(crate) fn line_begins(&self, live: Timestamp) -> Timestamp {
        let from = live.saturating_sub(self.reach);
        self.history_span().map_or(from, |(begins, _)| from.max(begins))
    }

    /// Shows more of the past in the line of time, or less.
    pub(crate) fn widen(&mut self, factor: f64) {
        let secs = (self.reach.as_secs_f64() * factor).clamp(REACH.0.as_secs_f64(), REACH.1.as_secs_f64());
        self.reach = Duration::from_secs_f64(secs);
    }

    /// The gravest first, then the newest; from the first after the one that was shown last.
    fn next_alert(&mut self) {
        let known = self.shown();
        let mut alerts: Vec<_> = known.alerts.values().collect();
        alerts.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), std::cmp::Reverse(alert.raised_at), alert.id));
        let after = alerts.iter().position(|alert| Some(alert.id) == self.alert_at).map_or(0, |at| at + 1);
        let Some(alert) = alerts.get(after).or(alerts.first()) else {
            return self.say(self.words.pick("no open alerts", "没有未处理的告警").to_owned());
        };
        let (id, message) = (alert.id, alert.message.clone());
        let item = crate::scene::inspect::item_of_alert(known, alert);
        self.alert_at = Some(id);
        self.say(message);
        if let Some(item) = item {
            self.jump_to(item);
        }
    }

    /// Into the warehouse that is selected.
    pub(crate) fn enter(&mut self) {
        let site = match &self.selected {
            Some(ItemId::Site(id) | ItemId::Position(id, _)) => id.clone(),
            Some(ItemId::Device(id)) => match self.shown().devices.get(id) {
                Some(device) if device.vehicle.is_none() => device.site.clone(),
                _ => return,
            },
            _ => return,
        };
        let kept = self.shown().sites.get(&site).map_or(0, |site| site.stock.positions);
        let own = self.plans.get(&site).or_else(|| self.told_plan(&site)).cloned();
        let plan = own.or_else(|| SitePlan::generate(self.shown(), &site));
        match plan {
            Some(plan) if kept > 0 || !plan.generated => {
                if plan.generated {
                    self.desk.want(Question::Plan(site.clone()), PLAN_EVERY, self.elapsed);
                }
                if self.wants_stock() {
                    self.desk.want(Question::Stock(site), STOCK_EVERY, self.elapsed);
                }
                self.inside = Some(Inside { plan, view: None, slot: None, sides: BTreeMap::new() });
            }
            _ => {
                let why = self.words.pick("nothing is kept here, so there is no inside", "此处不存货，没有内部视图");
                self.say(why.to_owned());
            }
        }
    }

    /// The plan that the gateway gave of a site.
    fn told_plan(&self, site: &SiteId) -> Option<&SitePlan> {
        match self.desk.peek(&Question::Plan(site.clone())) {
            Some(Ok(Answer::Plan(plan))) => plan.as_deref(),
            _ => None,
        }
    }

    /// Takes an answer of the gateway.
    pub(crate) fn take_answer(&mut self, question: &Question, answer: Result<Answer, String>) {
        self.acted += 1;
        match (question, &answer) {
            (Question::Stock(site), Ok(Answer::Stock(rows))) => {
                let rows: BTreeMap<_, _> = rows.iter().map(|row| (row.sku.clone(), row.clone())).collect();
                if !self.past.in_chapter() {
                    self.past.known.stock.insert(site.clone(), rows.clone());
                }
                self.known.stock.insert(site.clone(), rows);
                let again =
                    self.inside.as_ref().is_some_and(|inside| inside.plan.generated && inside.plan.site == *site);
                if again && let (Some(inside), Some(plan)) = (&mut self.inside, SitePlan::generate(&self.known, site)) {
                    inside.plan = plan; // what is kept where is known only now
                }
            }
            (Question::Plan(site), Ok(Answer::Plan(Some(plan)))) => {
                if let Some(inside) = &mut self.inside
                    && inside.plan.site == *site
                    && inside.plan.generated
                {
                    *inside = Inside { plan: (**plan).clone(), view: None, slot: None, sides: BTreeMap::new() };
                }
            }
            (Question::Decide(_, approve), Ok(_)) => {
                let said = if *approve { ("approved", "已批准") } else { ("rejected", "已拒绝") };
                self.say(self.words.pick(said.0, said.1).to_owned());
                self.desk.ask(Question::Proposals, self.elapsed);
            }
            (Question::Command(device, ..), Ok(Answer::Command(command))) => {
                let id = &command.command;
                self.say(
                    self.words.pick(format!("{device}: command {id} given"), format!("{device}：已下达指令 {id}")),
                );
            }
            (Question::Run(..), Ok(Answer::Operation(operation))) => {
                let id = operation.id.to_string();
                self.desk.ask(Question::Progress(id), self.elapsed);
            }
            (Question::Outcome(_), Ok(Answer::Outcome(outcome))) => {
                self.what_if.effects = crate::scene::what_if::effects(outcome, 1);
                self.what_if.revision += 1;
                if self.what_if.compare == Compare::Off {
                    self.what_if.compare = Compare::Ghost;
                }
            }
            (Question::Movements(_), Ok(Answer::Movements(Some(movements)))) => match Movements::of(movements) {
                Ok(movements) => self.what_if.take_movements(movements),
                Err(why) => self.say(why.to_string()),
            },
            // What nobody did is no news: the panel that asked for it shows what it has.
            (Question::Forecast(..) | Question::Series { .. } | Question::Stock(_), Err(_)) => {}
            (_, Err(why)) => self.say(why.clone()),
            _ => {}
        }
        self.desk.take(question, answer, self.elapsed);
    }

    /// Begins a what-if.
    pub(crate) fn run_scenario(&mut self, scenario: &str) {
        let seq = self.known.seq;
        let key = format!("viewer-{scenario}-{seq}-{}", self.elapsed.as_millis());
        let key: String = key.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
        self.what_if.begin(key.clone(), scenario);
        self.desk.ask(Question::Run(scenario.to_owned(), key), self.elapsed);
    }

    fn record(&mut self) {
        let Some(recorder) = self.recorder.clone() else { return };
        let Ok(mut recorder) = recorder.lock() else { return };
        let said = if recorder.is_recording() {
            recorder.end().map(|path| {
                let path = path.map(|path| path.display().to_string()).unwrap_or_default();
                self.words.pick(format!("recorded: {path}"), format!("已录制：{path}"))
            })
        } else {
            let name = format!("portolan-{}.jsonl", self.known.seq);
            recorder
                .begin(std::path::Path::new(&name))
                .map(|()| self.words.pick(format!("recording into {name}"), format!("正在录制到 {name}")))
        };
        drop(recorder);
        self.say(said.unwrap_or_else(|why| why.to_string()));
    }

    /// Whether something on the chart moves by itself, so that it must be drawn again soon.
    pub(crate) fn animates(&self) -> bool {
        let future = self.what_if.runs && self.what_if.moves();
        !self.still && (future || self.timeline.runs() && (self.fleet.moves() || !self.timeline.is_live()))
    }

    /// What a click on the chart means.
    pub(crate) fn click(&mut self, at: ScreenPoint, reach_px: f64) {
        if let Some(cluster) = self.sites.pick_cluster(&self.view, at).cloned()
            && self.hovered.is_none()
        {
            let known = self.shown();
            let places = cluster.members.iter().filter_map(|id| known.sites.get(id));
            let points: Vec<ChartPoint> = places.map(|site| ChartPoint::of(site.position)).collect();
            let margins = Margins { top: 120.0, bottom: 120.0, left: 160.0, right: 160.0 };
            self.view.fit(&points, margins, self.view.scale.max(500.0));
            self.moved = true;
            return;
        }
        self.selected = self.pick(at, reach_px);
        self.following &= self.selected.is_some();
    }

    /// What is at a place of the window: vehicles before sites.
    pub(crate) fn pick(&self, at: ScreenPoint, reach_px: f64) -> Option<ItemId> {
        let now = self.now()?;
        let vehicles = self.layers.on(Layers::VEHICLES);
        let vehicle = vehicles.then(|| self.fleet.pick(&self.view, at, reach_px, now)).flatten();
        let site = || self.layers.on(Layers::SITES).then(|| self.sites.pick(&self.view, at, reach_px)).flatten();
        vehicle.map(ItemId::Vehicle).or_else(|| site().map(ItemId::Site))
    }
}
