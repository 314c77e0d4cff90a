//! The page itself, from top to bottom.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use firmware_schemas::network::{Mode, TemperatureClass};

use super::About;
use super::charts::{self, Bands, Panel, Point, Track, colour, verdict_class};
use super::figures::{Compared, Figure, Line, Verdict, parts, short};
use super::number::{Style, fixed, whole};
use super::rows::{lanes, lines, sites};
use super::style::STYLE;
use super::svg::Drawing;
use super::words::{self, Language, Text, fill};
use crate::experiment::{Kpi, Outcome, Part, Scope};
use crate::kernel::{BUCKET_DAYS, Stat};
use crate::situation::carbon;

/// Sites of a table of the worst.
const SITES_MAX: usize = 15;
/// Scenarios of a table, beside the base.
const SCENARIOS_MAX: usize = 4;
/// Lanes of a table of changes.
const LANES_MAX: usize = 12;
/// Classes of a table.
const CLASSES_MAX: usize = 12;

/// Key figures by group.
const GROUPS: [(Text, &[Kpi]); 4] = [
    (
        words::SERVICE_GROUP,
        &[
            Kpi::FillRate,
            Kpi::CycleServiceLevel,
            Kpi::ShortDays,
            Kpi::Demand,
            Kpi::Lost,
            Kpi::BackorderWait,
            Kpi::MeanBackorders,
        ],
    ),
    (
        words::STOCK_GROUP,
        &[Kpi::MeanOnHand, Kpi::DaysOfCover, Kpi::Turns, Kpi::Bullwhip, Kpi::Orders, Kpi::Transshipped, Kpi::Wasted],
    ),
    (
        words::MONEY_GROUP,
        &[
            Kpi::TotalCost,
            Kpi::RelevantCost,
            Kpi::HoldingCost,
            Kpi::BackorderCost,
            Kpi::LostCost,
            Kpi::OrderCost,
            Kpi::PurchaseCost,
            Kpi::TransshipmentCost,
            Kpi::WasteCost,
            Kpi::FreightCost,
            Kpi::LostMargin,
        ],
    ),
    (words::TRANSPORT_GROUP, &[Kpi::TonneKm, Kpi::Co2e]),
];

/// Those of the forest.
const MAIN: [Kpi; 13] = [
    Kpi::Demand,
    Kpi::FillRate,
    Kpi::CycleServiceLevel,
    Kpi::ShortDays,
    Kpi::Lost,
    Kpi::BackorderWait,
    Kpi::MeanOnHand,
    Kpi::Turns,
    Kpi::Bullwhip,
    Kpi::TotalCost,
    Kpi::HoldingCost,
    Kpi::FreightCost,
    Kpi::Co2e,
];

/// A report as one HTML file that needs nothing else. The first outcome is the base that others are compared
/// with; figures, charts and tables are of the whole network unless they say otherwise.
pub fn html(outcomes: &[Outcome], about: &About) -> String {
    let mut page = Page { outcomes, about, lines: Vec::new(), out: String::new() };
    page.head();
    if outcomes.is_empty() {
        let text = page.say(words::NO_OUTCOMES);
        page.paragraph("", text);
    } else {
        page.lines = lines(outcomes);
        page.headlines();
        page.key_figures();
        page.trade_off();
        page.over_time();
        page.differences();
        page.tables();
        page.how();
    }
    page.out.push_str("</main>\n</body>\n</html>\n");
    page.out
}

/// Text as it stands in HTML, in an element or in an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            // HTML has no place for these, written out or not.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

struct Page<'a> {
    outcomes: &'a [Outcome],
    about: &'a About,
    lines: Vec<Line>,
    out: String,
}

impl<'a> Page<'a> {
    fn language(&self) -> Language {
        self.about.language
    }

    fn say(&self, text: Text) -> &'static str {
        text.of(self.language())
    }

    fn base(&self) -> &'a Outcome {
        &self.outcomes[0]
    }

    /// Cases but the base.
    fn scenarios(&self) -> impl Iterator<Item = (usize, &'a Outcome)> + use<'a> {
        self.outcomes.iter().enumerate().skip(1)
    }

    fn currency(&self) -> &'a str {
        &self.base().model.situation().currency
    }

    fn line(&self, kpi: Kpi) -> &Line {
        &self.lines[kpi as usize]
    }

    fn style(&self, line: &Line) -> Style {
        Style::of(line.kpi, self.currency(), line.widest(), self.language())
    }

    /// Replications of the pairs with the base.
    fn pairs(&self, case: usize) -> usize {
        let of = |outcome: &Outcome| outcome.tally.replications().len();
        of(self.base()).min(of(&self.outcomes[case]))
    }

    fn push(&mut self, html: &str) {
        self.out.push_str(html);
    }

    fn paragraph(&mut self, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        // Writing to a string cannot fail.
        _ = writeln!(self.out, "<p{class}>{}</p>", escape(text));
    }

    fn heading(&mut self, text: Text) {
        _ = writeln!(self.out, "<h2>{}</h2>", escape(text.of(self.language())));
    }

    fn heading3(&mut self, text: &str) {
        _ = writeln!(self.out, "<h3>{}</h3>", escape(text));
    }

    fn head(&mut self) {
        let (title, lang) = (escape(&self.about.title), self.say(words::LANG));
        _ = write!(
            self.out,
            "<!DOCTYPE html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        );
        let about = self.about;
        let made = match about.from.as_str() {
            "" => fill(self.say(words::MADE_AT), &[&about.made_at]),
            from => fill(self.say(words::MADE), &[&about.made_at, from]),
        };
        let mut parts = if about.made_at.is_empty() { Vec::new() } else { vec![made] };
        if let Some(base) = self.outcomes.first() {
            let counted = base.model.counted_days();
            let start = base.model.situation().start;
            let day = |day: u32| {
                let text = start.saturating_add(Duration::from_secs(u64::from(day) * 86_400)).to_string();
                text.get(..10).unwrap_or(&text).to_owned()
            };
            let warm_up = base.model.days() - counted;
            let last = warm_up + counted.saturating_sub(1);
            parts.push(fill(self.say(words::SPAN), &[&whole(counted.into()), &day(warm_up), &day(last)]));
            parts.push(self.replications());
            parts.push(fill(self.say(words::SEED), &[&about.seed.to_string()]));
        }
        let parts: Vec<String> =
            parts.iter().map(|part| format!("<span class=\"part\">{}</span>", escape(part))).collect();
        let html = format!("<p class=\"soft full\">{}</p>\n", parts.join(" · "));
        self.push(&html);
    }

    /// How many there are, from the fewest to the most.
    fn replications(&self) -> String {
        let counts = self.outcomes.iter().map(|o| o.tally.replications().len());
        let (least, most) = (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0));
        if most == 1 {
            return self.say(words::ONE_REPLICATION).to_owned();
        }
        let text = if least == most {
            whole(most as u64)
        } else {
            format!("{}–{}", whole(least as u64), whole(most as u64))
        };
        fill(self.say(words::REPLICATIONS), &[&text])
    }

    /// The mark of a case, as charts have it.
    fn key(&self, case: usize) -> String {
        let mut drawing = Drawing::new(14.0, 14.0);
        drawing.mark(&format!("mark {}", colour(case)), (7.0, 7.0), case);
        drawing.finish("").replacen(" role=\"img\" aria-label=\"\"", " class=\"key\" aria-hidden=\"true\"", 1).replacen(
            "<title></title>",
            "",
            1,
        )
    }

    fn headlines(&mut self) {
        self.heading(words::IN_SHORT);
        self.push("<ul class=\"cards\">\n");
        for (case, outcome) in self.outcomes.iter().enumerate() {
            let text = if case == 0 { self.as_is() } else { self.headline(case) };
            let story = self.about.stories.get(case).filter(|story| !story.is_empty());
            let story = story.map(|s| format!("<p class=\"story\">{}</p>", escape(s))).unwrap_or_default();
            let (key, name) = (self.key(case), escape(&outcome.name));
            let html = format!(
                "<li class=\"{}\"><h3>{key}<span>{name}</span></h3>{story}<p>{}</p></li>\n",
                colour(case),
                escape(&text)
            );
            self.push(&html);
        }
        self.push("</ul>\n");
    }

    fn as_is(&self) -> String {
        let of = |kpi| {
            let line = self.line(kpi);
            let style = self.style(line);
            line.cases[0].case.map_or("–".to_owned(), |f| style.value(f.mean, f.half_width))
        };
        fill(self.say(words::AS_IS_SAYS), &[&of(Kpi::FillRate), &of(Kpi::TotalCost)]) + self.say(words::STOP)
    }

    /// One sentence that says no more than the numbers show.
    pub(super) fn headline(&self, case: usize) -> String {
        let n = self.pairs(case);
        if n < 2 {
            return self.say(words::NOTHING_KNOWN).to_owned() + self.say(words::STOP);
        }
        let mut clauses: Vec<String> = Vec::new();
        let (mut hardly, mut open): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        let subjects = [
            (Kpi::Demand, [words::DEMAND_FALLS, words::DEMAND_RISES], None),
            (Kpi::FillRate, [words::FILL_FALLS, words::FILL_RISES], Some(words::IN_FILL)),
            (Kpi::TotalCost, [words::COSTS_FALL, words::COSTS_RISE], Some(words::IN_COSTS)),
            (Kpi::MeanOnHand, [words::STOCK_FALLS, words::STOCK_RISES], Some(words::IN_STOCK)),
            (Kpi::Co2e, [words::GASES_FALL, words::GASES_RISE], Some(words::IN_GASES)),
        ];
        for (kpi, templates, otherwise) in subjects {
            let line = self.line(kpi);
            let compared = line.cases[case];
            let (Some(base), Some(now), Some(d)) = (compared.base, compared.case, compared.difference) else {
                continue;
            };
            if !compared.verdict.is_shown() {
                open.extend(otherwise.filter(|_| line.is_told()).map(|text| self.say(text)));
                continue;
            }
            let (of_all, least) = if kpi == Kpi::FillRate { (1.0, 5e-5) } else { (base.mean.abs(), 1e-3) };
            if d.mean.abs() < least * of_all {
                hardly.extend(otherwise.map(|text| self.say(text)));
                continue;
            }
            let template = self.say(templates[usize::from(d.mean > 0.0)]);
            let style = self.style(line);
            clauses.push(if kpi == Kpi::FillRate {
                let value = |f: Figure| style.value_like(f.mean, d.mean, d.half_width);
                fill(template, &[&value(base), &value(now), &style.difference(d.mean, d.half_width)])
            } else {
                fill(template, &[&style.amount(d.mean, d.half_width), &self.share(compared)])
            });
        }
        let n = whole(n as u64);
        if clauses.is_empty() && hardly.is_empty() {
            return fill(self.say(words::NOTHING_SHOWN), &[&n]) + self.say(words::STOP);
        }
        let list = |of: &[&str]| match of {
            [others @ .., last] if !others.is_empty() => {
                format!("{}{}{last}", others.join(self.say(words::COMMA)), self.say(words::AND))
            }
            of => of.concat(),
        };
        if !hardly.is_empty() {
            clauses.push(fill(self.say(words::HARDLY), &[&list(&hardly)]));
        }
        if !open.is_empty() {
            clauses.push(fill(self.say(words::NOTHING_SHOWN_IN), &[&n, &list(&open)]));
        }
        let mut text = clauses.join(self.say(words::SEPARATOR)) + self.say(words::STOP);
        if let Some(first) = text.get(..1).map(str::to_uppercase) {
            text.replace_range(..1, &first);
        }
        text
    }

    /// A difference as a share of the base.
    fn share(&self, compared: Compared) -> String {
        match compared.relative() {
            Some(f) => Style::percent(1).difference_alone(f.mean, f.half_width),
            None => self.say(words::WITHOUT_BASE).to_owned(),
        }
    }

    /// A difference with its mark.
    fn marked(&self, compared: &Compared, style: &Style) -> String {
        let Some(d) = compared.difference else { return String::new() };
        let sign = match compared.verdict {
            Verdict::Better => "✓",
            Verdict::Worse => "✗",
            Verdict::More => "↑",
            Verdict::Less => "↓",
            Verdict::Same => "○",
            Verdict::Unknown => "?",
        };
        if d.mean == 0.0 && d.half_width.is_none_or(|h| h == 0.0) {
            return "<span class=\"d unclear\">=</span>".to_owned();
        }
        format!(
            "<span class=\"d {}\"><span class=\"m\">{sign}</span> {} &#160;{}</span>",
            verdict_class(compared.verdict),
            escape(words::verdict(compared.verdict, self.language())),
            escape(&style.bare_difference(d.mean, d.half_width))
        )
    }

    fn cell(&self, figure: Option<Figure>, style: &Style, below: &str) -> String {
        let text = figure.map_or("–".to_owned(), |f| style.bare(f.mean, f.half_width));
        format!("<td class=\"n\">{}{below}</td>", escape(&text))
    }

    /// Columns of tables of all cases: the base, and as many scenarios as fit beside it.
    fn columns(&self) -> Vec<Vec<usize>> {
        let scenarios: Vec<usize> = (1..self.outcomes.len()).collect();
        let n_tables = scenarios.len().div_ceil(SCENARIOS_MAX).max(1);
        let columns = |of: &[usize]| std::iter::once(0).chain(of.iter().copied()).collect();
        if scenarios.is_empty() {
            vec![vec![0]]
        } else {
            scenarios.chunks(scenarios.len().div_ceil(n_tables)).map(columns).collect()
        }
    }

    /// A row of a key figure, the base and scenarios.
    fn row(&mut self, line: &Line, columns: &[usize]) {
        let style = self.style(line);
        let name = escape(words::name(line.kpi, self.language()));
        let mut row = format!("<tr><th scope=\"row\">{name}</th><td>{}</td>", escape(&style.unit));
        for case in columns {
            let compared = &line.cases[*case];
            let below = if *case == 0 { String::new() } else { self.marked(compared, &style) };
            row.push_str(&self.cell(compared.case, &style, &below));
        }
        row.push_str("</tr>\n");
        self.push(&row);
    }

    /// Head of a table with the base and scenarios as columns.
    fn head_of_cases(&mut self, caption: &str, columns: &[usize]) {
        let head = |text: &str, class: &str| format!("<th scope=\"col\"{class}>{}</th>", escape(text));
        let mut html = String::from("<div class=\"scroll\"><table class=\"full\">\n");
        if !caption.is_empty() {
            _ = writeln!(html, "<caption>{}</caption>", escape(caption));
        }
        _ = write!(html, "<thead><tr>{}{}", head(self.say(words::FIGURE), ""), head(self.say(words::UNIT), ""));
        for case in columns {
            html.push_str(&head(&self.outcomes[*case].name, " class=\"n\""));
        }
        html.push_str("</tr></thead>\n");
        self.push(&html);
    }

    fn row_group(&mut self, name: &str, columns: &[usize]) {
        let columns = columns.len() + 2;
        let html = format!(
            "<tbody><tr><th class=\"group\" colspan=\"{columns}\" scope=\"rowgroup\">{}</th></tr>\n",
            escape(name)
        );
        self.push(&html);
    }

    fn key_figures(&mut self) {
        self.heading(words::KPIS);
        let note = fill(self.say(words::KPIS_NOTE), &[&self.base().name]);
        self.paragraph("note", &note);
        let left_out: Vec<&str> = Kpi::ALL
            .iter()
            .filter(|kpi| !self.line(**kpi).is_told())
            .map(|kpi| words::name(*kpi, self.language()))
            .collect();
        for columns in self.columns() {
            self.head_of_cases("", &columns);
            for (group, kpis) in GROUPS {
                let told: Vec<Line> = kpis.iter().map(|kpi| self.line(*kpi)).filter(|l| l.is_told()).cloned().collect();
                if told.is_empty() {
                    continue;
                }
                self.row_group(self.say(group), &columns);
                for line in told {
                    self.row(&line, &columns);
                }
                self.push("</tbody>\n");
            }
            self.push("</table></div>\n");
        }
        if !left_out.is_empty() {
            let list = left_out.join(self.say(words::COMMA));
            let text = fill(self.say(words::ALL_ZERO), &[&list]);
            self.paragraph("note", &text);
        }
    }

    fn trade_off(&mut self) {
        self.heading(words::TRADE_OFF);
        let (service, cost) = (self.line(Kpi::FillRate), self.line(Kpi::TotalCost));
        let points: Vec<Point<'_>> = self
            .outcomes
            .iter()
            .enumerate()
            .filter_map(|(case, outcome)| {
                Some(Point {
                    case,
                    name: &outcome.name,
                    cost: cost.cases[case].case?,
                    service: service.cases[case].case?,
                })
            })
            .collect();
        if points.is_empty() {
            let text = self.say(words::NOTHING_ASKED);
            return self.paragraph("note", text);
        }
        let svg = charts::trade_off(&points, &self.style(cost), &self.style(service), self.language());
        let note = self.say(words::TRADE_OFF_NOTE);
        self.paragraph("note", note);
        self.push("<div class=\"wide\">");
        self.push(&svg);
        self.push("</div>\n");
    }

    fn over_time(&mut self) {
        self.heading(words::SERVICE_OVER_TIME);
        let base = self.base();
        let merge = charts::merged(base.tally.n_buckets());
        let days = whole(u64::from(BUCKET_DAYS) * merge as u64);
        if base.tally.n_buckets() < 2 {
            let text = self.say(words::NO_TIME);
            return self.paragraph("note", text);
        }
        let note = if self.outcomes.len() > 1 { words::OVER_TIME_NOTE } else { words::OVER_TIME_NOTE_BASE };
        let mut note = fill(self.say(note), &[&days, &base.name]);
        let struck: Vec<String> = self
            .scenarios()
            .filter_map(|(_, outcome)| {
                let mut names: Vec<&str> = charts::struck(base, outcome).into_iter().map(|(_, _, name)| name).collect();
                names.dedup();
                (!names.is_empty()).then(|| format!("{} ({})", outcome.name, names.join(self.say(words::COMMA))))
            })
            .collect();
        if !struck.is_empty() {
            note.push(' ');
            note.push_str(&fill(self.say(words::DISRUPTED), &[&struck.join(self.say(words::SEPARATOR))]));
        }
        self.paragraph("note", &note);
        let share = self.style(self.line(Kpi::FillRate));
        let pieces = Style::of(Kpi::Orders, "", 0.0, self.language());
        for (text, track, style) in [
            (words::WEEKLY_FILL, Track::Fill, &share),
            (words::WEEKLY_WAITING, Track::Mean(Stat::BackorderDays), &pieces),
            (words::WEEKLY_LOST, Track::Mean(Stat::Lost), &pieces),
        ] {
            let all: Vec<Option<Bands>> = self.outcomes.iter().map(|o| Some(charts::bands(o, None, track))).collect();
            self.panels(self.say(text), &all, style, track == Track::Fill);
        }
        self.heading(words::STOCK_OVER_TIME);
        let tiers: BTreeSet<u8> = self.outcomes.iter().flat_map(|o| o.model.tiers()).copied().collect();
        for tier in tiers {
            let at = |o: &Outcome| o.model.tiers().iter().position(|t| *t == tier);
            let of = |o: &Outcome| at(o).map(|at| charts::bands(o, Some(at), Track::Mean(Stat::OnHandDays)));
            let all: Vec<Option<Bands>> = self.outcomes.iter().map(of).collect();
            let title = format!("{} – {}", self.echelon(tier), self.say(words::PIECES_ON_HAND));
            self.panels(&title, &all, &pieces, false);
        }
    }

    /// `Echelon 1: regional warehouse`, by the kinds of its sites.
    fn echelon(&self, tier: u8) -> String {
        let sites = self.outcomes.iter().flat_map(|o| &o.model.situation().sites);
        let kinds: BTreeSet<&str> = sites.filter(|site| site.tier == tier).map(|site| site.kind.as_str()).collect();
        let kinds: Vec<String> = kinds.into_iter().map(|kind| words::trade(kind, self.language())).collect();
        fill(self.say(words::ECHELON_OF), &[&tier.to_string(), &kinds.join(self.say(words::COMMA))])
    }

    /// A row of charts, one for each scenario with the base behind it; nothing if all is zero.
    fn panels(&mut self, title: &str, all: &[Option<Bands>], style: &Style, is_share: bool) {
        let Some((least, most)) = charts::range(all.iter().flatten()) else { return };
        if !is_share && most <= 0.0 {
            return;
        }
        let range = if is_share { (least.min(0.999), 1.0) } else { (0.0, most) };
        let counted = self.base().model.counted_days();
        let warm_up = self.base().model.days() - counted;
        let since = Duration::from_secs(u64::from(warm_up) * 86_400);
        self.heading3(title);
        self.push("<div class=\"panels\">\n");
        let empty: Bands = Vec::new();
        let base = all.first().and_then(Option::as_ref).unwrap_or(&empty);
        let first = usize::from(self.outcomes.len() > 1);
        for (case, (outcome, own)) in self.outcomes.iter().zip(all).enumerate().skip(first) {
            let own = own.as_ref().unwrap_or(&empty);
            let cases = if case == 0 { vec![(0, base)] } else { vec![(0, base), (case, own)] };
            let panel = Panel {
                title: &outcome.name,
                cases: &cases,
                range,
                style,
                start: outcome.model.situation().start.saturating_add(since),
                days: counted,
                merge: charts::merged(self.base().tally.n_buckets()),
                shaded: &charts::struck(self.base(), outcome),
            };
            let svg = panel.draw(self.language());
            self.push(&svg);
        }
        self.push("</div>\n");
    }

    fn differences(&mut self) {
        if self.outcomes.len() < 2 {
            return;
        }
        let told = |kpi: &Kpi| Some(self.line(*kpi)).filter(|line| line.is_told()).cloned();
        let lines: Vec<Line> = MAIN.iter().filter_map(told).collect();
        if lines.is_empty() {
            return;
        }
        self.heading(words::DIFFERENCES);
        let note = fill(self.say(words::DIFFERENCES_NOTE), &[&self.base().name]);
        self.paragraph("note", &note);
        let reach = charts::reach(&lines);
        self.push("<div class=\"panels broad\">\n");
        for (case, outcome) in self.scenarios() {
            let svg = charts::forest(&lines, case, &outcome.name, reach, self.language());
            self.push(&svg);
        }
        self.push("</div>\n");
        let mut legend = String::from("<p class=\"note\">");
        for verdict in [Verdict::Better, Verdict::Worse, Verdict::More, Verdict::Same] {
            let (shape, class) = match verdict {
                Verdict::Better => (0, "mark better"),
                Verdict::Worse => (1, "mark worse"),
                Verdict::More => (3, "mark changed"),
                _ => (0, "mark hollow unclear"),
            };
            let mut drawing = Drawing::new(14.0, 14.0);
            drawing.mark(class, (7.0, 7.0), shape);
            let svg = drawing.finish("").replacen(
                " role=\"img\" aria-label=\"\"",
                " class=\"key inline\" aria-hidden=\"true\"",
                1,
            );
            let word = match verdict {
                Verdict::More => format!("{}/{}", self.say(words::MORE), self.say(words::LESS)),
                verdict => words::verdict(verdict, self.language()).to_owned(),
            };
            _ = write!(legend, "{} {} &#160; ", svg.replacen("<title></title>", "", 1).trim_end(), escape(&word));
        }
        legend.push_str("</p>\n");
        self.push(&legend);
    }

    fn tables(&mut self) {
        self.heading(words::WHERE);
        self.echelons();
        self.classes();
        if self.outcomes.len() > 1 {
            self.sites();
            self.lanes();
        }
    }

    fn echelons(&mut self) {
        let tiers: BTreeSet<u8> = self.outcomes.iter().flat_map(|o| o.model.tiers()).copied().collect();
        if tiers.len() < 2 {
            return;
        }
        let kpis = [Kpi::FillRate, Kpi::Lost, Kpi::MeanOnHand, Kpi::Bullwhip, Kpi::FreightCost];
        let groups: Vec<(String, Vec<Line>)> =
            tiers.into_iter().map(|tier| (self.echelon(tier), self.lines_of(Scope::Tier(tier), &kpis))).collect();
        self.groups(self.say(words::ECHELONS), &groups);
    }

    fn lines_of(&self, scope: Scope<'_>, kpis: &[Kpi]) -> Vec<Line> {
        let parts = parts(self.outcomes, scope);
        kpis.iter().map(|kpi| Line::of(self.outcomes, &parts, *kpi)).filter(Line::is_told).collect()
    }

    fn groups(&mut self, caption: &str, groups: &[(String, Vec<Line>)]) {
        for columns in self.columns() {
            self.head_of_cases(caption, &columns);
            for (name, lines) in groups {
                self.row_group(name, &columns);
                for line in lines {
                    self.row(line, &columns);
                }
                self.push("</tbody>\n");
            }
            self.push("</table></div>\n");
        }
    }

    fn classes(&mut self) {
        let classes: BTreeSet<&str> =
            self.outcomes.iter().flat_map(|o| o.model.classes()).map(String::as_str).collect();
        if classes.len() < 2 {
            return;
        }
        let demand = |class: &str| {
            let part = Part::of(&self.base().model, Scope::Class(class));
            Figure::of(&self.base().values_over(Kpi::Demand, &part)).map_or(0.0, |f| f.mean)
        };
        let mut ranked: Vec<(f64, &str)> = classes.iter().map(|class| (demand(class), *class)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let left_out = ranked.len().saturating_sub(CLASSES_MAX);
        let shown: BTreeSet<&str> = ranked.iter().take(CLASSES_MAX).map(|(_, class)| *class).collect();
        let kpis = [Kpi::FillRate, Kpi::Lost, Kpi::MeanOnHand, Kpi::HoldingCost];
        let groups: Vec<(String, Vec<Line>)> =
            shown.into_iter().map(|class| (class.to_owned(), self.lines_of(Scope::Class(class), &kpis))).collect();
        self.groups(self.say(words::CLASSES), &groups);
        if left_out > 0 {
            let text = fill(self.say(words::MORE_CLASSES), &[&whole(left_out as u64)]);
            self.paragraph("note", &text);
        }
    }

    /// A table with a caption and columns; the first ones are words, the others numbers.
    fn open_table(&mut self, caption: &str, words: &[&str], numbers: &[String]) {
        let mut html = format!(
            "<div class=\"scroll\"><table class=\"full\">\n<caption>{}</caption>\n<thead><tr>",
            escape(caption)
        );
        for word in words {
            _ = write!(html, "<th scope=\"col\">{}</th>", escape(word));
        }
        for number in numbers {
            _ = write!(html, "<th scope=\"col\" class=\"n\">{}</th>", escape(number));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        self.push(&html);
    }

    /// Base and difference in one cell.
    fn pair(&self, compared: &Compared, style: &Style) -> String {
        let place = compared.difference.and_then(|d| d.half_width);
        let text = compared.base.map_or("–".to_owned(), |f| style.plain_like(f.mean, place));
        format!("<td class=\"n\">{}{}</td>", escape(&text), self.marked(compared, style))
    }

    fn sites(&mut self) {
        self.heading3(self.say(words::SITES));
        let note = fill(self.say(words::SITES_NOTE), &[&SITES_MAX.to_string(), &self.base().name]);
        self.paragraph("note", &note);
        let base = self.base();
        let base_sites = sites(base);
        let pieces = Style::of(Kpi::Lost, "", 0.0, self.language());
        let share = self.style(self.line(Kpi::FillRate));
        for (_, outcome) in self.scenarios() {
            let here = sites(outcome);
            let n_common = here.keys().filter(|id| base_sites.contains_key(*id)).count();
            let n_unmatched = here.len() + base_sites.len() - 2 * n_common;
            let mut worse = Vec::new();
            for (id, at) in &here {
                let Some(base_at) = base_sites.get(id) else { continue };
                let part = Part::of(&outcome.model, Scope::Site(*at));
                let base_part = Part::of(&base.model, Scope::Site(*base_at));
                let compared = Compared::of(&short(base, &base_part), &short(outcome, &part), -1);
                if compared.verdict == Verdict::Worse {
                    worse.push((compared, *id, *at, part, base_part));
                }
            }
            let rise = |c: &Compared| c.difference.map_or(0.0, |d| d.mean);
            worse.sort_by(|a, b| rise(&b.0).total_cmp(&rise(&a.0)).then(a.1.cmp(b.1)));
            let more = worse.len().saturating_sub(SITES_MAX);
            if worse.is_empty() {
                let text = format!("{}: {}", outcome.name, self.say(words::NO_SITE_WORSE));
                self.paragraph("", &text);
            } else {
                let unit = |kpi: Kpi, style: &Style| format!("{} ({})", words::name(kpi, self.language()), style.unit);
                let short = format!("{} ({})", self.say(words::SHORT), pieces.unit);
                let columns = [short, unit(Kpi::FillRate, &share), unit(Kpi::Lost, &pieces)];
                let level = fill(self.say(words::ECHELON), &[""]);
                self.open_table(&outcome.name, &[self.say(words::SITE), level.trim()], &columns);
                for (compared, id, at, part, base_part) in worse.iter().take(SITES_MAX) {
                    let of = |kpi: Kpi| {
                        Compared::of(&base.values_over(kpi, base_part), &outcome.values_over(kpi, part), kpi.better())
                    };
                    let html = format!(
                        "<tr><th scope=\"row\">{}</th><td>{}</td>{}{}{}</tr>\n",
                        escape(id.as_str()),
                        outcome.model.situation().sites[*at as usize].tier,
                        self.pair(compared, &pieces),
                        self.pair(&of(Kpi::FillRate), &share),
                        self.pair(&of(Kpi::Lost), &pieces)
                    );
                    self.push(&html);
                }
                self.push("</tbody></table></div>\n");
            }
            self.remarks(more, words::MORE_SITES, n_unmatched);
        }
    }

    fn remarks(&mut self, more: usize, text: Text, n_unmatched: usize) {
        if more > 0 {
            let text = fill(self.say(text), &[&whole(more as u64)]);
            self.paragraph("note", &text);
        }
        if n_unmatched > 0 {
            let text = fill(self.say(words::UNMATCHED), &[&whole(n_unmatched as u64)]);
            self.paragraph("note", &text);
        }
    }

    fn lanes(&mut self) {
        if self.outcomes.iter().all(|o| o.model.situation().lanes.is_empty()) {
            return;
        }
        self.heading3(self.say(words::LANES));
        let note = fill(self.say(words::LANES_NOTE), &[&LANES_MAX.to_string(), &self.base().name]);
        self.paragraph("note", &note);
        let base = self.base();
        let base_lanes = lanes(base);
        let kpis = [Kpi::TonneKm, Kpi::Co2e, Kpi::FreightCost];
        let styles = kpis.map(|kpi| Style::of(kpi, self.currency(), 0.0, self.language()));
        for (_, outcome) in self.scenarios() {
            let here = lanes(outcome);
            let ids: BTreeSet<_> = here.keys().chain(base_lanes.keys()).copied().collect();
            let mut changed = Vec::new();
            for id in ids {
                let values = |outcome: &Outcome, at: Option<&u32>, kpi: Kpi| match at {
                    Some(at) => outcome.values_over(kpi, &Part::of(&outcome.model, Scope::Lane(*at))),
                    // A lane that does not exist carries nothing.
                    None => vec![Some(0.0); outcome.tally.replications().len()],
                };
                let compared = kpis.map(|kpi| {
                    let of_base = values(base, base_lanes.get(id), kpi);
                    Compared::of(&of_base, &values(outcome, here.get(id), kpi), kpi.better())
                });
                if compared.iter().any(|c| c.verdict.is_shown()) {
                    changed.push((compared, id));
                }
            }
            let size = |c: &Compared| c.difference.map_or(0.0, |d| d.mean.abs());
            changed.sort_by(|(a, x), (b, y)| {
                size(&b[1]).total_cmp(&size(&a[1])).then(size(&b[2]).total_cmp(&size(&a[2]))).then(x.cmp(y))
            });
            if changed.is_empty() {
                let text = format!("{}: {}", outcome.name, self.say(words::NO_LANE_CHANGES));
                self.paragraph("", &text);
                continue;
            }
            let columns: Vec<String> = kpis
                .iter()
                .zip(&styles)
                .map(|(kpi, style)| format!("{} ({})", words::name(*kpi, self.language()), style.unit))
                .collect();
            let words = [self.say(words::LANE), self.say(words::FROM_TO), self.say(words::MODE)];
            self.open_table(&outcome.name, &words, &columns);
            for (compared, id) in changed.iter().take(LANES_MAX) {
                let (s, at) = match here.get(id) {
                    Some(at) => (outcome.model.situation(), *at),
                    None => (base.model.situation(), base_lanes[id]),
                };
                let lane = &s.lanes[at as usize];
                let site = |at: u32| s.sites[at as usize].site.as_str();
                let mut html = format!(
                    "<tr><th scope=\"row\">{}</th><td>{} → {}</td><td>{}</td>",
                    escape(id.as_str()),
                    escape(site(lane.from)),
                    escape(site(lane.to)),
                    escape(&words::trade(lane.mode.as_str(), self.language()))
                );
                for (compared, style) in compared.iter().zip(&styles) {
                    html.push_str(&self.pair(compared, style));
                }
                html.push_str("</tr>\n");
                self.push(&html);
            }
            self.push("</tbody></table></div>\n");
            self.remarks(changed.len().saturating_sub(LANES_MAX), words::MORE_LANES, 0);
        }
    }

    fn how(&mut self) {
        self.heading(words::HOW);
        let model = &self.base().model;
        let (days, counted) = (model.days(), model.counted_days());
        let (of_days, of_counted) = (whole(days.into()), whole(counted.into()));
        let seed = self.about.seed.to_string();
        let mut items = vec![fill(self.say(words::HOW_RUN), &[&of_days, &of_counted, &self.replications(), &seed])];
        if days > counted {
            items.push(fill(self.say(words::HOW_WARM), &[&whole((days - counted).into())]));
        }
        items.push(self.say(words::HOW_INTERVAL).to_owned());
        if self.outcomes.len() > 1 {
            items.push(self.say(words::HOW_PAIRS).to_owned());
            items.push(self.say(words::HOW_MANY).to_owned());
        }
        items.push(self.say(words::HOW_SERVED).to_owned());
        items.push(self.say(words::HOW_COST).to_owned());
        self.push("<ul>\n");
        for item in items {
            let html = format!("<li>{}</li>\n", escape(&item));
            self.push(&html);
        }
        self.push("</ul>\n");
        self.variance_ratios();
        self.factors();
    }

    fn variance_ratios(&mut self) {
        let kpis = [Kpi::FillRate, Kpi::TotalCost];
        let text = |ratio: f64| format!("{}\u{a0}%", fixed(ratio * 100.0, if ratio < 0.1 { -1 } else { 0 }, false));
        let ratio = |outcome: &Outcome, kpi| outcome.variance_ratio(self.base(), kpi).map_or("–".to_owned(), text);
        let rows: Vec<(&str, [String; 2])> =
            self.scenarios().map(|(_, o)| (o.name.as_str(), kpis.map(|kpi| ratio(o, kpi)))).collect();
        if rows.is_empty() {
            return;
        }
        let columns = kpis.map(|kpi| words::name(kpi, self.language()).to_owned());
        self.open_small_table(self.say(words::HOW_RATIO), &[self.say(words::CASE)], &columns);
        for (name, [fill, cost]) in rows {
            let html = format!(
                "<tr><th scope=\"row\">{}</th><td class=\"n\">{fill}</td><td class=\"n\">{cost}</td></tr>\n",
                escape(name)
            );
            self.push(&html);
        }
        self.push("</tbody></table></div>\n");
    }

    fn open_small_table(&mut self, note: &str, words: &[&str], numbers: &[String]) {
        self.paragraph("note", note);
        let from = self.out.len();
        self.open_table("", words, numbers);
        let opened = self.out.split_off(from);
        let plain = opened.replacen(" class=\"full\"", "", 1).replacen("<caption></caption>\n", "", 1);
        self.push(&plain);
    }

    fn factors(&mut self) {
        let lanes = self.outcomes.iter().flat_map(|o| &o.model.situation().lanes);
        let modes: BTreeSet<&str> = lanes.map(|lane| lane.mode.as_str()).collect();
        if modes.is_empty() {
            return;
        }
        let is_cooled = self
            .outcomes
            .iter()
            .any(|o| o.model.situation().skus.iter().any(|sku| sku.temperature != TemperatureClass::Dry));
        let cooled = format!(", {}", self.say(words::COOLED));
        let mut rows: Vec<(String, String, f64)> = Vec::new();
        for mode in Mode::ALL.iter().filter(|mode| modes.contains(mode.as_str())) {
            for temperature in [TemperatureClass::Dry, TemperatureClass::Chilled] {
                let grams = carbon::of(*mode, temperature);
                let is_other = temperature != TemperatureClass::Dry;
                if is_other && (!is_cooled || grams == carbon::of(*mode, TemperatureClass::Dry)) {
                    continue;
                }
                let factor = [carbon::SEA, carbon::ROAD, carbon::ROAD_COOLED, carbon::RAIL, carbon::AIR, carbon::BARGE]
                    .into_iter()
                    .find(|factor| factor.grams_per_tonne_km == grams);
                let row: Vec<&str> =
                    factor.map(|f| f.row.into_iter().filter(|part| !part.is_empty()).collect()).unwrap_or_default();
                let name = words::trade(mode.as_str(), self.language()) + if is_other { &cooled } else { "" };
                rows.push((name, row.join(", "), grams));
            }
        }
        let words = [self.say(words::MODE), self.say(words::ROW_OF_SOURCE)];
        self.open_small_table(self.say(words::HOW_FACTORS), &words, &[self.say(words::GRAMS).to_owned()]);
        for (name, row, grams) in rows {
            let html = format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td></tr>\n",
                escape(&name),
                escape(&row),
                fixed(grams, -2, false)
            );
            self.push(&html);
        }
        self.push("</tbody></table></div>\n");
    }
}
