//! From when until when certificates are valid: whoever connects refuses one outside of that.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

/// Somebody has to renew it by hand perhaps. Of one that lives for less than eight weeks the last quarter is soon.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What somebody has to hear of a certificate now; `None`: nothing.
pub(super) fn concern(certificate: &CertificateDer<'_>, now: Timestamp) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let (from, until) = (at(parsed.validity.not_before), at(parsed.validity.not_after));
    match (from, until) {
        (_, Some(until)) if until < now => Some(format!("it ended at {until}: nobody has to accept it any more")),
        (Some(from), _) if now < from => Some(format!("it begins only at {from}: nobody has to accept it before")),
        (Some(from), Some(until)) if until < now + SOON.min(until.duration_since(from) / 4) => {
            Some(format!("it ends at {until}: renew it before"))
        }
        _ => None,
    }
}

fn at(time: ASN1Time) -> Option<Timestamp> {
    Timestamp::from_second(time.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_spoken_of_before_it_begins_when_it_ends_soon_and_when_it_ended() {
        let mut params = rcgen::CertificateParams::new(["localhost".to_string()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 10);
        params.not_after = rcgen::date_time_ymd(2026, 12, 24);
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let on = |day: &str| concern(made.der(), format!("{day}T00:00:00Z").parse().unwrap());
        let begins = "it begins only at 2026-01-10T00:00:00Z: nobody has to accept it before";
        assert_eq!(on("2026-01-09").as_deref(), Some(begins));
        assert_eq!((on("2026-01-10"), on("2026-12-10")), (None, None));
        assert_eq!(on("2026-12-11").as_deref(), Some("it ends at 2026-12-24T00:00:00Z: renew it before"));
        let ended = "it ended at 2026-12-24T00:00:00Z: nobody has to accept it any more";
        assert_eq!(on("2026-12-25").as_deref(), Some(ended));
        params.not_before = rcgen::date_time_ymd(2026, 12, 16);
        let brief = params.self_signed(&key).unwrap();
        let on = |time: &str| concern(brief.der(), time.parse().unwrap()).is_some();
        assert!(!on("2026-12-21T23:00:00Z") && on("2026-12-22T01:00:00Z"), "of eight days the last two are soon");
        assert_eq!(concern(&CertificateDer::from(vec![1, 2, 3]), Timestamp::UNIX_EPOCH), None);
    }
}
