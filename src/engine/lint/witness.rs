//! Whether single tests can hold together, place by place: values are tried out, and impossibility is proven.
//!
//! A value is found by running the operators themselves on likely ones, so "yes" is what evaluation would say too. "No"
//! needs a reason: no type is left, no number, or none of the values that `is` lists.

use super::logic::{Answer, Literal};
use crate::engine::event::{At, CallKind, KindSet, Scanner};
use crate::engine::rules::Origin;
use crate::engine::rules::operator::{Operator, ValueType};
use crate::engine::rules::predicate::{Literal as Written, Predicate};
use serde_json::Value;

/// How many values are tried at one place.
const MOST_CANDIDATES: usize = 600;

/// What must hold at one place.
struct Spot<'c> {
    origin: &'c Origin,
    there: Option<bool>,
    asked: Vec<(&'c Predicate, bool)>,
}

/// Whether there can be an event for which each literal is as it says. Where more literals are to come only "no" means
/// something, so no value is looked for.
pub fn judge(literals: &[Literal<'_>], complete: bool) -> Answer {
    let kinds = kinds(literals);
    if kinds.is_empty() || !options_agree(literals) {
        return Answer::No;
    }
    let mut answer = switches(literals);
    let Some(spots) = spots(literals) else { return Answer::No };
    for spot in &spots {
        answer = answer.min(at_spot(spot, &kinds, complete));
    }
    let is_made = |spot: &Spot<'_>| !matches!(spot.origin, Origin::Path(_));
    if spots.iter().any(is_made) && spots.len() > 1 {
        // A made value comes from places, so two of them may hang together.
        answer = answer.min(Answer::Unsure);
    }
    if spots.iter().any(|spot| spots.iter().any(|outer| leads_through_nothing(outer, spot))) {
        return Answer::No;
    }
    answer
}

/// The kinds that are left; `None` among them is a call of no known kind.
fn kinds(literals: &[Literal<'_>]) -> Vec<Option<CallKind>> {
    let fits = |kind: &Option<CallKind>| {
        let in_set = |set: &KindSet| kind.is_some_and(|kind| set.holds(kind));
        literals.iter().all(|literal| match literal {
            Literal::Kind(set, holds) => in_set(set) == *holds,
            _ => true,
        })
    };
    CallKind::ALL.into_iter().map(Some).chain([None]).filter(fits).collect()
}

/// Whether an option can have all the values it must have and none of those it must not.
fn options_agree(literals: &[Literal<'_>]) -> bool {
    let about = |name: &str, holds: bool| -> Vec<&Value> {
        let values = literals.iter().filter_map(|literal| match literal {
            Literal::Option(other, value, truth) if *other == name && *truth == holds => Some(*value),
            _ => None,
        });
        values.collect()
    };
    literals.iter().all(|literal| {
        let Literal::Option(name, value, _) = literal else { return true };
        let (must, must_not) = (about(name, true), about(name, false));
        let both = [Value::Bool(true), Value::Bool(false)];
        let none_left = value.is_boolean() && both.iter().all(|value| must_not.contains(&value));
        !none_left
            && must.iter().all(|value| *value == must.first().copied().unwrap_or(value))
            && !must.iter().any(|value| must_not.contains(value))
    })
}

fn switches(literals: &[Literal<'_>]) -> Answer {
    let off = |wanted: bool| {
        literals.iter().filter_map(move |literal| match literal {
            Literal::Off(names, holds) if *holds == wanted => Some(*names),
            _ => None,
        })
    };
    let mut answer = Answer::Yes;
    for must in off(true) {
        for must_not in off(false) {
            answer = answer.min(if must == must_not { Answer::No } else { Answer::Unsure });
        }
        if must.is_empty() {
            // `All` alone can still turn off everything.
            answer = answer.min(Answer::Unsure);
        }
    }
    answer
}

/// The places with what must hold there; none where one must be both there and missing.
fn spots<'c>(literals: &[Literal<'c>]) -> Option<Vec<Spot<'c>>> {
    let mut spots: Vec<Spot<'c>> = Vec::new();
    for literal in literals {
        let (Literal::There(origin, _) | Literal::Asked(origin, ..)) = literal else { continue };
        let at = spots.iter().position(|spot| spot.origin == *origin).unwrap_or_else(|| {
            spots.push(Spot { origin, there: None, asked: Vec::new() });
            spots.len() - 1
        });
        let Some(spot) = spots.get_mut(at) else { continue };
        match literal {
            Literal::There(_, holds) if spot.there == Some(!*holds) => return None,
            Literal::There(_, holds) => spot.there = Some(*holds),
            Literal::Asked(_, predicate, holds) => spot.asked.push((predicate, *holds)),
            _ => {}
        }
    }
    Some(spots)
}

/// Whether one place lies inside another that holds neither object nor array.
fn leads_through_nothing(outer: &Spot<'_>, inner: &Spot<'_>) -> bool {
    let (Origin::Path(outer_path), Origin::Path(inner_path)) = (outer.origin, inner.origin) else {
        return false;
    };
    let below = inner_path.as_str().strip_prefix(outer_path.as_str());
    let is_inside = below.is_some_and(|rest| rest.starts_with(['.', '[']));
    let holds_members = |value: &ValueType| matches!(value, ValueType::Object | ValueType::Array);
    is_inside && !types(outer).iter().any(holds_members) && !types(inner).contains(&ValueType::Nothing)
}

/// The types that are left at a place.
fn types(spot: &Spot<'_>) -> Vec<ValueType> {
    let all = ValueType::ALL.map(|(_, value)| value);
    // Whether a made object is there, only `present` and `missing` know; operators see nothing.
    let is_path = matches!(spot.origin, Origin::Path(_));
    let fits = |found: &ValueType| {
        let nothing = *found == ValueType::Nothing;
        let there = match spot.there {
            Some(there) => there != nothing || there && !is_path,
            None => true,
        };
        there && spot.asked.iter().all(|(predicate, holds)| fits_type(predicate, *holds, *found))
    };
    all.into_iter().filter(fits).collect()
}

fn fits_type(predicate: &Predicate, holds: bool, found: ValueType) -> bool {
    let nothing = found == ValueType::Nothing;
    match (predicate.operator, holds) {
        (Operator::Type, _) => predicate.types.contains(&found) == holds,
        (Operator::Present, _) => (predicate.switch() == holds) != nothing,
        (Operator::Is, true) | (Operator::IsNot, false) => {
            predicate.literals.iter().any(|literal| match literal {
                Written::Text(_) => matches!(found, ValueType::Text | ValueType::Number),
                Written::Number(_) => found == ValueType::Number,
                Written::Boolean(_) => found == ValueType::Boolean,
            })
        }
        (Operator::Contains, true) => {
            !predicate.literals.is_empty()
                && matches!(found, ValueType::Text | ValueType::Number | ValueType::Array)
        }
        (Operator::StartsWith | Operator::EndsWith | Operator::Matches, true) => {
            !predicate.literals.is_empty() && matches!(found, ValueType::Text | ValueType::Number)
        }
        (Operator::Above | Operator::AtLeast | Operator::Below | Operator::AtMost, true) => {
            matches!(found, ValueType::Text | ValueType::Number)
        }
        (Operator::First, true) => found == ValueType::Array && !predicate.types.is_empty(),
        (Operator::Restricted, _) => !(nothing && predicate.switch() == holds),
        (Operator::IsNot | Operator::Empty, true) | (_, false) => true,
    }
}

fn at_spot(spot: &Spot<'_>, kinds: &[Option<CallKind>], complete: bool) -> Answer {
    if types(spot).is_empty() || contradicts(spot) {
        return Answer::No;
    }
    let listed = is_listed(spot);
    let mut scanner = Scanner::default();
    let mut passes = |candidate: &str| {
        let Ok(json) = scanner.scan(candidate) else { return false };
        let there = spot.there.is_none_or(|there| there != json.is_blank(At::ROOT));
        there && spot.asked.iter().all(|(predicate, holds)| predicate.holds(json, Some(At::ROOT)) == *holds)
    };
    let named_type = matches!(spot.origin, Origin::Path(path) if path.as_str() == "type");
    if named_type && !kinds.contains(&None) {
        // The kind says what stands there, but for its case.
        let fits = kinds.iter().flatten().any(|kind| passes(&quoted(kind.as_str())));
        let exact = spot
            .asked
            .iter()
            .all(|(predicate, _)| predicate.operator == Operator::Is && predicate.ignore_case);
        return match (fits, exact || spot.asked.is_empty()) {
            (true, _) => Answer::Yes,
            (false, true) => Answer::No,
            (false, false) => {
                if types(spot).contains(&ValueType::Text) {
                    Answer::Unsure
                } else {
                    Answer::No
                }
            }
        };
    }
    if !complete && !listed {
        return Answer::Unsure;
    }
    if candidates(spot).iter().any(|candidate| passes(candidate)) {
        return Answer::Yes;
    }
    if listed { Answer::No } else { Answer::Unsure }
}

/// Whether everything that can stand there is among the candidates: some `is` lists it.
fn is_listed(spot: &Spot<'_>) -> bool {
    let lists = |(predicate, holds): &(&Predicate, bool)| {
        matches!((predicate.operator, holds), (Operator::Is, true) | (Operator::IsNot, false))
    };
    let by_letters = |predicate: &Predicate| {
        let by_value = [Operator::Type, Operator::Present, Operator::First, Operator::Restricted];
        !predicate.ignore_case && !by_value.contains(&predicate.operator)
    };
    spot.asked.iter().filter(|asked| lists(asked)).any(|(listing, _)| {
        // Where case does not count there are more spellings than candidates.
        !listing.ignore_case || !spot.asked.iter().any(|(other, _)| by_letters(other))
    })
}

/// Values worth trying: one of each type, and what the operators name, alone and combined.
fn candidates(spot: &Spot<'_>) -> Vec<String> {
    let plain = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "\"x\"",
        "{}",
        "[]",
        "[{}]",
        "[1]",
        "[true]",
        "[\"x\"]",
        "[[]]",
        "[null]",
        "\"App Launched\"",
    ];
    let mut found: Vec<String> = plain.map(str::to_owned).to_vec();
    let mut texts: Vec<String> = Vec::new();
    for literal in spot.asked.iter().flat_map(|(predicate, _)| &predicate.literals) {
        match literal {
            Written::Text(text) => {
                texts.extend([text.clone(), text.replace('*', ""), text.replace('*', "x")])
            }
            Written::Number(number) => {
                found.extend([*number, number + 1.0, number - 1.0].map(|number| number.to_string()));
                found.push(format!("[{number}]"));
            }
            Written::Boolean(_) => {}
        }
    }
    let pairs: Vec<String> = texts
        .iter()
        .flat_map(|first| {
            texts.iter().flat_map(move |second| [format!("{first}{second}"), format!("{first}x{second}")])
        })
        .take(MOST_CANDIDATES)
        .collect();
    for text in texts.iter().chain(&pairs).chain([&texts.concat()]) {
        found.push(quoted(text));
        found.push(quoted(&text.to_uppercase()));
        if text.parse::<f64>().is_ok_and(f64::is_finite) {
            found.push(text.clone());
        }
    }
    found.extend(texts.iter().flat_map(|text| {
        [quoted(&format!("{text}x")), quoted(&format!("x{text}")), format!("[{}]", quoted(text))]
    }));
    found.truncate(4 * MOST_CANDIDATES);
    found
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Contradictions that trying out values can not prove.
fn contradicts(spot: &Spot<'_>) -> bool {
    let opposite = spot.asked.iter().any(|(predicate, holds)| {
        spot.asked.iter().any(|(other, truth)| predicate == other && holds != truth)
    });
    opposite || no_number(spot) || no_text(spot)
}

/// Whether bounds leave no number. A value with one bound that holds is a number, so one that does not is its opposite.
fn no_number(spot: &Spot<'_>) -> bool {
    let bound = |(predicate, holds): &(&Predicate, bool)| {
        let Some(Written::Number(number)) = predicate.literals.first() else { return None };
        // Whether it bounds from below, and whether the number itself is out.
        let (below, out) = match (predicate.operator, holds) {
            (Operator::Above, true) | (Operator::AtMost, false) => (true, true),
            (Operator::AtLeast, true) | (Operator::Below, false) => (true, false),
            (Operator::Below, true) | (Operator::AtLeast, false) => (false, true),
            (Operator::AtMost, true) | (Operator::Above, false) => (false, false),
            _ => return None,
        };
        Some((below, out, *number, *holds))
    };
    let bounds: Vec<_> = spot.asked.iter().filter_map(bound).collect();
    bounds.iter().any(|(.., holds)| *holds)
        && bounds.iter().filter(|bound| bound.0).any(|(_, out, low, _)| {
            let mut upper = bounds.iter().filter(|bound| !bound.0);
            upper.any(|(_, also, high, _)| low > high || low == high && (*out || *also))
        })
}

/// Whether two starts or two ends can not be of one text, or a start, an end or a part brings in what must not be.
fn no_text(spot: &Spot<'_>) -> bool {
    let texts = |predicate: &Predicate| -> Vec<String> {
        let text = |literal: &Written| match literal {
            Written::Text(text) => Some(text.clone()),
            _ => None,
        };
        predicate.literals.iter().filter_map(text).collect()
    };
    let apart = |first: &Predicate, second: &Predicate| {
        let fits = |a: &str, b: &str| match first.operator {
            Operator::StartsWith => a.starts_with(b) || b.starts_with(a),
            Operator::EndsWith => a.ends_with(b) || b.ends_with(a),
            _ => true,
        };
        let same = first.operator == second.operator && first.ignore_case == second.ignore_case;
        same && !texts(first).iter().any(|a| texts(second).iter().any(|b| fits(a, b)))
    };
    let brings = |must: &Predicate, must_not: &Predicate| {
        let brings = |has: &str, wanted: &str| match (must.operator, must_not.operator) {
            (Operator::StartsWith, Operator::StartsWith) => has.starts_with(wanted),
            (Operator::EndsWith, Operator::EndsWith) => has.ends_with(wanted),
            (Operator::StartsWith | Operator::EndsWith | Operator::Contains, Operator::Contains) => {
                has.contains(wanted)
            }
            _ => false,
        };
        let same = must.ignore_case == must_not.ignore_case;
        // An array may hold what a text contains.
        let text = must.operator != Operator::Contains
            || must_not.operator != Operator::Contains
            || must.literals == must_not.literals;
        same && text && texts(must).iter().all(|has| texts(must_not).iter().any(|wanted| brings(has, wanted)))
    };
    let held = || spot.asked.iter().filter(|(_, holds)| *holds).map(|(predicate, _)| *predicate);
    let refused = || spot.asked.iter().filter(|(_, holds)| !*holds).map(|(predicate, _)| *predicate);
    let two_apart = held().any(|first| {
        held().any(|second| !texts(first).is_empty() && !texts(second).is_empty() && apart(first, second))
    });
    two_apart
        || held().any(|must| !texts(must).is_empty() && refused().any(|must_not| brings(must, must_not)))
}
