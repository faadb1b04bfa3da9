//! Everything that happens and is told, by the room where it happens.
//!
//! `notes!` makes the types that write a line and move no number; those that move numbers are written out, take a
//! [`Telemetry`](super::Telemetry), and stand first in their file. Targets are the rooms, so that `--log
//! tapline::delivery=debug` means what it says. The same thing has the same field everywhere: `error` is why, `code` a
//! stable word, `events`, `records` and `bytes` are how many, `from` and `until` places in the journal.

macro_rules! notes {
    ($target:literal; $(
        $(#[$doc:meta])*
        $level:ident $name:ident $(<$life:lifetime>)? { $($field:ident: $type:ty),* $(,)? }
        $words:literal $([$($line:tt)+])?;
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name $(<$life>)? { $(pub(crate) $field: $type),* }

        impl $(<$life>)? $name $(<$life>)? {
            /// Writes the line.
            pub(crate) fn tell(self) {
                let Self { $($field),* } = self;
                notes!(@line $level $target, $words $(, $($line)+)?);
            }
        }
    )+};
    (@line $level:ident $target:literal, $words:literal) => { tracing::$level!(target: $target, $words) };
    (@line $level:ident $target:literal, $words:literal, $($line:tt)+) => {
        tracing::$level!(target: $target, { $($line)+ }, $words)
    };
}

mod admin;
mod console;
mod delivery;
mod ingest;
mod journal;
mod process;
mod resend;

pub(crate) use admin::*;
pub(crate) use console::*;
pub(crate) use delivery::*;
pub(crate) use ingest::*;
pub(crate) use journal::*;
pub(crate) use process::*;
pub(crate) use resend::*;
