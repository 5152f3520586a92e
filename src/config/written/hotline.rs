//! hotline.toml as an admin writes it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{NamesTable, OneOrMany};
use crate::config::scalars::{
    Address, Addresses, Decibels, Endpoint, Endpoints, Level, Listener, Network, NextHops, PortRange, Time,
};

/// hotline.toml: where calls arrive, where sound flows. Every key has a default; the file may be empty.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one; as a whole it is only the schema")]
pub struct HotlineFile {
    #[schemars(default)]
    house: House,
    #[schemars(default)]
    sip: Sip,
    #[schemars(default)]
    guard: Guard,
    #[schemars(default)]
    trunk: Vec<Trunk>,
    #[schemars(default)]
    outward: Outward,
    #[schemars(default)]
    emergency: Vec<Emergency>,
    #[schemars(default)]
    media: Media,
    #[schemars(default)]
    recording: Recording,
    #[schemars(default)]
    tls: Tls,
    #[schemars(default)]
    web: Web,
    #[schemars(default)]
    names: NamesTable,
}

/// The house as a whole.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct House {
    /// How long running calls may go on after SIGTERM. Default "60s".
    pub drain: Option<Time>,
    /// In which opening hours are meant, e.g. "Asia/Shanghai". Default: the system's.
    pub time_zone: Option<String>,
}

/// Signalling.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Sip {
    /// Where calls and registrations arrive: over udp, tcp, tls, ws (WebSocket) and wss, e.g. "wss:0.0.0.0:8443";
    /// tls and wss need a certificate in [tls]. Default ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"].
    pub listen: Option<Vec<Listener>>,
    /// Address written into SIP messages where a listener is bound to 0.0.0.0 or [::]; with both, a list of one
    /// of each family.
    pub advertise: Option<Addresses>,
    /// Digest realm of the seats. Hashed secrets belong to one realm. Default "hotline".
    pub realm: Option<String>,
    /// When the caller's phone is answered: "at-once", or "on-connect" (menu and line as early media,
    /// free of charge until an operator answers; a call without a description is answered at once). Default "at-once".
    #[schemars(extend("enum" = ["at-once", "on-connect", null]))]
    pub answer: Option<String>,
    /// Shortest registration that is granted. Default "60s".
    pub register_min: Option<Time>,
    /// Longest registration that is granted. Default "1h".
    pub register_max: Option<Time>,
    /// How long a digest nonce is good. Default "5m".
    pub nonce_lifetime: Option<Time>,
    /// How long a talk stands whose browser lost its connection, until the page is back. "1s" to "5m". Default "15s".
    pub flow_grace: Option<Time>,
    /// Session timers (RFC 4028): a call that neither side refreshes for so long is over, so that none stays for ever
    /// whose end got lost. "90s" to "24h"; "0s": none is asked for. Default "30m".
    pub session_expires: Option<Time>,
    /// The shortest such time that is agreed on; who asks for less gets 422. "90s" to "24h". Default "90s".
    pub min_se: Option<Time>,
    /// Addresses and networks to which a seat's phone may send its calls on (3xx), e.g. ["10.0.0.0/8"]. Elsewhere that
    /// counts as a refusal. Default [].
    pub redirects: Option<Vec<Network>>,
    /// Calls at once; further ones get 503. Default 4000.
    pub max_calls: Option<usize>,
    /// Who is asked where the names of trunks lead, e.g. ["192.0.2.53:53"]. Default: whom the system asks.
    pub name_servers: Option<Endpoints>,
    /// How signalling is marked for networks (DSCP): "ef", "cs0" to "cs7", "af11" to "af43", "off", or a number from "0"
    /// to "63". Default "cs3".
    pub dscp: Option<String>,
}

/// What is done about strangers: those who are neither a trunk nor a registered phone. None of it holds for trunks, for
/// phones that are registered, or for what belongs to a call. Households are an IPv4 address or a /64 of IPv6 each.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Guard {
    /// Messages of strangers in a second from one household, four times as many at once; further ones are dropped unread.
    /// An office whose phones all start at once sends hundreds; one at its limit takes a few hundredths of a core. 10 to
    /// 1000000. Default 500.
    pub messages_per_second: Option<u32>,
    /// The same from all households together, twice as many at once: whatever is forged, most of a core is left for calls.
    /// 10 to 1000000. Default 5000.
    pub strangers_per_second: Option<u32>,
    /// Challenges that a household may leave without a right answer, beyond which it gets none: phones that register give
    /// each back at once, whoever tries out numbers does not. Over UDP refusals count with them, as whoever they go to may
    /// not have asked. 1 to 100000. Default 200.
    pub challenges: Option<u32>,
    /// So many of them are forgiven in a second: as fast as somebody who tries out numbers gets on. 1 to 10000. Default 5.
    pub challenges_per_second: Option<u32>,
    /// Points after which a household is not heard: one for each wrong password, for each refusal, and for each challenge
    /// that was not answered rightly within 32 seconds; two are taken back by each phone that proves itself. What comes
    /// over UDP counts only with a nonce that was sent there: anything else may be forged. 10 to 1000000. Default 100.
    pub ban_after: Option<u32>,
    /// After so long half of the points are forgotten: a phone that was set up wrongly gathers few. "1s" to "24h". Default
    /// "5m".
    pub forget: Option<Time>,
    /// How long a household is not heard the first time; each time soon after it is twice as long. Its phones that are
    /// registered go on, and those that start anew may register, with one password a minute from each of eight ports by
    /// datagram, and of eight by connection. `hotline bans` lists who is not heard, and lifts a ban.
    /// "0s": never. "0s" to "168h". Default "10m".
    pub ban: Option<Time>,
    /// And at most. "0s" to "168h". Default "24h".
    pub ban_longest: Option<Time>,
    /// What is in the User-Agent of programs that look for telephones to abuse: their household is not heard from the
    /// first message on; over UDP, where it may be forged, such messages are dropped and nobody is shut out. Default
    /// ["friendly-scanner", "sipvicious", "sipcli", "sip-scan", "sipscan", "sundayddr", "pplsip", "iwar"].
    pub scanners: Option<Vec<String>>,
    /// When for so long there were always more messages than were read yet the house is behind, and new calls get 503 with
    /// a Retry-After that differs from call to call, until it has caught up; calls that go on are never refused anything.
    /// After 500 ms callers begin to say everything twice. "50ms" to "10s". Default "500ms".
    pub behind_after: Option<Time>,
}

/// A carrier: where calls come from without a password, and where ours go out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Trunk {
    /// Its name in records and logs.
    pub id: String,
    /// Addresses and networks its calls come from, e.g. ["192.0.2.5", "10.0.0.0/8"]; [] where it is known by its
    /// certificate alone (`certified`). Default: the addresses of `to`.
    pub from: Option<Vec<Network>>,
    /// Where calls of ours go out, e.g. "sip:192.0.2.5:5060": callbacks, and callers whom a rule sends to a number. Of
    /// several addresses the next is tried where one does not answer, or is in trouble (408, 5xx), before anything was
    /// heard. A name ("sip:carrier.example") is looked up (RFC 3263). "sips:" and "tls:" go over TLS, "tcp:" or
    /// ";transport=tcp" over TCP. Default: calls only come in.
    pub to: Option<NextHops>,
    /// What the carrier calls itself in SIP addresses, e.g. "carrier.example". Default: the name, or the address, of `to`.
    pub domain: Option<String>,
    /// Domains of which one is in its certificate, as a whole (RFC 5922). Over TLS it has to be there where we connect;
    /// who connects to us with it is this carrier, whatever its address, if `tls.client_ca` vouches for it. Default: where
    /// we connect, the names of `to` and the `domain`, or the address where there is neither.
    pub certified: Option<OneOrMany>,
    /// File with the certificates of those who vouch for it over TLS (PEM), seen from this file. Default: the system's.
    pub ca: Option<String>,
    /// File with the certificate that we show it over TLS (PEM), seen from this file. Default: none is shown.
    pub certificate: Option<String>,
    /// File with the private key that goes with it (PEM, without a passphrase), seen from this file.
    pub key: Option<String>,
    /// Who we are to the carrier, where it asks for a password.
    pub username: Option<String>,
    /// The password that goes with it.
    pub secret: Option<String>,
    /// File whose first line is the password, seen from this file.
    pub secret_file: Option<String>,
    /// Variable of the environment that holds the password, e.g. "TRUNK_PASSWORD".
    pub secret_env: Option<String>,
    /// The realm of the carrier: no other challenge is answered, and none that does not come from an address of `to`.
    /// Default: the one that the carrier asks our registration with.
    pub realm: Option<String>,
    /// We tell the carrier where we are, again and again, at the first address of `to` that takes it. Calls to that
    /// address (the `username`) are for the number of ours that P-Called-Party-ID (if it is `trusted`) or else To names.
    /// Default false.
    pub register: Option<bool>,
    /// How long a registration is to last; it is refreshed in good time. "1m" to "24h". Default "1h".
    pub expires: Option<Time>,
    /// Of several trunks calls go out by the one with the least, and where that fails by the next. 1 to 100. Default 1.
    pub priority: Option<u16>,
    /// Of trunks with the same priority each takes its share: 2 gets twice as many calls as 1; those with 0 come after,
    /// in the order written. 0 to 1000. Default 0.
    pub weight: Option<u16>,
    /// How long a call or a registration of ours waits for any answer before it goes another way, or fails where nobody
    /// answered the last OPTIONS. "500ms" to "32s". Default "4s".
    pub patience: Option<Time>,
    /// So often each address of `to` is asked whether anybody is there (OPTIONS); calls go by others first where nobody
    /// is. "5s" to "1h"; "0s": never. Default "30s".
    pub check: Option<Time>,
    /// Calls at once, in and out together: whoever calls in gets 486 then, ours go by another trunk; emergencies do not
    /// count them. 1 to 100000. Default: no limit.
    pub channels: Option<usize>,
    /// New calls within a second, in and out together: whoever calls in gets 503 with Retry-After then. 1 to 10000.
    /// Default: no limit.
    pub calls_per_second: Option<u32>,
    /// What it says of who calls and who is called is believed: P-Asserted-Identity, P-Called-Party-ID, Privacy, Diversion
    /// and History-Info. Of others nothing of it is read. And it is told who calls in the same way, as far as the house
    /// knows: whom a carrier that is trusted asserted, or numbers of ours; also who does not want to be shown. Default
    /// false.
    pub trusted: Option<bool>,
    /// The number that whoever we call over it is shown, e.g. "01012345". Default: the number of ours that is called back
    /// from, or the caller's who is sent on; of calls from seats the `username` if it is a number, else the first number.
    pub shows: Option<String>,
    /// The country whose numbers these are, e.g. "86", so that `dials` and `callers` can write them in one form. Numbers of
    /// ours are found in every form in which they are dialled within it and from abroad. Default: numbers stay as they
    /// are, and ours are dialled as in China.
    pub country: Option<String>,
    /// What stands before a number within the country; "" if nothing does. Default "0".
    pub prefix: Option<String>,
    /// The area in which the house is, without the prefix, e.g. "10" for Beijing: a number of ours is dialled with it, and
    /// with no other (Shanghai's 12345 is not ours), from here on also at seats. Default: with any area of China what the
    /// carrier brings is ours; at seats with none. A local number of China that we dial
    /// gets it where `dials` is not "as-written".
    pub area: Option<String>,
    /// How the carrier is told numbers: "plus" (+861012345678), "country" (861012345678), "international"
    /// (00861012345678), "national" (01012345678) or "as-written". Default "as-written".
    #[schemars(extend("enum" = ["plus", "country", "international", "national", "as-written", null]))]
    pub dials: Option<String>,
    /// How the numbers of callers are written in records and shown, in the same words. Default "national".
    #[schemars(extend("enum" = ["plus", "country", "international", "national", "as-written", null]))]
    pub callers: Option<String>,
    /// Whether its sound is encrypted, as media.srtp says it: "off", "if-offered" or "required". Default: media.srtp.
    pub srtp: Option<String>,
    /// How keys come over it. "events": as RTP events (RFC 4733) or INFO; "inband": also as tones in the sound, of calls
    /// whose description has no RTP events. Default "events".
    #[schemars(extend("enum" = ["events", "inband", null]))]
    pub dtmf: Option<String>,
    /// The carrier may put together without us a caller and whom they were put through to outside, once no operator is
    /// there any more: both channels are free then, and how long they talk on is not in the record (RFC 5589). Both have
    /// to be over trunks that say so, and both carriers have to say `Supported: replaces`. Who was put through to an
    /// emergency, or to whoever answers from an address that is not known to be the trunk's, stays with us. Default false.
    pub refer: Option<bool>,
    /// The sound of a caller and of whom they were put through to outside need not pass us, once no operator is there any
    /// more (RFC 3725): each is told by a re-INVITE where the other receives. Both have to be over trunks that say so, to
    /// speak one codec in the clear, and to send from where they say that they receive. As soon as the sound is needed
    /// here, or either describes itself otherwise, it comes by us again; so it does where one of them refuses. Nothing is
    /// measured meanwhile, and nobody is told that nothing is heard. Default false: all sound passes us.
    pub direct_media: Option<bool>,
}

/// Which numbers outside people may dial: operators who consult somebody or send a caller on, from the page, by a program
/// or at a phone. The numbers of emergencies, and those that rules and menus lead to, may be dialled always; all others
/// only if they are listed here. Whoever asks for a callback is called back without being listed where the number is that of
/// a telephone of the country (of a trunk's `country`; China where none is said): no short code, no service number, none
/// abroad. What is refused is said when the key is pressed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Outward {
    /// Whole numbers and how numbers begin, e.g. ["01065139999", "010*", "138*"]; `+86 10…`, `008610…` and `010…` are one
    /// number, and other countries begin with 00. They are called back, too. Default [].
    pub allow: Option<Vec<String>>,
    /// Of these none may be dialled or called back in spite of it, e.g. ["00*", "010168*"]. Default [].
    pub deny: Option<Vec<String>>,
}

/// Somebody to whom operators hand emergencies, e.g. the police. An operator presses the key in a talk: the target is
/// rung, and all three hear each other until the operator leaves. No limit holds it up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Emergency {
    /// E.g. "110".
    pub id: String,
    /// For people, e.g. "Police". Default: the id.
    pub name: Option<String>,
    /// What is dialled: digits, perhaps after a plus; of several the next is tried where one is busy, refuses or does
    /// not answer. Default: the id.
    pub number: Option<OneOrMany>,
    /// Trunks over which each number is tried, in this order. Default: as other calls go out.
    pub trunk: Option<OneOrMany>,
    /// What the operator presses, e.g. "*1": 1 to 4 keys, which callers do not hear. Pressed again it takes the target
    /// out, unless it has confirmed.
    pub key: String,
    /// The key by which the target says that it has taken the matter. Default: it has when it answered and the
    /// operator leaves.
    pub confirm: Option<String>,
    /// How long each number is rung. "5s" to "2m". Default "60s".
    pub ring: Option<Time>,
}

/// Sound.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Media {
    /// Address that sound is received on. Default "127.0.0.1".
    pub bind: Option<Address>,
    /// Address told to phones, if it differs.
    pub advertise: Option<Address>,
    /// RTP ports; each leg takes a pair. Default "20000-29999".
    pub ports: Option<PortRange>,
    /// Codecs of phones and trunks, in the order we offer them: "pcma", "pcmu" (G.711), "g722" and "opus" (wideband; they
    /// pass between two who both speak them, are turned into each other, and into G.711 for everybody else), "opus" within
    /// media.browser.opus_at_once and not alone. Of what others offer their order counts; but "opus" is taken before
    /// another codec only where it is named first here, or whoever they are to speak with speaks it or "g722".
    /// Default ["pcma", "pcmu", "g722"].
    pub codecs: Option<Vec<String>>,
    /// A call from which no sound came for so long is ended; "0s": never. Default "30s".
    pub dead_after: Option<Time>,
    /// In a talk somebody from whom no sound came for so long, or who reports for so long that none arrives, while the other
    /// side speaks, is told of in the log, the record and the alarms; "0s": never, where phones are silent when nobody
    /// speaks. "5s" to "5m". Default "10s".
    pub one_way_after: Option<Time>,
    /// How sound is marked for networks (DSCP): "ef", "cs0" to "cs7", "af11" to "af43", "off", or a number from "0" to
    /// "63". Default "ef".
    pub dscp: Option<String>,
    /// A call on hold from which no packet at all came for so long is ended. Default "1h".
    pub held_at_most: Option<Time>,
    /// Whether the sound of phones and trunks is encrypted (SRTP), where a seat or trunk says nothing else. "off": never;
    /// "if-offered": where they offer it, while our own offers are in the clear; "required": calls without it are refused.
    /// The keys are in the signalling (SDES): they are secret over TLS alone. Default "if-offered".
    pub srtp: Option<String>,
    /// Threads for sound; 0: one for each core. Default 0.
    pub workers: Option<usize>,
    /// Folder of the prompts, seen from this file. Default: ../prompts, or prompts where the program is started.
    pub prompts: Option<String>,
    /// How loud prompts are played, whatever they were recorded at: the level of what is spoken, pauses left out
    /// (ITU-T P.56), below full scale. "-40 dB" to "-6 dB", or "off": as recorded. Default "-20 dB".
    pub loudness: Option<Level>,
    /// How much softer than speech music is, "-30 dB" to "0 dB". Default "-6 dB".
    pub music: Option<Decibels>,
    /// Browsers.
    pub browser: Option<Browser>,
}

/// Sound of browsers: encrypted, all of it on one UDP port. Every key has a default.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Browser {
    /// Where it is received; port 0: any that is free. Default: the address of media.bind with port 0.
    pub listen: Option<Endpoint>,
    /// Address told to browsers, if it differs. Default: media.advertise.
    pub advertise: Option<Address>,
    /// Browsers and phones (media.codecs) that may speak Opus at once: it has to be turned into G.711 or G.722 and back,
    /// which takes 1 % of a core for each, and 2 % with all that a browser needs; further ones are spoken with in G.711,
    /// and refused if they cannot. 0 to 10000. Default 50: half of two cores.
    pub opus_at_once: Option<usize>,
    /// STUN and TURN servers told to the operators' browsers, which try them where they cannot reach us directly.
    /// Default: none.
    pub ice_servers: Option<Vec<IceServer>>,
}

/// A server that helps browsers through firewalls.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct IceServer {
    /// E.g. "stun:stun.example.org" or "turn:turn.example.org:3478?transport=udp".
    pub urls: OneOrMany,
    /// Who the browser says it is; every operator's browser is told it.
    pub username: Option<String>,
    /// The password that goes with it.
    pub credential: Option<String>,
}

/// What is recorded of talks: caller and house in one file, the caller on the left. Nobody is recorded before they heard
/// the notice: where a key cut it short in the menu, it is said in the line, or beside the operator's first words.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Recording {
    /// Talks are recorded, but of queues with `record = false`. Default false.
    pub calls: Option<bool>,
    /// The prompt that says so, in every language. Default "notice".
    pub notice: Option<String>,
    /// Folder of the recordings, seen from this file. Default: recordings in the data folder.
    pub folder: Option<String>,
    /// What recordings and messages are when they are complete. "wav": A-law, 58 MB an hour; "opus": Ogg/Opus, a quarter
    /// of that, which plays in every browser. Default "wav".
    #[schemars(extend("enum" = ["wav", "opus", null]))]
    pub format: Option<String>,
    /// Days after which recordings and messages are deleted; 0: they are kept. 0 to 36500. Default 0.
    pub keep_days: Option<u32>,
    /// File with the keys that recordings and messages are encrypted with, seen from this file: 64 hexadecimal digits on
    /// each line. The first encrypts, all decrypt. Default: they lie in the clear.
    pub key_file: Option<String>,
}

/// The certificate that is shown to whoever connects over TLS. Changed files are read again by themselves; if they
/// cannot be used, the certificate before them is shown on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Tls {
    /// File with the certificate and those between it and the root (PEM), seen from this file, e.g. "tls/chain.pem".
    pub certificate: Option<String>,
    /// File with its private key (PEM, without a passphrase), seen from this file, e.g. "tls/key.pem".
    pub key: Option<String>,
    /// File with the certificates of those who vouch for carriers that call over TLS (PEM), seen from this file: with it
    /// listeners over tls ask who connects for a certificate. Phones need not have one. Default: nobody is asked.
    pub client_ca: Option<String>,
}

/// The pages and the API.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Web {
    /// Where they are served: an address, or a list of addresses. Default "127.0.0.1:8080".
    pub listen: Option<Endpoints>,
    /// `listen` speaks HTTPS, with the certificate of `[tls]`. Default false.
    pub https: Option<bool>,
    /// A proxy before this one speaks HTTPS and writes X-Forwarded-For: its last address is who asks, and cookies are
    /// sent over HTTPS alone. Only then may `listen` be public without `https`. Default false.
    pub proxy: Option<bool>,
    /// Who is signed in and does nothing for so long, with no page open, is signed out. "1m" to "24h". Default "30m".
    pub session_idle: Option<Time>,
    /// Whoever signed in signs in again after so long, but for a wall, whose page may stay open. "5m" to "168h". Default
    /// "12h".
    pub session_longest: Option<Time>,
    /// Wrong passwords within a minute, from one household (an address, or a /64 of IPv6) and for one name each. 1 to
    /// 1000. Default 10.
    pub sign_in_tries: Option<u32>,
    /// The share of callers, in percent, that is to be answered in time: the wall shows it, and below it in the last
    /// 15 minutes is an alarm, where at least 20 came to lines in them. 1 to 100. Default 95.
    pub goal: Option<u8>,
    /// A wait longer than this is an alarm. "1s" to "24h". Default "60s".
    pub alarm_wait: Option<Time>,
    /// Pages of other hosts that may open a WebSocket here and at listeners of sip, e.g. ["https://desk.example"];
    /// pages of the same host and port may. Default [].
    pub origins: Option<Vec<String>>,
    /// People who answer no calls.
    #[serde(default)]
    pub person: Vec<WebPerson>,
    /// Programs that are told of calls, e.g. to pop up a screen.
    #[serde(default)]
    pub webhook: Vec<Webhook>,
}

/// Somebody who signs in on the pages and answers no calls. `hotline password ID` sets the password.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WebPerson {
    /// What they sign in with, e.g. "mei".
    pub id: String,
    /// As it is shown. Default: the id.
    pub name: Option<String>,
    /// Of "supervisor", "admin" and "wall" (sees figures, no numbers of callers, and changes nothing).
    pub roles: Vec<String>,
    /// Of the pages: "zh" or "en". Default: that of the browser.
    #[schemars(extend("enum" = ["zh", "en", null]))]
    pub language: Option<String>,
}

/// A program that is told of calls by a POST of JSON, signed (`X-Hotline-Signature`), again and again until it answers
/// with 2xx.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Webhook {
    /// E.g. "https://crm.example/hotline".
    pub url: String,
    /// Of what: "ringing" (a call is offered to an operator), "connected", "closed". Default: all.
    pub events: Option<Vec<String>>,
    /// What the signature is made with (HMAC-SHA256): at least 16 letters.
    pub secret: Option<String>,
    /// File whose first line is the secret, seen from this file.
    pub secret_file: Option<String>,
}
