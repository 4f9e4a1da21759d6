//! What can be taken out of a source file.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use syn::{
    Arm, BinOp, Expr, ExprIf, Stmt,
    spanned::Spanned as _,
    visit::{self, Visit},
};

/// One change of one file.
pub struct Mutant {
    /// Below the repository.
    pub path: PathBuf,
    pub kind: Kind,
    pub place: Range<usize>,
    line: usize,
    /// What is taken out, in one line.
    what: String,
}

/// What is done to what stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An arm does nothing.
    Arm,
    /// A statement is not there.
    Statement,
    /// A statement that leaves its function is not there: the function goes on.
    Return,
    /// A condition holds.
    Always,
    /// A condition does not hold.
    Never,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Arm => "arm",
            Self::Statement | Self::Return => "statement",
            Self::Always => "always",
            Self::Never => "never",
        }
    }

    fn instead(self) -> &'static str {
        match self {
            Self::Arm => "{}",
            Self::Statement | Self::Return => "",
            Self::Always => "true",
            Self::Never => "false",
        }
    }
}

impl Mutant {
    /// The text with the change.
    ///
    /// # Errors
    /// It is not the text that the change was found in.
    pub fn apply(&self, text: &str) -> Result<String> {
        let before = text.get(..self.place.start).context("the file has changed")?;
        let after = text.get(self.place.end..).context("the file has changed")?;
        Ok(format!("{before}{}{after}", self.kind.instead()))
    }

    pub fn is(&self, file: &str, what: &str) -> bool {
        self.path.ends_with(file) && self.what == what
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.what)
    }
}

/// Every arm with a body, every statement that is done for what it does, every condition both ways.
pub fn mutants(path: &Path, text: &str) -> Result<Vec<Mutant>> {
    let file = syn::parse_file(text).with_context(|| path.display().to_string())?;
    let mut finder = Finder { path, text, found: Vec::new() };
    finder.visit_file(&file);
    Ok(finder.found)
}

struct Finder<'t> {
    path: &'t Path,
    text: &'t str,
    found: Vec<Mutant>,
}

impl Finder<'_> {
    fn add(&mut self, kind: Kind, span: proc_macro2::Span) {
        let place = span.byte_range();
        let Some(source) = self.text.get(place.clone()) else { return };
        let words: Vec<&str> = source.split_whitespace().collect();
        let short: String = words.join(" ").chars().take(100).collect();
        let (path, line) = (self.path.to_owned(), span.start().line);
        self.found.push(Mutant { path, kind, place, line, what: format!("{} `{short}`", kind.word()) });
    }

    fn add_condition(&mut self, condition: &Expr) {
        let mut names = Names(false);
        names.visit_expr(condition);
        if !names.0 {
            self.add(Kind::Always, condition.span());
            self.add(Kind::Never, condition.span());
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if let Some((_, guard)) = &arm.guard {
            self.add_condition(guard);
        }
        if !matches!(&*arm.body, Expr::Block(block) if block.block.stmts.is_empty()) {
            self.add(Kind::Arm, arm.body.span());
        }
        visit::visit_arm(self, arm);
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(done, Some(_)) = statement
            && is_done_for_its_effect(done)
        {
            let kind = if matches!(done, Expr::Return(_)) { Kind::Return } else { Kind::Statement };
            self.add(kind, statement.span());
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr_if(&mut self, condition: &'ast ExprIf) {
        self.add_condition(&condition.cond);
        visit::visit_expr_if(self, condition);
    }
}

/// Whether it is there for what it does; so is `return tell();`, without which its function goes on.
fn is_done_for_its_effect(expression: &Expr) -> bool {
    match expression {
        Expr::MethodCall(_) | Expr::Call(_) | Expr::Assign(_) => true,
        Expr::Binary(both) => is_assignment(&both.op),
        Expr::Return(left) => left.expr.as_deref().is_some_and(is_done_for_its_effect),
        _ => false,
    }
}

fn is_assignment(operator: &BinOp) -> bool {
    use BinOp::{AddAssign, BitAndAssign, BitOrAssign, SubAssign};
    matches!(operator, AddAssign(_) | SubAssign(_) | BitOrAssign(_) | BitAndAssign(_))
}

/// Whether a condition gives names to what it finds: without it they are unknown.
struct Names(bool);

impl<'ast> Visit<'ast> for Names {
    fn visit_expr_let(&mut self, _: &'ast syn::ExprLet) {
        self.0 = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_statements_and_conditions_are_found_and_taken_out() {
        let text = "fn f(x: u8) {\n    match x {\n        0 => g(),\n        _ => {}\n    }\n    if x > 1 && h() {\n        return g();\n    }\n    x += 1;\n}\n\
                    mod tests { fn t() { g(); } }\n";
        let found = mutants(Path::new("a/b.rs"), text).unwrap();
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            all,
            [
                "a/b.rs:3: arm `g()`",
                "a/b.rs:6: always `x > 1 && h()`",
                "a/b.rs:6: never `x > 1 && h()`",
                "a/b.rs:7: statement `return g();`",
                "a/b.rs:9: statement `x += 1;`",
            ]
        );
        assert!(found[0].apply(text).unwrap().contains("0 => {},"));
        assert!(found[2].apply(text).unwrap().contains("if false {"));
        let is = |file: &str| found[3].is(file, "statement `return g();`");
        assert!(is("b.rs") && !is("c.rs"));
    }
}
