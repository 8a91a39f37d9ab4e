//! The replicas: child processes that run `paceline send`, or tasks of this process when there is no Redis to share.

use std::{
    io::Write,
    process::{Output, Stdio},
    time::Duration,
};

use indicatif::ProgressBar;
use paceline::{ArrivalWithin, Budget, Limit, Limiter, MemoryStore, Pacer, Preset, Quota};
use serde::Deserialize;
use tempfile::NamedTempFile;
use tokio::{
    process::{Child, Command as Process},
    task::JoinSet,
};

use super::{Backend, Command, act::Act, cast::Cast};
use crate::{
    Failure,
    provider::REPLICA_HEADER,
    send::{Job, Pace, Summary, Target, Waits},
    stop::Stop,
};

const BUDGET: &str = "demo";
/// A call's turn is waited for until the act ends.
const WAIT: Duration = Duration::from_secs(86_400);
/// How long a replica may take to end once it is told to; then it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// Half of the default of `arrival_within`. Where one way may take longer, nothing is assumed about arrivals.
const USUAL_DELAY: Duration = Duration::from_millis(250);

/// How to start the replicas of either act.
pub struct Replicas {
    demo: Command,
    url: String,
    home: Home,
}

/// Where the replicas live.
enum Home {
    Processes { redis: String, config: ConfigFile, key: String },
    Tasks { budget: Budget, preset: Option<Preset> },
}

/// The replicas' configuration, and the preset that it names.
struct ConfigFile {
    config: NamedTempFile,
    _preset: Option<NamedTempFile>,
}

/// What all replicas of an act say together.
pub struct Sent {
    pub names: Vec<String>,
    pub waits: Waits,
    /// Calls that got no turn, or no answer.
    pub lost: u64,
    pub cooldowns: u64,
    pub exchanges: u64,
}

/// What one replica prints at its end, as far as it matters here.
#[derive(Deserialize)]
struct Said {
    failed: u64,
    refused: u64,
    cooldowns: u64,
    exchanges: u64,
    waits: Vec<(u64, u64)>,
}

impl Replicas {
    pub fn new(demo: &Command, url: String, backend: &Backend) -> Result<Self, Failure> {
        let home = match backend.url() {
            Some(redis) => Home::Processes {
                redis: redis.into(),
                config: config_file(demo)?,
                // Whatever earlier demos left in this Redis is no business of this one.
                key: format!("run-{:016x}", fastrand::u64(..)),
            },
            None => {
                let preset = demo.cast().map(preset).transpose()?;
                Home::Tasks { budget: budget(demo, preset.as_ref())?, preset }
            }
        };
        Ok(Self { demo: demo.clone(), url, home })
    }

    /// Runs all replicas through one act. When a stop is requested they end early.
    pub async fn play(&self, act: Act, stop: &Stop) -> Result<Sent, Failure> {
        let names: Vec<String> = (1..=self.demo.replicas).map(|number| format!("replica-{number}")).collect();
        let said = match &self.home {
            Home::Processes { redis, config, key } => {
                let start = |name: &String| self.start(act, name, redis, config, key);
                let children = names.iter().map(start).collect::<Result<Vec<_>, Failure>>()?;
                let act = Duration::from_secs(self.demo.seconds) + self.demo.delay.most * 2;
                wait_for(children, act, stop).await?
            }
            Home::Tasks { budget, preset } => self.run_tasks(act, &names, (budget, preset.as_ref()), stop).await?,
        };
        let mut sent = Sent { names, waits: Waits::default(), lost: 0, cooldowns: 0, exchanges: 0 };
        for said in said {
            sent.waits.add(&said.waits);
            sent.lost += said.failed + said.refused;
            // Each tells of those that it heard of itself.
            sent.cooldowns += said.cooldowns;
            sent.exchanges += said.exchanges;
        }
        Ok(sent)
    }

    fn start(&self, act: Act, name: &str, redis: &str, config: &ConfigFile, key: &str) -> Result<Child, Failure> {
        let mut process = Process::new(std::env::current_exe()?);
        process
            .args(["send", &self.url, "--json", "--replica", name])
            .args(["-c", &self.demo.callers.to_string()])
            .args(["--duration", &format!("{}s", self.demo.seconds)])
            // Not an argument: those can be read by everyone on the machine, and it may hold a password.
            .env("PACELINE_REDIS_URL", redis)
            // One address cannot serve them all.
            .env_remove("PACELINE_METRICS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        match act {
            Act::Alone => process.args(["--naive", &humantime::format_duration(Act::sleep(&self.demo)).to_string()]),
            Act::Together => process
                .args(["--budget", BUDGET, "--key", key])
                .args(["--wait", &humantime::format_duration(WAIT).to_string()])
                .arg("--config")
                .arg(config.config.path()),
        };
        // So that Ctrl-C reaches us alone, and we end them in order.
        #[cfg(unix)]
        process.process_group(0);
        process.spawn().map_err(|why| format!("cannot start {name}: {why}").into())
    }

    async fn run_tasks(
        &self,
        act: Act,
        names: &[String],
        (budget, preset): (&Budget, Option<&Preset>),
        stop: &Stop,
    ) -> Result<Vec<Said>, Failure> {
        let store = MemoryStore::new();
        let mut tasks = JoinSet::new();
        for name in names {
            let header = format!("{REPLICA_HEADER}: {name}");
            let job = Job {
                target: Target::new("GET", &self.url, &[header], None, Duration::from_secs(30))?,
                pace: match act {
                    Act::Alone => Pace::Alone { sleep: Act::sleep(&self.demo) },
                    Act::Together => {
                        let limiter = Limiter::new(store.clone(), budget.clone());
                        let pacer = Pacer::new(limiter.clone()).wait(WAIT);
                        let pacer = preset.map_or(pacer.clone(), |preset| pacer.preset(preset.clone()));
                        Pace::Together { pacer: Box::new(pacer), limiter }
                    }
                },
                callers: self.demo.callers,
                number: None,
                duration: Some(Duration::from_secs(self.demo.seconds)),
                progress: ProgressBar::hidden(),
            };
            let stop = stop.clone();
            tasks.spawn(async move { Said::from(job.run(&stop).await.0) });
        }
        Ok(tasks.join_all().await)
    }
}

impl From<Summary> for Said {
    fn from(summary: Summary) -> Self {
        let Summary { failed, refused, cooldowns, exchanges, waits, .. } = summary;
        Self { failed, refused, cooldowns, exchanges, waits: waits.counts() }
    }
}

/// Waits for the replicas, and ends them when a stop is requested or when they should have ended long ago.
async fn wait_for(mut children: Vec<Child>, act: Duration, stop: &Stop) -> Result<Vec<Said>, Failure> {
    let lifelines: Vec<_> = children.iter_mut().map(|child| child.stdin.take()).collect();
    let mut outputs = JoinSet::new();
    for child in children {
        outputs.spawn(child.wait_with_output());
    }
    let overdue = tokio::time::sleep(act + GRACE);
    let ending = async {
        tokio::select! {
            () = stop.requested() => {}
            () = overdue => {}
        }
        drop(lifelines);
        tokio::time::sleep(GRACE).await;
    };
    let mut said = Vec::new();
    let all = async {
        while let Some(output) = outputs.join_next().await {
            said.push(understand(output??)?);
        }
        Ok::<_, Failure>(())
    };
    // Those that are left are killed as their handles are dropped.
    tokio::select! {
        all = all => all?,
        () = ending => if !stop.is_requested() {
            return Err("a replica did not end in time and was killed; is the machine very busy?".into());
        }
    }
    Ok(said)
}

fn understand(output: Output) -> Result<Said, Failure> {
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let told = String::from_utf8_lossy(&output.stderr);
        let told = told.trim().trim_start_matches("error: ");
        format!("a replica failed ({}): {told}", output.status).into()
    })
}

fn is_unusual(demo: &Command) -> bool {
    demo.delay.most > USUAL_DELAY
}

/// The preset of a provider of the story.
fn preset(cast: Cast) -> Result<Preset, Failure> {
    Ok(Preset::parse(&cast.preset()?)?)
}

fn budget(demo: &Command, preset: Option<&Preset>) -> Result<Budget, Failure> {
    let builder = match preset {
        Some(preset) => preset.budget(BUDGET, &[])?,
        None => Budget::builder(BUDGET).limit(Limit::sliding_window("spike", Quota::try_new(demo.quota, demo.per)?)),
    };
    let builder = if is_unusual(demo) { builder.arrival_within(ArrivalWithin::Unbounded) } else { builder };
    Ok(builder.build()?)
}

/// What a team would write for this provider, but for the Redis, which may hold a password.
fn config_file(demo: &Command) -> Result<ConfigFile, Failure> {
    let arrival = if is_unusual(demo) { "arrival_within = \"unbounded\"\n" } else { "" };
    let preset = demo.cast().map(|cast| file("paceline-demo-preset-", &cast.preset()?)).transpose()?;
    let limits = match &preset {
        Some(preset) => format!("preset = {:?}\n", preset.path().display().to_string()),
        None => format!(
            "[[budget.{BUDGET}.limit]]\nname = \"spike\"\nkind = \"sliding-window\"\nquota = {}\nper = \"{}\"\n",
            demo.quota,
            humantime::format_duration(demo.per)
        ),
    };
    let config = file("paceline-demo-", &format!("[budget.{BUDGET}]\n{arrival}{limits}"))?;
    Ok(ConfigFile { config, _preset: preset })
}

fn file(prefix: &str, text: &str) -> Result<NamedTempFile, Failure> {
    let mut file = tempfile::Builder::new().prefix(prefix).suffix(".toml").tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}
