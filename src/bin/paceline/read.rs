//! `paceline read`: what a recorded response says about limits and waiting.

mod conclusion;
mod recorded;

use std::{
    collections::HashMap,
    fs,
    io::{self, BufRead, Read},
    path::Path,
    process::ExitCode,
    time::{Duration, SystemTime},
};

use clap::Args;
use paceline::{Dialect, Preset};
use serde_json::{Value, json};

use self::{conclusion::Conclusion, recorded::Recorded};
use crate::{Failure, say};

/// What is read of standard input for one response: headers, and more of a body than is looked at.
const MOST_READ: u64 = 1024 * 1024;

/// Say what is concluded from a response: is it throttled, how long to wait, what is left of which limit
///
/// Reads one HTTP response as text from standard input (as `curl -i` prints it): status line, headers, blank line, body.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    /// How to read it: a preset, or the file of one [default: what holds of most providers]
    #[arg(long, value_name = "NAME_OR_FILE")]
    preset: Option<String>,
    /// When it was received, as Unix time in seconds [default: now]
    #[arg(long, value_name = "SECONDS", value_parser = unix_time)]
    now: Option<Duration>,
    /// Print a JSON object
    #[arg(long, conflicts_with = "jsonl")]
    json: bool,
    /// Read a JSON object a line (preset, status, headers, body, now_unix), and print one for each (throttled,
    /// retry_after_s, limits)
    #[arg(long)]
    jsonl: bool,
}

const EXAMPLES: &str = "\
Examples:
  curl -si https://api.example.com/contacts | paceline read
  paceline read --preset keap < response.txt
  paceline read --jsonl < recorded.jsonl | jq 'select(.throttled)'

Exit code 0: it was read, whatever it says. 1: it is no response, or with --jsonl a line is not; the others are read.";

impl Command {
    /// Exits with 0 when everything could be read, and with 1 when a line of `--jsonl` could not.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let mut presets = Presets::default();
        if self.jsonl {
            return self.each_line(&mut presets);
        }
        let dialect = presets.get(self.preset.as_deref())?;
        let mut text = Vec::new();
        io::stdin().lock().take(MOST_READ).read_to_end(&mut text)?;
        let recorded = Recorded::of_text(&text)?;
        let conclusion = Conclusion::of(&recorded, dialect, self.now.unwrap_or_else(now));
        if self.json {
            say(serde_json::to_string_pretty(&conclusion.in_full())?)
        } else {
            say(conclusion)
        }
        Ok(ExitCode::SUCCESS)
    }

    /// One line out for each line in, so that both can be laid side by side.
    fn each_line(&self, presets: &mut Presets) -> Result<ExitCode, Failure> {
        let mut code = ExitCode::SUCCESS;
        for (index, line) in io::stdin().lock().split(b'\n').enumerate() {
            let line = line?;
            if line.trim_ascii().is_empty() {
                continue;
            }
            say(self.line(&line, presets).unwrap_or_else(|why| {
                code = ExitCode::FAILURE;
                let error = format!("line {}: {why}", index + 1);
                json!({ "throttled": false, "retry_after_s": null, "limits": [], "error": error })
            }));
        }
        Ok(code)
    }

    fn line(&self, line: &[u8], presets: &mut Presets) -> Result<Value, Failure> {
        let recorded = Recorded::of_json(line)?;
        let dialect = presets.get(recorded.preset.as_deref().or(self.preset.as_deref()))?;
        let now = recorded.now.or(self.now).unwrap_or_else(now);
        Ok(Conclusion::of(&recorded, dialect, now).in_short())
    }
}

/// Presets that were read already, since many lines may name the same.
#[derive(Default)]
struct Presets(HashMap<String, Dialect>);

impl Presets {
    fn get(&mut self, preset: Option<&str>) -> Result<&Dialect, Failure> {
        let key = preset.unwrap_or_default();
        if !self.0.contains_key(key) {
            self.0.insert(key.to_owned(), preset.map_or_else(|| Ok(Dialect::generic()), dialect)?);
        }
        Ok(&self.0[key])
    }
}

/// The dialect of a shipped preset, or of a file; of that only what is about responses must be right.
fn dialect(preset: &str) -> Result<Dialect, Failure> {
    if let Some(shipped) = Preset::named(preset) {
        return Ok(shipped.dialect().clone());
    }
    let file = Path::new(preset);
    if !file.is_file() {
        let shipped = Preset::names().collect::<Vec<_>>().join(", ");
        return Err(format!("there is no preset {preset:?}, and no such file; shipped are {shipped}").into());
    }
    if let Ok(whole) = Preset::load(file) {
        return Ok(whole.dialect().clone());
    }
    let text = fs::read_to_string(file).map_err(|why| format!("{preset} cannot be read: {why}; check the file"))?;
    Ok(Dialect::parse(&text).map_err(|errors| errors.in_file(file))?)
}

fn unix_time(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "write Unix time in seconds, such as 1705312800")?;
    Duration::try_from_secs_f64(seconds).map_err(|why| why.to_string())
}

fn now() -> Duration {
    // A clock before 1970 says nothing.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
