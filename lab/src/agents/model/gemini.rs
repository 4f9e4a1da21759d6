//! Google's generateContent: <https://ai.google.dev/api/generate-content>.

use serde_json::{Value, json};

use super::{Asked, Say, names, stream};

/// `line` says whether a stream is asked for.
pub fn read(request: &Value, line: &str) -> Asked {
    let tools = request.get("tools").and_then(Value::as_array).into_iter().flatten();
    let contents = request.get("contents").and_then(Value::as_array).into_iter().flatten();
    let parts = contents.filter_map(|content| content.get("parts")?.as_array()).flatten();
    let format = request.pointer("/generationConfig/responseMimeType").and_then(Value::as_str);
    Asked {
        tools: tools.flat_map(|tool| names(tool.get("functionDeclarations"), "/name")).collect(),
        results: parts.filter(|part| part.get("functionResponse").is_some()).count(),
        wants_json: format.is_some_and(|format| format.contains("json")),
        is_streamed: line.ends_with(":streamGenerateContent"),
    }
}

pub fn write(say: &Say, is_streamed: bool) -> String {
    let part = match say {
        Say::Text(text) => json!({ "text": text }),
        Say::Call(number, tool, arguments) => {
            json!({ "functionCall": { "id": format!("lab{number}"), "name": tool, "args": arguments } })
        }
    };
    let whole = json!({
        "candidates": [{ "content": { "role": "model", "parts": [part] }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": { "promptTokenCount": 10, "candidatesTokenCount": 10, "totalTokenCount": 20 },
        "modelVersion": "lab", "responseId": "lab",
    });
    if is_streamed { stream::data(&whole) } else { whole.to_string() }
}
