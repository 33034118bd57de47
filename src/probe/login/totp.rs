//! One-time codes (RFC 6238).
//!
//! A server that minds its RFC accepts a code once, so two runs in one time-step would make the
//! second look like a wrong password. [`crate::probe::login::lockout::ledger`] remembers the last step used
//! per secret; here is only the arithmetic.

use std::time::Duration;

use totp_rs::{Algorithm, Secret as Encoded, TOTP};
use url::Url;

use crate::secret::Secret;

/// What authenticator apps assume when nothing else is said.
const DIGITS: usize = 6;
const PERIOD_S: u64 = 30;

pub struct Totp(TOTP);

impl Totp {
    /// From what a site shows at enrolment: the base32 text, blanks and case as people copy them,
    /// or the whole `otpauth://totp/...` address. The error never holds the text.
    pub fn parse(secret: &Secret) -> Result<Totp, &'static str> {
        let text = secret.expose().trim();
        let mut algorithm = Algorithm::SHA1;
        let (mut digits, mut period) = (DIGITS, PERIOD_S);
        let mut key = text.to_owned();
        if text.starts_with("otpauth:") {
            let url = Url::parse(text).map_err(|_| "its otpauth address is not readable")?;
            if url.host_str() != Some("totp") {
                return Err("its otpauth address is not of the kind totp");
            }
            key.clear();
            for (name, value) in url.query_pairs() {
                match &*name {
                    "secret" => key = value.into_owned(),
                    "algorithm" => {
                        algorithm = match &*value.to_ascii_uppercase() {
                            "SHA1" => Algorithm::SHA1,
                            "SHA256" => Algorithm::SHA256,
                            "SHA512" => Algorithm::SHA512,
                            _ => return Err("its otpauth address names an unknown algorithm"),
                        }
                    }
                    "digits" => digits = value.parse().map_err(|_| "its digits are no number")?,
                    "period" => period = value.parse().map_err(|_| "its period is no number")?,
                    _ => {}
                }
            }
        }
        if !(6..=8).contains(&digits) {
            return Err("its digits are not 6 to 8");
        }
        if !(1..=600).contains(&period) {
            return Err("its period is not 1 to 600 seconds");
        }
        let key: String = key
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '='))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let key = Encoded::Encoded(key).to_bytes().map_err(|_| "it is not base32")?;
        if key.is_empty() {
            return Err("it is empty");
        }
        // The checked constructor refuses keys below 128 bits, which old systems hand out.
        Ok(Totp(TOTP::new_unchecked(algorithm, digits, 0, period, key)))
    }

    /// The number of the time-step at a moment since 1970.
    pub fn step(&self, since_epoch: Duration) -> u64 {
        since_epoch.as_secs() / self.0.step
    }

    /// When a step begins, since 1970.
    pub fn begins(&self, step: u64) -> Duration {
        Duration::from_secs(step.saturating_mul(self.0.step))
    }

    /// The code of a step.
    pub fn code(&self, step: u64) -> Secret {
        Secret::new(self.0.generate(step.saturating_mul(self.0.step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: seconds, then the codes by SHA-1, SHA-256 and SHA-512.
    const VECTORS: [(u64, [&str; 3]); 6] = [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, ["65353130", "77737706", "47863826"]),
    ];

    #[test]
    fn the_vectors_of_rfc_6238_come_out() {
        let seed = "1234567890".repeat(7);
        for (column, (algorithm, length)) in
            [("SHA1", 20), ("SHA256", 32), ("SHA512", 64)].into_iter().enumerate()
        {
            let Encoded::Encoded(key) = Encoded::Raw(seed.as_bytes()[..length].into()).to_encoded()
            else {
                panic!("not encoded")
            };
            let address = format!("otpauth://totp/x?secret={key}&algorithm={algorithm}&digits=8");
            let totp = Totp::parse(&Secret::new(address)).ok().unwrap();
            for (seconds, codes) in VECTORS {
                let step = totp.step(Duration::from_secs(seconds));
                assert_eq!(totp.code(step).expose(), codes[column], "{algorithm} at {seconds}");
            }
        }
    }

    #[test]
    fn keys_are_read_as_people_copy_them_and_nonsense_is_refused() {
        let totp = |text: &str| Totp::parse(&Secret::new(text));
        let plain = totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").ok().unwrap();
        let spaced = totp(" gezd gnbv gy3t qojq gezd gnbv gy3t qojq \n").ok().unwrap();
        assert_eq!(plain.code(1).expose(), "287082");
        assert_eq!(spaced.code(1).expose(), plain.code(1).expose());
        assert_eq!(plain.step(Duration::from_secs(89)), 2);
        assert_eq!(plain.begins(3), Duration::from_secs(90));
        for bad in ["", "not base32!", "otpauth://hotp/x?secret=GEZDGNBV", "otpauth://totp/x"] {
            assert!(totp(bad).is_err(), "{bad} was accepted");
        }
        assert!(totp("otpauth://totp/x?secret=GEZDGNBV&period=0").is_err());
    }
}
