//! `paceline demo`: several processes share one key, first each on its own and then through paceline.

mod act;
mod backend;
mod cast;
mod chart;
mod replicas;
mod report;

use std::{process::ExitCode, time::Duration};

use clap::{Args, builder::PossibleValuesParser};
use tokio::task::AbortHandle;

use self::{
    act::{Act, Outcome},
    backend::Backend,
    cast::Cast,
    chart::Live,
    replicas::Replicas,
    report::Report,
};
use crate::{
    Failure, args,
    provider::{Delay, Provider, listen},
    say,
    stop::Stop,
};

const STOPPED: &str = "stopped before the end; nothing is left running";

/// Watch several processes share one key, without paceline and with it
#[derive(Args, Clone)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    /// How many processes share the key
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    replicas: u32,
    /// How many callers each of them has
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    callers: u32,
    /// How many calls the provider allows in any window
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    quota: u64,
    /// How long that window is
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = args::window)]
    per: Duration,
    /// Play this provider of the story instead, with its limits, its headers and its own 429
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(cast::NAMES), conflicts_with_all = ["quota", "per"])]
    provider: Option<String>,
    /// Somebody whom nobody knows of uses this share of the provider's limit
    #[arg(long, value_name = "SHARE", num_args = 0..=1, default_missing_value = "0.3", requires = "provider", value_parser = share)]
    stranger: Option<f64>,
    /// The random network delay of each way
    #[arg(long, value_name = "LEAST..MOST", default_value = "0ms..80ms")]
    delay: Delay,
    /// How long each of the two acts lasts
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// The Redis to use [default: PACELINE_REDIS_URL, or a private one if redis-server is installed]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline demo                                      two acts of 15 s, on a Redis of its own if there is one
  paceline demo --redis redis://127.0.0.1 --seconds 60 --delay 0ms..400ms
  paceline demo --provider klaviyo --stranger        its limits and answers, and somebody unknown on the key

Exit code 0: with paceline no call was told 429 (with --stranger: none beyond the one or two that tell of him). 1: one was, or
the demo could not go on.";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let demo = match self.cast() {
            Some(cast) => cast.direct(self),
            None => self,
        };
        demo.show().await
    }

    async fn show(self) -> Result<ExitCode, Failure> {
        let stop = Stop::listen();
        let stage = tokio::select! {
            stage = Stage::set(&self) => stage?,
            () = stop.requested() => return Err(STOPPED.into()),
        };
        let acts = stage.play_all(&self, &stop).await;
        stage.strike().await;
        let report = Report::new(&self, acts?);
        say(if self.json { report.json() } else { format!("\n{report}") });
        Ok(if report.is_proof() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn setting(&self, backend: &Backend) -> String {
        let Self { replicas, callers, quota, per, delay, .. } = self;
        let provider = match self.cast() {
            Some(cast) => cast.to_string(),
            None => format!(
                "A provider allows {quota} calls in any {} and answers 429 to the rest.",
                humantime::format_duration(*per)
            ),
        };
        let stranger = match self.stranger {
            Some(share) => format!("\nSomebody whom they do not know of uses {:.0} % of it.", share * 100.0),
            None => String::new(),
        };
        format!(
            "{provider}\nIts network takes {delay} each way, at random.\n\
             {replicas} replicas of {callers} callers share one key and always have more to send.{stranger}\n\
             {backend}"
        )
    }

    /// The provider of the story, if it is one.
    fn cast(&self) -> Option<Cast> {
        Cast::named(self.provider.as_deref()?)
    }

    /// Tells the story. It is for people, and `--json` is for programs.
    fn tell(&self, text: &str) {
        if !self.json {
            say(text);
        }
    }
}

/// All that both acts share: the provider and the store. What runs in it ends with it.
struct Stage {
    provider: Provider,
    serving: AbortHandle,
    replicas: Replicas,
    backend: Backend,
}

impl Stage {
    async fn set(demo: &Command) -> Result<Self, Failure> {
        let backend = Backend::choose(demo.redis.as_deref()).await?;
        let provider = cast::provider(demo)?;
        let path = demo.cast().map_or("/contacts", |cast| cast.path);
        let (listener, address) = listen(([127, 0, 0, 1], 0).into()).await?;
        let serving = tokio::spawn(provider.clone().serve(listener)).abort_handle();
        let replicas = Replicas::new(demo, format!("http://{address}{path}"), &backend)?;
        Ok(Self { provider, serving, replicas, backend })
    }

    async fn play_all(&self, demo: &Command, stop: &Stop) -> Result<Vec<Outcome>, Failure> {
        demo.tell(&demo.setting(&self.backend));
        let mut outcomes = Vec::new();
        for act in [Act::Alone, Act::Together] {
            demo.tell(&format!("\nAct {}: {}", act.number(), act.story(demo)));
            outcomes.push(self.play(act, demo, stop).await?);
        }
        Ok(outcomes)
    }

    async fn play(&self, act: Act, demo: &Command, stop: &Stop) -> Result<Outcome, Failure> {
        self.provider.reset();
        let live = Live::new(demo.quota, demo.per, Duration::from_secs(demo.seconds), demo.json);
        let playing = self.replicas.play(act, stop);
        let sent = tokio::select! {
            sent = playing => sent?,
            never = live.follow(&self.provider) => match never {},
        };
        live.end(&self.provider);
        if stop.is_requested() {
            return Err(STOPPED.into());
        }
        Ok(Outcome::new(act, demo, self.provider.stats(), sent))
    }

    /// Ends what the stage started; in any other case dropping it does.
    async fn strike(self) {
        self.serving.abort();
        self.backend.end().await;
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "write a share between 0 and 1, such as 0.3".to_owned())
}
