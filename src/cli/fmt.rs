//! `tapline fmt`: rule files in one layout, with every comment kept.

use super::Failure;
use crate::engine::layout::{self, NotLaidOut};
use crate::rulebook;
use similar::TextDiff;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Lay out rule files anew: indentation, spacing, quotes and the order of a rule's keys. What they say stays the same.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The rules directory, all of whose YAML files are meant where none is named
    #[arg(long, value_name = "DIR", default_value = "./rules", env = "TAPLINE_RULES")]
    rules: PathBuf,
    /// Change nothing; show what would change, and end with 1 if anything would
    #[arg(long, env = "TAPLINE_CHECK")]
    check: bool,
    /// Files or directories; `-` takes standard input to standard output
    files: Vec<PathBuf>,
}

/// What was found.
#[derive(Default)]
struct Count {
    changed: usize,
    wrong: usize,
}

/// Runs the verb. A file that can not be laid out stays as it is and is a found problem.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let mut count = Count::default();
    if args.files == [Path::new("-")] {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        one("stdin", &text, args.check, out, &mut count, |laid_out, out| {
            out.write_all(laid_out.as_bytes())?;
            Ok(())
        })?;
        return count.end(args.check);
    }
    for path in paths(args)? {
        let failed = |error: io::Error| Failure::CouldNotRun(format!("`{}`: {error}", path.display()));
        let text = fs::read_to_string(&path).map_err(failed)?;
        let name = path.to_string_lossy();
        one(&name, &text, args.check, out, &mut count, |laid_out, out| {
            if laid_out != text {
                save(&path, laid_out).map_err(failed)?;
                writeln!(out, "{name}")?;
            }
            Ok(())
        })?;
    }
    count.end(args.check)
}

impl Count {
    fn end(&self, is_check: bool) -> Result<(), Failure> {
        match self {
            Self { wrong: 1.., .. } => {
                Err(Failure::NotGood(format!("files that can not be laid out: {}", self.wrong)))
            }
            Self { changed: 1.., .. } if is_check => Err(Failure::NotGood(format!(
                "files not in canonical layout: {}; `tapline fmt` lays them out",
                self.changed
            ))),
            _ => Ok(()),
        }
    }
}

/// Lays out one text. What is said of a file that can not be laid out goes to stderr, a difference to `out`.
fn one(
    name: &str,
    text: &str,
    is_check: bool,
    out: &mut dyn Write,
    count: &mut Count,
    take: impl FnOnce(&str, &mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    match layout::lay_out(name, text) {
        Ok(laid_out) => {
            count.changed += usize::from(laid_out != text);
            match is_check {
                false => take(&laid_out, out),
                true => Ok(write!(
                    out,
                    "{}",
                    TextDiff::from_lines(text, &laid_out)
                        .unified_diff()
                        .header(name, &format!("{name} as `tapline fmt` writes it"))
                )?),
            }
        }
        Err(error) => {
            count.wrong += 1;
            super::say(&match error {
                NotLaidOut::Invalid(problems) => problems.render(false).trim_end().to_owned(),
                NotLaidOut::Unfaithful { .. } => error.to_string(),
            });
            Ok(())
        }
    }
}

/// The files that are meant, in order of name.
fn paths(args: &Args) -> Result<Vec<PathBuf>, Failure> {
    let given = if args.files.is_empty() { std::slice::from_ref(&args.rules) } else { &args.files };
    let mut paths = Vec::new();
    for path in given {
        let failed = |error| Failure::CouldNotRun(format!("`{}` can not be read: {error}", path.display()));
        match fs::metadata(path).map_err(failed)?.is_dir() {
            true => paths.extend(rulebook::yaml_files(path).map_err(failed)?),
            false if !rulebook::is_yaml(&path.to_string_lossy()) => {
                return Err(Failure::CouldNotRun(format!(
                    "expected a YAML file, ending in `.yaml` or `.yml`, found `{}`",
                    path.display()
                )));
            }
            false => paths.push(path.clone()),
        }
    }
    Ok(paths)
}

/// Puts a new text in the place of a file at once: whoever reads it meanwhile, as hot reload does, finds the old or the
/// new. Links stay links, and permissions stay.
fn save(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The watch over the rules directory looks at no file that begins with a dot.
    let beside = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = fs::write(&beside, text)
        .and_then(|()| fs::set_permissions(&beside, fs::metadata(&path)?.permissions()))
        .and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // What could not be put in its place is not left lying about.
        let _ = fs::remove_file(&beside);
    }
    written
}
