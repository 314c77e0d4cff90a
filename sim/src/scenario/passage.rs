//! Straits and canals that ships must pass, and which lanes do.

use firmware_schemas::quantity::Position;

/// A place on the sea that closes all lanes through it.
#[derive(Debug, PartialEq)]
pub(super) struct Passage {
    pub(super) name: &'static str,
    /// Degrees north and east of its middle.
    pub(super) lat: f64,
    pub(super) lon: f64,
    /// A lane that comes as near passes through.
    pub(super) radius_km: f64,
    /// How much longer a lane usually gets round it: Suez and Bab el Mandeb round the Cape from East Asia to
    /// northern Europe (about 10,500 to 13,800 sea miles), Malacca through Sunda or Lombok, Panama round
    /// Cape Horn or through Suez, Dover round Scotland. `None` where no way leads round.
    pub(super) detour_factor: Option<f64>,
}

/// All that have a name here.
pub(super) const PASSAGES: [Passage; 7] = [
    Passage { name: "suez", lat: 30.4, lon: 32.4, radius_km: 120.0, detour_factor: Some(1.3) },
    Passage { name: "panama", lat: 9.1, lon: -79.7, radius_km: 120.0, detour_factor: Some(1.6) },
    Passage { name: "malacca", lat: 2.6, lon: 101.4, radius_km: 150.0, detour_factor: Some(1.1) },
    Passage { name: "bab_el_mandeb", lat: 12.6, lon: 43.3, radius_km: 80.0, detour_factor: Some(1.3) },
    Passage { name: "gibraltar", lat: 35.95, lon: -5.6, radius_km: 60.0, detour_factor: None },
    Passage { name: "hormuz", lat: 26.5, lon: 56.4, radius_km: 120.0, detour_factor: None },
    Passage { name: "dover", lat: 51.0, lon: 1.45, radius_km: 40.0, detour_factor: Some(1.2) },
];

impl Passage {
    /// Whether a way leads through it.
    pub(super) fn is_on(&self, way: impl Iterator<Item = Position>) -> bool {
        const KM_PER_DEGREE: f64 = 111.195;
        // On a plane that touches the earth at the passage; exact near it, and far from it nothing counts.
        let narrowing = libm::cos(self.lat.to_radians());
        let on_plane = |position: Position| {
            let mut east = position.lon() - self.lon;
            if east > 180.0 {
                east -= 360.0;
            } else if east < -180.0 {
                east += 360.0;
            }
            (east * narrowing * KM_PER_DEGREE, (position.lat() - self.lat) * KM_PER_DEGREE)
        };
        let points: Vec<(f64, f64)> = way.map(on_plane).collect();
        points.windows(2).any(|ends| from_origin(ends[0], ends[1]) <= self.radius_km)
    }
}

/// The distance of the origin from the line between two points.
fn from_origin(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (x, y) = (b.0 - a.0, b.1 - a.1);
    let squared = x * x + y * y;
    let along = if squared > 0.0 { (-(a.0 * x + a.1 * y) / squared).clamp(0.0, 1.0) } else { 0.0 };
    libm::hypot(a.0 + along * x, a.1 + along * y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_through_a_passage_if_it_comes_near() {
        let at = |lat: f64, lon: f64| Position::from_degrees(lat, lon).unwrap();
        let through = |way: &[Position]| -> Vec<&str> {
            PASSAGES.iter().filter(|passage| passage.is_on(way.iter().copied())).map(|passage| passage.name).collect()
        };
        // Long segments count where they pass, not only where they end.
        assert_eq!(
            through(&[at(12.0, 45.0), at(12.8, 43.2), at(28.6, 33.05), at(31.9, 31.8)]),
            ["suez", "bab_el_mandeb"]
        );
        assert_eq!(through(&[at(49.6, -3.5), at(50.75, 0.9), at(51.4, 1.75), at(51.9, 1.4)]), ["dover"]);
        assert_eq!(through(&[at(51.9, 1.4), at(55.5, 8.1)]), [""; 0]);
        assert_eq!(through(&[at(-35.0, 20.0), at(35.95, -9.5)]), [""; 0]);
        assert_eq!(through(&[at(10.0, 179.0), at(10.0, -179.0)]), [""; 0]);
    }
}
