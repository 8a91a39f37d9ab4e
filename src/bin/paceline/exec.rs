//! `paceline exec`: a command runs when it is its turn, and holds its permit while it runs.

use std::{ffi::OsString, io, net::SocketAddr, process::ExitCode, process::ExitStatus};

use clap::Args;
use paceline::{ArrivalWithin, Budget, CountFrom};
use tokio::process::Child;

use crate::{
    Failure, args, metrics,
    turn::{NO_TURN, STOPPED, Taken, Turn},
};

/// Run a command when it is its turn on a budget, and hold the permit while it runs
///
/// Its units are held until the command has ended, and age from then on: whenever in between it sends its requests, no window
/// is exceeded. Should this process be killed, the store takes them back when its lease ends, 5 s later;
/// the command goes on without them.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    #[command(flatten)]
    turn: Turn,
    /// Serve metrics for Prometheus at http://ADDR/metrics while it runs, as in 127.0.0.1:9464
    // Not by a variable: jobs that run at the same time inherit it, and so does the command.
    #[arg(long, value_name = "ADDR", value_parser = args::address)]
    metrics: Option<SocketAddr>,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  paceline exec keap --config paceline.toml -- curl -s https://api.example.com/contacts
  */5 * * * *  paceline exec keap --config /etc/paceline.toml --cost 20 --wait 4m -- /opt/sync.sh     (a cron job)
  paceline exec klaviyo --route 'GET /api/profiles' -- ./profiles.sh      its preset knows which limits that comes to
  paceline exec chat --scope channel=C042 -- ./post.sh                    a limit with a scope counts for each value apart

Exit code: the command's; 128 and the signal's number if a signal ended it. 75: no turn came within --wait, and the command
was not run. 126, 127: it cannot be run, there is no such command. 130: stopped before its turn. 1: it was
not run for another reason, which the error names: a wrong configuration, a cost that can never fit, a Redis that is gone,
an address for --metrics that is taken.";

const CANNOT_RUN: u8 = 126;
const NO_SUCH_COMMAND: u8 = 127;

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        // Before there is a limiter.
        if let Some(address) = self.metrics {
            metrics::serve(address).await?;
        }
        let (permit, limiter) = match self.turn.take(until_the_end).await? {
            Taken::Granted { permit, limiter, .. } => (permit, limiter),
            Taken::TooLate(because) => {
                crate::tell(format_args!("error: {because}"));
                return Ok(NO_TURN.into());
            }
            Taken::Stopped => return Ok(STOPPED.into()),
        };
        let [program, arguments @ ..] = &self.command[..] else { return Err("say which command".into()) };
        let code = match tokio::process::Command::new(program).args(arguments).spawn() {
            Ok(mut child) => {
                let code = code(wait(&mut child).await?);
                permit.complete();
                code
            }
            Err(why) => {
                permit.cancel();
                crate::tell(format_args!("error: {} cannot be run: {why}", program.to_string_lossy()));
                if why.kind() == io::ErrorKind::NotFound { NO_SUCH_COMMAND } else { CANNOT_RUN }
            }
        };
        // What the command did stands, even if the store cannot be told of it now: it learns so from the lease.
        if let Err(error) = limiter.flush().await {
            crate::tell(format_args!("note: {error}"));
        }
        Ok(code.into())
    }
}

/// Nobody knows when the command sends its requests.
fn until_the_end(budget: Budget) -> Result<Budget, paceline::Error> {
    budget.to_builder().count_from(CountFrom::Response).arrival_within(ArrivalWithin::Unbounded).build()
}

/// Waits for the end of the command. A terminal sends Ctrl-C to it as well; what only we are sent is passed on.
#[cfg(unix)]
async fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    use rustix::process::{Pid, Signal, kill_process};
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
    loop {
        let told = tokio::select! {
            status = child.wait() => return status,
            _ = terminate.recv() => Signal::TERM,
            _ = hangup.recv() => Signal::HUP,
        };
        // It may have ended just now.
        _ = pid.map(|pid| kill_process(pid, told));
    }
}

#[cfg(not(unix))]
async fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    child.wait().await
}

#[cfg(unix)]
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let signalled = || status.signal().map_or(1, |signal| 128 + signal);
    status.code().unwrap_or_else(signalled) as u8
}

#[cfg(not(unix))]
fn code(status: ExitStatus) -> u8 {
    status.code().unwrap_or(1) as u8
}
