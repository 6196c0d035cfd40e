//! Addresses, ranges and host names as a person writes them, made into a bounded list of targets.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

/// Most addresses of one search: an IPv4 network of prefix 16.
pub(crate) const MOST: usize = 65_536;

/// Longest host name (RFC 1035).
const LONGEST_NAME: usize = 253;
/// Longest label of a host name (RFC 1035).
const LONGEST_LABEL: usize = 63;

/// Wall time for the resolver, which may ask several servers in turn.
const RESOLVER: Duration = Duration::from_secs(5);

/// One address to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// Address of the unit.
    pub ip: IpAddr,
    /// The only port to ask; `None` for each wire's own.
    pub port: Option<u16>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

/// One argument, read but not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A single address.
    Address(Target),
    /// All hosts of a network.
    Network(Network),
    /// A host name, which stands for all of its addresses.
    Name {
        /// The name that was given.
        name: String,
        /// The only port to ask; `None` for each wire's own.
        port: Option<u16>,
    },
}

/// A network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    first: IpAddr,
    prefix: u8,
}

/// An argument that stands for no targets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is none of the forms.
    #[error(
        "{text:?} is no target ({why}): name an address (192.168.1.7, 192.168.1.7:4028), a network \
         (192.168.1.0/24) or a host"
    )]
    Unreadable {
        /// The argument as it was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There are too many addresses.
    #[error(
        "{text} makes {count} addresses, and at most {MOST} are asked at a time: name smaller networks \
         (prefix 16 or longer for IPv4, 112 or longer for IPv6) and search one after the other"
    )]
    TooMany {
        /// The argument, or all of them.
        text: String,
        /// How many there would be.
        count: u128,
    },
    /// The name is not known.
    #[error("host {name:?} cannot be found ({reason}): check the name, or give its address")]
    Unknown {
        /// The name that was given.
        name: String,
        /// What the resolver said.
        reason: String,
    },
}

impl FromStr for Asked {
    type Err = TargetError;

    /// Reads one argument. Pure: no name is looked up.
    fn from_str(text: &str) -> Result<Asked, TargetError> {
        let wrong = |why| TargetError::Unreadable {
            text: text.chars().take(LONGEST_NAME + 6).collect(),
            why,
        };
        if let Some((address, prefix)) = text.split_once('/') {
            let address: IpAddr = address
                .parse()
                .map_err(|_| wrong("a network begins with an address without a port"))?;
            let decimal = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit());
            let prefix = prefix.parse().ok().filter(|_| decimal);
            let prefix = prefix.ok_or_else(|| wrong("the prefix is no number of bits"))?;
            let network = Network::new(address, prefix)
                .ok_or_else(|| wrong("the prefix is longer than the address"))?;
            return match no_host(network.first) {
                // The hosts of 0.0.0.0/24 are addresses like others.
                Some(why) if !network.first.is_unspecified() => Err(wrong(why)),
                _ => Ok(Asked::Network(network)),
            };
        }
        let target = match (text.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
            (Ok(ip), _) => Some(Target { ip, port: None }),
            (_, Ok(SocketAddr::V6(v6))) if v6.scope_id() != 0 => {
                return Err(wrong("an address with an interface is not supported"));
            }
            (_, Ok(addr)) => Some(Target {
                ip: addr.ip(),
                port: Some(addr.port()),
            }),
            _ => None,
        };
        if let Some(target) = target {
            return match no_host(target.ip) {
                Some(why) => Err(wrong(why)),
                None if target.port == Some(0) => Err(wrong("there is no port 0")),
                None => Ok(Asked::Address(target)),
            };
        }
        let (name, port) = match text.split_once(':') {
            None => (text, None),
            Some((name, port)) => {
                let port = port.parse().ok().filter(|port| *port != 0);
                let port = port.ok_or_else(|| wrong("what follows the colon is no port"))?;
                (name, Some(port))
            }
        };
        if let Some(why) = no_name(name) {
            return Err(wrong(why));
        }
        Ok(Asked::Name {
            name: name.to_owned(),
            port,
        })
    }
}

/// Why nothing can be asked at `ip`. The unspecified address would reach this machine.
fn no_host(ip: IpAddr) -> Option<&'static str> {
    if ip.is_unspecified() {
        Some("it is no host's address")
    } else if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Some("it is the address of many hosts at once")
    } else {
        None
    }
}

/// Why `name` is no host name. One whose last label is a number is refused: resolvers make `192.168.1` an
/// address that nobody meant.
fn no_name(name: &str) -> Option<&'static str> {
    let labels = || name.strip_suffix('.').unwrap_or(name).split('.');
    let good = |label: &str| {
        !label.is_empty()
            && label.len() <= LONGEST_LABEL
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
    };
    if name.len() > LONGEST_NAME || !labels().all(good) {
        return Some("it is neither an address nor a host name");
    }
    let last = labels().next_back().unwrap_or_default();
    let number = last.bytes().all(|b| b.is_ascii_digit())
        || last.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("0x"));
    number.then_some("it is no complete address")
}

impl Network {
    /// The network that `address` is in; `None` if `prefix` has more bits than it.
    pub(crate) fn new(address: IpAddr, prefix: u8) -> Option<Network> {
        let first = match address {
            IpAddr::V4(v4) => {
                let free = 32_u32.checked_sub(prefix.into())?;
                let mask = u32::MAX.checked_shl(free).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
            }
            IpAddr::V6(v6) => {
                let free = 128_u32.checked_sub(prefix.into())?;
                let mask = u128::MAX.checked_shl(free).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
            }
        };
        Some(Network { first, prefix })
    }

    /// First and last address of a host, as numbers. Left out are the network's own address and, of IPv4, the
    /// broadcast address; networks of one or two addresses have neither (RFC 3021, RFC 6164).
    fn bounds(self) -> (u128, u128) {
        let (first, bits) = match self.first {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), 32),
            IpAddr::V6(v6) => (u128::from(v6), 128),
        };
        let free = u32::from(bits - self.prefix);
        let rest = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        let last = first + rest;
        match self.first {
            _ if free < 2 => (first, last),
            IpAddr::V4(_) => (first + 1, last - 1),
            IpAddr::V6(_) => (first + 1, last),
        }
    }

    /// How many hosts it has room for.
    pub(crate) fn count(self) -> u128 {
        let (first, last) = self.bounds();
        (last - first).saturating_add(1)
    }

    /// Their addresses in order.
    pub(crate) fn hosts(self) -> impl Iterator<Item = IpAddr> {
        let (first, last) = self.bounds();
        (first..=last).map(move |number| match self.first {
            // Within 32 bits, as both bounds are.
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(number as u32)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(number)),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// Reads the arguments and looks their names up: each target once, in the order of the arguments.
///
/// # Errors
/// If an argument cannot be read, a name is not known, or there are more than `MOST` targets.
pub async fn resolve(arguments: &[String]) -> Result<Vec<Target>, TargetError> {
    // All are read before any name goes out.
    let asked: Vec<Asked> = arguments
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    let mut list = List::default();
    for asked in asked {
        match asked {
            Asked::Address(target) => list.add(target)?,
            Asked::Network(network) => list.add_network(network)?,
            Asked::Name { name, port } => {
                for ip in look_up(&name).await? {
                    list.add(Target { ip, port })?;
                }
            }
        }
    }
    Ok(list.targets)
}

async fn look_up(name: &str) -> Result<Vec<IpAddr>, TargetError> {
    let unknown = |reason: String| TargetError::Unknown {
        name: name.to_owned(),
        reason,
    };
    let found: io::Result<Vec<IpAddr>> = timeout(RESOLVER, lookup_host((name, 0)))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map(|found| found.map(|addr| addr.ip()).collect());
    match found {
        Ok(found) if found.is_empty() => Err(unknown("it has no address".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(unknown(error.to_string())),
    }
}

/// Targets without duplicates, [`MOST`] at most.
#[derive(Default)]
struct List {
    targets: Vec<Target>,
    known: HashSet<Target>,
}

impl List {
    fn add(&mut self, target: Target) -> Result<(), TargetError> {
        if self.known.insert(target) {
            if self.targets.len() == MOST {
                return Err(TargetError::TooMany {
                    text: "the list of targets".to_owned(),
                    count: MOST as u128 + 1,
                });
            }
            self.targets.push(target);
        }
        Ok(())
    }

    fn add_network(&mut self, network: Network) -> Result<(), TargetError> {
        let count = network.count();
        if count > MOST as u128 {
            return Err(TargetError::TooMany {
                text: network.to_string(),
                count,
            });
        }
        network
            .hosts()
            .try_for_each(|ip| self.add(Target { ip, port: None }))
    }
}

#[cfg(test)]
mod tests;
