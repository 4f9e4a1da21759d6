//! `interlock explain`.

use std::fmt::{self, Display, Write as _};

use clap::Args;

use super::{
    Reading,
    exit::{Exit, Failure},
    holds,
    language::{id, plain, word},
    printer::Printer,
    wait,
};
use crate::control::{
    api::Explanation,
    client::{Client, ClientError},
};

#[derive(Args, Debug)]
pub struct Explain {
    /// Of a hold or an event
    #[arg(value_parser = id)]
    id: String,
    #[command(flatten)]
    pub reading: Reading,
}

impl Explain {
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let path = format!("/v1/explain/{}", self.id);
        let explanation: Explanation = wait(async {
            match client.get(&path).await {
                Err(error @ ClientError::NotFound(_)) => Err(holds::unknown(client, error, true).await),
                answer => Ok(answer?),
            }
        })?;
        if printer.is_json() {
            printer.json(&explanation)?;
        } else {
            printer.data(Story(&explanation).to_string().trim_end())?;
        }
        Ok(Exit::Fine)
    }
}

struct Story<'e>(&'e Explanation);

impl Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { id, headline, lineage, rules, evidence, .. } = self.0;
        writeln!(f, "{}", plain(&format!("{id}: {headline}")))?;
        section(f, "lineage", lineage.iter().enumerate().map(|(depth, process)| (depth, process.clone())))?;
        let rules = rules.iter().flat_map(|rule| {
            let headline = format!("{} → {} ({}:{})", rule.id, word(rule.action), rule.file, rule.line);
            let details = std::iter::once(&rule.summary).chain(&rule.matched);
            std::iter::once((0, headline)).chain(details.map(|detail| (1, detail.clone())))
        });
        section(f, "rules", rules)?;
        section(f, "evidence", evidence.iter().map(|line| (0, line.clone())))
    }
}

/// A title and its lines, each with its depth; nothing where there are no lines.
fn section(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    lines: impl Iterator<Item = (usize, String)>,
) -> fmt::Result {
    let mut body = String::new();
    for (depth, line) in lines {
        writeln!(body, "{:indent$}{}", "", plain(&line), indent = 2 + 2 * depth)?;
    }
    if body.is_empty() { Ok(()) } else { write!(f, "\n{title}\n{body}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{control::api::RuleTrace, facts::Action};

    #[test]
    fn an_explanation_tells_the_story_in_order() {
        let explanation = Explanation {
            id: "h1".into(),
            headline: "curl is held on its way to backboard.railway.app:443".into(),
            lineage: vec!["4711 claude".into(), "4720 bash".into(), "4722 curl -X POST".into()],
            rules: vec![RuleTrace {
                id: "infra-after-foreign-secret".into(),
                summary: "An agent read a live credential that is not its own.".into(),
                action: Action::Hold,
                matched: vec!["destination.class = infra".into()],
                file: "default.yaml".into(),
                line: 3,
            }],
            evidence: vec![],
            event: serde_json::Value::Null,
        };
        insta::assert_snapshot!(Story(&explanation), @"
        h1: curl is held on its way to backboard.railway.app:443

        lineage
          4711 claude
            4720 bash
              4722 curl -X POST

        rules
          infra-after-foreign-secret → hold (default.yaml:3)
            An agent read a live credential that is not its own.
            destination.class = infra
        ");
    }
}
