//! What name servers say.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::procedure::Unfound;
use super::{AGAIN, LEAST, MOST};

/// A server that says nothing for so long is asked again, or another is.
const PATIENCE: Duration = Duration::from_secs(2);
/// Names that are remembered.
const REMEMBERED: u64 = 256;
/// Of an answer no more records are looked at.
const MOST_RECORDS: usize = 32;

/// Name servers, and what they said.
pub(super) struct Names {
    /// Why none can be asked.
    resolver: Result<TokioResolver, String>,
}

/// RFC 3403 §4.1.
pub(super) struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: String,
    pub service: String,
    pub replacement: String,
}

/// RFC 2782.
pub(super) struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub target: String,
}

/// What was found, and for how long it is good. Nothing: there is none, for certain.
pub(super) type Found<T> = (Vec<T>, Duration);

impl Names {
    /// These servers, or those of the system.
    pub fn open(servers: &[SocketAddr]) -> Names {
        Names { resolver: resolver(servers).map_err(|error| format!("no name server can be asked: {error}")) }
    }

    pub async fn naptr(&self, name: &str) -> Result<Found<Naptr>, Unfound> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_uppercase();
        self.ask(name, RecordType::NAPTR, |data| match data {
            RData::NAPTR(of) => Some(Naptr {
                order: of.order,
                preference: of.preference,
                flags: text(&of.flags),
                service: text(&of.services),
                replacement: of.replacement.to_ascii(),
            }),
            _ => None,
        })
        .await
    }

    pub async fn srv(&self, name: &str) -> Result<Found<Srv>, Unfound> {
        self.ask(name, RecordType::SRV, |data| match data {
            RData::SRV(of) => {
                Some(Srv { priority: of.priority, weight: of.weight, port: of.port, target: of.target.to_ascii() })
            }
            _ => None,
        })
        .await
    }

    /// Those of IPv4, then those of IPv6, of the families that are wanted.
    pub async fn addresses(&self, name: &str, (v4, v6): (bool, bool)) -> Result<Found<IpAddr>, Unfound> {
        let mut found: Found<IpAddr> = (Vec::new(), MOST);
        let mut missing = None;
        for (kind, _) in [(RecordType::A, v4), (RecordType::AAAA, v6)].into_iter().filter(|(_, wanted)| *wanted) {
            match self.ask(name, kind, RData::ip_addr).await {
                Ok((addresses, good_for)) if !addresses.is_empty() => {
                    found.0.extend(addresses);
                    found.1 = found.1.min(good_for);
                }
                Ok(_) => {}
                Err(unfound) => missing = Some(unfound),
            }
        }
        match missing {
            // One of both is better than none.
            Some(unfound) if found.0.is_empty() => Err(unfound),
            _ => Ok(found),
        }
    }

    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Found<T>, Unfound> {
        let resolver = self.resolver.as_ref().map_err(|why| Unfound::perhaps(why.clone()))?;
        let mut asked = Name::from_ascii(name).map_err(|_| Unfound::certainly(format!("{name} is no name")))?;
        // A name with a dot is whole: what the machine searches in is not meant.
        asked.set_fqdn(name.contains('.'));
        match resolver.lookup(asked, kind).await {
            Ok(lookup) => {
                let seconds = lookup.answers().iter().map(|record| record.ttl).min();
                let good_for = seconds.map_or(AGAIN, |seconds| Duration::from_secs(seconds.into()));
                let data = |record: &Record| read(&record.data);
                Ok((lookup.answers().iter().filter_map(data).take(MOST_RECORDS).collect(), good_for))
            }
            Err(error) if error.is_no_records_found() => Ok((Vec::new(), AGAIN)),
            Err(error) => Err(Unfound::perhaps(format!("no name server answers for {name} ({error})"))),
        }
    }
}

fn resolver(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = match servers.is_empty() {
        true => TokioResolver::builder_tokio()?,
        false => {
            let config = ResolverConfig::from_name_servers(servers.iter().map(server).collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options: &mut ResolverOpts = builder.options_mut();
    (options.timeout, options.attempts, options.cache_size) = (PATIENCE, 2, REMEMBERED);
    (options.positive_min_ttl, options.positive_max_ttl) = (Some(LEAST), Some(MOST));
    (options.negative_min_ttl, options.negative_max_ttl) = (Some(LEAST), Some(AGAIN));
    builder.build()
}

/// Over UDP, and over TCP what does not fit.
fn server(addr: &SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = addr.port();
        connection
    };
    NameServerConfig::new(addr.ip(), true, vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())])
}
