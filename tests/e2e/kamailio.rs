//! Kamailio as the carrier: it registers us, asks for the password, brings and takes calls over TLS with certificates on
//! both sides, and another steps in when it is stopped. And as the edge, over TLS, behind which the phones are.

use std::fs;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hotline::sip::message::{Message, Method, read};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::carriers::trunks;
use crate::house::{Files, House, PATIENCE};
use crate::peers::{Baresip, Sipp, Softphone};
use crate::ports::free_port;
use crate::sound::Heard;
use crate::tls::make_certificate;

/// One Kamailio: it takes calls to carrier.example to `phone`, if the password is right, and all others to whoever
/// registered as `house`.
struct Kamailio {
    child: Child,
    dir: tempfile::TempDir,
}

const ROUTES: &str = r#"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "textops.so"
loadmodule "rr.so"
request_route {
    if (is_method("CANCEL")) { t_relay(); exit; }
    if (has_totag()) {
        loose_route();
        if (is_method("ACK")) { t_check_trans(); }
        t_relay();
        exit;
    }
    if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("carrier.example", "of the carrier", "0")) {
            www_challenge("carrier.example", "0");
            exit;
        }
        save("location");
        exit;
    }
    if (!is_method("INVITE")) { sl_send_reply("405", "Method Not Allowed"); exit; }
    if ($rd == "carrier.example") {
        if (!pv_proxy_authenticate("carrier.example", "of the carrier", "0") || $au != "house") {
            proxy_challenge("carrier.example", "0");
            exit;
        }
        consume_credentials();
        record_route();
        $ru = "sip:" + $rU + "@127.0.0.1:PHONE";
    } else {
        $var(dialled) = $rU;
        $rU = "house";
        if (!lookup("location")) { sl_send_reply("480", "Temporarily Unavailable"); exit; }
        $rU = $var(dialled);
        record_route();
    }
    t_relay();
}
"#;

/// Phones come over TLS, and find the house at port HOUSE; what goes to them goes over the connection they came by.
const EDGE: &str = r#"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "rr.so"
loadmodule "nathelper.so"
request_route {
    if (is_method("CANCEL")) { t_relay(); exit; }
    if (has_totag()) {
        loose_route();
        if ($pr == "udp") { handle_ruri_alias(); } else { add_contact_alias(); }
        if (is_method("ACK")) { t_check_trans(); }
        t_relay();
        exit;
    }
    if (is_method("INVITE")) { record_route(); }
    if ($pr == "udp") {
        handle_ruri_alias();
    } else {
        add_contact_alias();
        $du = "sip:127.0.0.1:HOUSE";
    }
    t_relay();
}
onreply_route { if ($pr == "tls") { add_contact_alias(); } }
"#;

impl Kamailio {
    /// At this address, over UDP and, where there is a port for it, over TLS with the certificate in `certificates`.
    fn start(ip: &str, udp: u16, tls: Option<(u16, &Path)>, phone: u16) -> Kamailio {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut listen = format!("listen=udp:{ip}:{udp}\n");
        if let Some((port, certificates)) = tls {
            let of = |kind: &str| {
                let files = certificates.display();
                format!(
                    "[{kind}:default]\nmethod = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n\
                     private_key = {files}/carrier.key\ncertificate = {files}/carrier.pem\nca_list = {files}/ca.pem\n"
                )
            };
            fs::write(dir.path().join("tls.cfg"), of("server") + &of("client")).expect("writes");
            listen += &over_tls(ip, port, dir.path());
        }
        Self::run(dir, &(listen + &ROUTES.replace("PHONE", &phone.to_string())))
    }

    /// An edge at these ports, over TLS with the certificate in `certificates`, before the house at this port.
    fn edge(udp: u16, secure: u16, certificates: &Path, house: u16) -> Kamailio {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let files = certificates.display();
        let tls = format!(
            "[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n\
             private_key = {files}/key.pem\ncertificate = {files}/cert.pem\n[client:default]\nverify_certificate = no\n"
        );
        fs::write(dir.path().join("tls.cfg"), tls).expect("writes");
        let listen = format!("listen=udp:127.0.0.4:{udp}\n") + &over_tls("127.0.0.1", secure, dir.path());
        Self::run(dir, &(listen + &EDGE.replace("HOUSE", &house.to_string())))
    }

    fn run(dir: tempfile::TempDir, routes: &str) -> Kamailio {
        let config = "#!KAMAILIO\nlog_stderror=yes\ndebug=1\nchildren=1\ntcp_children=1\nauto_aliases=no\n";
        let file = dir.path().join("kamailio.cfg");
        fs::write(&file, config.to_string() + routes).expect("writes");
        let log = fs::File::create(dir.path().join("log")).expect("a log file");
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-Y"])
            .arg(dir.path())
            .arg("-f")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log)
            .spawn()
            .expect("Kamailio is installed: scripts/setup test");
        Kamailio { child, dir }
    }

    fn stop(&mut self) {
        // It ends its children when it is asked to.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("it can be waited for").is_none() {
            assert!(Instant::now() < until, "Kamailio does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!(
                "--- Kamailio's log ---\n{}",
                fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
            );
        }
    }
}

fn over_tls(ip: &str, port: u16, dir: &Path) -> String {
    let at = dir.display();
    format!(
        "enable_tls=yes\nlisten=tls:{ip}:{port}\nloadmodule \"tls.so\"\nmodparam(\"tls\", \"config\", \"{at}/tls.cfg\")\n"
    )
}

/// An authority, and certificates of the carrier and of the house that it vouches for.
fn certificates(dir: &Path) -> PathBuf {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(dir.join("ca.pem"), params.self_signed(&key).expect("signs").pem()).expect("writes");
    let authority = Issuer::new(params, key);
    for (name, domain) in [("carrier", "carrier.example"), ("house", "house.example")] {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![domain.to_string()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, domain);
        fs::write(dir.join(format!("{name}.pem")), params.signed_by(&key, &authority).expect("signs").pem())
            .expect("writes");
        fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).expect("writes");
    }
    dir.to_path_buf()
}

/// A house that registers with a carrier at these addresses, the first over TLS; callers press 5 to be sent out.
fn files(secure: u16, second: u16, certificates: &Path) -> Files {
    let own = free_port();
    let mut files = Files::new(None);
    let at = certificates.display();
    let carrier = format!(
        "[[trunk]]\nid = \"carrier\"\nto = [\"tls:127.0.0.2:{secure}\", \"sip:127.0.0.3:{second}\"]\nfrom = [\"127.0.0.3\"]\n\
         domain = \"carrier.example\"\ncertified = \"carrier.example\"\nca = \"{at}/ca.pem\"\n\
         certificate = \"{at}/house.pem\"\nkey = \"{at}/house.key\"\n\
         username = \"house\"\nsecret = \"of the carrier\"\nregister = true\npatience = \"1s\"\ncheck = \"0s\"\n"
    );
    files.hotline = files.hotline.replacen("[[trunk]]", &format!("{carrier}[[trunk]]"), 1);
    files.hotline =
        files.hotline.replace("\"tcp:127.0.0.1:0\"", &format!("\"tcp:127.0.0.1:0\", \"tls:127.0.0.1:{own}\""));
    files.hotline +=
        &format!("[tls]\ncertificate = \"{at}/house.pem\"\nkey = \"{at}/house.key\"\nclient_ca = \"{at}/ca.pem\"\n");
    files.menu += "[[menu.choice]]\nkey = \"5\"\nnumber = \"01065139999\"\n";
    files
}

#[test]
fn kamailio_brings_and_takes_calls_over_tls_and_another_steps_in_when_it_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let files_of = certificates(dir.path());
    let (first, secure, second) = (free_port(), free_port(), free_port());
    // A phone for each: what the stopped one did not pass on reaches no call of the other.
    let phones = [free_port(), free_port()];
    let mut kamailio = Kamailio::start("127.0.0.2", first, Some((secure, &files_of)), phones[0]);
    let _other = Kamailio::start("127.0.0.3", second, None, phones[1]);
    let house = House::open(&files(secure, second, &files_of));
    house.wait_log(&["registered at the carrier", &format!("127.0.0.2:{secure}")]);
    let call = |carrier: &str, phone: u16| {
        let phone = Sipp::phone("phone_answers", phone);
        let caller = ["-s", "12345", "-key", "key", "5", "-d", "6000", "-p", &free_port().to_string()];
        Sipp::start("caller_presses_info", &[&[carrier][..], &caller].concat()).succeed();
        phone.succeed();
    };
    // The carrier is known by its certificate: at that address nobody is.
    call(&format!("127.0.0.2:{first}"), phones[0]);
    kamailio.stop();
    house.wait_log(&["registered at the carrier", &format!("127.0.0.3:{second}")]);
    call(&format!("127.0.0.3:{second}"), phones[1]);
    for record in house.wait_records(2) {
        let told = (record["trunk"].as_str(), record["outcome"].as_str(), record["to"].as_str());
        assert_eq!(told, (Some("carrier"), Some("transferred_out"), Some("12345")), "{record:#}");
    }
    // A BYE to whom was stopped meanwhile is given up after 32 s, RFC 3261 §17.1.2.2.
    let open = || trunks(&house)[0]["calls"] != 0;
    for _ in 0..450 {
        if !open() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("a call is left: {:?}", trunks(&house));
}

#[test]
fn a_phone_behind_kamailio_is_not_spoken_with_past_it_when_it_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let files_of = certificates(dir.path());
    let (first, secure, second) = (free_port(), free_port(), free_port());
    let phone = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    phone.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let own = phone.local_addr().expect("bound");
    let hear = || -> Option<(Message, SocketAddr)> {
        let mut buffer = [0; 65_535];
        let (length, from) = phone.recv_from(&mut buffer).ok()?;
        Some((read(&buffer[..length]).expect("SIP"), from))
    };
    let mut kamailio = Kamailio::start("127.0.0.2", first, Some((secure, &files_of)), own.port());
    let house = House::open(&files(secure, second, &files_of));
    house.wait_log(&["registered at the carrier", &format!("127.0.0.2:{secure}")]);
    let caller = Sipp::callers(&house, "caller_presses_info", "12345", &["-key", "key", "5", "-d", "6000"]);
    loop {
        let (message, from) = hear().expect("the call comes to the phone");
        assert_eq!(from.ip().to_string(), "127.0.0.2");
        match message {
            Message::Request(request) if request.method == Method::INVITE => {
                let mut response = request.respond(200, Some("phone"));
                request.copy_record_routes(&mut response);
                assert!(response.headers.get("Record-Route").is_some(), "Kamailio stays in the dialog: {request:?}");
                response.headers.push("Contact", format!("<sip:phone@{own}>"));
                response.headers.push("Content-Type", "application/sdp");
                response.body = format!(
                    "v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\n",
                    free_port()
                )
                .into_bytes();
                phone.send_to(&response.to_bytes(), from).expect("sent");
            }
            Message::Request(request) if request.method == Method::ACK => break,
            other => panic!("{other:?}"),
        }
    }
    kamailio.stop();
    caller.succeed();
    assert_eq!(house.wait_records(1)[0]["outcome"], "transferred_out");
    // A BYE would be there by now, and be repeated.
    phone.set_read_timeout(Some(Duration::from_secs(2))).expect("a time limit");
    let past = hear();
    assert!(past.is_none(), "past the route set, RFC 3261 §12.2.1.1: {past:?}");
}

#[test]
fn a_phone_behind_kamailio_at_the_edge_registers_and_talks_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    make_certificate(dir.path());
    let (udp, secure) = (free_port(), free_port());
    let house = House::open(&Files::new(None));
    let at: SocketAddr = house.addr().parse().expect("an address");
    let _edge = Kamailio::edge(udp, secure, dir.path(), at.port());
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", secure)).is_err() {
        assert!(Instant::now() < until, "Kamailio does not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
    let server = format!("127.0.0.1:{secure};transport=tls");
    let phone = Baresip::register_at(&house, &server, "8001", "open-sesame", 700, Some(&dir.path().join("cert.pem")));
    let heard = dir.path().join("heard.wav");
    assert!(Softphone::call(&house, "12346", &["--for", "8s", "--record", heard.to_str().unwrap()]).end());
    let record = house.wait_records(1).remove(0);
    let told = (record["outcome"].as_str(), record["seat"].as_str(), record["ended_by"].as_str());
    assert_eq!(told, (Some("answered"), Some("8001"), Some("caller")), "{record:#}\n{}", phone.log());
    let tone = Heard::read(&heard).seconds_of(700);
    assert!(tone > 3.0, "the operator was heard for {tone} s");
    // The BYE came through: nobody talks there any more.
    let until = Instant::now() + PATIENCE;
    while !phone.log().contains("terminated") {
        assert!(Instant::now() < until, "the phone does not know that it is over\n{}", phone.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}
