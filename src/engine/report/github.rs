//! Problems as workflow commands, which GitHub shows beside the line in question.
//!
//! Source of the form: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>, and of the
//! escapes `packages/core/src/command.ts` of the toolkit, read 2026-11.

use super::Problem;

pub(super) fn render(problems: &[Problem]) -> String {
    problems.iter().map(line).collect()
}

fn line(problem: &Problem) -> String {
    let mut line = format!("::{} ", problem.severity.as_str());
    if let (Some(file), Some(at)) = (&problem.file, problem.line) {
        line.push_str(&format!("file={},line={at},", property(file)));
        // Columns are shown only where the end is in the same line.
        if let (Some(column), true) = (problem.column, problem.end_line == Some(at)) {
            let end = problem.end_column.unwrap_or(column + 1);
            line.push_str(&format!("col={column},endColumn={end},"));
        } else if let Some(end) = problem.end_line {
            line.push_str(&format!("endLine={end},"));
        }
    }
    let help = problem.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    line.push_str(&format!("title={}::{}\n", problem.code, data(&format!("{}{help}", problem.message))));
    line
}

/// Text behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text of a property before it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::diagnostic::Severity;

    #[test]
    fn what_means_something_to_github_is_escaped() {
        let problem = Problem {
            code: "R103",
            severity: Severity::Error,
            message: "100 % unknown:\r\nkey, `a`".into(),
            help: Some("remove it".into()),
            file: Some("my,rules/a:b%.yaml".into()),
            line: Some(3),
            column: Some(5),
            end_line: Some(3),
            end_column: Some(9),
        };
        let expected = "::error file=my%2Crules/a%3Ab%25.yaml,line=3,col=5,endColumn=9,title=R103::\
                        100 %25 unknown:%0D%0Akey, `a`%0Ahelp: remove it\n";
        assert_eq!(line(&problem), expected);
        let long = Problem { end_line: Some(4), ..problem };
        assert!(line(&long).contains("line=3,endLine=4,title"));
        let nowhere = Problem { file: None, line: None, help: None, message: "m".into(), ..long };
        assert_eq!(line(&nowhere), "::error title=R103::m\n");
    }
}
