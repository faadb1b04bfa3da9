//! Disks that are full, refuse, or fail to sync.

use super::load::{Load, Plan, Verdict};
use super::mount::PowerDisk;
use crate::support::figure;
use crate::support::process::Process;
use crate::support::stand::{Stand, get, settled};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the program may take to notice that nothing can be written any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes that the program keeps free here, so that it can be opened again.
const RESERVE: &str = "12000000";

/// A small disk of memory. Dropping it takes it away.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let at = tempfile::tempdir().expect("a temporary directory");
        let options = format!("size=40m,mode=700,uid={}", rustix::process::getuid().as_raw());
        run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", path(at.path())]);
        Self(at)
    }

    fn grow(&self) {
        run("mount", &["-o", "remount,size=96m", path(self.0.path())]);
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// Fills it to the last byte, as another program would.
    fn fill(&self) -> PathBuf {
        let filler = self.0.path().join("filler");
        let mut file = fs::File::create(&filler).expect("a file");
        let piece = vec![7; 64 << 10];
        while std::io::Write::write_all(&mut file, &piece).is_ok() {}
        while std::io::Write::write_all(&mut file, &piece[..512]).is_ok() {}
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still uses it has it until then, and the directory goes with the machine's temporary files.
        let _ = as_root("umount", &["--lazy", path(self.0.path())]).status();
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn run(program: &str, arguments: &[&str]) {
    let output = as_root(program, arguments).output().expect("a program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "`{program}` of a small disk needs root, or sudo without a password: {said}"
    );
}

fn as_root(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    if !rustix::process::getuid().is_root() {
        command = Command::new("sudo");
        command.args(["--non-interactive", program]);
    }
    command.args(arguments);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_with_a_time_to_come_back_and_takes_again_when_there_is_room() {
    let disk = SmallDisk::mount();
    let mut stand = Stand::start(&[]).await;
    stand.move_to(&disk.data());
    let reserve = [("TAPLINE_MIN_FREE_BYTES", RESERVE)];
    let mut server = stand.serve_with(&reserve).await;
    let mut load = Load::start(Plan { batch: 15, filler: 20_000 });
    load.go_to(Some(server.address));
    load.until("503 by a full disk", |heard| heard.refused.contains_key(&503)).await;
    // Delivery goes on, the console is there, and whoever asks is told.
    settled(&server).await;
    assert_eq!(get(&server, "/setup").await.status, 200);
    let ready = get(&server, "/readyz").await;
    assert_eq!((ready.status, ready.text().contains("journal_full")), (503, true), "{}", ready.text());
    assert!(load.answered() > 100, "{}", load.answered());

    disk.grow();
    let growing = Instant::now();
    load.answers(15).await;
    let recovery = growing.elapsed();

    // Another program takes the last byte. The program may go on refusing, or end; it may not answer and lose.
    let filler = disk.fill();
    load.until("503 by another program", |heard| heard.refused[&503] > 5).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    if server.has_ended() {
        assert_eq!(server.ended().await.code, Some(2));
    } else {
        server.kill().await;
    }
    load.go_to(None);
    let ended = stand.serve_in_vain(&reserve).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("make room and start again"), "{}", ended.stderr);

    fs::remove_file(filler).expect("the filler");
    load.look_at_the_dead(&stand).await;
    let server = stand.serve_with(&reserve).await;
    load.go_to(Some(server.address));
    let verdict = deliver(&stand, server, &mut load).await;
    figure::fault(figure::Fault {
        name: "full disk, by itself and by another program",
        rounds: 2,
        acknowledged: verdict.acknowledged,
        lost: verdict.lost,
        twice: Some(verdict.twice),
        recovery,
        mutation: "take events while less is free than must be",
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_may_not_grow_end_the_program_and_lose_nothing() {
    let stand = Stand::start(&[]).await;
    // Files may grow to 10 MiB, after which writing fails; the signal that would kill is ignored.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 20480; exec \"$0\" \"$@\""];
    let server = stand.serve_under(&limited, &[]).await;
    let mut load = Load::start(Plan { batch: 15, filler: 10_000 });
    load.go_to(Some(server.address));
    ends_by_itself(server).await;
    load.go_to(None);
    let verdict = recover(&stand, &mut load).await;
    figure::fault(figure::Fault {
        name: "files that may not grow (RLIMIT_FSIZE)",
        rounds: 1,
        acknowledged: verdict.0.acknowledged,
        lost: verdict.0.lost,
        twice: Some(verdict.0.twice),
        recovery: verdict.1,
        mutation: "take failed writes and syncs for good ones",
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_ends_the_program_and_nothing_is_answered_after_it() {
    let disk = PowerDisk::mount(None);
    let mut stand = Stand::start(&[]).await;
    stand.move_to(&disk.data());
    let server = stand.serve().await;
    let mut load = Load::start(Plan { batch: 10, filler: 600 });
    load.go_to(Some(server.address));
    load.answers(200).await;
    disk.fail_syncs();
    let syncs = disk.syncs();
    ends_by_itself(server).await;
    load.go_to(None);
    // A failed sync is never tried again: one per thread that writes may fail, and closing asks for some more.
    assert!(disk.syncs() - syncs < 20, "{} syncs after one failed", disk.syncs() - syncs);
    // Only what was synced before survives, and that is everything that was answered.
    let survivors = disk.survivors(None);
    stand.move_to(&survivors.path().join("data"));
    let verdict = recover(&stand, &mut load).await;
    figure::fault(figure::Fault {
        name: "input/output errors of sync",
        rounds: 1,
        acknowledged: verdict.0.acknowledged,
        lost: verdict.0.lost,
        twice: Some(verdict.0.twice),
        recovery: verdict.1,
        mutation: "take a failed sync for a good one",
    });
}

async fn ends_by_itself(server: Process) {
    let ended = tokio::time::timeout(PATIENCE, server.ended()).await.expect("an end by itself");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("start again"), "{}", ended.stderr);
}

/// Starts again where a server died, and delivers everything; with how long the start took.
async fn recover(stand: &Stand, load: &mut Load) -> (Verdict, Duration) {
    load.look_at_the_dead(stand).await;
    let starting = Instant::now();
    let server = stand.serve().await;
    let recovery = starting.elapsed();
    load.go_to(Some(server.address));
    (deliver(stand, server, load).await, recovery)
}

async fn deliver(stand: &Stand, server: Process, load: &mut Load) -> Verdict {
    load.finish().await;
    settled(&server).await;
    assert_eq!(server.terminate().await.code, Some(0));
    let verdict = load.judge(stand).await;
    assert_eq!(verdict.lost, 0, "{verdict:?}");
    verdict
}
