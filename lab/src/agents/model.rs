//! The model's part: it lets an agent run a list of commands, one after the other, and says that it is done.
//!
//! Stateless: an agent sends its whole conversation each time, so how many results stand in it says which command is next.

mod anthropic;
mod chat;
mod gemini;
mod responses;
mod stream;

use std::{fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How an agent speaks to its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    AnthropicMessages,
    OpenaiChat,
    OpenaiResponses,
    Gemini,
}

impl Protocol {
    /// By the line of the request.
    fn of(line: &str) -> Option<Self> {
        let path = line.strip_prefix("POST ")?;
        let ends = |end: &str| path.ends_with(end);
        if ends("/messages") {
            Some(Self::AnthropicMessages)
        } else if ends("/chat/completions") {
            Some(Self::OpenaiChat)
        } else if ends("/responses") {
            Some(Self::OpenaiResponses)
        } else if ends(":generateContent") || ends(":streamGenerateContent") {
            Some(Self::Gemini)
        } else {
            None
        }
    }

    /// As the data file has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AnthropicMessages => "anthropic-messages",
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiResponses => "openai-responses",
            Self::Gemini => "gemini",
        }
    }
}

/// What the model is to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// The agent's tool that runs a command; empty where it runs what stands in the text.
    pub tool: String,
    /// The tool's arguments; `@command@` in any text of it is the command.
    pub arguments: Map<String, Value>,
    pub commands: Vec<String>,
    /// The tool that ends the agent's work, and its arguments, where words alone do not.
    #[serde(default)]
    pub finish: Option<Finish>,
    /// A host that takes its time to answer, so that who asks it can be looked at.
    #[serde(default)]
    pub slow: String,
    /// Where each request is kept, to see what an agent offers.
    #[serde(default)]
    pub log: Option<PathBuf>,
}

/// A tool that is called when there is nothing left to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    pub tool: String,
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// What was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    pub protocol: Protocol,
    /// Tools that the agent offered, by name.
    pub tools: Vec<String>,
    /// Results of commands that stood in the conversation.
    pub results: usize,
}

/// An answer of the model's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub content_type: &'static str,
    pub body: String,
    pub exchange: Exchange,
}

/// What the model says next.
#[derive(Clone, Debug, PartialEq)]
enum Say {
    Text(String),
    /// The number of the call, and the tool's arguments.
    Call(usize, String, Value),
}

/// What an agent's request is about, whatever its protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    tools: Vec<String>,
    results: usize,
    /// The answer is to be JSON.
    wants_json: bool,
    is_streamed: bool,
}

/// For a person; also where a title or a summary is asked for.
const DONE: &str = "Done.";
/// Where JSON is asked for without a tool: what agents ask about their own work.
const NOTHING_TO_DO: &str = r#"{"reasoning":"done","next_speaker":"user","model_choice":"flash","title":"Work","isNewTopic":false,"complexity_reasoning":"simple","complexity_score":1}"#;

impl Script {
    /// The answer to a request; `None` for what no model is asked.
    #[must_use]
    pub fn answer(&self, line: &str, body: &[u8]) -> Option<Reply> {
        let protocol = Protocol::of(line)?;
        self.keep(body);
        let request: Value = serde_json::from_slice(body).ok()?;
        let asked = match protocol {
            Protocol::AnthropicMessages => anthropic::read(&request),
            Protocol::OpenaiChat => chat::read(&request),
            Protocol::OpenaiResponses => responses::read(&request),
            Protocol::Gemini => gemini::read(&request, line),
        };
        let asked = if self.tool.is_empty() { self.in_text(asked, body) } else { asked };
        let say = self.next(&asked);
        let is_streamed = asked.is_streamed;
        let body = match protocol {
            Protocol::AnthropicMessages => anthropic::write(&say, is_streamed),
            Protocol::OpenaiChat => chat::write(&say, is_streamed),
            Protocol::OpenaiResponses => responses::write(&say, is_streamed),
            Protocol::Gemini => gemini::write(&say, is_streamed),
        };
        let content_type = if is_streamed { "text/event-stream" } else { "application/json" };
        let exchange = Exchange { protocol, tools: asked.tools, results: asked.results };
        Some(Reply { content_type, body, exchange })
    }

    /// Only to look at: what cannot be written is missing there.
    fn keep(&self, body: &[u8]) {
        let Some(folder) = &self.log else { return };
        let _ = fs::create_dir_all(folder);
        let number = fs::read_dir(folder).map_or(0, Iterator::count);
        let _ = fs::write(folder.join(format!("{number}.json")), body);
    }

    /// Without a tool all commands are asked for at once, and stand in the conversation from then on.
    fn in_text(&self, asked: Asked, body: &[u8]) -> Asked {
        let text = String::from_utf8_lossy(body);
        let is_there = self.commands.first().is_some_and(|first| text.contains(first.as_str()));
        Asked { results: if is_there { self.commands.len() } else { 0 }, ..asked }
    }

    fn next(&self, asked: &Asked) -> Say {
        if self.tool.is_empty() && asked.results < self.commands.len() {
            return Say::Text(format!("```bash\n{}\n```\n", self.commands.join("\n")));
        }
        let command = self.commands.get(asked.results);
        let finish = self.finish.as_ref().filter(|finish| asked.tools.contains(&finish.tool));
        match (command.filter(|_| asked.tools.contains(&self.tool)), finish) {
            (Some(command), _) => {
                let arguments = filled(&Value::Object(self.arguments.clone()), command);
                Say::Call(asked.results, self.tool.clone(), arguments)
            }
            (None, Some(finish)) => {
                Say::Call(asked.results, finish.tool.clone(), Value::Object(finish.arguments.clone()))
            }
            (None, None) if asked.wants_json => Say::Text(NOTHING_TO_DO.to_owned()),
            (None, None) => Say::Text(DONE.to_owned()),
        }
    }
}

/// The arguments with the command in its place.
fn filled(value: &Value, command: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("@command@", command)),
        Value::Array(all) => all.iter().map(|value| filled(value, command)).collect(),
        Value::Object(all) => {
            let pairs = all.iter().map(|(name, value)| (name.clone(), filled(value, command)));
            Value::Object(pairs.collect())
        }
        other => other.clone(),
    }
}

/// The texts under `key` of each object in an array.
fn names(array: Option<&Value>, pointer: &str) -> Vec<String> {
    let all = array.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|one| one.pointer(pointer)?.as_str()).map(str::to_owned).collect()
}

/// How many objects of an array have `key` with the value `is`.
fn count(array: Option<&Value>, key: &str, is: &str) -> usize {
    let all = array.and_then(Value::as_array).into_iter().flatten();
    all.filter(|one| one.get(key).and_then(Value::as_str) == Some(is)).count()
}

#[cfg(test)]
mod tests;
