//! Requests and responses as RFC 4475 (torture) and RFC 5118 (IPv6) describe them, and what each is to bring.

use Verdict::{Answered, Silent};

/// What is to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answers with these statuses.
    Answered(&'static [u16]),
    Silent,
    /// The stream cannot be read any further: the connection is closed.
    Closed,
}

/// One message. Lines end with `\n`, which is sent as CRLF; `{length}` stands for the length of the body.
pub struct Case {
    /// RFC and section.
    pub section: &'static str,
    pub text: String,
    pub datagram: Verdict,
    pub stream: Verdict,
}

/// Taken for an INVITE of a trunk: nothing more is said before the call decides.
const TRYING: Verdict = Answered(&[100]);

const SOUND: &str = "v=0\no=anna 1 1 IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\nm=audio 40000 RTP/AVP 0 12\n";

fn case(section: &'static str, text: impl Into<String>, verdict: Verdict) -> Case {
    Case { section, text: text.into(), datagram: verdict, stream: verdict }
}

/// The same means something else in a stream.
fn differs(section: &'static str, text: impl Into<String>, datagram: Verdict, stream: Verdict) -> Case {
    Case { section, text: text.into(), datagram, stream }
}

/// A usual request; these lines stand in place of the usual ones of the same name, or beside them.
fn usual(method: &str, uri: &str, lines: &str, body: &str) -> String {
    let own = |name: &str| {
        let is_it = |line: &str| line.split(':').next().is_some_and(|n| n.trim_end().eq_ignore_ascii_case(name));
        lines.split('\n').any(is_it)
    };
    let defaults = [
        ("Via", "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKtorture1".to_string()),
        ("From", "<sip:anna@example.net>;tag=torn".to_string()),
        ("To", "<sip:12345@example.com>".to_string()),
        ("Call-ID", "torture@192.0.2.7".to_string()),
        ("CSeq", format!("17 {method}")),
        ("Max-Forwards", "70".to_string()),
        ("Contact", "<sip:anna@192.0.2.7>".to_string()),
        ("Content-Length", "{length}".to_string()),
    ];
    let kept: String =
        defaults.iter().filter(|(name, _)| !own(name)).map(|(name, value)| format!("{name}: {value}\n")).collect();
    let typed = if body == SOUND && !own("Content-Type") { "Content-Type: application/sdp\n" } else { "" };
    format!("{method} {uri} SIP/2.0\n{kept}{typed}{lines}\n{body}")
}

const HOUSE: &str = "sip:12345@example.com";

/// RFC 4475 §3.1.1: all of them are right, however they look.
fn valid() -> Vec<Case> {
    let long = "longer".repeat(30);
    vec![
        case(
            "4475 §3.1.1.1 short and tortuous",
            format!(
                "INVITE sip:12345@house.example.com;unknown SIP/2.0\nTO :\n sip:12345@house.example.com ;   tag    = 19181\nfrom   : \"J Doe \\\\\\\"\"       <sip:jd@example.com>\n  ;\n  tag = 98a\nMaX-fOrWaRdS: 0068\nCall-ID: short@192.0.2.7\nContent-Length   : {{length}}\ncseq: 0009\n  INVITE\nVia  : SIP  /   2.0\n /UDP\n    192.0.2.2;branch=390s\ns :\nNewField:   new value\n folded new value\nOddField: ;;,,;;,;\nContent-Type: application/sdp\nRoute:\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\nv:  SIP  / 2.0  / TCP     spindle.example.com   ;\n  branch  =   z9hG4bK9  ,\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\n z9hG4bK30\nm:\"Quoted \\\"\\\"\" <sip:jd@example.com> ; newparam =\n      newvalue ;\n  second ; q = 0.33\n\n{SOUND}"
            ),
            Answered(&[481]),
        ),
        case(
            "4475 §3.1.1.2 every character that may stand there",
            usual(
                "!interesting-Method0123456789_*+`.%indeed'~",
                "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
                "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\nTo: \"BEL:\\\x07 NUL:\\\0 DEL:\\\x7F\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>\nFrom: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\u{438}\u{43b}\";tag=_token~1'+`*%!-.\nCall-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\nCSeq: 13 !interesting-Method0123456789_*+`.%indeed'~\nextensionHeader-!.%*+_`'~:\u{fffb}\u{5927}\n",
                "",
            ),
            Answered(&[501]),
        ),
        case(
            "4475 §3.1.1.3 escapes",
            usual(
                "INVITE",
                "sip:sips%3Auser%40example.com@example.net",
                "To: sip:%75se%72@example.com\nFrom: <sip:I%20have%20spaces@example.net>;tag=938\nContact:\n  <sip:cal%6Cer@192.0.2.7;%6C%72;n%61me=v%61lue%25%34%31>\n",
                SOUND,
            ),
            TRYING,
        ),
        case(
            "4475 §3.1.1.4 escaped NULs",
            usual(
                "REGISTER",
                "sip:example.com",
                "To: sip:null-%00-null@example.com\nFrom: sip:null-%00-null@example.com;tag=8\nContact: <sip:%00@192.0.2.7>\nContact: <sip:%00%00@192.0.2.7>\n",
                "",
            ),
            Answered(&[401]),
        ),
        case(
            "4475 §3.1.1.5 no escape in a method",
            usual("RE%47IST%45R", "sip:registrar.example.com", "To: \"%Z%45\" <sip:resource@example.com>\n", ""),
            Answered(&[501]),
        ),
        case(
            "4475 §3.1.1.6 no space after a display name",
            usual("OPTIONS", HOUSE, "From: caller<sip:caller@example.com>;tag=323\n", ""),
            Answered(&[200]),
        ),
        case(
            "4475 §3.1.1.7 long values",
            usual(
                "INVITE",
                HOUSE,
                &format!(
                    "To: \"I have a name of {long} proportion\"<sip:12345@example.com:6000;unknown1=very{long}value;param{long}name=short;very{long}NameWithNoValue>\nF: sip:amazing{long}@example.net;tag=12{long}12;unknown{long}=un{long};verylong{long}name\nCall-ID: {long}@{long}\n{}Via: SIP/2.0/UDP host33.example.com;branch=z9{long}\nContact: <sip:amazing{long}@192.0.2.7>\nContent-Type: application/sdp\n",
                    (0..33).rev().map(|n| format!("Via: SIP/2.0/TCP sip{n}.example.com\n")).collect::<String>()
                ),
                SOUND,
            )
            .replacen("From: <sip:anna@example.net>;tag=torn\n", "", 1),
            TRYING,
        ),
        differs(
            "4475 §3.1.1.8 a second request behind the first",
            format!("{}{}", usual("REGISTER", "sip:example.com", "Content-Length: 0\n", ""), {
                let second = usual("INVITE", HOUSE, "Call-ID: second@192.0.2.7\nContent-Length: 0\n", "");
                second.replace("torture1", "torture2")
            }),
            Answered(&[401]),
            Answered(&[401, 100]),
        ),
        case(
            "4475 §3.1.1.9 semicolons in a user part",
            usual("OPTIONS", "sip:user;par=u%40example.net@example.com", "", ""),
            Answered(&[200]),
        ),
        case(
            "4475 §3.1.1.10 transports of every name",
            usual(
                "OPTIONS",
                HOUSE,
                "Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw\nVia: SIP/2.0/SCTP t2.example.com;branch=z9hG4bK2\nVia: SIP/2.0/TLS t3.example.com;branch=z9hG4bK3\nVia: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bK4\nVia: SIP/2.0/TCP t5.example.com;branch=z9hG4bK5\n",
                "",
            ),
            Answered(&[200]),
        ),
        case(
            "4475 §3.1.1.11 several parts, and NULs in one",
            usual(
                "MESSAGE",
                HOUSE,
                "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655\n",
                "--7a9cbec02ceef655\nContent-Type: text/plain\nContent-Transfer-Encoding: binary\n\nHello\n--7a9cbec02ceef655\nContent-Type: application/octet-stream\n\n0\u{82}\x01R\x06\t*\u{86}H\0\0\0\x01\n--7a9cbec02ceef655--\n",
            ),
            Answered(&[405]),
        ),
        case("4475 §3.1.1.12 an unusual reason", response("200 = 2**3 * 5**2 \u{43d}\u{43e} \u{441}\u{442}\u{43e}"), Silent),
        case("4475 §3.1.1.13 no reason", response("100 "), Silent),
    ]
}

fn response(status: &str) -> String {
    format!(
        "SIP/2.0 {status}\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\nFrom: sip:a@example.com;tag=3\nTo: sip:b@example.net;tag=4\nCall-ID: reason@192.0.2.5\nCSeq: 35 INVITE\nContact: <sip:b@host198.example.net>\nContent-Length: 0\n\n"
    )
}

/// RFC 4475 §3.1.2: none of them is right.
fn invalid() -> Vec<Case> {
    let refused = Answered(&[400]);
    vec![
        case(
            "4475 §3.1.2.1 separators without anything between",
            usual(
                "INVITE",
                HOUSE,
                "Via: SIP/2.0/UDP 192.0.2.15;;,;,,\nContact: \"Joe\" <sip:joe@example.org>;;;;\n",
                SOUND,
            ),
            refused,
        ),
        differs(
            "4475 §3.1.2.2 a length beyond the end",
            usual("INVITE", HOUSE, "Content-Length: 9999\n", SOUND),
            refused,
            Silent,
        ),
        differs(
            "4475 §3.1.2.3 a length below nothing",
            usual("INVITE", HOUSE, "Content-Length: -999\n", SOUND),
            refused,
            Verdict::Closed,
        ),
        case(
            "4475 §3.1.2.4 numbers too large in a request",
            usual(
                "REGISTER",
                "sip:example.com",
                &format!("CSeq: 36893488147419103232 REGISTER\nMax-Forwards: 300\nExpires: 1{}\n", "0".repeat(100)),
                "",
            ),
            refused,
        ),
        case(
            "4475 §3.1.2.5 numbers too large in a response",
            response("503 Service Unavailable")
                .replace("CSeq: 35 ", "Retry-After: 949302838503028349304023988\nCSeq: 9292394834772304023312 "),
            Silent,
        ),
        case(
            "4475 §3.1.2.6 a quote that is not closed",
            usual("INVITE", HOUSE, "To: \"Mr. J. Doe <sip:j@example.com>\n", SOUND),
            refused,
        ),
        case(
            "4475 §3.1.2.7 a target in angle brackets",
            usual("INVITE", "<sip:12345@example.com>", "", SOUND),
            refused,
        ),
        case("4475 §3.1.2.8 a target with spaces", usual("INVITE", "sip:12345@example.com; lr", "", SOUND), refused),
        case(
            "4475 §3.1.2.9 two spaces in the first line",
            usual("INVITE", " sip:12345@example.com ", "", SOUND),
            refused,
        ),
        // Nothing can be meant but what is meant without them.
        case(
            "4475 §3.1.2.10 spaces after the first line",
            usual("OPTIONS", HOUSE, "", "").replacen("SIP/2.0\n", "SIP/2.0  \n", 1),
            Answered(&[200]),
        ),
        // They are passed over, and never become headers of a message of ours.
        case(
            "4475 §3.1.2.11 headers in a target",
            usual("INVITE", "sip:12345@example.com?Route=%3Csip:example.com%3E", "", SOUND),
            TRYING,
        ),
        case(
            "4475 §3.1.2.12 a date of another zone",
            usual("INVITE", HOUSE, "Date: Fri, 01 Jan 2010 16:00:00 EST\n", SOUND),
            TRYING,
        ),
        // Who proved nothing is told nothing of his contact.
        case(
            "4475 §3.1.2.13 a contact that needs angle brackets",
            usual("REGISTER", "sip:example.com", "Contact: sip:a@example.com?Route=%3Csip:sip.example.com%3E\n", ""),
            Answered(&[401]),
        ),
        case(
            "4475 §3.1.2.14 spaces within angle brackets",
            usual("OPTIONS", HOUSE, "To: \"Watson, Thomas\" < sip:t.watson@example.org >\n", ""),
            Answered(&[200]),
        ),
        case(
            "4475 §3.1.2.15 a comma in a name without quotes",
            usual("OPTIONS", HOUSE, "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43\n", ""),
            refused,
        ),
        case(
            "4475 §3.1.2.16 another version",
            usual("OPTIONS", HOUSE, "Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw\n", "").replacen(
                "SIP/2.0\n",
                "SIP/7.0\n",
                1,
            ),
            Answered(&[505]),
        ),
        case("4475 §3.1.2.17 another method in CSeq", usual("OPTIONS", HOUSE, "CSeq: 8 INVITE\n", ""), refused),
        case(
            "4475 §3.1.2.18 another method in CSeq than one that is not known",
            usual("NEWMETHOD", HOUSE, "CSeq: 8 INVITE\n", ""),
            Answered(&[501]),
        ),
        case("4475 §3.1.2.19 a status beyond 699", response("4294967301 better not break the receiver"), Silent),
    ]
}

/// RFC 4475 §3.2 to §3.4: what a transaction, an application and the old standard make of it.
fn meanings() -> Vec<Case> {
    let asked = Answered(&[401]);
    let register = |lines: &str| usual("REGISTER", "sip:example.com", lines, "");
    vec![
        case(
            "4475 §3.2.1 a branch that is the cookie alone",
            usual("OPTIONS", HOUSE, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\n", ""),
            Answered(&[200]),
        ),
        case(
            "4475 §3.3.1 what must be there is not",
            format!(
                "INVITE {HOUSE} SIP/2.0\nCSeq: 193942 INVITE\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj\nContent-Type: application/sdp\nl: {{length}}\n\n{SOUND}"
            ),
            Answered(&[400]),
        ),
        case(
            "4475 §3.3.2 a scheme that nobody knows",
            usual("OPTIONS", "nobodyKnows:totally", "", ""),
            Answered(&[416]),
        ),
        case(
            "4475 §3.3.3 a scheme of something else",
            usual("OPTIONS", "soap.beep://192.0.2.103:3002", "", ""),
            Answered(&[416]),
        ),
        case(
            "4475 §3.3.4 other schemes in other fields",
            register("To: isbn:2983792873\nFrom: <http://www.example.com>;tag=3\nContact: <name:John_Smith>\n"),
            Answered(&[400]),
        ),
        case(
            "4475 §3.3.5 an extension that is required and not known",
            usual("OPTIONS", HOUSE, "Require: nothingSupportsThis, norThis\nProxy-Require: noProxy\n", ""),
            Answered(&[420]),
        ),
        case(
            "4475 §3.3.6 a body of another kind",
            usual(
                "INVITE",
                HOUSE,
                "Content-Type: application/unknownformat\n",
                "<audio>\n <pcmu port=\"443\"/>\n</audio>\n",
            ),
            Answered(&[415]),
        ),
        case("4475 §3.3.7 another way to prove", register("Authorization: NoOneKnows opaque-data=here\n"), asked),
        case(
            "4475 §3.3.8 twice what must be there once",
            usual("INVITE", HOUSE, "Call-ID: a@b\nCall-ID: b@a\n", SOUND),
            Answered(&[400]),
        ),
        differs(
            "4475 §3.3.9 two lengths",
            usual(
                "OPTIONS",
                HOUSE,
                "Content-Length: 13\nContent-Length: 5\nContent-Type: text/plain\n",
                "How long am I?",
            ),
            Answered(&[400]),
            Verdict::Closed,
        ),
        case(
            "4475 §3.3.10 a response that came to everybody",
            response("200 OK").replace(
                "192.0.2.198;",
                "192.0.2.198;branch=z9hG4bK1;received=255.255.255.255\nVia: SIP/2.0/UDP 255.255.255.255;",
            ),
            Silent,
        ),
        case("4475 §3.3.11 no hops left", usual("OPTIONS", HOUSE, "Max-Forwards: 0\n", ""), Answered(&[200])),
        case(
            "4475 §3.3.12 a parameter of the contact",
            register("Contact: sip:+19725552222@gw1.example.net;unknownparam\n"),
            asked,
        ),
        case(
            "4475 §3.3.13 a parameter of the contact's URI",
            register("Contact: <sip:+19725552222@gw1.example.net;unknownparam>\n"),
            asked,
        ),
        case(
            "4475 §3.3.14 headers in a contact",
            register("M: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>\n"),
            asked,
        ),
        case(
            "4475 §3.3.15 an answer that may not be SDP",
            usual("INVITE", HOUSE, "Accept: text/nobodyKnowsThis\n", SOUND),
            Answered(&[406]),
        ),
        // Where it has to be said where they can be reached, it is not: RFC 3261 §8.1.1.8.
        differs(
            "4475 §3.3.16 as the old standard had it",
            format!(
                "INVITE {HOUSE} SIP/2.0\nVia: SIP/2.0/UDP iftgw.example.com\nFrom: <sip:+13035551111@ift.example.net;user=phone>\nRecord-Route: <sip:UserB@example.com;maddr=ss1.example.com>\nTo: sip:+16505552222@ss1.example.net;user=phone\nCall-ID: inv2543@ift.example.com\nCSeq: 56 INVITE\nContact: <sip:a@192.0.2.7>\nContent-Type: application/sdp\n\n{SOUND}"
            ),
            TRYING,
            Verdict::Closed,
        ),
    ]
}

/// RFC 5118: addresses of IPv6.
fn ipv6() -> Vec<Case> {
    let via = |sent_by: &str| usual("OPTIONS", HOUSE, &format!("Via: SIP/2.0/UDP {sent_by};branch=z9hG4bKas3\n"), "");
    let to = |uri: &str| usual("OPTIONS", uri, "", "");
    let with = |connection: &str| SOUND.replace("c=IN IP4 192.0.2.7", connection);
    let invite = |body: &str| usual("INVITE", HOUSE, "Content-Type: application/sdp\n", body);
    let ok = Answered(&[200]);
    vec![
        case("5118 §4.1 in brackets", to("sip:[2001:db8::10]"), ok),
        case("5118 §4.2 without brackets", to("sip:2001:db8::10"), Answered(&[400])),
        case("5118 §4.3 a port that is none", to("sip:[2001:db8::10:5070]"), ok),
        case("5118 §4.4 a port", to("sip:[2001:db8::10]:5070"), ok),
        case("5118 §4.5 received in brackets", via("[2001:db8::9:1];received=[2001:db8::9:255]"), ok),
        case("5118 §4.5 received without brackets", via("[2001:db8::9:1];received=2001:db8::9:255"), ok),
        case("5118 §4.6 in a description", invite(&with("c=IN IP6 2001:db8::20")), TRYING),
        case(
            "5118 §4.7 of both families in headers",
            usual(
                "BYE",
                "sip:anna@[2001:db8::10]",
                "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\nVia: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200\n",
                "",
            ),
            Answered(&[481]),
        ),
        case(
            "5118 §4.8 of both families in a description",
            invite(&with("c=IN IP6 2001:db8::1\nb=AS:9\nm=audio 2 RTP/AVP 0\nc=IN IP4 192.0.2.1")),
            TRYING,
        ),
        case("5118 §4.9 of IPv4 in IPv6", to("sip:[::ffff:192.0.2.10]:5060"), ok),
        case("5118 §4.10 three colons", to("sip:[2001:db8:::192.0.2.1]"), Answered(&[400])),
    ]
}

/// Headers written so that one reader sees what another does not.
fn smuggled() -> Vec<Case> {
    let refused = Answered(&[400]);
    let asked = |lines: &str| usual("OPTIONS", HOUSE, lines, "");
    let twice = |lines: &str| differs("two lengths", asked(lines), refused, Verdict::Closed);
    vec![
        case("a space before the colon", asked("Require : time-travel\n"), Answered(&[420])),
        case("folded before the value", asked("Require:\n\ttime-travel\n"), Answered(&[420])),
        case("a name in other letters", asked("rEQUIRE: time-travel\n"), Answered(&[420])),
        case("a second beside the first", asked("Require: timer\nRequire: time-travel\n"), Answered(&[420])),
        case(
            "folded so that it looks like a header",
            asked("Subject: hello\n Require: time-travel\n"),
            Answered(&[200]),
        ),
        case("a compact name beside the long one", asked("From: <sip:a@x>;tag=1\nf: <sip:b@x>;tag=2\n"), refused),
        case("two numbers", asked("CSeq: 1 OPTIONS\ncseq : 2 OPTIONS\n"), refused),
        case("a space within a name", asked("Requ ire: time-travel\n"), refused),
        case("no name", asked(": time-travel\n"), refused),
        twice("Content-Length: 0\nl: 0\n"),
        twice("Content-Length: 0\nCONTENT-LENGTH\t: 40\n"),
        differs("a length with a sign", asked("Content-Length: +0\n"), refused, Verdict::Closed),
        differs("a length in another base", asked("Content-Length: 0x0\n"), refused, Verdict::Closed),
        case("a folded length", asked("Content-Length:\n  0\n"), Answered(&[200])),
        case("a lone carriage return is no new line", asked("Subject: a\rRequire: time-travel\n"), Answered(&[200])),
    ]
}

pub fn all() -> Vec<Case> {
    [valid(), invalid(), meanings(), ipv6(), smuggled()].into_iter().flatten().collect()
}
