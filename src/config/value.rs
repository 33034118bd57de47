//! Scalars as people write them. A reader here knows a text and nothing of where it stands: it
//! answers with the value or with half a sentence that says what is wrong and what to write.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use url::{Host, Url};

/// Names become label values, path segments and file names.
const NAME_MAX: usize = 63;

/// `seocho`, `dc-daejeon`, `gov24.login`.
pub fn name(text: &str) -> Result<String, String> {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest = text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-'));
    if first && rest && text.len() <= NAME_MAX {
        return Ok(text.to_owned());
    }
    Err(format!(
        "\"{text}\" cannot be a name; use at most {NAME_MAX} of a-z 0-9 _ . - and begin with a \
         letter or digit"
    ))
}

/// `30s`, `1m30s`, `500ms`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text.parse::<f64>().is_ok() {
        return Err(format!("\"{text}\" has no unit; write a duration such as \"{text}s\""));
    }
    humantime::parse_duration(text)
        .map_err(|_| format!("\"{text}\" is not a duration; write one such as 30s, 1m30s or 500ms"))
}

/// A duration of at least `min` and at most `max`.
pub(super) fn duration_between(
    min: Duration,
    max: Duration,
) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let value = duration(text)?;
        if value < min {
            return Err(format!("{text} is too short; the least is {}", spoken(min)));
        }
        if value > max {
            return Err(format!("{text} is too long; the most is {}", spoken(max)));
        }
        Ok(value)
    }
}

/// A duration in the file's own form.
pub(super) fn spoken(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace(' ', "")
}

/// `4KiB`, `1MiB`, `512` bytes; at most `max`.
pub(super) fn size_up_to(max: u64) -> impl Fn(&str) -> Result<u64, String> {
    move |text| {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = (&text[..digits], text[digits..].trim());
        let factor = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "kB" | "KB" | "K" | "k" | "kb" => {
                return Err(format!("\"{text}\" is ambiguous; write {number}KiB"));
            }
            "MB" | "M" | "m" | "mb" => {
                return Err(format!("\"{text}\" is ambiguous; write {number}MiB"));
            }
            _ => return Err(format!("\"{text}\" is not a size; write one such as 4KiB or 1MiB")),
        };
        let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        match size {
            Some(0) => Err("must be more than 0".into()),
            Some(size) if size <= max => Ok(size),
            Some(_) => Err(format!("{text} is too much; the most is {}KiB", max >> 10)),
            None => Err(format!("\"{text}\" is not a size; write one such as 4KiB or 1MiB")),
        }
    }
}

/// A whole number in a range.
pub(super) fn whole(range: std::ops::RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> {
    move |text| match text.parse::<u32>() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(format!(
            "\"{text}\" is not a whole number from {} to {}",
            range.start(),
            range.end()
        )),
    }
}

/// One of a few words.
pub(super) fn word<T: Copy>(words: &[(&str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let hint = read::hint(text, names.iter().copied());
        let hint =
            if hint.is_empty() { format!("; write one of {}", names.join(", ")) } else { hint };
        Err(format!("\"{text}\" is not known here{hint}"))
    }
}

/// Whether the text begins with `scheme://`.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)).then_some(scheme)
}

/// What a URL stands for, and what of it a problem can tell.
pub(super) struct UrlUse {
    /// Whose it is, where it is not what is probed.
    pub(super) owner: Option<&'static str>,
    pub(super) schemes: &'static [&'static str],
    /// Where a user name and a password belong.
    pub(super) credentials: &'static str,
}

/// What a probe asks for.
pub(super) const PROBED: UrlUse =
    UrlUse { owner: None, schemes: &["http", "https"], credentials: "basic_auth takes a secret" };

/// An absolute URL; without a scheme it gets `http://`, as with blackbox_exporter. A password in it is
/// a secret in the file, so it is refused and not repeated in the message.
pub(super) fn url(text: &str, meant: &UrlUse) -> Result<Url, String> {
    let text = text.trim();
    let whole = match scheme(text) {
        Some(_) => text.to_owned(),
        None => {
            begins_with_host(text)?;
            format!("http://{text}")
        }
    };
    let url = Url::parse(&whole).map_err(|error| match error {
        url::ParseError::IdnaError | url::ParseError::InvalidDomainCharacter => {
            "not a URL: its host has a character that no host name can have".into()
        }
        error => format!("not a URL: {error}"),
    })?;
    if !meant.schemes.contains(&url.scheme()) {
        let (scheme, known) = (url.scheme(), meant.schemes.join("://, "));
        return Err(match meant.owner {
            None => format!("{scheme}:// cannot be probed here; use {known}://"),
            Some(owner) => format!("{owner} cannot have {scheme}://; use {known}://"),
        });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "a user name or password in a URL would be shown on every page; remove it ({})",
            meant.credentials
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("the URL has no host".into());
    }
    match url.host() {
        Some(Host::Ipv4(address)) => is_a_machines(address.into())?,
        Some(Host::Ipv6(address)) => is_a_machines(address.into())?,
        _ => {}
    }
    if url.port() == Some(0) {
        return Err("port 0 cannot be connected to; write a port from 1 to 65535".into());
    }
    Ok(url)
}

/// Why no probe can be made of an address, where none can.
pub fn probed(url: &Url) -> Result<(), String> {
    let url = self::url(url.as_str(), &PROBED)?;
    host(url.host_str().unwrap_or_default()).map(drop)
}

/// Whether a text without `://` begins with a host, and not with a scheme as `unix:/run/x` does: a
/// colon in front of the path has a port behind it. A user name is left to whoever refuses it.
fn begins_with_host(text: &str) -> Result<(), String> {
    let authority = text.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((before, port))
            if !authority.contains('@')
                && !authority.ends_with(']')
                && !before.contains(':')
                && (port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit())) =>
        {
            Err(format!(
                "{before}: is followed by no port; write http://HOST:PORT/ or https://HOST/"
            ))
        }
        _ => Ok(()),
    }
}

/// `host:port`, `[2001:db8::1]:443`, or a bare host when there is a default port.
pub(super) fn host_port(text: &str, default_port: Option<u16>) -> Result<(String, u16), String> {
    if text.contains("://") {
        return Err(format!("\"{text}\" is a URL; write host:port"));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') && !host.starts_with('[') => {
            return Err(format!("an IPv6 address needs brackets: [{text}] or [{text}]:443"));
        }
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match (port, default_port) {
        (Some(port), _) => match port.parse::<u16>() {
            Ok(port) if port > 0 => port,
            _ => return Err(format!("\"{port}\" is not a port from 1 to 65535")),
        },
        (None, Some(port)) => port,
        (None, None) => return Err(format!("\"{text}\" has no port; write host:port")),
    };
    Ok((self::host(host)?, port))
}

/// A host name or address literal (brackets removed), lowercase.
pub(super) fn host(text: &str) -> Result<String, String> {
    match Host::parse(text) {
        Ok(Host::Domain(domain)) if domain.contains(['*', '/', '@', ' ']) => {
            Err(format!("\"{text}\" is not a host name"))
        }
        Ok(Host::Domain(domain)) if !domain.is_empty() => Ok(domain),
        Ok(Host::Ipv4(address)) => is_a_machines(address.into()).map(|()| address.to_string()),
        Ok(Host::Ipv6(address)) => is_a_machines(address.into()).map(|()| address.to_string()),
        _ => Err(format!("\"{text}\" is not a host name or address")),
    }
}

/// `10.0.0.1`, `10.0.0.1:5353`, `[::1]:53`; the port defaults to 53.
pub(super) fn dns_server(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return match address.port() {
            0 => {
                Err(format!("\"{text}\" has port 0; a name server listens at one from 1 to 65535"))
            }
            _ => is_a_machines(address.ip()).map(|()| address),
        };
    }
    let address = text.trim_matches(['[', ']']).parse::<IpAddr>().map_err(|_| {
        format!(
            "\"{text}\" is not an address; a name server is written as 10.0.0.1 or \
                     10.0.0.1:5353"
        )
    })?;
    is_a_machines(address).map(|()| SocketAddr::new(address, 53))
}

/// Who connects to 0.0.0.0 reaches this machine itself, and nobody is connected to at the address of many.
fn is_a_machines(address: IpAddr) -> Result<(), String> {
    let plain = address.to_canonical();
    let is_broadcast = plain == IpAddr::V4(Ipv4Addr::BROADCAST);
    if plain.is_unspecified() || plain.is_multicast() || is_broadcast {
        return Err(format!("{address} is no machine's address; write that of the service"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(duration("30").unwrap_err().contains("30s"));
        assert!(duration("soon").is_err());
    }

    #[test]
    fn sizes_are_binary() {
        let size = size_up_to(1 << 30);
        assert_eq!(size("4KiB"), Ok(4096));
        assert_eq!(size("512"), Ok(512));
        assert!(size("4KB").unwrap_err().contains("4KiB"));
        assert!(size("0").is_err() && size("99999999999999999999").is_err());
    }

    #[test]
    fn hosts_and_ports_are_taken_apart() {
        assert_eq!(host_port("WWW.gpki.go.kr", Some(443)), Ok(("www.gpki.go.kr".into(), 443)));
        assert_eq!(host_port("[::1]:8443", None), Ok(("::1".into(), 8443)));
        assert_eq!(host_port("[::1]", Some(443)), Ok(("::1".into(), 443)));
        assert!(host_port("::1", Some(443)).unwrap_err().contains("brackets"));
        assert!(host_port("a:0", None).is_err() && host_port("a", None).is_err());
        assert!(host_port("https://a/", Some(443)).is_err() && host_port("", Some(1)).is_err());
    }

    #[test]
    fn a_url_without_a_scheme_is_http_and_userinfo_is_never_repeated() {
        assert_eq!(url("www.gov.kr", &PROBED).unwrap().as_str(), "http://www.gov.kr/");
        assert_eq!(url("localhost:8080/x", &PROBED).unwrap().port(), Some(8080));
        assert!(!url("https://me:hunter2@a/", &PROBED).unwrap_err().contains("hunter2"));
        assert!(url("ftp://a/", &PROBED).unwrap_err().contains("ftp://"));
    }

    #[test]
    fn what_begins_with_a_scheme_or_has_port_0_is_no_url() {
        for text in ["unix:/run/x", "http:/a", "mailto:a", "localhost:/", "a:b/", "file:/etc/x"] {
            assert!(url(text, &PROBED).unwrap_err().contains("followed by no port"), "{text}");
        }
        for text in ["http://a:0", "a:0/x", "https://[::1]:00/"] {
            assert!(url(text, &PROBED).unwrap_err().contains("port 0"), "{text}");
        }
        for text in
            ["0.0.0.0", "http://0/", "[::]:80", "[::ffff:0.0.0.0]", "224.0.0.1", "0xffffffff"]
        {
            assert!(url(text, &PROBED).unwrap_err().contains("no machine's"), "{text}");
        }
        for text in ["0.0.0.0", "[::]", "239.1.1.1", "[ff02::1]"] {
            assert!(host_port(text, Some(443)).unwrap_err().contains("no machine's"), "{text}");
            assert!(dns_server(text).unwrap_err().contains("no machine's"), "{text}");
        }
        for text in ["[::1]/", "[::1]:80/", "a:80?x=unix:/y", "a/x:y", "a#b:c"] {
            assert!(url(text, &PROBED).is_ok(), "{text}");
        }
    }
}
