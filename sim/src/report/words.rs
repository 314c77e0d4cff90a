//! All words of a report, in each language.

use super::figures::Verdict;
use crate::experiment::Kpi;

/// What a report is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Chinese, in simplified characters.
    Chinese,
}

/// The same in each language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text(&'static str, &'static str);

impl Text {
    pub(super) fn of(self, language: Language) -> &'static str {
        match language {
            Language::English => self.0,
            Language::Chinese => self.1,
        }
    }
}

/// Puts the arguments in place of `{0}`, `{1}`, …
pub(super) fn fill(template: &str, arguments: &[&str]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((number, after)) = after.split_once('}') else { break };
        out.push_str(number.parse().ok().and_then(|i: usize| arguments.get(i).copied()).unwrap_or_default());
        rest = after;
    }
    out.push_str(rest);
    out
}

macro_rules! words {
    ($($name:ident = $en:literal, $zh:literal;)+) => {
        $(pub(super) const $name: Text = Text($en, $zh);)+
    };
}

words! {
    LANG = "en", "zh-Hans";
    POINTS = "points", "个百分点";
    PIECES = "pieces", "件";
    DAYS = "days", "天";
    A_YEAR = "a year", "次/年";
    MADE = "Made {0} from {1}", "制作于 {0}，来源：{1}";
    MADE_AT = "Made {0}", "制作于 {0}";
    SPAN = "{0} days, {1} to {2}", "{0} 天，{1} 至 {2}";
    REPLICATIONS = "{0} replications", "重复 {0} 次";
    ONE_REPLICATION = "1 replication", "重复 1 次";
    SEED = "seed {0}", "随机种子 {0}";
    NO_OUTCOMES = "There are no cases to report.", "没有可报告的方案。";
    SEPARATOR = "; ", "；";
    STOP = ".", "。";
    AND = " and ", "和";
    COMMA = ", ", "、";

    IN_SHORT = "In short", "要点";
    AS_IS_SAYS = "Fill rate {0}; total cost {1}", "现货满足率 {0}；总成本 {1}";
    FILL_FALLS = "fill rate falls from {0} to {1} ({2})", "现货满足率从 {0} 降至 {1}（{2}）";
    FILL_RISES = "fill rate rises from {0} to {1} ({2})", "现货满足率从 {0} 升至 {1}（{2}）";
    COSTS_FALL = "costs fall by {0} ({1})", "成本减少 {0}（{1}）";
    COSTS_RISE = "costs rise by {0} ({1})", "成本增加 {0}（{1}）";
    STOCK_FALLS = "mean stock falls by {0} ({1})", "平均库存减少 {0}（{1}）";
    STOCK_RISES = "mean stock rises by {0} ({1})", "平均库存增加 {0}（{1}）";
    GASES_FALL = "greenhouse gases of transport fall by {0} ({1})", "运输温室气体减少 {0}（{1}）";
    GASES_RISE = "greenhouse gases of transport rise by {0} ({1})", "运输温室气体增加 {0}（{1}）";
    DEMAND_FALLS = "customers ask for {0} less ({1})", "客户需求减少 {0}（{1}）";
    DEMAND_RISES = "customers ask for {0} more ({1})", "客户需求增加 {0}（{1}）";
    WITHOUT_BASE = "from 0", "原为 0";
    NOTHING_SHOWN = "No difference that {0} replications can show", "重复 {0} 次未能显示任何差异";
    NOTHING_SHOWN_IN = "in {1}, no difference that {0} replications can show", "重复 {0} 次未能显示{1}有差异";
    HARDLY = "{0} change by less than 0.1\u{a0}%", "{0}的变化不到 0.1\u{a0}%";
    NOTHING_KNOWN = "One replication cannot show a difference", "只重复 1 次，无法判断差异";
    IN_FILL = "fill rate", "现货满足率";
    IN_COSTS = "costs", "成本";
    IN_STOCK = "mean stock", "平均库存";
    IN_GASES = "greenhouse gases", "温室气体";

    KPIS = "Key figures", "关键指标";
    KPIS_NOTE = "Means over the whole network and all counted days, with 95\u{a0}% confidence intervals. The second line of a cell is the paired difference from “{0}”.",
        "全网络、全部计入天数的均值，附 95\u{a0}% 置信区间。单元格第二行是与“{0}”的配对差。";
    FIGURE = "Figure", "指标";
    UNIT = "Unit", "单位";
    ALL_ZERO = "Zero or undefined in every case, and left out: {0}.", "各方案均为零或无定义，未列出：{0}。";
    BETTER = "better", "更好";
    WORSE = "worse", "更差";
    MORE = "more", "增加";
    LESS = "less", "减少";
    SAME = "unclear", "不明显";
    UNKNOWN = "not known", "未知";
    SERVICE_GROUP = "Service", "服务";
    STOCK_GROUP = "Stock and flow", "库存与流动";
    MONEY_GROUP = "Money", "成本";
    TRANSPORT_GROUP = "Transport", "运输";

    TRADE_OFF = "Service against cost", "服务与成本";
    TRADE_OFF_NOTE = "Each case is a point; the bars are 95\u{a0}% confidence intervals of its own mean. Up and to the left is better.",
        "每个方案一个点；误差线为各自均值的 95\u{a0}% 置信区间。越靠左上越好。";
    NOTHING_ASKED = "No case has a fill rate: nothing was asked for in some replication.", "没有方案有现货满足率：有的重复中没有需求。";

    SERVICE_OVER_TIME = "Service over time", "服务随时间变化";
    STOCK_OVER_TIME = "Stock over time", "库存随时间变化";
    OVER_TIME_NOTE = "A point is {0} days. The line is the median of the replications, the band holds 80\u{a0}% of them (10\u{a0}% to 90\u{a0}%). Dashed grey is “{1}”.",
        "每点为 {0} 天。线为各次重复的中位数，色带含 80\u{a0}% 的重复（10\u{a0}% 至 90\u{a0}%）。灰色虚线为“{1}”。";
    OVER_TIME_NOTE_BASE = "A point is {0} days. The line is the median of the replications, the band holds 80\u{a0}% of them (10\u{a0}% to 90\u{a0}%).",
        "每点为 {0} 天。线为各次重复的中位数，色带含 80\u{a0}% 的重复（10\u{a0}% 至 90\u{a0}%）。";
    DISRUPTED = "Shaded: {0}.", "阴影：{0}。";
    WEEKLY_FILL = "Fill rate", "现货满足率";
    WEEKLY_WAITING = "Pieces customers wait for", "客户等待的件数";
    WEEKLY_LOST = "Pieces lost a day", "每天流失的件数";
    ECHELON = "Echelon {0}", "第 {0} 级";
    ECHELON_OF = "Echelon {0}: {1}", "第 {0} 级：{1}";
    PIECES_ON_HAND = "pieces on hand", "在库件数";
    NO_TIME = "Nothing was counted long enough for a chart.", "计入的时间太短，无法作图。";

    DIFFERENCES = "Differences", "差异";
    DIFFERENCES_NOTE = "Paired differences from “{0}” as a share of its mean, with 95\u{a0}% confidence intervals. An interval that crosses zero shows no difference. An arrow: beyond the axis.",
        "与“{0}”的配对差占其均值的比例，附 95\u{a0}% 置信区间。区间跨过零即未见差异。箭头表示超出坐标轴。";

    WHERE = "Where", "在哪里";
    SITES = "Sites served worse", "服务变差的站点";
    SITES_NOTE = "Up to {0} sites by the rise of pieces that were not served on the day, among those where the difference is beyond doubt. First line: “{1}”, second: the paired difference. The first of many are in part first by chance.",
        "按当天未满足件数的增加排列，最多 {0} 个站点，只列差异确定者。第一行为“{1}”，第二行为配对差。排在最前的部分出于偶然。";
    SITE = "Site", "站点";
    SHORT = "Not served on the day", "当天未满足";
    NO_SITE_WORSE = "No site is shown to be served worse.", "未见任何站点服务变差。";
    MORE_SITES = "{0} more are served worse.", "另有 {0} 个站点服务变差。";
    UNMATCHED = "{0} sites or lanes are in only one of the two cases.", "有 {0} 个站点或线路只存在于其中一个方案。";
    CLASSES = "Classes of goods", "商品类别";
    MORE_CLASSES = "{0} classes with less demand are left out.", "另有 {0} 个需求较小的类别未列出。";
    ECHELONS = "Echelons", "层级";
    LANES = "Lanes that change most", "变化最大的线路";
    LANES_NOTE = "Up to {0} lanes by the change of their greenhouse gases, then of their freight cost, among those where a difference is beyond doubt. First line: “{1}”, second: the paired difference.",
        "按温室气体变化、其次按运费变化排列，最多 {0} 条线路，只列差异确定者。第一行为“{1}”，第二行为配对差。";
    LANE = "Lane", "线路";
    FROM_TO = "From, to", "起止";
    NO_LANE_CHANGES = "No lane is shown to change.", "未见任何线路有变化。";
    MORE_LANES = "{0} more change.", "另有 {0} 条线路有变化。";

    HOW = "How this was made", "制作方法";
    HOW_RUN = "Each case was simulated day by day for {0} days, {1} of them counted, in whole pieces: {2}, seed {3}.",
        "每个方案逐日模拟 {0} 天，其中 {1} 天计入，以整件计：{2}，随机种子 {3}。";
    HOW_WARM = "The first {0} days warm up the network and are not counted.", "前 {0} 天用于预热，不计入。";
    HOW_INTERVAL = "“a ± b”: the mean of infinitely many replications lies between a − b and a + b, with 95\u{a0}% confidence, by Student’s t. It says how exact the simulation is, not how well the model or the demand forecast matches the world.",
        "“a ± b”：按学生 t 分布，无穷多次重复的均值以 95\u{a0}% 置信度位于 a − b 与 a + b 之间。它说明模拟的精度，而非模型或需求预测与现实的符合程度。";
    HOW_PAIRS = "All cases meet the same random demand, lead times and disruptions, replication by replication, so differences are taken in pairs. A difference is called better or worse only where its interval excludes zero.",
        "各方案在每次重复中面对相同的随机需求、提前期和中断，因此差异按配对计算。只有区间不含零时才称为更好或更差。";
    HOW_MANY = "Of twenty figures that do not differ at all, about one is expected to look different by chance.",
        "二十个毫无差异的指标中，预计约有一个会偶然显得不同。";
    HOW_RATIO = "Variance of a paired difference as a share of what independent random numbers would give:",
        "配对差的方差占独立随机数方差的比例：";
    HOW_COST = "Total cost is holding, waiting, lost sales, orders, purchases, transshipments, waste and freight. The margin of lost sales is not in it and stands on its own line. Relevant cost is what a choice of levels decides: total cost without purchases, and with that margin.",
        "总成本包括持有、等待、缺货损失、订货、采购、调拨、报废和运费；不含流失销售的毛利，后者单列一行。决策相关成本是库存水平所能决定的部分：总成本减去采购，加上该毛利。";
    HOW_SERVED = "“Served on the day” is what a customer asks for and gets the same day. Stock at the end of a day is what is counted.",
        "“当天满足”指客户当天要、当天得到。库存按每天结束时计。";
    HOW_FACTORS = "Greenhouse gases from well to wheel, in grams of CO₂e for a tonne-kilometre, after UK Government (DESNZ), Greenhouse gas reporting: conversion factors 2025, freighting goods; Crown copyright, Open Government Licence v3.0:",
        "温室气体按“从油井到车轮”计，单位为克 CO₂e/吨公里，来源：英国政府（DESNZ）Greenhouse gas reporting: conversion factors 2025，货物运输；Crown copyright，Open Government Licence v3.0：";
    MODE = "Mode", "方式";
    ROW_OF_SOURCE = "Row of the source", "来源中的行";
    GRAMS = "g CO₂e per t·km", "克 CO₂e/吨公里";
    COOLED = "cooled", "冷藏";
    CASE = "Case", "方案";
}

/// What a key figure is called.
pub(super) fn name(kpi: Kpi, language: Language) -> &'static str {
    let text = match kpi {
        Kpi::FillRate => Text("Fill rate", "现货满足率"),
        Kpi::CycleServiceLevel => Text("Cycle service level", "周期服务水平"),
        Kpi::ShortDays => Text("Days with a shortage", "缺货天数占比"),
        Kpi::Demand => Text("Demand", "需求"),
        Kpi::Lost => Text("Lost sales", "流失销售"),
        Kpi::BackorderWait => Text("Mean wait of customers", "客户平均等待"),
        Kpi::DaysOfCover => Text("Days of cover", "库存可供天数"),
        Kpi::Turns => Text("Stock turns", "库存周转"),
        Kpi::Bullwhip => Text("Bullwhip", "牛鞭效应"),
        Kpi::MeanOnHand => Text("Mean stock", "平均库存"),
        Kpi::MeanBackorders => Text("Mean backorders", "平均缺货待补"),
        Kpi::Wasted => Text("Wasted", "报废"),
        Kpi::Transshipped => Text("Transshipped", "同级调拨"),
        Kpi::Orders => Text("Orders placed", "订货次数"),
        Kpi::TotalCost => Text("Total cost", "总成本"),
        Kpi::RelevantCost => Text("Relevant cost", "决策相关成本"),
        Kpi::HoldingCost => Text("Holding", "持有成本"),
        Kpi::BackorderCost => Text("Customers’ waiting", "等待成本"),
        Kpi::LostCost => Text("Lost sales, beyond margin", "流失销售（毛利以外）"),
        Kpi::OrderCost => Text("Ordering", "订货成本"),
        Kpi::PurchaseCost => Text("Purchases", "采购成本"),
        Kpi::TransshipmentCost => Text("Transshipments", "调拨成本"),
        Kpi::WasteCost => Text("Waste", "报废成本"),
        Kpi::FreightCost => Text("Freight", "运费"),
        Kpi::LostMargin => Text("Margin of lost sales", "流失销售的毛利"),
        Kpi::TonneKm => Text("Transport work", "运输量"),
        Kpi::Co2e => Text("Greenhouse gases of transport", "运输温室气体"),
    };
    text.of(language)
}

/// What a finding is called.
pub(super) fn verdict(verdict: Verdict, language: Language) -> &'static str {
    let text = match verdict {
        Verdict::Better => BETTER,
        Verdict::Worse => WORSE,
        Verdict::More => MORE,
        Verdict::Less => LESS,
        Verdict::Same => SAME,
        Verdict::Unknown => UNKNOWN,
    };
    text.of(language)
}

/// What a kind of site or a mode is called.
pub(super) fn trade(word: &str, language: Language) -> String {
    let zh = match word {
        "supplier" => "供应商",
        "factory" => "工厂",
        "port" => "港口",
        "airport" => "机场",
        "central_warehouse" => "中央仓",
        "regional_warehouse" => "区域仓",
        "cross_dock" => "越库中心",
        "shop" => "门店",
        "customer" => "客户",
        "sea" => "海运",
        "road" => "公路",
        "rail" => "铁路",
        "air" => "空运",
        "barge" => "内河",
        "internal" => "内部",
        _ => word,
    };
    match language {
        Language::English => word.replace('_', " "),
        Language::Chinese => zh.to_owned(),
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A day on an axis; months count from 1.
pub(super) fn day(month: usize, day: u32, language: Language) -> String {
    match language {
        Language::English => format!("{day} {}", MONTHS[(month + 11) % 12]),
        Language::Chinese => format!("{month}月{day}日"),
    }
}

/// A month on an axis.
pub(super) fn month(year: &str, month: usize, with_year: bool, language: Language) -> String {
    let name = MONTHS[(month + 11) % 12];
    match (language, with_year) {
        (Language::English, true) => format!("{name} {year}"),
        (Language::English, false) => name.to_owned(),
        (Language::Chinese, true) => format!("{year}年{month}月"),
        (Language::Chinese, false) => format!("{month}月"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_put_in_once() {
        assert_eq!(fill("{1} after {0}{2}", &["{1}", "b"]), "b after {1}");
        assert_eq!(fill("plain", &[]), "plain");
    }
}
