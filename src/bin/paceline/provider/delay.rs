//! The network between a caller and the practice provider: a random delay, drawn anew for each way.

use std::{fmt, str::FromStr, time::Duration};

/// Longer than any network, and short enough for a call to come back before its timeout.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// A one-way delay, uniform between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    pub least: Duration,
    pub most: Duration,
}

impl Delay {
    /// Takes as long as one trip over this network does.
    pub async fn travel(self) {
        let micros = fastrand::u64(self.least.as_micros() as u64..=self.most.as_micros() as u64);
        if micros > 0 {
            tokio::time::sleep(Duration::from_micros(micros)).await;
        }
    }
}

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let [least, most] = [least, most].map(|bound| {
            humantime::parse_duration(bound.trim())
                .map_err(|why| format!("{why}; write it as `0ms..80ms`, or as `20ms` for a steady one"))
        });
        let delay = Self { least: least?, most: most? };
        if delay.least > delay.most {
            return Err("the smaller bound comes first, as in `0ms..80ms`".into());
        }
        if delay.most > MAX_DELAY {
            return Err("a delay is at most 10s".into());
        }
        Ok(delay)
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `format_duration` writes zero as `0s`, which reads oddly beside milliseconds.
        let show = |bound: Duration| match bound {
            Duration::ZERO => "0ms".into(),
            bound => humantime::format_duration(bound).to_string(),
        };
        write!(f, "{}..{}", show(self.least), show(self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_a_range_or_one_value() {
        assert_eq!("0ms..80ms".parse::<Delay>().unwrap().to_string(), "0ms..80ms");
        assert_eq!("20ms".parse::<Delay>().unwrap().to_string(), "20ms..20ms");
        for text in ["", "80ms..0ms", "0..", "-5ms", "1h", "5"] {
            assert!(text.parse::<Delay>().is_err(), "{text}");
        }
    }
}
