//! When certificates end, and what is wrong with one by which a connection failed. Nothing else of X.509 is read here:
//! whether one is to be trusted is rustls's to say.

use crate::domain::time::Timestamp;
use rustls::{
    AlertDescription, CertificateError,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{error::Error, io, iter};

/// DER tags on the way to the dates of a certificate (RFC 5280, 4.1).
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// What stands before the validity: serial number, algorithm, issuer.
const BEFORE_VALIDITY: usize = 3;
/// `UTCTime` has two digits for the year: from 50 on they are of the last century (RFC 5280, 4.1.2.5.1).
const CENTURY: [&str; 2] = ["20", "19"];

/// What is wrong with whose certificate, where a request failed for that. Nothing of the request was read then: either we
/// sent none, or the far side gave up the handshake before it read what came after it.
pub fn refusal(fault: &(dyn Error + 'static)) -> Option<String> {
    let chain = iter::successors(Some(fault), cause);
    match chain.filter_map(of_tls).next()? {
        rustls::Error::AlertReceived(alert) if is_about_ours(*alert) => {
            Some(format!("it refuses our certificate ({alert:?}): have it renewed, or admitted there"))
        }
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            Some("its certificate has ended: who runs it must have it renewed".to_owned())
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some("its certificate is from an authority that is not known here: see roots_file".to_owned())
        }
        // Whatever else is wrong is told in rustls's words.
        _ => None,
    }
}

fn cause<'a>(fault: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    (**fault).source()
}

/// The fault of TLS in a link of a chain: an `io::Error` holds one, or another `io::Error`, without being caused by it.
fn of_tls<'a>(link: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match link.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(held) => of_tls(held),
        None => link.downcast_ref(),
    }
}

fn is_about_ours(alert: AlertDescription) -> bool {
    [
        AlertDescription::CertificateRequired,
        AlertDescription::CertificateExpired,
        AlertDescription::CertificateRevoked,
        AlertDescription::CertificateUnknown,
        AlertDescription::BadCertificate,
        AlertDescription::UnsupportedCertificate,
        AlertDescription::UnknownCA,
        AlertDescription::AccessDenied,
    ]
    .contains(&alert)
}

/// When the first of a chain of certificates ends; none where no certificate can be read.
pub fn chain_ends_at(pem: &[u8]) -> Option<Timestamp> {
    CertificateDer::pem_slice_iter(pem).filter_map(|one| ends_at(&one.ok()?)).min()
}

/// When a certificate ends; none where it cannot be read.
pub fn ends_at(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = inside(der, SEQUENCE)?;
    let (mut rest, _) = inside(certificate, SEQUENCE)?;
    if let Some((_, after)) = inside(rest, VERSION) {
        rest = after;
    }
    for _ in 0..BEFORE_VALIDITY {
        (_, _, rest) = element(rest)?;
    }
    let (validity, _) = inside(rest, SEQUENCE)?;
    let (_, _, not_after) = element(validity)?;
    let (tag, text, _) = element(not_after)?;
    instant(tag, std::str::from_utf8(text).ok()?)
}

/// The content of an element of this tag, and what follows it.
fn inside(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and what follows of the first element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    const LONG: u8 = 0x80;
    let (&[tag, first], mut rest) = der.split_first_chunk::<2>()?;
    let mut length = usize::from(first);
    if LONG <= first {
        let (digits, after) = rest.split_at_checked(usize::from(first - LONG))?;
        // A certificate is shorter than four bytes of length can say.
        length = (digits.len() <= 4).then(|| digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)))?;
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`: certificates carry no other forms.
fn instant(tag: u8, text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let long = match tag {
        GENERALIZED_TIME => digits.to_owned(),
        UTC_TIME => CENTURY.get(usize::from("50" <= digits)).map(|century| format!("{century}{digits}"))?,
        _ => return None,
    };
    let part = |from: usize, to: usize| long.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use rstest::rstest;

    fn certificate(year: i32, month: u8, day: u8) -> rcgen::Certificate {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, month, day);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    #[rstest]
    #[case::utc_time(2031, 2, 28, "2031-02-28T00:00:00Z")]
    #[case::generalized_time(2051, 12, 1, "2051-12-01T00:00:00Z")]
    fn a_certificate_says_when_it_ends(#[case] year: i32, #[case] month: u8, #[case] day: u8, #[case] end: &str) {
        assert_eq!(ends_at(certificate(year, month, day).der()), Some(Timestamp::parse(end).unwrap()));
    }

    #[test]
    fn a_chain_ends_with_its_first_and_every_other_text_never() {
        let chain = [certificate(2031, 1, 1), certificate(2029, 1, 1)].map(|one| one.pem()).concat();
        assert_eq!(chain_ends_at(chain.as_bytes()), Some(Timestamp::parse("2029-01-01T00:00:00Z").unwrap()));
        assert_eq!(chain_ends_at(b"a token"), None);
    }

    #[test]
    fn what_is_cut_short_ends_never_and_never_panics() {
        let der = certificate(2031, 1, 1).der().to_vec();
        for length in 0..der.len() {
            assert_eq!(ends_at(&der[..length]), None, "{length}");
        }
    }

    #[rstest]
    #[case(UTC_TIME, "491231235959Z", Some("2049-12-31T23:59:59Z"))]
    #[case(UTC_TIME, "500101000000Z", Some("1950-01-01T00:00:00Z"))]
    #[case(UTC_TIME, "491331235959Z", None)]
    #[case(UTC_TIME, "4912312359Z", None)]
    #[case(UTC_TIME, "491231235959+0100", None)]
    #[case(SEQUENCE, "491231235959Z", None)]
    fn dates_as_certificates_write_them(#[case] tag: u8, #[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(instant(tag, text), expected.map(|at| Timestamp::parse(at).unwrap()));
    }
}
