//! The syntax tree to an expression whose types fit.

use std::ops::Range;

use cel::common::ast::{CallExpr, Expr as Tree, IdedExpr, LiteralValue, SourceInfo, operators};
use regex::RegexBuilder;

use super::{
    constant::constant,
    duration,
    evaluate::{Comparison, Expr, Operation, Quantifier},
    functions::{FUNCTIONS, comparison, operation, search, usage},
    scope::Type,
    variables::{VARIABLES, Variable, words_of},
};
use crate::{
    facts::Kind,
    problem::{Problem, nearest},
    words::Word,
};

/// Most nodes of a guard's tree.
pub(super) const MAX_NODES: usize = 256;

/// Largest compiled pattern of `matches`, bytes.
const MAX_PATTERN: usize = 64 << 10;

/// # Errors
/// Every mistake that does not follow from another one.
pub fn check(
    tree: &IdedExpr,
    places: &SourceInfo,
    on: Kind,
) -> Result<Checked, Vec<(Range<usize>, Problem)>> {
    let (variables, mistakes, constants) = (Vec::new(), Vec::new(), Vec::new());
    let mut check = Check { places, on, item: None, nodes: 0, variables, mistakes, constants };
    let expr = check.expect(tree, Type::Bool, "the guard");
    match expr {
        Some(expr) if check.mistakes.is_empty() => {
            check.variables.sort_by_key(|variable| variable.name);
            check.variables.dedup_by_key(|variable| variable.name);
            Ok(Checked { expr, variables: check.variables, constants: check.constants })
        }
        _ => Err(check.mistakes),
    }
}

/// A guard without mistakes.
pub struct Checked {
    pub expr: Expr,
    /// Those that it asks for, in the order of their names.
    pub variables: Vec<&'static Variable>,
    /// Comparisons that have the same value for every fact, each with its place.
    pub constants: Vec<(Range<usize>, bool)>,
}

struct Check<'t> {
    places: &'t SourceInfo,
    on: Kind,
    /// Name of the item in the macro around.
    item: Option<&'t str>,
    nodes: usize,
    variables: Vec<&'static Variable>,
    mistakes: Vec<(Range<usize>, Problem)>,
    constants: Vec<(Range<usize>, bool)>,
}

type Typed = (Expr, Type);

impl<'t> Check<'t> {
    /// An expression that must be of one type.
    fn expect(&mut self, tree: &'t IdedExpr, wanted: Type, what: &str) -> Option<Expr> {
        let (expr, found) = self.expr(tree)?;
        if found == wanted {
            return Some(expr);
        }
        let message = format!("{what} is {}", found.name());
        self.note(self.extent(tree), message).expected(wanted.name());
        None
    }

    fn expr(&mut self, tree: &'t IdedExpr) -> Option<Typed> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            if self.nodes == MAX_NODES + 1 {
                let message = format!("the guard has more than {MAX_NODES} parts");
                self.note(self.place(tree.id), message).hint("say more of it with match");
            }
            return None;
        }
        match &tree.expr {
            Tree::Literal(literal) => self.literal(tree, literal),
            Tree::Ident(_) | Tree::Select(_) => self.name(tree),
            Tree::Call(call) => {
                let typed = self.call(tree, call)?;
                self.note_constant(tree, &typed.0);
                Some(typed)
            }
            Tree::List(_) => self.foreign(tree, "a list stands only after in"),
            Tree::Map(_) | Tree::Struct(_) => self.foreign(tree, "maps and messages are not part of guards"),
            Tree::Comprehension(_) | Tree::Unspecified => self.foreign(tree, "this is not part of guards"),
        }
    }

    /// A comparison that says the same of every fact. What contains it need not.
    fn note_constant(&mut self, tree: &IdedExpr, expr: &Expr) {
        let compares =
            matches!(expr, Expr::Compare(..) | Expr::Among(..) | Expr::Search(..) | Expr::Matches(..));
        if compares && let Some(value) = constant(expr, self.on, None) {
            self.constants.push((self.place(tree.id), value));
        }
    }

    fn literal(&mut self, tree: &'t IdedExpr, literal: &LiteralValue) -> Option<Typed> {
        Some(match literal {
            LiteralValue::Boolean(value) => (Expr::Bool(*value.inner()), Type::Bool),
            LiteralValue::Int(value) => (Expr::Int(*value.inner()), Type::Int),
            LiteralValue::String(value) => (Expr::Text(value.inner().to_owned()), Type::Text),
            LiteralValue::Double(_) | LiteralValue::UInt(_) => {
                return self.foreign(tree, "numbers are whole and without a suffix in guards");
            }
            LiteralValue::Bytes(_) | LiteralValue::Null => {
                return self.foreign(tree, "bytes and null are not part of guards");
            }
        })
    }

    /// A variable, or the item of the macro around.
    fn name(&mut self, tree: &'t IdedExpr) -> Option<Typed> {
        let Some(name) = dotted(tree) else {
            return self.foreign(tree, "only variables have fields");
        };
        if self.item == Some(&name) {
            return Some((Expr::Item, Type::Text));
        }
        let at = self.extent(tree);
        let mine = || VARIABLES.iter().filter(|variable| variable.is_of(self.on));
        match VARIABLES.iter().find(|variable| variable.name == name) {
            Some(variable) if variable.is_of(self.on) => {
                self.variables.push(variable);
                Some((Expr::Variable(variable), variable.of))
            }
            Some(variable) => {
                let on: Vec<_> = variable.on.iter().map(|kind| kind.word()).collect();
                let message = format!("on: {} has no {name}", self.on.word());
                self.note(at, message).hint(format!("it is of {}", on.join(", ")));
                None
            }
            None => {
                let near = nearest(&name, mine().map(|variable| variable.name));
                let candidates = self.candidates(&name);
                let problem = self.note(at, format!("there is no variable {name}"));
                problem.hint = near.map(|near| format!("did you mean {near}?"));
                problem.expected(candidates);
                None
            }
        }
    }

    /// The variables that could have been meant: those of the same part, else the parts.
    fn candidates(&self, name: &str) -> String {
        let mine =
            || VARIABLES.iter().filter(|variable| variable.is_of(self.on)).map(|variable| variable.name);
        let part = name.split('.').next().unwrap_or(name);
        let same: Vec<_> = mine().filter(|other| other.split('.').next() == Some(part)).collect();
        if !same.is_empty() {
            return same.join(", ");
        }
        let mut parts: Vec<_> = mine().filter_map(|name| name.split('.').next()).collect();
        parts.dedup();
        format!("a variable of {}", parts.join(", "))
    }

    fn call(&mut self, tree: &'t IdedExpr, call: &'t CallExpr) -> Option<Typed> {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [left, right]) => self.logic(left, right, Expr::And),
            (operators::LOGICAL_OR, None, [left, right]) => self.logic(left, right, Expr::Or),
            (operators::LOGICAL_NOT, None, [one]) => {
                Some((Expr::Not(Box::new(self.expect(one, Type::Bool, "what ! negates")?)), Type::Bool))
            }
            (operators::NEGATE, None, [one]) => self.negate(one),
            (operators::CONDITIONAL, None, [condition, then, otherwise]) => {
                self.conditional(tree, condition, then, otherwise)
            }
            (operators::INDEX, None, [list, index]) => {
                let list = self.expect(list, Type::Texts, "what is indexed");
                let index = self.expect(index, Type::Int, "the index");
                Some((Expr::Index(Box::new([list?, index?])), Type::Text))
            }
            (operators::IN, None, [one, list]) => self.membership(one, list),
            ("duration", None, [text]) => self.duration(text),
            ("size", None, [one]) | ("size", Some(one), []) => self.size(one),
            ("matches", Some(text), [pattern]) | ("matches", None, [text, pattern]) => {
                self.matches(text, pattern)
            }
            (name @ ("exists" | "all" | "exists_one"), Some(list), [item, condition]) => {
                self.each(tree, name, list, item, condition)
            }
            (name, Some(text), [part]) if search(name).is_some() => {
                let how = search(name)?;
                let text = self.expect(text, Type::Text, "what is searched");
                let part = self.expect(part, Type::Text, "what is searched for");
                Some((Expr::Search(how, Box::new([text?, part?])), Type::Bool))
            }
            (name, None, [left, right]) => match (comparison(name), operation(name)) {
                (Some(how), _) => self.compare(tree, how, left, right),
                (_, Some(how)) => self.compute(tree, how, left, right),
                _ => self.stranger(tree, name),
            },
            (name, ..) => self.stranger(tree, name),
        }
    }

    fn logic(
        &mut self,
        left: &'t IdedExpr,
        right: &'t IdedExpr,
        build: fn(Box<[Expr; 2]>) -> Expr,
    ) -> Option<Typed> {
        let left = self.expect(left, Type::Bool, "the left side");
        let right = self.expect(right, Type::Bool, "the right side");
        Some((build(Box::new([left?, right?])), Type::Bool))
    }

    fn negate(&mut self, one: &'t IdedExpr) -> Option<Typed> {
        let (expr, of) = self.expr(one)?;
        if matches!(of, Type::Int | Type::Duration) {
            return Some((Expr::Negate(Box::new(expr)), of));
        }
        let message = format!("what - negates is {}", of.name());
        self.note(self.extent(one), message).expected("int or duration");
        None
    }

    fn conditional(
        &mut self,
        tree: &'t IdedExpr,
        condition: &'t IdedExpr,
        then: &'t IdedExpr,
        otherwise: &'t IdedExpr,
    ) -> Option<Typed> {
        let condition = self.expect(condition, Type::Bool, "the condition");
        let (then, otherwise) = (self.expr(then), self.expr(otherwise));
        let (condition, (then, of), (otherwise, other)) = (condition?, then?, otherwise?);
        if of == other {
            return Some((Expr::If(Box::new([condition, then, otherwise])), of));
        }
        let message = format!("one branch is {}, the other {}", of.name(), other.name());
        self.note(self.place(tree.id), message).expected("one type");
        None
    }

    fn compare(
        &mut self,
        tree: &'t IdedExpr,
        how: Comparison,
        left: &'t IdedExpr,
        right: &'t IdedExpr,
    ) -> Option<Typed> {
        self.check_word(left, right);
        self.check_word(right, left);
        let (left, right) = (self.expr(left), self.expr(right));
        let ((left, of), (right, other)) = (left?, right?);
        let ordered = matches!(of, Type::Int | Type::Duration | Type::Text);
        let equality = matches!(how, Comparison::Equal | Comparison::Unequal) && of == Type::Bool;
        if of == other && (ordered || equality) {
            return Some((Expr::Compare(how, Box::new([left, right])), Type::Bool));
        }
        let message = format!("{} and {} are not compared", of.name(), other.name());
        let problem = self.note(self.place(tree.id), message).expected("two values of one type");
        if [of, other].contains(&Type::Duration) {
            problem.hint("write durations as duration(\"5s\")");
        }
        None
    }

    /// A word that a variable never has would make a guard that never holds.
    fn check_word(&mut self, variable: &'t IdedExpr, word: &'t IdedExpr) {
        let Tree::Literal(LiteralValue::String(found)) = &word.expr else { return };
        let Some(name) = dotted(variable) else { return };
        let Some(words) = words_of(&name) else { return };
        if words.contains(&found.inner()) {
            return;
        }
        let problem = self.note(self.extent(word), format!("{name} is never {:?}", found.inner()));
        problem.near(found.inner(), words.iter().copied()).expected(words.join(", "));
    }

    fn compute(
        &mut self,
        tree: &'t IdedExpr,
        how: Operation,
        left: &'t IdedExpr,
        right: &'t IdedExpr,
    ) -> Option<Typed> {
        let (left, right) = (self.expr(left), self.expr(right));
        let ((left, of), (right, other)) = (left?, right?);
        let sum = matches!(how, Operation::Add | Operation::Subtract);
        if of == other && (of == Type::Int || (of == Type::Duration && sum)) {
            return Some((Expr::Compute(how, Box::new([left, right])), of));
        }
        let message = format!("this does not work with {} and {}", of.name(), other.name());
        self.note(self.place(tree.id), message).expected("two ints, or a sum of durations");
        None
    }

    fn membership(&mut self, one: &'t IdedExpr, list: &'t IdedExpr) -> Option<Typed> {
        let Tree::List(literal) = &list.expr else {
            let one = self.expect(one, Type::Text, "what is looked for");
            let list = self.expect(list, Type::Texts, "what stands after in");
            return Some((Expr::Within(Box::new([one?, list?])), Type::Bool));
        };
        let name = one;
        let one = self.expr(one);
        let of = one.as_ref().map(|(_, of)| *of);
        let mut items = Vec::new();
        for element in &literal.elements {
            self.check_word(name, element);
            let item = match of {
                Some(of) => self.expect(element, of, "the item"),
                None => self.expr(element).map(|(item, _)| item),
            };
            items.extend(item);
        }
        let (one, _) = one?;
        (items.len() == literal.elements.len()).then(|| (Expr::Among(Box::new(one), items), Type::Bool))
    }

    fn duration(&mut self, text: &'t IdedExpr) -> Option<Typed> {
        let Tree::Literal(LiteralValue::String(value)) = &text.expr else {
            return self.foreign(text, "duration needs its text in quotes");
        };
        match duration::parse(value.inner()) {
            Some(nanoseconds) => Some((Expr::Duration(nanoseconds), Type::Duration)),
            None => {
                let problem = self.note(self.extent(text), "that is no duration");
                problem.expected("whole numbers with a unit: \"5s\", \"1h30m\", \"250ms\"");
                None
            }
        }
    }

    fn size(&mut self, one: &'t IdedExpr) -> Option<Typed> {
        let (expr, of) = self.expr(one)?;
        if matches!(of, Type::Text | Type::Texts) {
            return Some((Expr::Size(Box::new(expr)), Type::Int));
        }
        let message = format!("{} has no size", of.name());
        self.note(self.extent(one), message).expected("string or list(string)");
        None
    }

    /// The pattern is compiled once, so it must be there when the rules are loaded.
    fn matches(&mut self, text: &'t IdedExpr, pattern: &'t IdedExpr) -> Option<Typed> {
        let text = self.expect(text, Type::Text, "what is matched");
        let Tree::Literal(LiteralValue::String(value)) = &pattern.expr else {
            return self.foreign(pattern, "matches needs its pattern in quotes");
        };
        let regex =
            RegexBuilder::new(value.inner()).size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN).build();
        match regex {
            Ok(regex) => Some((Expr::Matches(Box::new(text?), regex), Type::Bool)),
            Err(error) => {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default();
                let why = last.strip_prefix("error: ").unwrap_or(last).to_lowercase();
                let message = format!("the pattern cannot be used: {why}");
                self.note(self.extent(pattern), message).expected("a regular expression (RE2)");
                None
            }
        }
    }

    fn each(
        &mut self,
        tree: &'t IdedExpr,
        name: &str,
        list: &'t IdedExpr,
        item: &'t IdedExpr,
        condition: &'t IdedExpr,
    ) -> Option<Typed> {
        let how = match name {
            "exists" => Quantifier::Exists,
            "all" => Quantifier::All,
            _ => Quantifier::ExistsOne,
        };
        if self.item.is_some() {
            let problem = self.note(self.place(tree.id), "a macro inside a macro costs too much");
            problem.hint("write two macros side by side");
            return None;
        }
        let list = self.expect(list, Type::Texts, "what the macro goes through");
        let Tree::Ident(item) = &item.expr else {
            return self.foreign(item, "the first argument of a macro is a name for the item");
        };
        self.item = Some(item);
        let condition = self.expect(condition, Type::Bool, "the condition");
        self.item = None;
        Some((Expr::Each(how, Box::new([list?, condition?])), Type::Bool))
    }

    fn stranger(&mut self, tree: &IdedExpr, name: &str) -> Option<Typed> {
        if FUNCTIONS.contains(&name) {
            let problem = self.note(self.place(tree.id), format!("{name} is not called like this"));
            problem.hint(usage(name));
            return None;
        }
        let problem = self.note(self.place(tree.id), format!("guards have no function {name}"));
        problem.hint = nearest(name, FUNCTIONS).map(|near| format!("did you mean {near}?"));
        problem.expected(FUNCTIONS.join(", "));
        None
    }

    fn foreign(&mut self, tree: &IdedExpr, message: &str) -> Option<Typed> {
        self.note(self.extent(tree), message);
        None
    }

    /// Notes what is wrong with some bytes of the text; the caller may add what was expected.
    fn note(&mut self, place: Range<usize>, message: impl Into<String>) -> &mut Problem {
        let last = self.mistakes.len();
        self.mistakes.push((place, Problem::new(message)));
        &mut self.mistakes[last].1
    }

    /// Where a node's own token stands.
    fn place(&self, id: u64) -> Range<usize> {
        self.places.offset_for(id).map_or(0..self.places.source.len(), |(start, end)| {
            start as usize..(end as usize + 1).min(self.places.source.len())
        })
    }

    /// From the first to the last character of a name or a literal; of anything else its operator.
    fn extent(&self, tree: &IdedExpr) -> Range<usize> {
        match &tree.expr {
            Tree::Select(select) => {
                let start = self.extent(&select.operand).start;
                let dot = self.place(tree.id).start;
                start..(dot + 1 + select.field.len()).min(self.places.source.len())
            }
            _ => self.place(tree.id),
        }
    }
}

/// `session.age` for the tree that says it.
fn dotted(tree: &IdedExpr) -> Option<String> {
    match &tree.expr {
        Tree::Ident(name) => Some(name.clone()),
        Tree::Select(select) => Some(format!("{}.{}", dotted(&select.operand)?, select.field)),
        _ => None,
    }
}
