//! Values as Go programs write them in YAML: durations, sizes, secrets, and texts of any bytes.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::secret::Secret;

/// What stands for a secret wherever the file is shown.
const HIDDEN: &str = "<secret>";

/// A value that is never shown.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub(super) struct Hidden(pub(super) Secret);

impl From<String> for Hidden {
    fn from(text: String) -> Hidden {
        Hidden(Secret::new(text))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// `time.Duration`: `1m30s`, `1.5s`, or nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct GoDuration(pub(super) Duration);

impl GoDuration {
    fn parse(text: &str) -> Option<GoDuration> {
        if text == "0" {
            return Some(GoDuration::default());
        }
        let (mut seconds, mut rest) = (0.0, text.strip_prefix('+').unwrap_or(text));
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let number: f64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
            seconds += number
                * match &rest[..unit] {
                    "ns" => 1e-9,
                    "us" | "µs" | "μs" => 1e-6,
                    "ms" => 1e-3,
                    "s" => 1.0,
                    "m" => 60.0,
                    "h" => 3600.0,
                    _ => return None,
                };
            rest = &rest[unit..];
        }
        Duration::try_from_secs_f64(seconds).ok().map(GoDuration)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<GoDuration, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = GoDuration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 5s or 1m30s")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<GoDuration, E> {
                GoDuration::parse(text).ok_or_else(|| {
                    E::custom(format!("{text:?} is no duration; write one such as 5s or 1m30s"))
                })
            }

            fn visit_u64<E: de::Error>(self, nanoseconds: u64) -> Result<GoDuration, E> {
                Ok(GoDuration(Duration::from_nanos(nanoseconds)))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = humantime::format_duration(self.0).to_string();
        serializer.serialize_str(&text.replace(' ', ""))
    }
}

/// Bytes: `10MB`, `512KiB`, or a bare number. Both spellings count in powers of 1,024.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ByteSize(pub(super) u64);

impl ByteSize {
    fn parse(text: &str) -> Option<ByteSize> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let number: f64 = text[..digits].parse().ok()?;
        let power = match text[digits..].trim().trim_end_matches(['B', 'b']).trim_end_matches('i') {
            "" => 0,
            "K" | "k" => 1,
            "M" | "m" => 2,
            "G" | "g" => 3,
            "T" | "t" => 4,
            _ => return None,
        };
        Some(ByteSize((number * 1024_f64.powi(power)) as u64))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
        let text = String::deserialize(deserializer)?;
        ByteSize::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("{text:?} is no size; write one such as 10MB"))
        })
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}B", self.0))
    }
}

/// A Go string, which may hold any bytes: those of `!!binary` are written in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AnyBytes(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for AnyBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnyBytes, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = AnyBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<AnyBytes, E> {
                Ok(AnyBytes(text.as_bytes().to_vec()))
            }

            fn visit_enum<A: de::EnumAccess<'de>>(self, access: A) -> Result<AnyBytes, A::Error> {
                let (tag, value) = access.variant::<String>()?;
                let text: String = de::VariantAccess::newtype_variant(value)?;
                if !tag.trim_start_matches('!').ends_with("binary") {
                    return Err(de::Error::custom(format!("the tag {tag:?} is not known here")));
                }
                let bare: String = text.split_whitespace().collect();
                let bytes = STANDARD.decode(bare);
                bytes.map(AnyBytes).map_err(|_| de::Error::custom("!!binary is no base64"))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl Serialize for AnyBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let text = STANDARD.encode(&self.0);
                serializer.serialize_newtype_variant("AnyBytes", 0, "binary", &text)
            }
        }
    }
}

/// For `skip_serializing_if`.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// For keys that are on unless the file says otherwise.
pub(super) fn yes() -> bool {
    true
}

pub(super) fn is_yes(value: &bool) -> bool {
    *value
}

/// A key that is written without a value has its default, as in Go.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_as_go_reads_them() {
        let seconds = |text: &str| GoDuration::parse(text).map(|duration| duration.0.as_secs_f64());
        for (text, expected) in [
            ("5s", 5.0),
            ("1m30s", 90.0),
            ("1.5s", 1.5),
            ("500ms", 0.5),
            ("0", 0.0),
            ("1h", 3600.0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "5", "s", "5 s", "5d", "-5s", "1..5s"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        let bytes = |text: &str| ByteSize::parse(text).map(|size| size.0);
        for (text, expected) in
            [("1KB", 1 << 10), ("1.5MiB", 3 << 19), ("7", 7), ("10B", 10), ("2GB", 2 << 30)]
        {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        assert_eq!(bytes("10XB"), None);
    }

    #[test]
    fn a_text_may_have_any_bytes() {
        let read = |text: &str| {
            let module = format!("modules:\n  a: {{ prober: http, http: {{ body: {text} }} }}\n");
            crate::blackbox::ModuleFile::parse(
                std::path::Path::new("a.yml"),
                &module,
                &crate::config::Nothing,
            )
            .unwrap()
        };
        // What is sent is not shown, so this is only about what can be read.
        read("plain");
        read("!!binary AAAACATSFi8=");
        let bytes: AnyBytes = read_yaml("!binary AAAACATSFi8=");
        assert_eq!(bytes.0, [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]);
        let shown = crate::foreign_yaml::write(&bytes);
        assert_eq!(read_yaml(&shown), bytes, "{shown}");
    }

    fn read_yaml(text: &str) -> AnyBytes {
        crate::foreign_yaml::read(std::path::Path::new("a.yml"), text).unwrap()
    }
}
