//! `tapline backup`, `restore` and `verify` as a person runs them.

use crate::support::http::{Connection, Request};
use crate::support::process::Process;
use crate::support::stand::{API_TOKEN, Stand, send, settled};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_backed_up_while_it_runs_and_comes_back_from_the_backup() {
    let stand = Stand::start(&[]).await;
    let server = stand.serve().await;
    for step in 0..40 {
        let body = format!(r#"{{"userId":"user_{step}","anonymousId":"device-{step}","event":"Step"}}"#);
        assert_eq!(send(&server, "/v1/track", body).await.status, 200);
    }
    settled(&server).await;
    let place = tempfile::tempdir().unwrap();
    let (file, data) = (place.path().join("b.backup"), place.path().join("data"));
    let url = format!("http://{}", server.address);
    let token = [("TAPLINE_API_TOKEN", API_TOKEN)];

    let bare = Connection::open(server.address).await.send(&Request::new("GET", "/api/v1/backup")).await;
    assert_eq!(bare.status, 401);
    let refused = Process::run(&["backup", "--server", &url, "--to", path(&file)], &[]).await;
    assert!(refused.code == Some(2) && refused.stderr.contains("TAPLINE_API_TOKEN"), "{refused:?}");
    assert!(!file.exists());

    let done = Process::run(&["backup", "--server", &url, "--to", path(&file)], &token).await;
    assert!(done.code == Some(0) && done.stderr.contains("holds 40 events, 40 ends"), "{done:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = Process::run(&["backup", "--server", &url, "--to", path(&file)], &token).await;
    assert!(again.code == Some(2) && again.stderr.contains("there is such a file"), "{again:?}");
    let live = Process::run(&["verify", "--server", &url], &token).await;
    assert!(live.code == Some(0) && live.stdout.contains("holds 40 events"), "{live:?}");
    // The server says in its directory where it listens.
    let by_data = place.path().join("d.backup");
    let found = Process::run(&["backup", "--data", path(stand.data()), "--to", path(&by_data)], &token).await;
    assert!(found.code == Some(0) && found.stderr.contains(&format!("asking {url}")), "{found:?}");
    assert_eq!(server.terminate().await.code, Some(0));

    let verified = Process::run(&["verify", path(&file), "--format", "json"], &[]).await;
    let found: serde_json::Value = serde_json::from_str(&verified.stdout).unwrap();
    assert_eq!((verified.code, &found["events"], &found["problem_count"]), (Some(0), &40.into(), &0.into()));
    let restored = Process::run(&["restore", path(&file), "--data", path(&data)], &[]).await;
    assert!(restored.code == Some(0) && restored.stderr.contains("holds 40 events"), "{restored:?}");
    let twice = Process::run(&["restore", path(&file), "--data", path(&data)], &[]).await;
    assert!(twice.code == Some(2) && twice.stderr.contains("is not empty"), "{twice:?}");
    // A variable that is there for other verbs does not stand in the way of what is named.
    let elsewhere = [("TAPLINE_SERVER", "http://127.0.0.1:1")];
    let whole = Process::run(&["verify", "--data", path(&data)], &elsewhere).await;
    assert!(whole.code == Some(0) && whole.stdout.contains("holds 40 events, 40 ends"), "{whole:?}");
    let named = Process::run(&["verify", path(&file)], &elsewhere).await;
    assert!(named.code == Some(0) && named.stdout.contains("holds 40 events"), "{named:?}");
    let both = Process::run(&["verify", path(&file), "--server", &url], &token).await;
    assert!(both.code == Some(2) && both.stderr.contains("expected one thing to read"), "{both:?}");

    // Without a server the directory itself is backed up, and holds the same.
    let second = place.path().join("c.backup");
    let direct = Process::run(&["backup", "--data", path(&data), "--to", path(&second)], &[]).await;
    assert!(direct.code == Some(0) && direct.stderr.contains("holds 40 events, 40 ends"), "{direct:?}");

    let healthy = Process::run(&["verify", "--repair", "--data", path(&data)], &[]).await;
    assert!(healthy.code == Some(0) && healthy.stderr.contains("nothing is damaged"), "{healthy:?}");
    let log = data.join("gen-00000000000000000000/db");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[..20].fill(0);
    std::fs::write(&log, &bytes).unwrap();
    let repaired = Process::run(&["verify", "--repair", "--data", path(&data)], &[]).await;
    assert!(repaired.code == Some(0) && repaired.stderr.contains("are kept in"), "{repaired:?}");
    assert!(repaired.stdout.contains("holds 40 events, 40 ends"), "{repaired:?}");
    let whole = Process::run(&["verify", "--data", path(&data)], &[]).await;
    assert!(whole.code == Some(0) && whole.stdout.contains("holds 40 events, 40 ends"), "{whole:?}");
    let absent = Process::run(&["verify", "--repair", "--data", path(&place.path().join("no"))], &[]).await;
    assert!(absent.code == Some(2) && absent.stderr.contains("there is no data directory"), "{absent:?}");

    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let cut = Process::run(&["verify", path(&file)], &[]).await;
    assert!(cut.code == Some(1) && cut.stderr.contains("cut off"), "{cut:?}");
    let absent = Process::run(&["verify", "--data", path(&place.path().join("none"))], &[]).await;
    assert!(absent.code == Some(2) && absent.stderr.contains("there is no data directory"), "{absent:?}");
}
