//! Why a handshake came to nothing: for those who ask what it was about the certificate, and for people.

use std::io;

use rustls::{CertificateError, Error, OtherError};

/// Why a certificate is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// Nobody who is trusted vouches for it.
    UnknownIssuer,
    Expired,
    NotValidYet,
    Unusable,
}

impl Distrust {
    /// `None`: it was not for the certificate that they showed.
    pub fn of(error: &io::Error) -> Option<Distrust> {
        match fault(error)? {
            Error::InvalidCertificate(certificate) => Some(Distrust::because(certificate)),
            _ => None,
        }
    }

    fn because(fault: &CertificateError) -> Distrust {
        match fault {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Distrust::UnknownIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Distrust::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Distrust::NotValidYet,
            _ => Distrust::Unusable,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Distrust::UnknownIssuer => "unknown-issuer",
            Distrust::Expired => "expired",
            Distrust::NotValidYet => "not-valid-yet",
            Distrust::Unusable => "unusable",
        }
    }
}

/// Why there is no connection, for people.
pub fn in_words(error: &io::Error) -> String {
    let certificate = match fault(error) {
        Some(Error::InvalidCertificate(certificate)) => certificate,
        Some(other) => return other.to_string(),
        None if error.raw_os_error().is_some() => return error.kind().to_string(),
        None => return error.to_string(),
    };
    match (Distrust::because(certificate), certificate) {
        (_, CertificateError::Other(OtherError(why))) => why.to_string(),
        (Distrust::UnknownIssuer, _) => "nobody who is trusted vouches for the certificate".into(),
        (Distrust::Expired, _) => "the certificate has expired".into(),
        (Distrust::NotValidYet, _) => "the certificate is not valid yet".into(),
        (Distrust::Unusable, other) => format!("the certificate cannot be used: {other}"),
    }
}

fn fault(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}
