//! The program as its own process.

use super::http::Connection;
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than the program takes for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(5);

/// What stands before the address in a greeting.
const LISTENS: &str = "listens on http://";

/// A running server. Dropping it kills it.
pub(crate) struct Process {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it said at the start.
    pub(crate) greeting: String,
    child: Child,
    stderr: JoinHandle<String>,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; none when it was killed.
    pub(crate) code: Option<i32>,
    /// Everything it wrote.
    pub(crate) stdout: String,
    /// Everything it said; for a server, after its greeting.
    pub(crate) stderr: String,
}

impl Process {
    /// Starts a server on a port of its own.
    pub(crate) async fn serve(data: &Path, variables: &[(&str, &str)]) -> Self {
        Self::serve_under(&[], data, variables).await
    }

    /// The same, started by another program, which is given with its arguments and becomes the server.
    pub(crate) async fn serve_under(wrapper: &[&str], data: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = command_under(wrapper, &["serve", "--listen", "127.0.0.1:0", "--data"], variables);
        // The greeting ends with the line about the account, unless there is nothing to create.
        let has_account = variables.iter().any(|(name, _)| *name == "TAPLINE_ADMIN_PASSWORD");
        let last = if has_account { LISTENS } else { "Create the first account" };
        Self::start(command.arg(data), last).await
    }

    /// Starts CleverTap's stand-in on a port of its own.
    pub(crate) async fn simulate(arguments: &[&str]) -> Self {
        let mut command = command(&["simulator", "--listen", "127.0.0.1:0"], &[]);
        Self::start(command.args(arguments), LISTENS).await
    }

    /// Starts what listens; `last` is on the last line of its greeting.
    async fn start(command: &mut Command, last: &str) -> Self {
        let mut child = command.spawn().expect("the program");
        let mut lines = BufReader::new(child.stderr.take().expect("its stderr")).lines();
        let mut greeting = String::new();
        while !greeting.contains(last) {
            let line =
                timeout(PATIENCE, lines.next_line()).await.expect("a greeting in time").expect("its stderr");
            greeting.push_str(&line.unwrap_or_else(|| panic!("a server, not an end: {greeting}")));
            greeting.push('\n');
        }
        let (_, found) = greeting.split_once(LISTENS).expect("an address");
        let end = found.find(|c: char| !c.is_ascii_digit() && !".:".contains(c)).unwrap_or(found.len());
        let address = found[..end].parse().expect("an address");
        // Read on, because a process whose words nobody reads stands still once the pipe is full.
        let stderr = tokio::spawn(async move {
            let mut rest = String::new();
            while let Ok(Some(line)) = lines.next_line().await {
                rest.push_str(&line);
                rest.push('\n');
            }
            rest
        });
        Self { address, greeting, child, stderr }
    }

    /// Runs the program to its end.
    pub(crate) async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let output = timeout(PATIENCE, command(arguments, variables).output()).await;
        let output = output.expect("an end in time").expect("the program");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) async fn terminate(self) -> Ended {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// The most memory it has had, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let id = self.child.id().expect("a running process");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes") << 10
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Sends a signal and does not wait.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).expect("a signal");
    }

    /// Its number.
    pub(crate) fn id(&self) -> Pid {
        self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("a running process")
    }

    /// Waits until it takes no more connections, which is how a stop begins.
    pub(crate) async fn refuses(&self) {
        let refused = async {
            while Connection::try_open(self.address).await.is_some() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        timeout(PATIENCE, refused).await.expect("a stop that refuses connections");
    }

    /// Waits for the end.
    pub(crate) async fn ended(mut self) -> Ended {
        let stderr = timeout(PATIENCE, self.stderr).await.expect("an end in time").expect("its stderr");
        let mut stdout = String::new();
        self.child.stdout.take().expect("its stdout").read_to_string(&mut stdout).await.expect("UTF-8");
        let status = timeout(PATIENCE, self.child.wait()).await.expect("an end in time").expect("a status");
        Ended { code: status.code(), stdout, stderr }
    }

    /// Sends SIGKILL and waits for the end.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("a running process");
    }
}

/// The program, to be started; killed when dropped.
pub(crate) fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    command_under(&[], arguments, variables)
}

/// The program, to be started by another one.
fn command_under(wrapper: &[&str], arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let program = [wrapper, &[env!("CARGO_BIN_EXE_tapline")]].concat();
    let mut command = Command::new(program[0]);
    command.args(&program[1..]);
    // Nothing of the environment of whoever runs the tests.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TAPLINE_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
