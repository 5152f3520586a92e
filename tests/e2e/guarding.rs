//! Programs that look for telephones to abuse, as they go about it: they find nothing, and disturb nobody.

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use hotline::sip::digest;
use hotline::sip::message::{Message, Method, Response, read};
use serde_json::Value;

use crate::client::{Client, SDP, TYPE};
use crate::house::{Files, House, hotline};
use crate::peers::Softphone;
use crate::ports::free_port;
use crate::web;

/// An answer that does not come within this does not come.
const SILENCE: Duration = Duration::from_millis(400);
/// So long an answer may take on a machine that has much to do.
const ANSWER: Duration = Duration::from_secs(5);

fn response(text: &str) -> Response {
    match read(text.as_bytes()) {
        Ok(Message::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}

/// REGISTER of a seat by hand; `credentials`: the whole line.
fn register(client: &Client, n: usize, seat: &str, credentials: &str) {
    let local = client.socket.local_addr().unwrap();
    client.send(&format!(
        "REGISTER sip:hotline SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKr{n}x;rport\r\nFrom: <sip:{seat}@hotline>;tag=t{n}\r\n\
         To: <sip:{seat}@hotline>\r\nCall-ID: r{}@{local}\r\nCSeq: {} REGISTER\r\nContact: <sip:{seat}@{local}>\r\nMax-Forwards: 70\r\n\
         {credentials}Content-Length: 0\r\n\r\n",
        n / 2,
        n + 1
    ));
}

fn sign(challenged: &str, seat: &str, password: &str) -> String {
    let challenge = response(challenged).headers.challenges("WWW-Authenticate").remove(0);
    let proved = digest::Proved { method: &Method::REGISTER, uri: "sip:hotline", body: &[] };
    let signed = digest::answer(&challenge, proved, seat, password, 1, "cn").expect("known");
    format!("Authorization: {signed}\r\n")
}

#[test]
fn scanners_find_nothing_and_disturb_nobody() {
    let house = House::open(&Files::new(None));
    let number = format!("sip:12346@{}", house.addr());

    // A phone that registered, behind an address that it shares with a thief.
    let phone = Client::new(&house, "127.0.0.7");
    register(&phone, 0, "8001", "");
    let challenged = phone.hear(Duration::from_secs(10)).expect("a challenge");
    register(&phone, 1, "8001", &sign(&challenged, "8001", "open-sesame"));
    let welcome = phone.hear(Duration::from_secs(10)).expect("an answer");
    assert!(welcome.starts_with("SIP/2.0 200 "), "{welcome}");
    let mut caller = Softphone::call(&house, "12346", &["--for", "8s"]);
    caller.wait("answered");

    // Looks for telephones: nobody is there.
    let mapper = Client::new(&house, "127.0.0.5");
    let options = |client: &Client, name: &str| {
        let local = client.socket.local_addr().unwrap();
        client.send(&format!(
            "OPTIONS sip:100@hotline SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{};rport\r\nFrom: \"sipvicious\"<sip:100@1.1.1.1>;tag=1\r\n\
             To: \"sipvicious\"<sip:100@1.1.1.1>\r\nCall-ID: {}\r\nCSeq: 1 OPTIONS\r\nContact: <sip:100@{local}>\r\nUser-Agent: {name}\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            name.len(),
            name.len()
        ));
    };
    options(&mapper, "friendly-scanner");
    assert_eq!(mapper.hear(SILENCE), None);
    options(&mapper, "a phone");
    assert!(mapper.hear(Duration::from_secs(10)).is_some(), "anybody may have sent that datagram");

    // Tries out numbers: those that are there and those that are not look the same.
    let mut diviner = Client::new(&house, "127.0.0.6");
    let mut shapes = std::collections::BTreeSet::new();
    for n in 0..40 {
        let seat = (7990 + n).to_string();
        register(&diviner, n, &seat, "");
        let told = diviner.hear(Duration::from_secs(10)).expect("a challenge");
        let statuses = response(&told);
        shapes.insert((
            statuses.status,
            statuses.headers.len(),
            told.len() - n.to_string().len() * 2 - (n / 2).to_string().len() - (n + 1).to_string().len(),
        ));
        assert_eq!(diviner.ask("INVITE", &number, &format!("{TYPE}\nFrom: <sip:{seat}@x>;tag=1"), SDP).0, 403);
    }
    assert_eq!(shapes.len(), 1, "{shapes:?}");

    // Guesses the password: after so many wrong ones nothing is heard of it any more, not even the right one.
    let thief = Client::new(&house, "127.0.0.7");
    register(&thief, 0, "8001", "");
    let challenged = thief.hear(Duration::from_secs(10)).expect("a challenge");
    let mut heard = 0;
    for n in 1..=130 {
        register(&thief, n, "8001", &sign(&challenged, "8001", &format!("guess{n}")));
        match thief.hear(if heard < 99 { Duration::from_secs(10) } else { SILENCE }) {
            Some(told) => assert!(told.starts_with("SIP/2.0 401 "), "{told}"),
            None => break,
        }
        heard += 1;
    }
    assert!((90..=101).contains(&heard), "{heard} guesses were answered");
    register(&thief, 200, "8001", &sign(&challenged, "8001", "open-sesame"));
    assert_eq!(thief.hear(SILENCE), None);
    house.wait_log(&["security ban address=127.0.0.7 reason=wrong-secret seconds=600"]);
    house.wait_log(&["security scanner address=127.0.0.5"]);
    house.wait_log(&["security wrong-secret address=127.0.0.7"]);

    // The phone beside the thief is still who it is, and so is everybody else.
    register(&phone, 300, "8001", "");
    // It is rung meanwhile.
    let told = std::iter::from_fn(|| phone.hear(Duration::from_secs(10))).find(|told| told.starts_with("SIP/2.0 "));
    assert!(told.as_ref().is_some_and(|told| told.starts_with("SIP/2.0 401 ")), "{told:?}");
    assert!(Client::new(&house, "127.0.0.1").ask("OPTIONS", &number, "", "").0 == 200);
    assert!(caller.end(), "the call was cut");
    assert_eq!(house.wait_records(1)[0]["ended_by"], "caller", "and nobody else left a record");
    assert!(!house.log().contains("panicked"), "{}", house.log());
}

/// `hotline bans`: its exit status, what it prints and what it complains of.
fn bans(house: &House, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = hotline();
    command.arg("bans").args(args).arg("--config").arg(house.dir().join("config")).arg("--data").arg(house.data());
    let said = command.output().expect("it runs");
    let [out, err] = [said.stdout, said.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    (said.status.code(), out, err)
}

#[test]
fn bans_are_seen_and_lifted_while_the_house_is_open() {
    let house = web::open(free_port());
    assert_eq!(bans(&house, &[]), (Some(0), "no household is banned\n".into(), String::new()));
    let (heard, thief) = (Client::new(&house, "127.0.0.8"), Client::new(&house, "127.0.0.7"));
    let mut tries = 0;
    let mut register_once = |client: &Client, password: &str| {
        tries += 2;
        register(client, tries, "8001", "");
        let challenged = client.hear(ANSWER)?;
        register(client, tries + 1, "8001", &sign(&challenged, "8001", password));
        client.hear(ANSWER).map(|told| response(&told).status)
    };
    let guesses = (0..150).take_while(|_| register_once(&thief, "guess").is_some()).count();
    assert!((90..=101).contains(&guesses), "{guesses} guesses were answered");
    let (status, told, complaint) = bans(&house, &[]);
    assert_eq!((status, complaint.as_str()), (Some(0), ""));
    let rows: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["household", "since", "until", "reason"], "{told}");
    assert_eq!((rows.len(), rows[1][0], rows[1][5]), (2, "127.0.0.7", "wrong-secret"), "{told}");
    let (_, told, _) = bans(&house, &["--format", "json"]);
    let ban: Value = serde_json::from_str(&told).expect("one JSON object");
    assert_eq!((&ban["household"], &ban["reason"]), (&"127.0.0.7".into(), &"wrong-secret".into()), "{ban}");
    let at = |key: &str| ban[key].as_str().expect("a time").parse::<jiff::Timestamp>().expect("RFC 3339");
    assert_eq!(at("until").duration_since(at("since")).as_secs(), 600, "{ban}");

    let (status, told, complaint) = bans(&house, &["--lift", "carrier.example"]);
    assert_eq!((status, told.as_str()), (Some(2), ""));
    assert!(complaint.contains("that is no address; 192.0.2.66 is one"), "{complaint}");
    let (status, told, complaint) = bans(&house, &["--lift", "127.0.0.8"]);
    assert_eq!((status, told.as_str()), (Some(1), ""));
    assert!(complaint.contains("127.0.0.8 is not banned; `hotline bans` lists those that are"), "{complaint}");
    assert_eq!(register_once(&thief, "open-sesame"), None, "nothing has changed");
    let (status, told, _) = bans(&house, &["--lift", "127.0.0.7"]);
    assert_eq!(status, Some(0));
    assert!(told.starts_with("127.0.0.7 is heard again; it was banned until "), "{told}");
    assert_eq!(register_once(&thief, "open-sesame"), Some(200));
    assert_eq!(register_once(&heard, "open-sesame"), Some(200));
    assert_eq!(bans(&house, &[]).1, "no household is banned\n");
    house.wait_log(&["security lifted address=127.0.0.7"]);
    let (_, audit) = web::Browser::signed_in(&house, "lin").get("/api/v1/audit");
    let entries = audit.as_array().expect("entries").iter();
    let lifts: Vec<[&str; 3]> = entries
        .map(|entry| ["what", "result", "from"].map(|key| entry[key].as_str().unwrap_or_default()))
        .filter(|[what, ..]| what.starts_with("hotline bans"))
        .collect();
    let expected = [
        ["hotline bans {\"lift\":\"127.0.0.7\"}", "200", "this machine"],
        ["hotline bans {\"lift\":\"127.0.0.8\"}", "409", "this machine"],
    ];
    assert_eq!(lifts, expected, "newest first, and what only looks is not there: {audit:#}");
}

/// An INVITE in a trunk's name whose description names somebody who knows nothing of it.
#[test]
fn nothing_is_played_to_whom_a_forged_call_names() {
    let house = House::open(&Files::new(None));
    let victim = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sdp = SDP.replace("40000", &victim.local_addr().unwrap().port().to_string());
    let forger = Client::new(&house, "127.0.0.1");
    let to = format!("<sip:12346@{}>", house.addr());
    forger.send(&forger.request("INVITE", "12346", "f", 1, &to, &format!("{TYPE}\r\n"), &sdp));
    let (status, answer) = forger.answer("branch=z9hG4bKf");
    assert_eq!(status, 200, "{answer}");
    // It comes once more half a second later, as no ACK came.
    assert_eq!(forger.answer("branch=z9hG4bKf").1, answer);
    victim.set_nonblocking(true).unwrap();
    assert!(victim.recv(&mut [0; 2000]).is_err(), "sound went to somebody who did not ask for it");
    // Who got the 200 knows its tag, and hears the greeting.
    let to = response(&answer).headers.get("To").unwrap().to_string();
    forger.send(&forger.request("ACK", "12346", "g", 1, &to, "", ""));
    victim.set_nonblocking(false).unwrap();
    victim.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert!(victim.recv(&mut [0; 2000]).is_ok_and(|length| length > 12));
    forger.send(&forger.request("BYE", "12346", "h", 2, &to, "", ""));
    assert_eq!(forger.answer("branch=z9hG4bKh").0, 200);
}

#[test]
fn nobody_calls_out_but_by_a_rule() {
    let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
    carrier.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    let mut files = Files::new(Some(free_port()));
    let to = format!("to = \"sip:{}\"\n", carrier.local_addr().unwrap());
    files.hotline = files.hotline.replace("from = [\"127.0.0.1\"]\n", &format!("from = [\"127.0.0.1\"]\n{to}"));
    let house = House::open(&files);
    let mut caller = Client::new(&house, "127.0.0.1");
    for number in ["00441632960961", "+441632960961", "9900441632960961", "1900123456", "12345@elsewhere", "900%2B44"] {
        let (status, text) = caller.ask("INVITE", &format!("sip:{number}@{}", house.addr()), TYPE, SDP);
        assert!((400..500).contains(&status), "{number}: {text}");
    }
    let mut stranger = Client::new(&house, "127.0.0.9");
    let (status, _) = stranger.ask("INVITE", &format!("sip:00441632960961@{}", house.addr()), TYPE, SDP);
    assert_eq!(status, 403);
    let (status, _) =
        caller.ask("REFER", &format!("sip:12345@{}", house.addr()), "Refer-To: <sip:00441632960961@x>", "");
    assert_eq!(status, 403);
    // Signs of life may go there, calls may not.
    let mut heard = [0; 2000];
    while let Ok((length, _)) = carrier.recv_from(&mut heard) {
        let text = String::from_utf8_lossy(&heard[..length]);
        assert!(!text.starts_with("INVITE"), "{text}");
        if !text.starts_with("OPTIONS") && !text.starts_with("REGISTER") {
            break;
        }
    }
}

/// What a program of SIPVicious says of the house; it keeps what it finds in its home.
fn sipvicious(house: &House, program: &str, args: &[&str]) -> String {
    let home = tempfile::tempdir().expect("a temporary folder");
    let addr = house.addr();
    let (ip, port) = addr.rsplit_once(':').expect("an address and a port");
    let said = Command::new("timeout")
        .args(["60", program, "-p", port])
        .args(args)
        .arg(ip)
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .output()
        .expect("SIPVicious is installed: scripts/setup test");
    String::from_utf8_lossy(&said.stdout).to_string() + &String::from_utf8_lossy(&said.stderr)
}

#[test]
fn sipvicious_finds_nothing() {
    let mut files = Files::new(None);
    // What comes from where these programs are is a stranger's.
    files.hotline = files.hotline.replace("from = [\"127.0.0.1\"]", "from = [\"127.0.0.9\"]");
    let house = House::open(&files);
    let map = sipvicious(&house, "svmap", &[]);
    assert!(map.contains("found nothing"), "{map}");
    drop(house);
    // Nor does it where it is not known by its name.
    files.hotline += "[guard]\nscanners = []\n";
    let house = House::open(&files);
    let war = sipvicious(&house, "svwar", &["--force", "-m", "INVITE", "-e", "7999-8004"]);
    assert!(war.contains("found nothing"), "{war}");
    // Of two seats that there are and four that there are not it tells the same, if anything.
    let war = sipvicious(&house, "svwar", &["--force", "-m", "REGISTER", "-e", "7999-8004"]);
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (seat, what) = (cells.next()?.parse::<u32>().ok()?, cells.next()?.to_string());
        Some((seat, what))
    };
    let told: Vec<(u32, String)> = war.lines().filter_map(row).collect();
    let mut words: Vec<&String> = told.iter().map(|(_, what)| what).collect();
    words.dedup();
    assert!([0, 6].contains(&told.len()) && words.len() <= 1, "seats that exist look otherwise: {told:?}\n{war}");
    let crack = sipvicious(&house, "svcrack", &["-u", "8001", "-r", "1-40"]);
    assert!(crack.contains("found nothing"), "{crack}");
    assert!(house.records().is_empty() && !house.log().contains("arrived"), "{}", house.log());
}
