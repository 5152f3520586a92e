//! Dialogs, RFC 3261 §12: who talks to whom, by which way, and in which order.

use std::net::SocketAddr;

use super::message::{Headers, Method, NameAddr, Request, Response, SipUri, Uri};
use super::words::{Flow, Transport};

/// A route set longer than this is no network, but an attack.
const MAX_ROUTES: usize = 20;

#[derive(Clone, Debug)]
pub struct Dialog {
    pub call_id: String,
    /// Our From or To, with our tag.
    pub local: NameAddr,
    /// Theirs, with their tag once it is known.
    pub remote: NameAddr,
    pub target: Uri,
    routes: Vec<NameAddr>,
    pub local_seq: u32,
    pub remote_seq: Option<u32>,
    /// The flow that the dialog began on.
    pub flow: Flow,
    /// Requests of ours go to the flow's remote whatever the contact says: the phone registered from there.
    pub pinned: bool,
    /// It was asked for by `sips:`, and so are we within it, RFC 3261 §12.1.
    pub secure: bool,
}

impl Dialog {
    /// From a request that began it, §12.1.1. `None` if it has no usable Contact or too many routes.
    pub fn of_callee(request: &Request, local_tag: &str, flow: Flow, pinned: bool) -> Option<Dialog> {
        let headers = &request.headers;
        let mut local = headers.to().ok()?;
        local.params.set("tag", Some(local_tag));
        let routes = headers.record_routes().ok().filter(|routes| routes.len() <= MAX_ROUTES)?;
        Some(Dialog {
            call_id: headers.call_id().ok()?.into(),
            local,
            remote: headers.from().ok()?,
            target: contact(headers)?,
            routes,
            local_seq: 0,
            remote_seq: Some(headers.cseq().ok()?.seq),
            secure: is_asked_securely(request),
            flow,
            pinned,
        })
    }

    /// From a response to our INVITE, §12.1.2.
    pub fn of_caller(request: &Request, response: &Response, flow: Flow, pinned: bool) -> Option<Dialog> {
        let mut routes = response.headers.record_routes().ok().filter(|routes| routes.len() <= MAX_ROUTES)?;
        routes.reverse();
        Some(Dialog { routes, pinned, ..Self::unrouted(request, response, flow)? })
    }

    /// The same without its routes: requests go by the flow of the INVITE.
    pub fn unrouted(request: &Request, response: &Response, flow: Flow) -> Option<Dialog> {
        Some(Dialog {
            call_id: request.headers.call_id().ok()?.into(),
            local: request.headers.from().ok()?,
            remote: response.headers.to().ok()?,
            target: contact(&response.headers).unwrap_or_else(|| request.uri.clone()),
            routes: Vec::new(),
            local_seq: request.headers.cseq().ok()?.seq,
            remote_seq: None,
            flow,
            pinned: true,
            secure: request.uri.sip().is_some_and(|uri| uri.secure),
        })
    }

    pub fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or_default()
    }

    pub fn remote_tag(&self) -> Option<&str> {
        self.remote.tag()
    }

    /// A request within the dialog, §12.2.1.1, without Via and Contact. ACK and CANCEL keep `seq`.
    pub fn request(&self, method: Method, seq: u32) -> Request {
        let (uri, routes) = self.way();
        let mut request = Request::new(method.clone(), uri);
        for route in routes {
            request.headers.push("Route", route);
        }
        request.headers.push("Max-Forwards", "70");
        request.headers.push("From", self.local.to_string());
        request.headers.push("To", self.remote.to_string());
        request.headers.push("Call-ID", self.call_id.clone());
        request.headers.push("CSeq", format!("{seq} {method}"));
        request
    }

    /// Loose routing keeps the target in the Request-URI; a strict router wants itself there, §12.2.1.1.
    fn way(&self) -> (Uri, Vec<String>) {
        match self.routes.split_first() {
            None => (self.target.clone(), Vec::new()),
            Some((first, rest)) if first.uri.sip().is_some_and(|uri| !uri.params.has("lr")) => {
                let mut routes: Vec<String> = rest.iter().map(ToString::to_string).collect();
                routes.push(NameAddr::new(self.target.clone()).to_string());
                (first.uri.clone(), routes)
            }
            Some(_) => (self.target.clone(), self.routes.iter().map(ToString::to_string).collect()),
        }
    }

    /// Where a request goes: the open connection, the registered flow, the first route, the contact.
    pub fn next_hop(&self) -> Flow {
        let hop = self.routes.first().map_or(&self.target, |route| &route.uri);
        let secure = hop.sip().is_some_and(|uri| uri.secure);
        let is_open = self.flow.connection.is_some() || (self.pinned && self.routes.is_empty());
        if is_open && (!secure || self.flow.transport.is_secure()) {
            return self.flow;
        }
        match hop.sip().and_then(|uri| secure_literal(uri).or_else(|| literal(uri))) {
            Some((remote, transport)) => {
                // A listener of the other transport or family is chosen by the endpoint.
                Flow { remote, transport, connection: None, ..self.flow }
            }
            // §26.2.2: over TLS or not at all.
            None if secure && !self.flow.transport.is_secure() => {
                let remote = SocketAddr::new(self.flow.remote.ip(), Transport::Tls.port());
                Flow { remote, transport: Transport::Tls, connection: None, ..self.flow }
            }
            None => self.flow,
        }
    }

    /// Requests of ours go wherever the phone is: no proxies were named for them.
    pub fn follows_phone(&self) -> bool {
        self.pinned && self.routes.is_empty()
    }

    /// The phone's connection is gone: nothing reaches it before it is back.
    pub fn is_stranded(&self) -> bool {
        self.follows_phone() && self.flow.transport.is_reliable() && self.flow.connection.is_none()
    }

    /// §12.2.2: a lower number than before is out of order.
    pub fn takes(&mut self, seq: u32) -> bool {
        if self.remote_seq.is_some_and(|last| seq <= last) {
            return false;
        }
        self.remote_seq = Some(seq);
        true
    }

    /// A target refresh, §12.2.2.
    pub fn refresh(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.target = target;
        }
    }
}

/// §12.1.1: by the Request-URI, or where we are to send: the first Record-Route, or else the Contact.
fn is_asked_securely(request: &Request) -> bool {
    let is_secure = |uri: &Uri| uri.sip().is_some_and(|uri| uri.secure);
    let routes = request.headers.record_routes().unwrap_or_default();
    let back = routes.first().map(|route| route.uri.clone()).or_else(|| contact(&request.headers));
    is_secure(&request.uri) || back.as_ref().is_some_and(is_secure)
}

fn contact(headers: &Headers) -> Option<Uri> {
    let contact = headers.contacts().ok()?.into_iter().next()?;
    match contact.uri {
        Uri::Sip(uri) => Some(Uri::Sip(SipUri { headers: None, ..uri })),
        Uri::Other(_) => None,
    }
}

/// The same over TLS.
fn secure_literal(uri: &SipUri) -> Option<(SocketAddr, Transport)> {
    let is_tls = uri.params.get("transport").is_some_and(|name| name.eq_ignore_ascii_case("tls"));
    let host = uri.params.get("maddr").unwrap_or(&uri.host);
    let port = uri.port.unwrap_or(Transport::Tls.port());
    (is_tls || uri.secure).then_some((SocketAddr::new(host.parse().ok()?, port), Transport::Tls))
}

/// Address and transport of a URI whose host is an IP address; names are not looked up here, and what is to go over TLS
/// alone goes by none of these.
pub fn literal(uri: &SipUri) -> Option<(SocketAddr, Transport)> {
    if uri.secure {
        return None;
    }
    let host = uri.params.get("maddr").unwrap_or(&uri.host);
    let transport = match uri.params.get("transport") {
        None => Transport::Udp,
        Some(name) if name.eq_ignore_ascii_case("udp") => Transport::Udp,
        Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
        Some(_) => return None,
    };
    Some((SocketAddr::new(host.parse().ok()?, uri.port.unwrap_or(5060)), transport))
}
