//! SIP by hand over UDP: requests as no proper phone would send them, and answers read as text.

use std::net::UdpSocket;

use crate::house::{House, PATIENCE};

pub const SDP: &str =
    "v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
pub const TYPE: &str = "Content-Type: application/sdp";

pub struct Client {
    pub socket: UdpSocket,
    house: String,
    count: u32,
}

impl Client {
    pub fn new(house: &House, ip: &str) -> Client {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { socket, house: house.addr(), count: 0 }
    }

    /// Sends a request with these changes and returns the status of the first final response.
    pub fn ask(&mut self, method: &str, uri: &str, headers: &str, body: &str) -> (u16, String) {
        self.count += 1;
        let local = self.socket.local_addr().unwrap();
        let n = self.count;
        let mut lines = vec![
            format!("Via: SIP/2.0/UDP {local};branch=z9hG4bK{n}x{};rport", local.port()),
            format!("From: <sip:13800000000@{local}>;tag=t{n}"),
            format!("To: <{uri}>"),
            format!("Call-ID: {n}@{local}"),
            format!("CSeq: {n} {method}"),
            format!("Contact: <sip:x@{local}>"),
            "Max-Forwards: 70".to_string(),
        ];
        for header in headers.lines() {
            let name = header.split(':').next().unwrap_or_default().to_string() + ":";
            lines.retain(|line| !line.starts_with(&name));
            lines.push(header.to_string());
        }
        let version = if headers.contains("X-Version") { "SIP/3.0" } else { "SIP/2.0" };
        let text = format!(
            "{method} {uri} {version}\r\n{}\r\nContent-Length: {}\r\n\r\n{body}",
            lines.join("\r\n"),
            body.len()
        );
        self.socket.send_to(text.as_bytes(), &self.house).unwrap();
        self.answer(&format!("branch=z9hG4bK{n}x"))
    }

    pub fn answer(&self, branch: &str) -> (u16, String) {
        let mut buffer = [0; 4096];
        loop {
            let (length, _) = self.socket.recv_from(&mut buffer).expect("an answer");
            let text = String::from_utf8_lossy(&buffer[..length]).to_string();
            let status: u16 = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
            if status >= 200 && text.contains(branch) {
                return (status, text);
            }
        }
    }

    /// One message as it is.
    pub fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), &self.house).unwrap();
    }

    /// The next message, or `None` after `patience`.
    pub fn hear(&self, patience: std::time::Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = [0; 4096];
        let heard = self
            .socket
            .recv_from(&mut buffer)
            .ok()
            .map(|(length, _)| String::from_utf8_lossy(&buffer[..length]).to_string());
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        heard
    }

    /// A request of a dialog by hand: `to` is the whole To header's value.
    #[allow(clippy::too_many_arguments)]
    pub fn request(
        &self,
        method: &str,
        number: &str,
        branch: &str,
        cseq: u32,
        to: &str,
        headers: &str,
        body: &str,
    ) -> String {
        let local = self.socket.local_addr().unwrap();
        format!(
            "{method} sip:{number}@{} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch}\r\nFrom: <sip:1@{local}>;tag=a\r\n\
             To: {to}\r\nCall-ID: {}@{local}\r\nCSeq: {cseq} {method}\r\nContact: <sip:1@{local}>\r\nMax-Forwards: 70\r\n\
             {headers}Content-Length: {}\r\n\r\n{body}",
            self.house,
            local.port(),
            body.len()
        )
    }
}
