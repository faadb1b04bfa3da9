//! Scripts from rule files: read, compiled at load, every problem with its place.
//!
//! Beyond what rhai checks, a call of a function that does not exist is a problem here already: rhai itself would find
//! out only when an event takes that way.

use super::locate::Location;
use super::sandbox::{self, FORBIDDEN, MAX_SCRIPT, State};
use crate::engine::diagnostic::{Code, Diagnostics, did_you_mean};
use crate::engine::plan::RuleFiles;
use crate::engine::rules::reader::Node;
use crate::engine::rules::shape;
use rhai::{AST, ASTNode, Engine, Expr, LexError, Map, ParseError, ParseErrorType, Position, Scope, Stmt};
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A compiled script.
pub struct Script {
    pub(super) ast: AST,
    pub(super) location: Location,
}

impl PartialEq for Script {
    /// Two scripts are the same where they are the same text in the same place.
    fn eq(&self, other: &Self) -> bool {
        self.location == other.location
    }
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("place", &self.location.whole()).finish_non_exhaustive()
    }
}

/// What a script is for, which says what it has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It makes a value.
    Value {
        /// Whether it is one of a list's element.
        in_item: bool,
    },
    /// It changes the records of a rule.
    Record,
}

impl Purpose {
    /// The names a script of this purpose has in hand.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Value { in_item: false } => &["event", "options"],
            Self::Value { in_item: true } => &["event", "options", "item"],
            Self::Record => &["event", "options", "record"],
        }
    }
}

/// Compiles the scripts of one set of files.
pub struct Compiler<'a> {
    files: &'a RuleFiles,
    engine: OnceCell<Engine>,
    used: RefCell<Used>,
}

/// What the scripts of a plan use, all together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Used {
    /// How many scripts there are.
    pub scripts: usize,
    /// The names that stand behind a dot in them, as `properties`.
    pub properties: BTreeSet<String>,
}

impl std::fmt::Debug for Compiler<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler").field("used", &self.used).finish_non_exhaustive()
    }
}

impl<'a> Compiler<'a> {
    /// A compiler that finds script files among `files`.
    pub fn new(files: &'a RuleFiles) -> Self {
        Self { files, engine: OnceCell::new(), used: RefCell::default() }
    }

    /// What the scripts compiled so far use.
    pub fn used(&self) -> Used {
        self.used.borrow().clone()
    }

    /// Reads the value of `script`: text, or `{ file: scripts/NAME.rhai }`.
    pub fn compile(
        &self,
        node: &Node<'_>,
        purpose: Purpose,
        problems: &mut Diagnostics,
    ) -> Option<Arc<Script>> {
        let (text, location) = match node.value.is_mapping() {
            true => self.open(node, problems)?,
            false => {
                let text = node.text(problems, "a script, or `{ file: scripts/NAME.rhai }`")?;
                (text.to_owned(), Location::inside(node.file_text(), node.place(), text))
            }
        };
        if text.len() > MAX_SCRIPT {
            let message = format!("expected a script of at most {MAX_SCRIPT} bytes, found {}", text.len());
            problems.push(Code::R501, Some(location.whole()), message, Some("make it shorter".into()));
            return None;
        }
        let engine = self.engine.get_or_init(|| sandbox::engine(&Arc::new(State::default())));
        let mut scope = Scope::new();
        for name in purpose.names() {
            scope.push(*name, ());
        }
        let ast = match engine.compile_with_scope(&scope, &text) {
            Ok(ast) => ast,
            Err(error) => {
                refuse(&error, purpose, &location, problems);
                return None;
            }
        };
        let before = problems.len();
        let properties = check_calls(engine, &ast, &location, problems);
        if problems.len() > before {
            return None;
        }
        let mut used = self.used.borrow_mut();
        used.scripts += 1;
        used.properties.extend(properties);
        Some(Arc::new(Script { ast, location }))
    }

    fn open(&self, node: &Node<'_>, problems: &mut Diagnostics) -> Option<(String, Location)> {
        let fields = node.fields(problems, &shape::value::SCRIPT)?;
        let file = fields.require(problems, "file");
        fields.finish(problems);
        let file = file?;
        let path = file.text(problems, "the path of a script below the rules directory")?;
        let scripts = || self.files.keys().map(String::as_str).filter(|file| is_script(file));
        match self.files.get(path).filter(|_| is_script(path)) {
            Some(text) => {
                let (name, shared): (Arc<str>, Arc<str>) = (path.into(), text.as_str().into());
                problems.add_source(name.clone(), shared.clone());
                Some((text.clone(), Location::file(name, shared)))
            }
            None => {
                let help = did_you_mean(path, scripts()).unwrap_or_else(|| {
                    match scripts().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ") {
                        none if none.is_empty() => "write it to `scripts/NAME.rhai` below the rules".into(),
                        list => format!("there are: {list}"),
                    }
                });
                file.problem(problems, Code::R502, format!("there is no script `{path}`"), Some(help));
                None
            }
        }
    }
}

/// Whether a file below the rules directory is a script.
pub fn is_script(file: &str) -> bool {
    file.ends_with(".rhai")
}

/// Says in the words of rule files what rhai refused.
fn refuse(error: &ParseError, purpose: Purpose, location: &Location, problems: &mut Diagnostics) {
    let place = Some(location.place(error.1));
    let (code, message, help) = match &*error.0 {
        ParseErrorType::VariableUndefined(name) => {
            let names = purpose.names();
            let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let help = did_you_mean(name, names.iter().copied())
                .unwrap_or_else(|| format!("in hand are {list}; others begin with `let`"));
            (Code::R505, format!("there is no variable `{name}`"), Some(help))
        }
        ParseErrorType::Reserved(name) | ParseErrorType::BadInput(LexError::ImproperSymbol(name, _))
            if name.chars().all(char::is_alphabetic) =>
        {
            forbidden(name)
        }
        other => (Code::R501, format!("this is not a script: {}", lower_first(&other.to_string())), None),
    };
    problems.push(code, place, message, help);
}

/// What is said of what no script may use.
fn forbidden(name: &str) -> (Code, String, Option<String>) {
    let message = format!("`{name}` can not be used in a script");
    (Code::R504, message, Some("scripts reach nothing but the event, the record and the options".into()))
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Functions that the language itself has.
const BUILT_IN: [&str; 8] =
    ["print", "type_of", "Fn", "call", "curry", "is_def_fn", "is_def_var", "is_shared"];

/// Complains of calls that no function answers; gives the names that stand behind a dot.
fn check_calls(
    engine: &Engine,
    ast: &AST,
    location: &Location,
    problems: &mut Diagnostics,
) -> BTreeSet<String> {
    let mut known: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for signature in engine.gen_fn_signatures(true) {
        if let Some((name, arguments)) = parse_signature(&signature) {
            known.entry(name.to_owned()).or_default().insert(arguments);
        }
    }
    for function in ast.iter_functions() {
        known.entry(function.name.to_owned()).or_default().insert(function.params.len());
    }
    let mut calls: Vec<(String, usize, Position)> = Vec::new();
    let (mut members, mut properties): (BTreeSet<String>, BTreeSet<String>) = Default::default();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at)))
                if call.op_token.is_none() =>
            {
                calls.push((call.name.to_string(), call.args.len(), *at));
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, at))) => {
                calls.push((call.name.to_string(), call.args.len() + 1, *at));
            }
            // A function may be a member of a map, and be called like a method.
            Some(ASTNode::Expr(Expr::Map(map, _))) => {
                members.extend(map.0.iter().map(|(key, _)| key.name.to_string()));
            }
            Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                if let Some(map) = value.read_lock::<Map>() {
                    members.extend(map.keys().map(|key| key.to_string()));
                }
            }
            Some(ASTNode::Expr(Expr::Property(property, _))) => {
                properties.insert(property.2.to_string());
            }
            _ => {}
        }
        true
    });
    calls.dedup();
    for (name, arguments, at) in calls {
        if BUILT_IN.contains(&name.as_str()) || members.contains(&name) || properties.contains(&name) {
            continue;
        }
        let place = Some(location.place(at));
        if FORBIDDEN.contains(&name.as_str()) {
            let (code, message, help) = forbidden(&name);
            problems.push(code, place, message, help);
            continue;
        }
        match known.get(&name) {
            Some(counts) if counts.contains(&arguments) => {}
            Some(counts) => {
                let most = counts.iter().max().copied().unwrap_or_default();
                let counts = counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
                let takes = format!("{counts} argument{}", if most == 1 { "" } else { "s" });
                let message = format!("`{name}` takes {takes}, not {arguments}");
                let help = "the value before the dot of `x.f(y)` counts as one";
                problems.push(Code::R503, place, message, Some(help.to_owned()));
            }
            None => {
                let words = known.keys().map(String::as_str).filter(|name| is_word(name));
                let help = did_you_mean(&name, words);
                problems.push(Code::R503, place, format!("there is no function `{name}`"), help);
            }
        }
    }
    properties
}

fn is_word(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `name(a: T, b: T) -> R` as the name and how many arguments there are.
fn parse_signature(signature: &str) -> Option<(&str, usize)> {
    let (name, rest) = signature.split_once('(')?;
    let arguments = rest.rsplit_once(" -> ").map_or(rest, |(arguments, _)| arguments);
    let arguments = arguments.trim_end().strip_suffix(')')?.trim();
    let (mut depth, mut commas) = (0_i32, 0);
    for c in arguments.chars() {
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => commas += 1,
            _ => {}
        }
    }
    Some((name, if arguments.is_empty() { 0 } else { commas + 1 }))
}
