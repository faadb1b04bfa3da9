//! Where rules come from (the rules directory over the packs inside the binary) and which plan is live.
//!
//! The packs inside the binary are always there: a directory needs only what is its own, and a file of its own with the
//! name of one of those packs stands in its place.
//! A set with an error is never published: the last good plan keeps running and [`LiveRules::problem`] says why.

mod archive;
mod git;
mod watch;
mod write;

pub use archive::{Archive, SeenSet};
pub use git::{RefError, load_ref};
pub use watch::{INTERVAL, Look, RulesWatch};
pub use write::{WriteError, directory_hash, is_rule_path, write_files};

use crate::engine::Diagnostics;
use crate::engine::plan::{self, Plan, RuleFiles};
use crate::engine::script::is_script;
use crate::settings::Settings;
use arc_swap::{ArcSwap, ArcSwapOption};
use include_dir::{Dir, include_dir};
use std::collections::{BTreeSet, HashSet};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// The files of the directory and beside them the embedded packs that it has none of its own for; all the embedded files
/// where it does not exist.
pub fn load_files(directory: &Path) -> std::io::Result<RuleFiles> {
    if !directory.is_dir() {
        return Ok(embedded_files());
    }
    let mut files = RuleFiles::new();
    read_directory(directory, "", &mut files)?;
    add_embedded_packs(&mut files);
    Ok(files)
}

/// Adds the embedded packs that files have none of their own for.
fn add_embedded_packs(files: &mut RuleFiles) {
    let own: HashSet<String> =
        files.keys().filter_map(|file| plan::pack_name(file)).map(str::to_owned).collect();
    let embedded = embedded_files().into_iter();
    files.extend(embedded.filter(|(file, _)| plan::pack_name(file).is_some_and(|pack| !own.contains(pack))));
}

/// Names of the packs in use that are the binary's own, because the directory has none of that name.
pub fn embedded_packs(directory: &Path, files: &RuleFiles) -> Vec<String> {
    embedded_paths(directory, files)
        .iter()
        .filter_map(|file| plan::pack_name(file))
        .map(str::to_owned)
        .collect()
}

/// Paths of the files in use that are only inside the binary.
pub fn embedded_paths(directory: &Path, files: &RuleFiles) -> BTreeSet<String> {
    files.keys().filter(|file| !directory.join(file).exists()).cloned().collect()
}

/// Paths of the YAML files in a directory and below it, cases included, in order of name.
pub fn yaml_files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = RuleFiles::new();
    read_directory(directory, "", &mut files)?;
    if directory.join("tests").is_dir() {
        read_directory(&directory.join("tests"), "tests/", &mut files)?;
    }
    Ok(files.keys().filter(|file| is_yaml(file)).map(|file| directory.join(file)).collect())
}

/// The files inside the binary.
pub fn embedded_files() -> RuleFiles {
    let mut files = RuleFiles::new();
    read_embedded(&EMBEDDED, &mut files);
    files
}

/// The files with cases next to the rules, in order of name: `tests/*.yaml` of the directory, or the embedded ones.
pub fn load_tests(directory: &Path) -> std::io::Result<RuleFiles> {
    let mut files = RuleFiles::new();
    if !directory.is_dir() {
        for file in EMBEDDED.get_dir("tests").into_iter().flat_map(Dir::files) {
            let name = file.path().to_string_lossy().replace('\\', "/");
            if let (true, Some(text)) = (is_yaml(&name), file.contents_utf8()) {
                files.insert(name, text.to_owned());
            }
        }
    } else if directory.join("tests").is_dir() {
        for entry in std::fs::read_dir(directory.join("tests"))? {
            let entry = entry?;
            let name = format!("tests/{}", entry.file_name().to_string_lossy());
            if is_yaml(&name) && entry.path().is_file() {
                let text = read_file(&entry.path()).map_err(|error| named(&name, &error))?;
                files.insert(name, text);
            }
        }
    }
    Ok(files)
}

/// The text of a file below the rules directory, or below the embedded one.
pub fn read_text(directory: &Path, path: &str) -> std::io::Result<String> {
    if directory.is_dir() {
        return std::fs::read_to_string(directory.join(path));
    }
    let text = EMBEDDED.get_file(path).and_then(|file| file.contents_utf8());
    text.map(str::to_owned).ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

/// How many directories deep rule files are looked for.
const DEEPEST: usize = 3;

fn is_rule_file(name: &str) -> bool {
    is_yaml(name) || is_script(name)
}

/// Whether a file holds YAML, by its name.
pub fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

fn read_directory(directory: &Path, prefix: &str, files: &mut RuleFiles) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        // `..data` is how a mounted volume keeps its old copies, `.#pack.yaml` is an editor's lock that leads nowhere.
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            // Cases next to the rules are `tapline test`'s. A link may lead back up, so the way down has an end.
            if name != "tests" && prefix.matches('/').count() < DEEPEST {
                read_directory(&path, &format!("{name}/"), files)?;
            }
        } else if is_rule_file(&name) {
            let text = read_file(&path).map_err(|error| named(&name, &error))?;
            files.insert(name, text);
        }
    }
    Ok(())
}

/// No rule file is longer; the engine refuses much shorter ones, and says so with their place.
const LONGEST: u64 = 4 << 20;

/// The text of a file. What is no file, as a pipe that nobody writes to, is not waited for.
fn read_file(path: &Path) -> std::io::Result<String> {
    let file = std::fs::File::options().read(true).custom_flags(NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("expected a file, found something else"));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Opening a pipe must not wait for somebody to write to it.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// An error with the file it is about.
fn named(name: &str, error: &std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("`{name}`: {error}"))
}

fn read_embedded(directory: &Dir<'_>, files: &mut RuleFiles) {
    for file in directory.files() {
        let name = file.path().to_string_lossy().replace('\\', "/");
        if let (true, Some(text)) = (is_rule_file(&name) && !name.starts_with("tests/"), file.contents_utf8())
        {
            files.insert(name, text.to_owned());
        }
    }
    for child in directory.dirs() {
        read_embedded(child, files);
    }
}

/// A plan with the files it was made of.
#[derive(Debug)]
pub struct RuleSource {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The files, the embedded packs among them.
    pub files: Arc<RuleFiles>,
}

/// The plan in force.
pub struct LiveRules {
    origin: Origin,
    standing: ArcSwap<RuleSource>,
    problem: ArcSwapOption<Problem>,
    /// The files of the newest set where that is not in force and could be read.
    refused: ArcSwapOption<RuleFiles>,
    /// Held while reading and compiling, so that of two reloads the later one stays in force.
    reloading: Mutex<()>,
}

/// Where the rules are read from.
struct Origin {
    directory: PathBuf,
    /// Whether the rules in force came from the directory. From then on its absence is a problem: nobody who keeps rules
    /// wants the embedded ones to take over while a directory is being replaced.
    from_disk: AtomicBool,
    /// Whether the rules in force came with an entry file. From then on its absence is a problem too: without it every
    /// local rule and option would be gone at once.
    had_entry: AtomicBool,
    /// Who keeps what is read.
    archive: Option<Arc<dyn Archive>>,
}

/// Why the newest set of rules is not in force.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The files could not be read.
    #[error("the rules directory `{}` can not be read: {error}", directory.display())]
    Unreadable {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The entry file is gone.
    #[error("`{}` is gone from the rules directory `{}`; put it back, or restart the process to run without it", plan::ENTRY, directory.display())]
    EntryGone {
        /// The directory.
        directory: PathBuf,
    },
    /// The files hold errors.
    #[error("{0}")]
    Invalid(Diagnostics),
}

impl Problem {
    /// How many problems there are, and the first of them in a line.
    pub fn summary(&self) -> (usize, String) {
        match self {
            Self::Invalid(problems) => {
                let text = problems.to_string();
                (problems.len(), text.lines().next().unwrap_or_default().to_owned())
            }
            Self::Unreadable { .. } | Self::EntryGone { .. } => (1, self.to_string()),
        }
    }
}

impl LiveRules {
    /// Compiles the first plan.
    pub fn open(directory: PathBuf, settings: &Settings) -> Result<Self, Problem> {
        Self::start(directory, settings, None)
    }

    /// Compiles the first plan; it and every set that is read later is handed to `archive`, good or not.
    pub fn open_kept(
        directory: PathBuf,
        settings: &Settings,
        archive: Arc<dyn Archive>,
    ) -> Result<Self, Problem> {
        Self::start(directory, settings, Some(archive))
    }

    fn start(
        directory: PathBuf,
        settings: &Settings,
        archive: Option<Arc<dyn Archive>>,
    ) -> Result<Self, Problem> {
        let origin = Origin {
            directory,
            from_disk: AtomicBool::new(false),
            had_entry: AtomicBool::new(false),
            archive,
        };
        let standing = origin.compile(settings).map_err(|refusal| refusal.problem)?;
        Ok(Self {
            origin,
            standing: ArcSwap::from_pointee(standing),
            problem: ArcSwapOption::empty(),
            refused: ArcSwapOption::empty(),
            reloading: Mutex::default(),
        })
    }

    /// Where the rules are read from; the embedded ones where it does not exist.
    pub fn directory(&self) -> &Path {
        &self.origin.directory
    }

    /// The plan in force.
    pub fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.standing.load().plan)
    }

    /// The plan in force and the files it was made of.
    pub fn source(&self) -> Arc<RuleSource> {
        self.standing.load_full()
    }

    /// The files of the newest set, where that is not in force and could be read.
    pub fn refused_files(&self) -> Option<Arc<RuleFiles>> {
        self.refused.load_full()
    }

    /// Reads and compiles anew; on an error the last good plan stays in force.
    pub fn reload(&self, settings: &Settings) {
        // The guard holds no data that a panic could have left half changed.
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        match self.origin.compile(settings) {
            Ok(standing) => {
                self.standing.store(Arc::new(standing));
                self.problem.store(None);
                self.refused.store(None);
            }
            Err(Refusal { problem, files }) => {
                self.refused.store(files.map(Arc::new));
                self.problem.store(Some(Arc::new(problem)));
            }
        }
    }

    /// Why the newest set is not in force, if it is not.
    pub fn problem(&self) -> Option<Arc<Problem>> {
        self.problem.load_full()
    }

    /// The files as they are now.
    fn files(&self) -> std::io::Result<RuleFiles> {
        self.origin.files()
    }
}

impl std::fmt::Debug for LiveRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (directory, plan) = (&self.origin.directory, self.plan());
        f.debug_struct("LiveRules")
            .field("directory", directory)
            .field("revision", &plan.revision())
            .finish_non_exhaustive()
    }
}

impl Origin {
    fn files(&self) -> std::io::Result<RuleFiles> {
        match self.directory.is_dir() {
            false if self.from_disk.load(Ordering::SeqCst) => Err(std::io::ErrorKind::NotFound.into()),
            _ => load_files(&self.directory),
        }
    }

    fn compile(&self, settings: &Settings) -> Result<RuleSource, Refusal> {
        let on_disk = self.directory.is_dir();
        let unreadable = |error| Problem::Unreadable { directory: self.directory.clone(), error };
        let files = self.files().map_err(|error| Refusal { problem: unreadable(error), files: None })?;
        let has_entry = files.contains_key(plan::ENTRY);
        if self.had_entry.load(Ordering::SeqCst) && !has_entry {
            let problem = Problem::EntryGone { directory: self.directory.clone() };
            return Err(Refusal { problem, files: Some(files) });
        }
        let compiled = Plan::compile_live(&files, settings.pack.as_deref(), &settings.options);
        if let Some(archive) = &self.archive {
            archive.keep(&SeenSet::new(files.clone(), settings, compiled.as_ref().ok()));
        }
        let plan = match compiled {
            Ok(plan) => plan,
            Err(found) => return Err(Refusal { problem: Problem::Invalid(found), files: Some(files) }),
        };
        self.from_disk.fetch_or(on_disk, Ordering::SeqCst);
        self.had_entry.fetch_or(on_disk && has_entry, Ordering::SeqCst);
        Ok(RuleSource { plan: Arc::new(plan), files: Arc::new(files) })
    }
}

/// A set that can not be in force.
struct Refusal {
    problem: Problem,
    /// Where they could be read.
    files: Option<RuleFiles>,
}
