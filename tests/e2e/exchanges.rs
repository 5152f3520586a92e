//! Exchanges with carriers and desk phones, each a scenario of sipp's.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::explaining::ask;
use crate::house::{Files, House, PATIENCE};
use crate::peers::Sipp;
use crate::ports::free_port;

#[test]
fn why_a_carrier_hung_up_is_in_the_record_and_a_carrier_is_told_why_the_house_does() {
    let port = free_port();
    let house = House::open(&Files::new(Some(port)));
    let phone = Sipp::phone("phone_answers", port);
    Sipp::caller(&house, "caller_says_why", "12346").succeed();
    phone.succeed();
    let record = house.wait_records(1).remove(0);
    assert_eq!((&record["ended_by"], &record["reason"]), (&"caller".into(), &"Q.850;cause=38".into()), "{record:#}");

    let phone = Sipp::phone("phone_answers_and_hangs_up", port);
    Sipp::caller(&house, "caller_is_told_why", "12346").succeed();
    phone.succeed();
    let record = house.wait_records(2).pop().expect("a record");
    assert_eq!((&record["ended_by"], record["reason"].is_null()), (&"operator".into(), true), "{record:#}");
}

#[test]
fn a_call_that_rings_at_a_colleague_is_picked_up_from_another_phone() {
    let (boris, chen) = (free_port(), free_port());
    let mut files = Files::new(Some(boris));
    files.operators += &format!(
        "[[seat]]\nid = \"8003\"\ncontact = \"sip:8003@127.0.0.1:{chen}\"\n\
         [[operator]]\nid = \"1003\"\nname = \"Chen\"\nskills = {{ mandarin = 1 }}\nseat = \"8003\"\n"
    );
    // Boris is asked first, and rings until somebody is quicker.
    files.queues = files.queues.replace(
        "id = \"citizen\"\nneed = \"mandarin >= 1\"\nring = \"4s\"",
        "id = \"citizen\"\nneed = \"mandarin >= 1\"\nchoose = \"most-skilled\"\nring = \"20s\"",
    );
    let rings = Sipp::phone("phone_elsewhere", boris);
    let house = House::open(&files);
    let caller = Sipp::callers(&house, "caller_stays", "12346", &["-d", "8000"]);
    rings.moment_of("sent", "SIP/2.0 180");
    house.wait_log(&["offered", "1002"]);
    let chens = Sipp::callers(&house, "phone_picks_up", "*88002", &["-p", &chen.to_string()]);
    house.wait_log(&["connected", "1003"]);
    rings.succeed();
    caller.succeed();
    chens.succeed();
    let records = house.wait_records(1);
    let record = records.iter().find(|record| record["to"] == "12346").expect("the citizen's");
    assert_eq!((&record["outcome"], &record["operator"]), (&"answered".into(), &"1003".into()), "{record:#}");
    let offers: Vec<_> = record["offers"].as_array().expect("offers").iter().map(|offer| &offer["outcome"]).collect();
    assert_eq!(offers, ["answered_elsewhere", "answered"], "{record:#}");
}

#[test]
fn whatever_a_carrier_challenges_of_a_call_is_proved_to_it() {
    let port = free_port();
    let mut files = Files::new(None);
    let carrier = format!(
        "[[trunk]]\nid = \"carrier\"\nto = \"sip:127.0.0.1:{port}\"\ncheck = \"0s\"\nrealm = \"carrier.example\"\n\
         domain = \"carrier.example\"\nusername = \"house\"\nsecret = \"of the carrier\"\n"
    );
    files.hotline = files.hotline.replacen("[media]", &format!("{carrier}[media]"), 1);
    files.menu += "[[menu.choice]]\nkey = \"5\"\nnumber = \"01065139999\"\n";
    let carrier = Sipp::phone("carrier_challenges", port);
    let house = House::open(&files);
    Sipp::callers(&house, "caller_presses_info", "12345", &["-key", "key", "5", "-d", "6000"]).succeed();
    carrier.succeed();
    assert_eq!(house.wait_records(1)[0]["outcome"], "transferred_out");
}

#[test]
fn a_phone_that_sends_its_calls_on_is_followed_to_where_the_admin_lets_it() {
    let (port, other) = (free_port(), free_port());
    let mut files = Files::new(Some(port));
    files.hotline = files.hotline.replace("[sip]\n", "[sip]\nredirects = [\"127.0.0.0/8\"]\n");
    let house = House::open(&files);
    let phone = Sipp::start("phone_redirects", &["-p", &port.to_string(), "-key", "to", &other.to_string()]);
    let answers = Sipp::phone("phone_answers", other);
    Sipp::caller(&house, "caller_hangs_up", "12346").succeed();
    phone.succeed();
    answers.succeed();
    let record = house.wait_records(1).remove(0);
    assert_eq!((&record["outcome"], &record["operator"]), (&"answered".into(), &"1002".into()), "{record:#}");
}

#[test]
fn a_phone_holds_and_comes_back_by_update() {
    let port = free_port();
    let house = House::open(&Files::new(Some(port)));
    let phone = Sipp::phone("phone_updates", port);
    Sipp::caller(&house, "caller_waits", "12346").succeed();
    phone.succeed();
    let record = house.wait_records(1).remove(0);
    let held = record["hold_ms"].as_i64().expect("how long");
    assert!((1500..4000).contains(&held) && record["ended_by"] == "operator", "{record:#}");
}

#[test]
fn a_carrier_puts_caller_and_far_end_together_and_one_that_will_not_leaves_them_with_the_house() {
    let port = free_port();
    let mut files = Files::new(None);
    let trunk = format!("id = \"test\"\nto = \"sip:127.0.0.1:{port}\"\ncheck = \"0s\"\nrefer = true\n");
    files.hotline = files.hotline.replacen("id = \"test\"\n", &trunk, 1);
    files.menu += "[[menu.choice]]\nkey = \"5\"\nnumber = \"01065139999\"\n";
    let far = Sipp::start("phone_answers", &["-p", &port.to_string(), "-m", "2"]);
    let house = House::open(&files);
    let callers = ["caller_is_referred", "caller_refuses_refer"].map(|caller| Sipp::caller(&house, caller, "12345"));
    callers.into_iter().for_each(Sipp::succeed);
    far.succeed();
    let records = house.wait_records(2);
    let of =
        |by: &str| records.iter().find(|record| record["ended_by"] == by).unwrap_or_else(|| panic!("{records:#?}"));
    let (record, refused) = (of("released"), of("caller"));
    let release = &record["release"];
    let came_to = (&release["outcome"], &record["outcome"]);
    assert_eq!(came_to, (&"released".into(), &"transferred_out".into()), "{record:#}");
    assert!(release["ended_at"].as_str() < record["ended_at"].as_str(), "{record:#}");
    let (course, _) = ask(&house, &["explain", record["call_id"].as_str().expect("an id")]);
    assert!(course.contains("they talked without us from here on"), "{course}");
    let release = (&refused["release"]["outcome"], &refused["release"]["sip_status"]);
    assert_eq!(release, (&"refused".into(), &603.into()), "{refused:#}");
    house.wait_log(&["a REFER of ours came to nothing", "603 Decline"]);
}

/// Looks until there is something to be seen.
fn await_what<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < until, "it never comes");
    }
}

/// The sound of a phone whose signalling is sipp's.
struct Sound(UdpSocket);

impl Sound {
    fn open() -> Sound {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a limit");
        Sound(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    fn port(&self) -> String {
        self.address().port().to_string()
    }

    /// From where the next packet of sound comes, if one does.
    fn hears(&self) -> Option<SocketAddr> {
        let mut packet = [0; 2048];
        let (_, from) = self.0.recv_from(&mut packet).ok()?;
        // What is no RTCP.
        if (192..=223).contains(&packet[1]) { self.hears() } else { Some(from) }
    }

    fn says(&self, number: u16, to: SocketAddr) {
        let mut packet = [0xD5; 172];
        packet[..12].copy_from_slice(&[0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(number) * 160).to_be_bytes());
        self.0.send_to(&packet, to).expect("sends");
    }
}

#[test]
fn sound_goes_directly_between_two_trunks_that_may_and_by_the_house_again_when_one_holds() {
    let port = free_port();
    let mut files = Files::new(None);
    let trunk = format!("id = \"test\"\nto = \"sip:127.0.0.1:{port}\"\ncheck = \"0s\"\ndirect_media = true\n");
    files.hotline = files.hotline.replacen("id = \"test\"\n", &trunk, 1);
    files.menu += "[[menu.choice]]\nkey = \"5\"\nnumber = \"01065139999\"\n";
    let (near, away) = (Sound::open(), Sound::open());
    let far = Sipp::start("phone_is_told_of_another", &["-p", &port.to_string(), "-key", "sound", &away.port()]);
    let house = House::open(&files);
    let args = ["-key", "sound", &near.port(), "-d", "4000"];
    let caller = Sipp::callers(&house, "caller_is_told_of_another", "12345", &args);
    // Both talk by the house, which sends silence until it hears somebody.
    let (by_house, near_house) = (await_what(|| away.hears()), await_what(|| near.hears()));
    let told = |phone: &Sipp, other: &Sound| phone.told().contains(&format!("m=audio {} RTP/AVP 8 101", other.port()));
    let mut number = 0;
    await_what(|| {
        number += 1;
        near.says(number, near_house);
        away.says(number, by_house);
        near.hears();
        away.hears();
        (told(&caller, &away) && told(&far, &near)).then_some(())
    });
    house.wait_log(&["the sound goes directly between both"]);
    while near.hears().or_else(|| away.hears()).is_some() {}
    for _ in 0..10 {
        number += 1;
        near.says(number, away.address());
        away.says(number, near.address());
        assert_eq!((near.hears(), away.hears()), (Some(away.address()), Some(near.address())));
    }
    assert_eq!((near.hears(), away.hears()), (None, None), "nothing comes from the house");
    // The caller holds: whom they talk with hears music.
    house.wait_log(&["the sound comes by us again"]);
    await_what(|| away.hears().filter(|from| *from == by_house));
    caller.succeed();
    far.succeed();
    let record = house.wait_records(1).remove(0);
    assert!(record["quality"].is_null(), "nothing was measured: {record:#}");
    let times = record["direct"].as_array().expect("times");
    assert!(times.len() == 1 && times[0]["ended_at"].as_str() < record["ended_at"].as_str(), "{record:#}");
    let (course, _) = ask(&house, &["explain", record["call_id"].as_str().expect("an id")]);
    assert!(course.contains("the sound went directly between both from here on"), "{course}");
}
