//! `tapline serve`: the server.

use super::delivery::DeliveryArgs;
use super::limit::LimitArgs;
use super::log::LogArgs;
use super::storage::{StorageArgs, usual_retention};
use super::{Failure, RulesArgs};
use crate::admin::{Environment, FirstStart};
use crate::app::{Application, Options, Storage};
use crate::rulebook::LiveRules;
use crate::settings::{KeyKind, Limits};
use std::io::IsTerminal;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is left for tasks that hang once everything else has stopped.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Flags of the server.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Variables that set what the console's Settings page sets, and win over it: TAPLINE_ACCOUNT_ID, \
                        TAPLINE_TOKEN, TAPLINE_PASSCODE, TAPLINE_REGION, TAPLINE_CLEVERTAP_URL, TAPLINE_WRITE_KEY, \
                        TAPLINE_WEBHOOK_SECRET, TAPLINE_ADMIN_PASSWORD, TAPLINE_API_TOKEN"
)]
pub(super) struct Args {
    /// Address and port to listen on; beyond this machine only once there is an account
    #[arg(long, env = "TAPLINE_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = parse_address)]
    pub(super) listen: SocketAddr,
    /// The data directory
    #[arg(long, env = "TAPLINE_DATA", value_name = "DIR", default_value = "./tapline-data")]
    data: PathBuf,
    /// Seconds for which /readyz says no before a stop refuses connections, for a load balancer to notice
    #[arg(long, env = "TAPLINE_STOP_GRACE", value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=10))]
    stop_grace: u64,
    /// Seconds that requests and uploads under way have to finish once the process stops; what is cut is sent again
    #[arg(long, env = "TAPLINE_STOP_DRAIN", value_name = "SECONDS", default_value_t = Options::default().stop_drain.as_secs(), value_parser = clap::value_parser!(u64).range(1..=300))]
    stop_drain: u64,
    /// Write the link of the first start to stderr even where that is no terminal
    #[arg(long, env = "TAPLINE_PRINT_SETUP_LINK")]
    print_setup_link: bool,
    /// Let the console and the API write rule files that passed the check into the rules directory
    #[arg(long, env = "TAPLINE_ALLOW_WRITE_RULES")]
    allow_write_rules: bool,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    delivery: DeliveryArgs,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Serves until told to stop.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.log.start()?;
    let options = options(args, |name| std::env::var(name).ok())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(async {
        let application = Application::build(options).await.map_err(could_not_run)?;
        args.log.say(&greeting(&application, args));
        application.run_until_stopped().await.map_err(could_not_run)
    });
    runtime.shutdown_timeout(LAST_WAIT);
    ended
}

fn could_not_run(error: impl std::error::Error) -> Failure {
    Failure::CouldNotRun(error.to_string())
}

fn options(args: &Args, variable: impl Fn(&str) -> Option<String>) -> Result<Options, Failure> {
    args.rules.check_directory()?;
    let environment = Environment::read(|name| match name {
        // The flag stands for the variable, which has been read already.
        "TAPLINE_PACK" => args.rules.pack.clone(),
        name => variable(name),
    })
    .map_err(|problems| Failure::CouldNotRun(problems.join("\n")))?;
    let mut limits = Limits::default();
    args.delivery.add_to(&mut limits).map_err(Failure::CouldNotRun)?;
    args.storage.add_to(&mut limits);
    Ok(Options {
        listen: args.listen,
        data: args.data.clone(),
        rules: args.rules.rules.clone(),
        write_rules: args.allow_write_rules,
        environment: environment.with_options(args.rules.options()).with_limits(limits),
        limits: args.limits.limits().map_err(Failure::CouldNotRun)?,
        storage: Storage::Directory(args.storage.options().map_err(Failure::CouldNotRun)?),
        retention: usual_retention(),
        stop_grace: Duration::from_secs(args.stop_grace),
        stop_drain: Duration::from_secs(args.stop_drain),
        ..Options::default()
    })
}

/// What a person wants to know once it runs.
fn greeting(application: &Application, args: &Args) -> String {
    let base = format!("http://{}", application.address());
    let mut lines = vec![
        format!("tapline {} listens on {base}", env!("CARGO_PKG_VERSION")),
        format!("  data   {}", args.data.display()),
        format!("  rules  {}", rules_line(&application.app().rules, &args.rules.rules)),
    ];
    let keys = application.app().settings.keys();
    match KeyKind::ALL.map(|kind| !keys.of(kind).is_empty()) {
        [true, _] => {}
        [false, true] => {
            lines.push("  no write key is set, so only what Segment's webhook signs is taken".to_owned());
        }
        [false, false] => {
            lines.push("  no write key is set, so every call is refused until there is one".to_owned());
        }
    }
    if *application.first_start() == FirstStart::Lost {
        lines.push(String::new());
        lines.push(
            "Damage took every account: restore a backup, or start once with TAPLINE_ADMIN_PASSWORD."
                .to_owned(),
        );
    }
    if let FirstStart::Open { token, file } = application.first_start() {
        lines.push(String::new());
        if args.print_setup_link || std::io::stderr().is_terminal() {
            lines.push(format!("Create the first account: {base}/setup#{token}"));
        } else {
            // The token belongs on a terminal, and what is no terminal is often a log.
            lines.push(format!(
                "Create the first account: {base}/setup, with the token in `{}`",
                file.display()
            ));
        }
    }
    lines.join("\n")
}

fn rules_line(rules: &LiveRules, directory: &Path) -> String {
    let plan = rules.plan();
    let source =
        if directory.is_dir() { directory.display().to_string() } else { "inside the program".to_owned() };
    format!("{source}, pack {}, revision {}", plan.pack(), plan.revision())
}

pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let expected = || format!("expected an address and a port, as `127.0.0.1:8080`, found `{text}`");
    text.to_socket_addrs().map_err(|_| expected())?.next().ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_port() {
        assert_eq!(parse_address("127.0.0.1:80").unwrap().to_string(), "127.0.0.1:80");
        assert_eq!(parse_address("[::1]:80").unwrap().to_string(), "[::1]:80");
        for bad in ["127.0.0.1", ":80", "80", "127.0.0.1:http"] {
            assert!(parse_address(bad).is_err(), "{bad}");
        }
    }
}
