//! The names of operators and functions.

use cel::common::ast::operators;

use super::evaluate::{Comparison, Operation, Search};

/// Everything that is called by a name.
pub const FUNCTIONS: [&str; 9] =
    ["contains", "startsWith", "endsWith", "matches", "size", "duration", "exists", "all", "exists_one"];

pub fn comparison(operator: &str) -> Option<Comparison> {
    Some(match operator {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::Unequal,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessOrEqual,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

pub fn operation(operator: &str) -> Option<Operation> {
    Some(match operator {
        operators::ADD => Operation::Add,
        operators::SUBSTRACT => Operation::Subtract,
        operators::MULTIPLY => Operation::Multiply,
        operators::DIVIDE => Operation::Divide,
        operators::MODULO => Operation::Remainder,
        _ => return None,
    })
}

pub fn search(name: &str) -> Option<Search> {
    Some(match name {
        "contains" => Search::Contains,
        "startsWith" => Search::StartsWith,
        "endsWith" => Search::EndsWith,
        _ => return None,
    })
}

pub fn usage(name: &str) -> String {
    match name {
        "duration" => "write duration(\"5s\")".to_owned(),
        "size" => "write size(process.args)".to_owned(),
        "exists" | "all" | "exists_one" => format!("write process.args.{name}(arg, arg == \"-f\")"),
        _ => format!("write process.argv.{name}(\"text\")"),
    }
}
