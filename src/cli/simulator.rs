//! `tapline simulator`: a stand-in for CleverTap.

use super::Failure;
use super::log::LogArgs;
use super::serve::parse_address;
use crate::settings::Secret;
use crate::simulator::{self, FAULT_SYNTAX, Fault, Options};
use std::net::SocketAddr;

/// Stand in for CleverTap's API: its limits, its codes, and faults on request.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address and port to listen on
    #[arg(long, env = "TAPLINE_SIMULATOR_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:9090", value_parser = parse_address)]
    listen: SocketAddr,
    /// What goes wrong: KIND[:NAME=VALUE,…], repeatable; see --help
    #[arg(long, env = "TAPLINE_SIMULATOR_FAULT", value_name = "FAULT", value_delimiter = ';', long_help = FAULT_SYNTAX)]
    fault: Vec<Fault>,
    /// Where the randomness of the faults starts
    #[arg(long, env = "TAPLINE_SIMULATOR_SEED", value_name = "NUMBER", default_value_t = Options::default().seed)]
    seed: u64,
    /// The only Account ID let in; any when not given
    #[arg(long, env = "TAPLINE_SIMULATOR_ACCOUNT_ID", value_name = "ID")]
    account_id: Option<String>,
    /// The only passcode let in; any when not given
    #[arg(long, env = "TAPLINE_SIMULATOR_PASSCODE", value_name = "PASSCODE", hide_env_values = true, value_parser = parse_passcode)]
    passcode: Option<Secret>,
    /// How many records are kept for GET /received
    #[arg(long, env = "TAPLINE_SIMULATOR_KEEP", value_name = "COUNT", default_value_t = Options::default().keep)]
    keep: usize,
    /// Uploads let in at once; one more is answered 429
    #[arg(long, env = "TAPLINE_SIMULATOR_IN_FLIGHT", value_name = "COUNT", default_value_t = Options::default().in_flight)]
    in_flight: usize,
    /// How many properties an event may have before it is answered 522
    #[arg(long, env = "TAPLINE_SIMULATOR_EVENT_PROPERTIES", value_name = "COUNT", default_value_t = Options::default().event_properties)]
    event_properties: usize,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs until interrupted.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    args.log.start()?;
    let options = Options {
        account_id: args.account_id.clone(),
        passcode: args.passcode.clone(),
        faults: args.fault.clone(),
        seed: args.seed,
        keep: args.keep,
        in_flight: args.in_flight,
        event_properties: args.event_properties,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime
        .block_on(simulator::run(args.listen, options, |address| {
            args.log.say(&format!(
                "CleverTap's stand-in listens on http://{address}; GET /received lists what it took"
            ));
        }))
        .map_err(|error| Failure::CouldNotRun(format!("can not listen on `{}`: {error}", args.listen)))
}

fn parse_passcode(text: &str) -> Result<Secret, String> {
    Secret::parse(text).ok_or_else(|| "expected a passcode, found nothing".to_owned())
}
