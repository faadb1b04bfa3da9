//! The program as its own process.

use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// Longer than the program takes for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Dropping it kills it.
pub(crate) struct Process {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it said at the start.
    pub(crate) greeting: String,
    child: Child,
    stderr: Lines<BufReader<ChildStderr>>,
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
        let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--data"], variables);
        let mut child = command.arg(data).spawn().expect("the program");
        let mut stderr = BufReader::new(child.stderr.take().expect("its stderr")).lines();
        let mut greeting = String::new();
        let mut address = None;
        // The greeting ends with the line about the account, or with the rules when there is nothing to create.
        while address.is_none() || !greeting.contains("Create the first account") {
            let line =
                timeout(PATIENCE, stderr.next_line()).await.expect("a greeting in time").expect("its stderr");
            let line = line.unwrap_or_else(|| panic!("a server, not an end: {greeting}"));
            if let Some((_, found)) = line.split_once("listens on http://") {
                let end =
                    found.find(|c: char| !c.is_ascii_digit() && !".:".contains(c)).unwrap_or(found.len());
                address = Some(found[..end].parse().expect("an address"));
            }
            greeting.push_str(&line);
            greeting.push('\n');
        }
        Self { address: address.expect("an address"), greeting, child, stderr }
    }

    /// Runs the program to its end.
    pub(crate) async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let output = timeout(PATIENCE, command(arguments, variables).output()).await;
        let output = output.expect("an end in time").expect("the program");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) async fn terminate(mut self) -> Ended {
        let id =
            self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("a running process");
        kill_process(id, Signal::TERM).expect("a signal");
        let (mut stdout, mut stderr) = (String::new(), String::new());
        while let Some(line) =
            timeout(PATIENCE, self.stderr.next_line()).await.expect("an end in time").expect("lines")
        {
            stderr.push_str(&line);
            stderr.push('\n');
        }
        self.child.stdout.take().expect("its stdout").read_to_string(&mut stdout).await.expect("UTF-8");
        let status = timeout(PATIENCE, self.child.wait()).await.expect("an end in time").expect("a status");
        Ended { code: status.code(), stdout, stderr }
    }

    /// Sends SIGKILL and waits for the end.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("a running process");
    }
}

fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapline"));
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
