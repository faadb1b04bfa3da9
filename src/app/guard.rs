//! Where the process may listen before anybody has an account.

use crate::admin::FirstStart;
use std::net::SocketAddr;

/// Whether `listen` is allowed: beyond this machine only once there is an account, because until then whoever comes
/// first with the token owns the console.
pub(super) fn may_listen(listen: SocketAddr, first_start: &FirstStart) -> bool {
    listen.ip().to_canonical().is_loopback() || !matches!(first_start, FirstStart::Open { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn without_an_account_only_this_machine_is_served() {
        let open = FirstStart::Open { token: "token".into(), file: PathBuf::from("setup-token") };
        for (listen, before, after) in [
            ("127.0.0.1:8080", true, true),
            ("127.8.0.1:0", true, true),
            ("[::1]:8080", true, true),
            ("[::ffff:127.0.0.1]:8080", true, true),
            ("0.0.0.0:8080", false, true),
            ("[::]:8080", false, true),
            ("192.0.2.1:80", false, true),
        ] {
            let listen = listen.parse().unwrap();
            assert_eq!(may_listen(listen, &open), before, "{listen}");
            assert_eq!(may_listen(listen, &FirstStart::Done), after, "{listen}");
        }
    }
}
