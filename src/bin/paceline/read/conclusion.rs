//! What follows from a response, for people and for programs.

use std::{fmt, time::Duration};

use http::StatusCode;
use paceline::{About, Dialect, Observation, Throttled};
use serde_json::{Value, json};

use super::recorded::Recorded;

pub struct Conclusion {
    status: StatusCode,
    observation: Observation,
}

impl Conclusion {
    pub fn of(recorded: &Recorded, dialect: &Dialect, now: Duration) -> Self {
        let observation = dialect.observe(recorded.status, &recorded.headers, &recorded.body, now);
        Self { status: recorded.status, observation }
    }

    /// What was asked for, before our own caps.
    pub fn in_short(&self) -> Value {
        let limits = self.observation.limits.iter().map(|seen| {
            json!({
                "name": seen.limit, "limit": seen.quota, "remaining": seen.remaining, "reset_in_s": seconds(seen.reset_in),
            })
        });
        let throttled = self.observation.throttled.as_ref();
        json!({
            "throttled": throttled.is_some(),
            "retry_after_s": seconds(throttled.and_then(|throttled| throttled.asked.or(throttled.wait))),
            "limits": limits.collect::<Vec<_>>(),
        })
    }

    /// The same, with what else is concluded.
    pub fn in_full(&self) -> Value {
        let mut full = self.in_short();
        full["refused"] = self.observation.refused.into();
        if let Some(throttled) = &self.observation.throttled {
            full["about"] = match &throttled.about {
                About::Limits(names) => json!(names),
                About::Route => json!("route"),
            };
            full["wait_s"] = seconds(throttled.wait);
            full["penalty_s"] = seconds(throttled.penalty);
            full["source"] = json!(throttled.source);
            full["rule"] = json!(throttled.rule);
            full["retry"] = json!(throttled.retry);
        }
        full
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.status)?;
        match &self.observation.throttled {
            Some(throttled) => write!(f, "throttled; {}", in_words(throttled))?,
            None if self.observation.refused => write!(f, "the credential is not accepted; waiting cannot help")?,
            None => write!(f, "not throttled")?,
        }
        if self.observation.limits.is_empty() {
            write!(f, "\nit says nothing of any limit")?;
        }
        for seen in &self.observation.limits {
            write!(f, "\nlimit {}: ", seen.limit)?;
            match (seen.remaining, seen.quota) {
                (Some(remaining), Some(quota)) => write!(f, "{remaining} of {quota} left")?,
                (Some(remaining), None) => write!(f, "{remaining} left")?,
                (None, Some(quota)) => write!(f, "{quota} at most")?,
                (None, None) => write!(f, "nobody knows how much is left")?,
            }
            if let Some(reset) = seen.reset_in {
                write!(f, ", reset in {}", human(reset))?;
            }
        }
        Ok(())
    }
}

fn in_words(throttled: &Throttled) -> String {
    let about = match &throttled.about {
        About::Limits(names) => format!("it is about {}", names.join(", ")),
        About::Route => "it is about all limits that the request took from".to_owned(),
    };
    let wait = match (throttled.wait, &throttled.source, throttled.penalty) {
        (Some(wait), Some(source), _) => format!("wait {} ({source})", human(wait)),
        (.., Some(penalty)) => format!("nothing says how long to wait; {} at first", human(penalty)),
        _ => "nothing says how long to wait".to_owned(),
    };
    let asked = throttled.asked.map(|asked| format!(", although {} was asked for", human(asked))).unwrap_or_default();
    let retry = if throttled.retry { "" } else { "\nit is not to be sent again" };
    format!("{wait}{asked}\n{about}, by rule {} of the dialect{retry}", throttled.rule)
}

/// A time as people read it: no finer than a millisecond.
fn human(time: Duration) -> String {
    humantime::format_duration(Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))).to_string()
}

/// Whole where it is whole, as people write it.
fn seconds(time: Option<Duration>) -> Value {
    match time {
        None => Value::Null,
        Some(time) if time.subsec_nanos() == 0 => json!(time.as_secs()),
        Some(time) => json!(time.as_secs_f64()),
    }
}
