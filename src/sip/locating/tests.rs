//! Names are looked up at a name server of the test's own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::net::UdpSocket;

use super::*;
use crate::sip::words::{Host, Transport};

/// What it knows: a line a record, `NAME TTL TYPE VALUE…`; `fail NAME`: it cannot say.
type Zone = Arc<Mutex<String>>;

/// A name server, and how often it was asked.
async fn server(zone: &str) -> (SocketAddr, Zone, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let (zone, asked) = (Arc::new(Mutex::new(zone.to_string())), Arc::new(AtomicUsize::new(0)));
    let (known, count) = (zone.clone(), asked.clone());
    tokio::spawn(async move {
        let mut buffer = vec![0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::Relaxed);
            let Ok(query) = Message::from_vec(&buffer[..length]) else { continue };
            let answer = answer(&query, &known.lock().unwrap());
            let _ = socket.send_to(&answer, from).await;
        }
    });
    (addr, zone, asked)
}

fn answer(query: &Message, zone: &str) -> Vec<u8> {
    let asked = &query.queries[0];
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    answer.metadata.recursion_available = true;
    answer.add_query(asked.clone());
    let name = asked.name().to_ascii().to_ascii_lowercase();
    for line in zone.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields[..] {
            ["fail", of] if name == format!("{of}.") => answer.metadata.response_code = ResponseCode::ServFail,
            [of, ttl, kind, ref value @ ..] if name == format!("{of}.") && kind == asked.query_type().to_string() => {
                answer.add_answer(Record::from_rdata(asked.name().clone(), ttl.parse().unwrap(), data(kind, value)));
            }
            _ => {}
        }
    }
    answer.to_vec().unwrap()
}

fn data(kind: &str, value: &[&str]) -> RData {
    let name = |text: &str| Name::from_ascii(format!("{}.", text.trim_end_matches('.'))).unwrap();
    let number = |text: &str| text.parse().unwrap();
    let text = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
    match (kind, value) {
        ("A", [ip]) => RData::A(A(ip.parse().unwrap())),
        ("AAAA", [ip]) => RData::AAAA(ip.parse::<std::net::Ipv6Addr>().unwrap().into()),
        ("SRV", [priority, weight, port, target]) => {
            RData::SRV(SRV::new(number(priority), number(weight), number(port), name(target)))
        }
        ("NAPTR", [order, preference, flags, service, replacement]) => RData::NAPTR(NAPTR::new(
            number(order),
            number(preference),
            text(flags),
            text(service),
            text(""),
            name(replacement),
        )),
        other => panic!("{other:?}"),
    }
}

fn listen(transports: &[Transport]) -> Vec<Listen> {
    let addrs = ["10.0.0.1:5060", "[fd00::1]:5060"];
    let each = transports.iter().flat_map(|transport| addrs.map(|addr| (*transport, addr)));
    each.map(|(transport, addr)| Listen { transport, addr: addr.parse().unwrap() }).collect()
}

fn to(name: &str) -> NextHop {
    NextHop { host: Host::Name(name.into()), port: None, transport: None, secure: false }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("in time") });
}

const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

/// E.g. `UDP 192.0.2.5:5060 10/60`, in the order of their ranks.
fn told(located: &Located) -> Vec<String> {
    let place = |place: &Place| {
        let Place { hop, rank, weight } = place;
        format!("{} {} {rank}/{weight}", hop.transport.via_name(), hop.addr)
    };
    located.places.iter().map(place).collect()
}

async fn look_up(zone: &str, next: NextHop, transports: &[Transport]) -> Located {
    let (addr, ..) = server(zone).await;
    let names = Names::open(&[addr]);
    look(&TrunkId::from("t"), &[next], &names, &listen(transports)).await.0
}

const CARRIER: &str = "
    carrier.example 60 NAPTR 20 0 s SIP+D2U _sip._udp.carrier.example
    carrier.example 60 NAPTR 10 0 S sips+d2t _sips._tcp.carrier.example
    carrier.example 60 NAPTR 10 5 s SIP+D2T _sip._tcp.carrier.example
    carrier.example 60 NAPTR 1 0 u E2U+sip elsewhere.example
    _sips._tcp.carrier.example 60 SRV 1 0 5061 one.example
    _sip._tcp.carrier.example 60 SRV 1 0 5070 one.example
    _sip._udp.carrier.example 60 SRV 20 30 5060 two.example
    _sip._udp.carrier.example 60 SRV 10 60 5062 one.example
    _sip._udp.carrier.example 60 SRV 20 70 5063 one.example
    one.example 60 A 192.0.2.1
    two.example 60 A 192.0.2.2
    two.example 60 AAAA 2001:db8::2
    plain.example 60 A 192.0.2.9
    gone.example 60 SRV 0 0 1 .
    naptr.example 60 NAPTR 10 0 s SIP+D2T _sip._tcp.naptr.example
    naptr.example 60 NAPTR 20 0 s SIP+D2U _sip._udp.naptr.example
    naptr.example 60 A 192.0.2.7
    later.example 60 NAPTR 10 0 s SIP+D2T _sip._tcp.later.example
    later.example 60 NAPTR 20 0 s SIP+D2U _sip._udp.later.example
    _sip._udp.later.example 60 SRV 1 0 5062 one.example
    six.example 60 AAAA 2001:db8::6
    _sip._udp.sixes.example 60 SRV 1 0 5060 six.example
    _sip._udp.nobody.example 60 SRV 0 0 5060 .
    nobody.example 60 A 192.0.2.8
    fail broken.example
    _sip._tcp.half.example 60 SRV 1 0 5060 broken.example
    _sip._tcp.half.example 60 SRV 2 0 5060 one.example
";

#[test]
fn a_name_leads_where_its_records_say() {
    let udp = &[
        "UDP 192.0.2.1:5062 10/60",
        "UDP 192.0.2.2:5060 20/30",
        "UDP [2001:db8::2]:5060 20/0",
        "UDP 192.0.2.1:5063 20/70",
    ][..];
    let with = |transport: Option<Transport>, port: Option<u16>, secure: bool| {
        move |name: &str| NextHop { transport, port, secure, ..to(name) }
    };
    let (plain, secure) = (with(None, None, false), with(None, None, true));
    for (next, spoken, expected) in [
        // The best of those that are spoken here.
        (plain("carrier.example"), &ALL[..], &["TLS 192.0.2.1:5061 1/0"][..]),
        (plain("carrier.example"), &ALL[..2], &["TCP 192.0.2.1:5070 1/0"]),
        (plain("carrier.example"), &ALL[..1], udp),
        (secure("carrier.example"), &ALL, &["TLS 192.0.2.1:5061 1/0"]),
        (with(Some(Transport::Udp), None, false)("carrier.example"), &ALL, udp),
        // A port leads to addresses, a name without servers to the usual one.
        (with(None, Some(5090), false)("two.example"), &ALL, &["UDP 192.0.2.2:5090 0/0", "UDP [2001:db8::2]:5090 1/0"]),
        (
            with(None, Some(5090), true)("two.example"),
            &ALL[..],
            &["TLS 192.0.2.2:5090 0/0", "TLS [2001:db8::2]:5090 1/0"],
        ),
        (plain("plain.example"), &ALL, &["UDP 192.0.2.9:5060 0/0"]),
        (secure("plain.example"), &ALL, &["TLS 192.0.2.9:5061 0/0"]),
        (with(Some(Transport::Tcp), None, false)("plain.example"), &ALL, &["TCP 192.0.2.9:5060 0/0"]),
        // NAPTR says over what, and names servers that are none: at its addresses. One that it names later is there.
        (plain("naptr.example"), &ALL, &["TCP 192.0.2.7:5060 0/0"]),
        (plain("naptr.example"), &ALL[..1], &["UDP 192.0.2.7:5060 0/0"]),
        (plain("later.example"), &ALL, &["UDP 192.0.2.1:5062 1/0"]),
        // One server that cannot be found is no reason to leave the other.
        (plain("half.example"), &ALL, &["TCP 192.0.2.1:5060 2/0"]),
    ] {
        run(async {
            let located = look_up(CARRIER, next.clone(), spoken).await;
            assert_eq!(
                (told(&located), &located.fault),
                (expected.iter().map(ToString::to_string).collect(), &None),
                "{next}"
            );
        });
    }
}

#[test]
fn why_a_name_leads_nowhere_is_told() {
    for (name, why, is_certain) in [
        ("nowhere.example", "nowhere.example: there is no such name, or it has no address", true),
        ("nobody.example", "nobody.example: the servers of nobody.example have no address", true),
        ("broken.example", "broken.example: no name server answers for broken.example", false),
    ] {
        run(async {
            let located = look_up(CARRIER, to(name), &ALL).await;
            assert!(located.places.is_empty());
            assert!(located.fault.as_deref().is_some_and(|fault| fault.starts_with(why)), "{:?}", located.fault);
            assert_eq!(located.is_certain, is_certain, "{name}");
        });
    }
    run(async {
        let located = look_up(CARRIER, to("carrier.example"), &[Transport::Ws]).await;
        let why = "carrier.example: no server is named for a transport that sip.listen has";
        assert_eq!(located.fault.as_deref(), Some(why));
    });
}

#[test]
fn of_a_family_that_was_not_asked_for_nothing_is_said() {
    let (v4, v6): (Vec<Listen>, Vec<Listen>) = listen(&ALL[..1]).into_iter().partition(|listen| listen.addr.is_ipv4());
    let four = "IPv4 address (sip.listen has nothing over UDP on IPv6)";
    let six = "IPv6 address (sip.listen has nothing over UDP on IPv4)";
    for (name, listen, why) in [
        ("six.example", &v4, format!("there is no such name, or it has no {four}")),
        ("sixes.example", &v4, format!("the servers of sixes.example have no {four}")),
        ("plain.example", &v6, format!("there is no such name, or it has no {six}")),
    ] {
        run(async {
            let (addr, ..) = server(CARRIER).await;
            let located = look(&TrunkId::from("t"), &[to(name)], &Names::open(&[addr]), listen).await.0;
            assert_eq!(located.fault, Some(format!("{name}: {why}")));
        });
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a name server keeps the time of the machine")]
fn a_name_is_asked_for_again_when_its_time_is_over_and_not_before() {
    run(async {
        let (addr, zone, asked) = server("c.example 1 A 192.0.2.1").await;
        let (tell, mut located) = mpsc::channel(8);
        let mut locator = Locator::new(tell);
        let mut settings = crate::sip::tests::phone::settings(false);
        (settings.name_servers, settings.listen) = (vec![addr], listen(&ALL[..1]));
        let trunk =
            Trunk { to: vec![NextHop { port: Some(5060), ..to("c.example") }], ..Trunk::new("t", vec![], None) };
        settings.trunks = vec![trunk];
        let begun = std::time::Instant::now();
        locator.set(&settings);
        assert_eq!(told(&located.recv().await.unwrap()), ["UDP 192.0.2.1:5060 0/0"]);
        let first = asked.load(Ordering::Relaxed);
        locator.set(&settings);
        *zone.lock().unwrap() = "c.example 1 A 192.0.2.2".into();
        assert_eq!(told(&located.recv().await.unwrap()), ["UDP 192.0.2.2:5060 0/0"]);
        assert!(begun.elapsed() >= LEAST, "sooner than it may be");
        assert_eq!(asked.load(Ordering::Relaxed), first * 2, "the same trunk is looked up once");
        settings.trunks.clear();
        locator.set(&settings);
        assert!(locator.tasks.is_empty());
    });
}
