//! Dates of cookies (RFC 6265 section 5.1.1). The algorithm takes tokens from wherever they stand,
//! because servers write these dates in every way there is, and browsers delete the cookie each time.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// The moment of an `Expires`. Zones do not count: it is always read as UTC.
pub(super) fn parse(text: &[u8]) -> Option<Timestamp> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|byte| is_delimiter(*byte)).filter(|token| !token.is_empty()) {
        // Each token is used for the first thing that it can be and that is still missing.
        if time.is_none()
            && let Some(found) = time_of(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1..=2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2..=4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year @ 1601.. => year,
        _ => return None,
    };
    let (hour, minute, second) = time?;
    let small = |number: i16| i8::try_from(number).ok();
    let date = civil::Date::new(year, month?, small(day?)?).ok()?;
    let time = civil::Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    Some(date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// As many digits as allowed, and then none.
fn number(token: &[u8], digits: std::ops::RangeInclusive<usize>) -> Option<i16> {
    let length = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = digits.contains(&length).then(|| token.get(..length))??;
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn month_of(token: &[u8]) -> Option<i8> {
    let start = token.get(..3)?;
    let index = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(start))?;
    i8::try_from(index + 1).ok()
}

/// `9:05:07`, and anything behind it that does not begin with a digit.
fn time_of(token: &[u8]) -> Option<(i16, i16, i16)> {
    let mut fields = token.splitn(3, |byte| *byte == b':');
    let mut whole = || {
        let field = fields.next()?;
        field.iter().all(u8::is_ascii_digit).then(|| number(field, 1..=2))?
    };
    let (hour, minute) = (whole()?, whole()?);
    Some((hour, minute, number(fields.next()?, 1..=2)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<String> {
        parse(text.as_bytes()).map(|at| at.to_string())
    }

    #[test]
    fn every_way_to_write_a_date_is_read() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 8:49:37 KST",
            "Wed, 06 Nov 1994 08:49:37 +0900",
            "06 November 1994 08:49:37",
            "6/nov/1994 08:49:37Z",
            "1994 6 Nov 08:49:37",
            "08:49:37 06 NOV 94",
            "Sun, 06 Nov 1994 08:49:37.123 GMT",
            "\"Sun, 06-Nov-1994 08:49:37 GMT\"",
            "06th Nov 1994 08:49:37",
            "일 06 Nov 1994 08:49:37",
        ] {
            assert_eq!(read(text).as_deref(), Some("1994-11-06T08:49:37Z"), "{text}");
        }
    }

    #[test]
    fn years_of_two_digits_turn_at_seventy() {
        for (year, whole) in [("69", "2069"), ("70", "1970"), ("99", "1999"), ("00", "2000")] {
            let expected = format!("{whole}-01-01T00:00:00Z");
            assert_eq!(read(&format!("01 Jan {year} 00:00:00")), Some(expected), "{year}");
        }
    }

    #[test]
    fn what_lacks_a_part_or_is_no_day_is_no_date() {
        for text in [
            "",
            "0",
            "-1",
            "Session",
            "Thu, 01 Jan 1970",
            "Thu, Jan 1970 00:00:00",
            "01 Jan 00:00:00",
            "01 1970 00:00:00",
            "31 Feb 1970 00:00:00",
            "32 Jan 1970 00:00:00",
            "00 Jan 1970 00:00:00",
            "01 Jan 1600 00:00:00",
            "01 Jan 197 00:00:00",
            "01 Jan 19700 00:00:00",
            "01 Jan 1970 24:00:00",
            "01 Jan 1970 00:60:00",
            "01 Jan 1970 00:00:60",
            "01 Jan 1970 00:00",
            "01 Jan 1970 000:00:00",
            "1970-01-01T00:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_bytes_are_a_date_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn every_moment_survives(second in -10_000_000_000_i64..10_000_000_000) {
            let at = Timestamp::from_second(second).unwrap();
            let text = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            prop_assert_eq!(parse(text.as_bytes()), Some(at), "{}", text);
        }
    }
}
