//! The pod of a case's session.

use std::sync::Arc;

use crate::{
    facts::{InPod, Pod},
    rule_test::grammar,
    yaml::{Node, Report, Section, Value, text},
};

pub fn in_pod(node: &Node, path: &str, report: &mut Report<'_>) -> Option<InPod> {
    match &node.value {
        Value::Text(word) if word == grammar::OUTSIDE => return Some(InPod::Outside),
        Value::Text(word) if word == grammar::UNKNOWN => return Some(InPod::Unknown),
        _ => {}
    }
    let section = Section::open(node, path, grammar::POD, report)?;
    let namespace = section.need("namespace", report, text);
    let name = section.read("name", report, text);
    let service_account = section.read("service_account", report, text);
    let labels = section.list("labels", report, label).into_iter().collect();
    Some(InPod::Known(Arc::new(Pod {
        namespace: namespace?,
        name: name.unwrap_or_else(|| "pod".to_owned()),
        labels,
        service_account,
        ..Pod::default()
    })))
}

fn label(node: &Node, path: &str, report: &mut Report<'_>) -> Option<(String, String)> {
    let text = text(node, path, report)?;
    let label = text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    if label.is_none() {
        report.add(node.referenced, path, format!("found {text:?}")).expected("KEY=VALUE");
    }
    label
}
