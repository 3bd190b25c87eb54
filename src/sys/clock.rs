//! Every reading of a clock, and how times are written.
//!
//! One module, so that a search for `clock::` shows all that depends on time: names of run folders,
//! the manifest, the log, and the wall-clock columns of the metrics. Nothing that decides a number of
//! a model does.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};

/// The wall clock, in UTC, to the millisecond, as [`text`] writes it. It may jump; durations come from
/// [`monotonic`].
pub fn now_utc() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// A clock that never goes back, for durations.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// When the program began.
static BEGINNING: OnceLock<Instant> = OnceLock::new();

/// Notes that the program begins: its first statement. What the system does before that, loading the program, is
/// not in [`since_beginning`].
pub fn begin() {
    BEGINNING.get_or_init(monotonic);
}

/// Time since [`begin`], or since the first call of this where nobody called that.
pub fn since_beginning() -> Duration {
    BEGINNING.get_or_init(monotonic).elapsed()
}

/// `2026-11-23T20:28:15.042Z`: how times stand in the manifest and the log (RFC 3339).
pub fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// `4.2 s`, `3 min 05 s`, `2 h 07 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 59.95 => format!("{seconds:.1} s"),
        ..3_600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60),
    }
}

/// Serde of a time as RFC 3339 text: `#[serde(with = "clock::rfc3339")]`.
pub mod rfc3339 {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the text of [`super::text`].
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::text(*time))
    }

    /// Reads RFC 3339 text in any time zone.
    ///
    /// # Errors
    /// The value is no string, or no such time.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(from)?;
        parse(&text).map_err(D::Error::custom)
    }

    fn parse(text: &str) -> Result<DateTime<Utc>, String> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.to_utc())
            .map_err(|error| {
                format!("`{text}` is not a time such as 2026-11-23T20:28:15Z: {error}")
            })
    }

    /// The same for a time that may be absent (`null`).
    pub mod option {
        use chrono::{DateTime, Utc};
        use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

        /// Writes text or `null`.
        ///
        /// # Errors
        /// Those of the serializer.
        pub fn serialize<S: Serializer>(
            time: &Option<DateTime<Utc>>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            time.map(super::super::text).serialize(to)
        }

        /// Reads text or `null`.
        ///
        /// # Errors
        /// The value is neither.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<DateTime<Utc>>, D::Error> {
            Option::<String>::deserialize(from)?
                .map(|text| super::parse(&text).map_err(D::Error::custom))
                .transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Times {
        #[serde(with = "rfc3339")]
        created: DateTime<Utc>,
        #[serde(with = "rfc3339::option")]
        finished: Option<DateTime<Utc>>,
    }

    #[test]
    fn writes_times_in_utc_and_reads_any_zone() {
        let written = r#"{"created":"2026-11-23T20:28:15.042Z","finished":null}"#;
        let times: Times = serde_json::from_str(written).unwrap();
        // Seconds since 1970 from `date -u -d 2026-11-23T20:28:15 +%s`.
        assert_eq!(times.created.timestamp_millis(), 1_795_465_695_042);
        assert_eq!(times.finished, None);
        assert_eq!(serde_json::to_string(&times).unwrap(), written);

        let zoned =
            r#"{"created":"2026-11-23T22:28:15.042+02:00","finished":"2026-11-23T20:28:16Z"}"#;
        let zoned: Times = serde_json::from_str(zoned).unwrap();
        assert_eq!(zoned.created, times.created);
        assert_eq!(zoned.finished.unwrap().timestamp(), 1_795_465_696);
    }

    #[test]
    fn refuses_what_is_not_a_time() {
        let error = serde_json::from_str::<Times>(r#"{"created":"yesterday","finished":null}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("`yesterday` is not a time"), "{error}");
    }
}
