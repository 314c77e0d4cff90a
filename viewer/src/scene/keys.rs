//! What can be done with a key, and what the help says about it.

use super::Words;

/// Something that a person wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Stop time, or let it run.
    Pause,
    /// Back to now.
    Live,
    /// So many steps of a minute through time.
    Step(i32),
    /// Run faster (positive) or slower.
    Speed(i32),
    /// Look for something.
    Search,
    /// The next alert.
    NextAlert,
    /// Bring what is selected closer, or everything into the window.
    Focus,
    /// Everything into the window.
    Fit,
    /// Keep what is selected in the middle.
    Follow,
    /// Out of the warehouse, out of the panel.
    Up,
    /// Into the warehouse that is selected.
    Enter,
    /// Show or hide a layer, by its place in [`super::Layers::NAMES`].
    Layer(usize),
    /// What-if: the panel of scenarios.
    WhatIf,
    /// What-if: live, ghost, side by side, differences.
    Compare,
    /// What-if: its clock runs, or stands.
    RunFuture,
    /// What-if: so many days on its clock.
    StepFuture(i32),
    /// The next heat map.
    Heat,
    /// Names.
    Labels,
    /// Day or night.
    Theme,
    /// The other language.
    Language,
    /// The next clock: UTC, mine, the site's.
    Zone,
    /// The other units.
    Units,
    /// Save a picture.
    Picture,
    /// Begin or end a recording.
    Record,
    /// The list of proposals.
    Proposals,
    /// The list of alerts.
    Alerts,
    /// Zoom in (positive) or out.
    Zoom(i32),
    /// Move the window over the chart: to the right, down.
    Pan(i32, i32),
    /// This help.
    Help,
}

/// The keys, and what they do, in the order of the help.
pub const HELP: [(&str, &str, &str); 29] = [
    ("Space", "pause, go on", "暂停 / 继续"),
    ("End", "back to live", "回到实时"),
    ("← →", "a minute back, forward (Shift: ten)", "前后一分钟（Shift：十分钟）"),
    ("[ ]", "slower, faster: 1× to 3,600×", "慢放 / 快放：1× 至 3,600×"),
    ("/", "search", "搜索"),
    ("A", "next alert (Shift: list)", "下一条告警（Shift：列表）"),
    ("F", "focus, or fit everything", "聚焦或全览"),
    ("Home", "fit everything", "全览"),
    ("V", "follow what is selected", "跟随所选对象"),
    ("Enter", "into the warehouse; also double-click", "进入仓库，亦可双击"),
    ("Esc", "out, up, close", "退出 / 返回 / 关闭"),
    ("1 … 9", "layers on and off", "图层开关"),
    ("W", "what if: scenarios", "情景推演"),
    ("C G", "compare: ghost, side by side, differences", "对比：虚影、并排、差异"),
    ("B", "run the what-if clock, or stop it", "运行 / 停止推演时钟"),
    (", .", "a what-if day back, forward (Shift: ten)", "推演时钟前后一天（Shift：十天）"),
    ("H", "heat: stock-out, dwell, temperature", "热力：缺货、停留、温度"),
    ("L", "names", "名称"),
    ("T", "day, night", "日间 / 夜间"),
    ("N", "English, Chinese", "中文 / 英文"),
    ("Z", "clock: UTC, mine, the site's", "时区：UTC / 本地 / 站点"),
    ("U", "units", "单位"),
    ("O", "proposals", "补货建议"),
    ("P", "save a picture", "保存图片"),
    ("R", "record", "录制"),
    ("+ -", "zoom", "缩放"),
    ("Ctrl+arrows", "move the map", "移动地图"),
    ("drag, wheel", "move, zoom", "拖动、滚轮：移动、缩放"),
    ("?", "this help", "本帮助"),
];

/// The lines of the help: key and what it does.
pub fn help(words: &Words) -> Vec<(&'static str, &'static str)> {
    HELP.iter().map(|(key, en, zh)| (*key, words.pick(*en, *zh))).collect()
}
