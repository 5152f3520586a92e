//! Kamailio as the carrier: it registers us, asks for the password, brings and takes calls over TLS with certificates on
//! both sides, and another steps in when it is stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::carriers::trunks;
use crate::house::{Files, House, PATIENCE, free_port};
use crate::peers::Sipp;

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
request_route {
    if (is_method("CANCEL")) { t_relay(); exit; }
    if (has_totag()) {
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
        $ru = "sip:" + $rU + "@127.0.0.1:PHONE";
    } else {
        $var(dialled) = $rU;
        $rU = "house";
        if (!lookup("location")) { sl_send_reply("480", "Temporarily Unavailable"); exit; }
        $rU = $var(dialled);
    }
    t_relay();
}
"#;

impl Kamailio {
    /// At this address, over UDP and, where there is a port for it, over TLS with the certificate in `certificates`.
    fn start(ip: &str, udp: u16, tls: Option<(u16, &Path)>, phone: u16) -> Kamailio {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let at = dir.path().display();
        let mut config = format!(
            "#!KAMAILIO\nlog_stderror=yes\ndebug=1\nchildren=1\ntcp_children=1\nauto_aliases=no\nlisten=udp:{ip}:{udp}\n"
        );
        if let Some((port, certificates)) = tls {
            let of = |kind: &str| {
                let files = certificates.display();
                format!(
                    "[{kind}:default]\nmethod = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n\
                     private_key = {files}/carrier.key\ncertificate = {files}/carrier.pem\nca_list = {files}/ca.pem\n"
                )
            };
            fs::write(dir.path().join("tls.cfg"), of("server") + &of("client")).expect("writes");
            config += &format!(
                "enable_tls=yes\nlisten=tls:{ip}:{port}\nloadmodule \"tls.so\"\nmodparam(\"tls\", \"config\", \"{at}/tls.cfg\")\n"
            );
        }
        config += &ROUTES.replace("PHONE", &phone.to_string());
        let file = dir.path().join("kamailio.cfg");
        fs::write(&file, config).expect("writes");
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

#[test]
fn kamailio_brings_and_takes_calls_over_tls_and_another_steps_in_when_it_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let files_of = certificates(dir.path());
    let (first, secure, second, own) = (free_port(), free_port(), free_port(), free_port());
    // A phone for each: what the stopped one did not pass on reaches no call of the other.
    let phones = [free_port(), free_port()];
    let mut files = Files::new(None);
    let at = files_of.display();
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
    let mut kamailio = Kamailio::start("127.0.0.2", first, Some((secure, &files_of)), phones[0]);
    let _other = Kamailio::start("127.0.0.3", second, None, phones[1]);
    let house = House::open(&files);
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
