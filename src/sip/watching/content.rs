//! What whoever watches a seat is told, as each package has it.

use std::fmt::Write;

use super::{Lamp, Package, Watch};
use crate::ids::SeatId;
use crate::sip::endpoint::Endpoint;
use crate::sip::session::{Leg, State};

impl Endpoint {
    pub(super) fn content(&self, watch: &Watch) -> String {
        // As they subscribed to it: by that they know whose lamp it is.
        let entity = watch.dialog.local.uri.to_string();
        match watch.package {
            Package::Dialog => self.dialogs_of(watch, &entity),
            Package::Presence => self.presence_of(&watch.seat, &entity),
            Package::Messages => {
                let waiting = if self.is_awaited { "yes" } else { "no" };
                format!("Messages-Waiting: {waiting}\r\nMessage-Account: {entity}\r\n")
            }
        }
    }

    /// RFC 4235 §4. Who calls is not said.
    fn dialogs_of(&self, watch: &Watch, entity: &str) -> String {
        let mut text = format!(
            "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
             version=\"{VERSION}\" state=\"full\" entity=\"{}\">\r\n",
            escaped(entity)
        );
        for id in self.seat_legs.of(&watch.seat) {
            let Some(leg) = self.legs.get(id) else { continue };
            let ours = id.0.is_multiple_of(2);
            let state = match leg.lamp() {
                Lamp::Dark => continue,
                Lamp::Dials | Lamp::Rings => "early",
                Lamp::Talks => "confirmed",
            };
            let direction = if ours { "recipient" } else { "initiator" };
            let (tags, remote) = self.pick_up_by(watch, leg).unwrap_or_default();
            let _ = write!(
                text,
                "<dialog id=\"{}\"{tags} direction=\"{direction}\"><state>{state}</state>{remote}</dialog>\r\n",
                id.0
            );
        }
        text + "</dialog-info>\r\n"
    }

    /// What an INVITE that takes the place of ours says, and where it goes, as the watched phone has it: RFC 4235 §4.1.2
    /// and §4.1.6.2. Their tag is known once they ring.
    fn pick_up_by(&self, watch: &Watch, leg: &Leg) -> Option<(String, String)> {
        let State::Calling(calling) = &leg.state else { return None };
        let tag = calling.rings.first().filter(|_| self.pickers.contains(&watch.watcher))?;
        let headers = &calling.request.headers;
        let (call_id, ours) = (headers.call_id().ok()?, headers.from_tag()?);
        let tags = format!(
            " call-id=\"{}\" local-tag=\"{}\" remote-tag=\"{}\"",
            escaped(call_id),
            escaped(tag),
            escaped(&ours)
        );
        let target = self.own_uri("hotline", watch.dialog.flow).to_string();
        Some((tags, format!("<remote><target uri=\"{}\"/></remote>", escaped(&target))))
    }

    /// RFC 3863: reachable or not.
    fn presence_of(&self, seat: &SeatId, entity: &str) -> String {
        let basic = if self.registrar.target(seat).is_some() { "open" } else { "closed" };
        format!(
            "<?xml version=\"1.0\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"{0}\">\r\n\
             <tuple id=\"seat\"><status><basic>{basic}</basic></status><contact>{0}</contact></tuple>\r\n\
             </presence>\r\n",
            escaped(entity)
        )
    }
}

/// Stands for the number of the document, which differs though nothing else does.
pub(super) const VERSION: &str = "{version}";

/// Text in an attribute or element of XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
