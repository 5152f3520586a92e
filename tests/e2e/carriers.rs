//! Carriers: one that asks for a password, one at which nobody is, and some that are found by name.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, OpCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use serde_json::Value;

use crate::explaining::ask;
use crate::house::{Files, House, PATIENCE, hotline};
use crate::peers::{Sipp, Softphone};
use crate::ports::free_port;
use crate::streams::gauge;

/// `hotline trunks`, a value for each.
pub fn trunks(house: &House) -> Vec<Value> {
    let said = hotline().args(["trunks", "--format", "json", "--data"]).arg(house.data()).output().expect("it runs");
    let text = String::from_utf8(said.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_call_goes_over_the_carrier_that_is_there_and_is_proved_to_it() {
    let (dead, port) = (free_port(), free_port());
    let mut files = Files::new(None);
    let test = "[[trunk]]\nid = \"test\"\n";
    let carriers = format!(
        "[[trunk]]\nid = \"dead\"\nto = \"sip:127.0.0.2:{dead}\"\npatience = \"1s\"\ncheck = \"0s\"\n\
         [[trunk]]\nid = \"carrier\"\npriority = 2\nto = \"sip:127.0.0.1:{port}\"\ncheck = \"0s\"\n\
         domain = \"carrier.example\"\nusername = \"house\"\nsecret = \"of the carrier\"\nregister = true\n"
    );
    files.hotline = files.hotline.replacen("[media]", &format!("{carriers}[media]"), 1);
    assert!(files.hotline.contains(test), "its calls come in by another");
    files.menu += "[[menu.choice]]\nkey = \"5\"\nnumber = \"01065139999\"\n";
    let carrier = Sipp::start("carrier", &["-p", &port.to_string(), "-m", "2"]);
    let house = House::open(&files);
    let until = Instant::now() + PATIENCE;
    while trunks(&house)[2]["registered"] != true {
        assert!(Instant::now() < until, "not registered: {:#?}", trunks(&house));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Sipp::callers(&house, "caller_presses_info", "12345", &["-key", "key", "5", "-d", "6000"]).succeed();
    let record = house.wait_records(1).pop().expect("a record");
    assert_eq!((&record["outcome"], &record["choices"]), (&"transferred_out".into(), &"5".into()), "{record:#}");
    let sent = &record["sent_on"][0];
    let told = ["by", "to", "trunk", "outcome"].map(|key| sent[key].as_str().unwrap_or_default());
    assert_eq!(told, ["menu", "01065139999", "carrier", "transferred"], "the trunk in the end: {record:#}");
    let times = [&sent["at"], &sent["answered_at"], &sent["ended_at"]].map(|at| at.as_str().expect("a time"));
    assert!(times.is_sorted() && sent["ended_at"] == record["ended_at"], "{record:#}");
    let (story, _) = ask(&house, &["explain", record["call_id"].as_str().expect("an id")]);
    for line in [
        "a menu sent the caller on to 01065139999 over the trunk carrier",
        "01065139999 answered",
        "put through outside",
    ] {
        assert!(story.contains(line), "no {line:?} in\n{story}");
    }
    carrier.succeed();
    let stand: Vec<Value> = trunks(&house).iter().map(|trunk| trunk["calls"].clone()).collect();
    assert_eq!(stand, [0, 0, 0], "no call is left");
}

/// A carrier that is there, and asks for a rest whenever it is called; its port.
fn weary_carrier(seconds: u32) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let request = String::from_utf8_lossy(&buffer[..length]);
            let status = match request.split(' ').next() {
                Some("ACK") => continue,
                Some("INVITE") => format!("503 Service Unavailable\r\nRetry-After: {seconds}"),
                _ => "200 OK".into(),
            };
            let is_told =
                |line: &&str| ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name));
            let told: Vec<&str> = request.lines().filter(is_told).collect();
            let to = request.lines().find(|line| line.starts_with("To:")).expect("To");
            let told = told.join("\r\n");
            let answer = format!("SIP/2.0 {status}\r\n{told}\r\n{to};tag=c\r\nContent-Length: 0\r\n\r\n");
            let _ = socket.send_to(answer.as_bytes(), from);
        }
    });
    port
}

#[test]
fn a_carrier_that_asked_for_a_rest_is_shown_to_rest() {
    let mut files = Files::new(None);
    let carrier = format!("[[trunk]]\nid = \"carrier\"\nto = \"sip:127.0.0.1:{}\"\n", weary_carrier(600));
    files.hotline = files.hotline.replacen("[media]", &format!("{carrier}[media]"), 1);
    files.menu += "[[menu.choice]]\nkey = \"5\"\nnumber = \"01065139999\"\n";
    let house = House::open(&files);
    let wait = |state: &str| {
        let until = Instant::now() + PATIENCE;
        while trunks(&house)[1]["state"] != state {
            assert!(Instant::now() < until, "not {state}: {:#?}", trunks(&house));
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    wait("up");
    let caller = Softphone::call(&house, "12345", &["--press", "5", "--for", "3s"]);
    wait("resting");
    drop(caller);
    let told = &trunks(&house)[1];
    let until = told["rests"][0].as_str().and_then(|until| until.parse::<jiff::Timestamp>().ok()).expect("RFC 3339");
    let left = until.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((600 - 60..=600).contains(&left), "{left} of 600 s: {told:#}");
    assert_eq!((&told["to"][0][1], &told["registered"]), (&true.into(), &Value::Null), "it is there: {told:#}");
    let mut command = hotline();
    command.args(["trunks", "--data"]).arg(house.data()).arg("--config").arg(house.dir().join("config"));
    let text = String::from_utf8(command.output().expect("it runs").stdout).expect("text");
    assert!(text.contains("\ncarrier  resting until "), "{text}");
    let until = Instant::now() + PATIENCE;
    while gauge(&house, "hotline_trunk_resting{trunk=\"carrier\"}") < 1.0 {
        assert!(Instant::now() < until, "the metrics do not say so");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(gauge(&house, "hotline_trunk_up{trunk=\"carrier\"}"), 1.0);
}

/// A name server on the loopback that knows one carrier: its server `sbc` at this port.
fn name_server(port: u16) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let addr = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let query = Message::from_vec(&buffer[..length]).expect("a query");
            let asked = query.queries[0].clone();
            let mut answer = Message::response(query.metadata.id, OpCode::Query);
            let name = asked.name().to_ascii();
            let data = match (name.as_str(), asked.query_type()) {
                ("_sip._udp.carrier.example.", RecordType::SRV) => {
                    let server = Name::from_ascii("sbc.carrier.example.").expect("a name");
                    Some(RData::SRV(SRV::new(1, 0, port, server)))
                }
                ("sbc.carrier.example.", RecordType::A) => Some(RData::A(A::new(127, 0, 0, 1))),
                _ => None,
            };
            answer.add_answers(data.map(|data| Record::from_rdata(asked.name().clone(), 60, data)));
            answer.add_query(asked);
            let _ = socket.send_to(&answer.to_vec().expect("a message"), from);
        }
    });
    addr
}

#[test]
fn a_carrier_is_found_by_its_name_and_one_whose_name_leads_nowhere_is_passed_over() {
    let port = free_port();
    let servers = format!("[sip]\nname_servers = [\"{}\"]\n", name_server(port));
    let mut files = Files::new(None);
    files.hotline = files.hotline.replacen("[sip]\n", &servers, 1);
    let carriers = "[[trunk]]\nid = \"gone\"\nto = \"sip:nowhere.example\"\n\
                    [[emergency]]\nid = \"110\"\ntrunk = \"gone\"\nkey = \"*1\"\n\
                    [[trunk]]\nid = \"named\"\npriority = 2\nto = \"sip:carrier.example\"\ncheck = \"0s\"\n";
    files.hotline = files.hotline.replacen("[media]", &format!("{carriers}[media]"), 1);
    files.menu += "[[menu.choice]]\nkey = \"5\"\nnumber = \"01065139999\"\n";
    let phone = Sipp::phone("phone_answers", port);
    let house = House::open(&files);
    house.wait_log(&["the carrier is found there", "named", &format!("127.0.0.1:{port}")]);
    house.wait_log(&["a name leads nowhere", "gone", "nowhere.example: there is no such name"]);
    let told = &trunks(&house)[1];
    assert_eq!((&told["id"], &told["to"]), (&"gone".into(), &Value::Array(Vec::new())));
    assert!(told["fault"].as_str().is_some_and(|fault| fault.starts_with("nowhere.example: ")), "{told:#}");
    // Nor does it lead to the police: that is an alarm.
    let until = Instant::now() + PATIENCE;
    while gauge(&house, "hotline_alarms") < 1.0 {
        assert!(Instant::now() < until, "no alarm");
        std::thread::sleep(Duration::from_millis(50));
    }
    Sipp::callers(&house, "caller_presses_info", "12345", &["-key", "key", "5", "-d", "6000"]).succeed();
    phone.succeed();
    let record = house.wait_records(1).pop().expect("a record");
    assert_eq!(record["outcome"], "transferred_out", "{record:#}");
}
