//! Where webhooks may go: nobody can make the gateway post into networks that only it can reach.
//!
//! An address is looked at when it is given, and every time a connection is made: a name that leads somewhere
//! else later does not help.

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// What the configuration allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Private and loopback addresses, also without TLS.
    pub private: bool,
    /// Networks that may be reached although they are private, also without TLS.
    pub networks: Vec<Network>,
    /// Only these hosts (`hooks.example`, or `*.example` for all below it); any when empty.
    pub hosts: Vec<String>,
}

/// An address and the bits of it that count: `10.1.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.1.0.0/16`, `fd00::/8`, or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
        (bits <= most).then_some(Self { address, bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let prefix = |value: u128, width: u8| value.checked_shr(u32::from(width - self.bits)).unwrap_or(0);
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                prefix(u32::from(ours).into(), 32) == prefix(u32::from(other).into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => prefix(ours.into(), 128) == prefix(other.into(), 128),
            _ => false,
        }
    }
}

/// Why nothing is posted to an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Not a URL, or not one that can be posted to.
    #[error("not an address such as https://hooks.example/portolan")]
    NotAUrl,
    /// It has a user or a password.
    #[error("an address with a user or a password is not taken: whatever lists it would show them")]
    Credentials,
    /// Without TLS.
    #[error(
        "the address must be https; http goes only to networks that webhooks.allow_private or webhooks.networks allows"
    )]
    Plain,
    /// The configuration names other hosts.
    #[error("webhooks.hosts does not allow this host")]
    Host,
    /// It leads where only the gateway can go.
    #[error("{0} is not a public address, and neither webhooks.allow_private nor webhooks.networks allows it")]
    Private(IpAddr),
    /// Without TLS, to a public address.
    #[error("{0} is a public address: it takes https")]
    PlainToPublic(IpAddr),
}

impl Allowed {
    /// Reads an address, and says whether it may be posted to as far as that can be told without looking up names.
    pub fn url(&self, text: &str) -> Result<Url, TargetError> {
        let url = Url::parse(text).map_err(|_not_a_url| TargetError::NotAUrl)?;
        let host = url.host_str().ok_or(TargetError::NotAUrl)?.to_ascii_lowercase();
        if !matches!(url.scheme(), "http" | "https") || url.fragment().is_some() {
            return Err(TargetError::NotAUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if url.scheme() == "http" && !self.private && self.networks.is_empty() {
            return Err(TargetError::Plain);
        }
        let named = |pattern: &String| match pattern.to_ascii_lowercase().strip_prefix("*.") {
            Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.')),
            None => pattern.eq_ignore_ascii_case(&host),
        };
        if !self.hosts.is_empty() && !self.hosts.iter().any(named) {
            return Err(TargetError::Host);
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if let Ok(address) = literal {
            self.address(address, url.scheme() == "https")?;
        }
        Ok(url)
    }

    /// Whether a connection may be made to an address.
    pub fn address(&self, address: IpAddr, tls: bool) -> Result<(), TargetError> {
        let address = canonical(address);
        let opened = self.private || self.networks.iter().any(|network| network.contains(address));
        match (is_public(address), tls, opened) {
            (true, true, _) | (false, _, true) => Ok(()),
            (true, false, _) => Err(TargetError::PlainToPublic(address)),
            (false, _, false) => Err(TargetError::Private(address)),
        }
    }
}

/// The IPv4 address in an IPv6 address that stands for one.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // Mapped and NAT64 (RFC 6052) addresses, then 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        _ => address,
    }
}

/// Whether an address is one of the public network, by the IANA registries of special-purpose addresses (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0, ..) | (100, 64..=127, _) | (192, 0, 0) | (192, 88, 99) | (198, 18 | 19, _) | (224..=255, ..)
    );
    !(special || address.is_private() || address.is_loopback() || address.is_link_local() || address.is_documentation())
}

/// Only global unicast, 2000::/3, without what is set apart in it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let special = match first {
        0x2001 => second < 0x200 || second == 0xdb8,
        0x3fff => second < 0x1000,
        _ => false,
    };
    first & 0xe000 == 0x2000 && !special
}

/// Looks names up, and leaves out addresses that may not be posted to.
pub(super) struct Guarded {
    pub(super) allowed: Arc<Allowed>,
    pub(super) tls: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (allowed, tls) = (Arc::clone(&self.allowed), self.tls);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut refused = None;
            let mut good = Vec::new();
            for address in found {
                match allowed.address(address.ip(), tls) {
                    Ok(()) => good.push(address),
                    Err(why) => refused = Some(why),
                }
            }
            match refused {
                Some(why) if good.is_empty() => Err(why.into()),
                _ => Ok(Box::new(good.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(allowed: &Allowed, url: &str, expected: Result<(), TargetError>) {
        assert_eq!(allowed.url(url).map(|_| ()), expected, "{url} with {allowed:?}");
    }

    #[test]
    fn by_default_only_https_to_public_addresses_is_allowed() {
        let allowed = Allowed::default();
        for url in ["https://hooks.example/portolan?k=1", "https://93.184.215.14/", "https://[2606:4700::1111]:8443/x"]
        {
            check(&allowed, url, Ok(()));
        }
        check(&allowed, "http://hooks.example/", Err(TargetError::Plain));
        check(&allowed, "ftp://hooks.example/", Err(TargetError::NotAUrl));
        check(&allowed, "hooks.example", Err(TargetError::NotAUrl));
        check(&allowed, "https://u:p@hooks.example/", Err(TargetError::Credentials));
        for inside in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.100.1.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "2130706433",
            "0x7f.1",
        ] {
            assert!(allowed.url(&format!("https://{inside}/")).is_err(), "{inside}");
        }
        for inside in
            ["::1", "::", "fd00::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "::127.0.0.1"]
        {
            assert!(allowed.url(&format!("https://[{inside}]/")).is_err(), "{inside}");
        }
    }

    #[test]
    fn the_configuration_opens_networks_and_narrows_hosts() {
        let networks = ["10.1.0.0/16", "fd00::/8"].map(|text| Network::parse(text).unwrap()).to_vec();
        let inside = Allowed { networks, ..Allowed::default() };
        check(&inside, "http://10.1.2.3:8080/hook", Ok(()));
        check(&inside, "https://[fd12::1]/hook", Ok(()));
        check(&inside, "https://10.2.0.1/", Err(TargetError::Private("10.2.0.1".parse().unwrap())));
        check(&inside, "http://93.184.215.14/", Err(TargetError::PlainToPublic("93.184.215.14".parse().unwrap())));
        let hosts = Allowed { hosts: vec!["hooks.example".into(), "*.Partner.example".into()], ..Allowed::default() };
        check(&hosts, "https://Hooks.example/", Ok(()));
        check(&hosts, "https://eu.partner.example/", Ok(()));
        check(&hosts, "https://partner.example/", Err(TargetError::Host));
        check(&hosts, "https://evilpartner.example/", Err(TargetError::Host));
        let private = Allowed { private: true, ..Allowed::default() };
        check(&private, "http://127.0.0.1:9000/", Ok(()));
        assert_eq!(Network::parse("10.0.0.0/33"), None);
        assert_eq!(Network::parse("ten"), None);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_followed() {
        let guarded = Guarded { allowed: Arc::default(), tls: true };
        let why = guarded.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(why.to_string().contains("not a public address"), "{why}");
        let allowed = Arc::new(Allowed { private: true, ..Allowed::default() });
        let guarded = Guarded { allowed, tls: false };
        assert!(guarded.resolve("localhost".parse().unwrap()).await.unwrap().count() > 0);
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic_and_an_embedded_address_counts_as_itself(text in ".{0,80}", bits: u32) {
            let allowed = Allowed::default();
            drop(allowed.url(&text));
            let _ = Network::parse(&text);
            let v4 = Ipv4Addr::from(bits);
            let as_v6 = allowed.address(IpAddr::V6(v4.to_ipv6_mapped()), true);
            prop_assert_eq!(as_v6, allowed.address(IpAddr::V4(v4), true));
        }
    }
}
