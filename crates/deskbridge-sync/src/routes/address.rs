//! Which addresses may be spoken to: a route must not become a way into the network that the hub stands in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the public network, where a route may send unless it is allowed more.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [one, two, three, _] = address.octets();
    let is_special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // "This network", carriers' shared addresses, protocol assignments, 6to4 relays, benchmarks, reserved.
        || one == 0
        || (one == 100 && two & 0xc0 == 64)
        || (one == 192 && two == 0 && three == 0)
        || (one == 192 && two == 88 && three == 99)
        || (one == 198 && two & 0xfe == 18)
        || one >= 240;
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = inner_v4(address) {
        return is_public_v4(inner);
    }
    // Only 2000::/3 is given out; within it, documentation, Teredo and protocol assignments lead elsewhere.
    let [one, two, ..] = address.segments();
    let is_global = one & 0xe000 == 0x2000;
    let is_special = (one == 0x2001 && (two < 0x0200 || two == 0x0db8)) || one == 0x3fff;
    is_global && !is_special
}

/// The IPv4 address that an IPv6 address carries: mapped, NAT64 or 6to4.
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [one, two, three, four, five, six, seven, eight] = address.segments();
    let [high, low] = match (one, two) {
        (0x2002, _) => [two, three],
        (0x64, 0xff9b) => [seven, eight],
        (0, 0) if (three, four, five) == (0, 0, 0) && (six == 0xffff || six == 0) => [seven, eight],
        _ => return None,
    };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_network_is_public() {
        for (address, expected) in [
            ("8.8.8.8", true),
            ("203.113.1.1", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("0.0.0.0", false),
            ("192.0.2.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1", true),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("2001:0:1::1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::127.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:a00:1::1", false),
            ("2002:808:808::1", true),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }
}
