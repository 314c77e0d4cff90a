//! Colours: Okabe and Ito's eight, which people with any colour vision tell apart, and two themes around them.
//!
//! Colour never stands alone: each status has a shape as well (see [`crate::scene::Shape`]).

/// A colour in sRGB with alpha, as on a web page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgba(pub [u8; 4]);

impl Rgba {
    /// Opaque, from `0xRRGGBB`.
    pub const fn hex(rgb: u32) -> Self {
        Self([(rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8, 255])
    }

    /// The same with another alpha.
    pub const fn with_alpha(self, alpha: u8) -> Self {
        let [r, g, b, _] = self.0;
        Self([r, g, b, alpha])
    }

    /// The grey of the same lightness: what we knew before the link was lost.
    pub fn greyed(self) -> Self {
        let [r, g, b, a] = self.0;
        let grey = (u32::from(r) * 54 + u32::from(g) * 183 + u32::from(b) * 19) >> 8;
        let grey = grey.min(255) as u8; // the weights sum to 256, so this cannot be more than 255
        Self([grey, grey, grey, a])
    }

    /// Linear light, not premultiplied, as shaders want it.
    pub fn to_linear(self) -> [f32; 4] {
        let [r, g, b, a] = self.0;
        [channel_to_linear(r), channel_to_linear(g), channel_to_linear(b), f32::from(a) / 255.0]
    }
}

fn channel_to_linear(channel: u8) -> f32 {
    let value = f32::from(channel) / 255.0;
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// All is well.
pub const OK: Rgba = Rgba::hex(0x00_9E73);
/// Worth a look.
pub const INFO: Rgba = Rgba::hex(0x56_B4E9);
/// Will become a problem.
pub const WATCH: Rgba = Rgba::hex(0xE6_9F00);
/// Is a problem now.
pub const CRITICAL: Rgba = Rgba::hex(0xD5_5E00);
/// Nobody has told us.
pub const UNKNOWN: Rgba = Rgba::hex(0x99_9999);

/// What is simulated, and never in the colour of a status.
pub const SIMULATED: Rgba = Rgba::hex(0xCC_79A7);

/// The colours of everything that is not a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Behind the map.
    pub water: Rgba,
    /// Continents and islands.
    pub land: Rgba,
    /// Between countries.
    pub border: Rgba,
    /// Text on the map and in panels.
    pub text: Rgba,
    /// Text of less weight.
    pub text_faint: Rgba,
    /// Around symbols and letters, so that they stand off the map.
    pub halo: Rgba,
    /// Inside hollow symbols.
    pub hollow: Rgba,
    /// Behind panels and the title bar.
    pub panel: Rgba,
    /// Lanes over sea.
    pub lane_sea: Rgba,
    /// Lanes by truck or van.
    pub lane_road: Rgba,
    /// Lanes by train.
    pub lane_rail: Rgba,
    /// Lanes by aeroplane.
    pub lane_air: Rgba,
    /// Lanes by barge.
    pub lane_barge: Rgba,
    /// The ring around what is selected.
    pub selection: Rgba,
}

impl Theme {
    /// For rooms with the lights on, and for print.
    pub const LIGHT: Self = Self {
        water: Rgba::hex(0xD8_E4EB),
        land: Rgba::hex(0xF6_F4EE),
        border: Rgba::hex(0xCF_CABC),
        text: Rgba::hex(0x1B_262E),
        text_faint: Rgba::hex(0x56_6570),
        halo: Rgba::hex(0xFF_FFFF),
        hollow: Rgba::hex(0xFF_FFFF),
        panel: Rgba::hex(0xFF_FFFF),
        lane_sea: Rgba::hex(0x00_72B2),
        lane_road: Rgba::hex(0x6E_7478),
        lane_rail: Rgba::hex(0x2B_2B2B),
        lane_air: Rgba::hex(0x3D_93C4),
        lane_barge: Rgba::hex(0x2C_7F86),
        selection: Rgba::hex(0x1B_262E),
    };

    /// For control rooms.
    pub const DARK: Self = Self {
        water: Rgba::hex(0x0F_1B25),
        land: Rgba::hex(0x24_333E),
        border: Rgba::hex(0x3A_4C59),
        text: Rgba::hex(0xE8_EEF2),
        text_faint: Rgba::hex(0x9F_B0BC),
        halo: Rgba::hex(0x0B_141B),
        hollow: Rgba::hex(0x16_232D),
        panel: Rgba::hex(0x13_202A),
        lane_sea: Rgba::hex(0x3F_97D6),
        lane_road: Rgba::hex(0xA8_B2B8),
        lane_rail: Rgba::hex(0xE3_DCC8),
        lane_air: Rgba::hex(0x8F_CDF0),
        lane_barge: Rgba::hex(0x5F_B9BF),
        selection: Rgba::hex(0xFF_FFFF),
    };

    /// Whether it is the dark one.
    pub fn is_dark(&self) -> bool {
        *self == Self::DARK
    }

    /// The theme with this name, `day` (or `light`) or `night` (or `dark`); `None` for any other.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "light" | "day" => Some(Self::LIGHT),
            "dark" | "night" => Some(Self::DARK),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_keeps_lightness_and_alpha() {
        assert_eq!(Rgba::hex(0xFF_FFFF).greyed(), Rgba::hex(0xFF_FFFF));
        let Rgba([r, g, b, a]) = CRITICAL.with_alpha(7).greyed();
        assert!(r == g && g == b && a == 7);
        assert!((90..150).contains(&r), "{r}");
    }

    #[test]
    fn linear_light_is_darker_than_srgb_in_the_middle() {
        assert_eq!(Rgba::hex(0x00_0000).to_linear(), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(Rgba::hex(0xFF_FFFF).to_linear(), [1.0, 1.0, 1.0, 1.0]);
        assert!((Rgba::hex(0x80_8080).to_linear()[0] - 0.215_86).abs() < 1e-4);
    }
}
