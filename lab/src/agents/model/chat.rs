//! OpenAI's chat completions: <https://platform.openai.com/docs/api-reference/chat>, which many providers speak.

use serde_json::{Value, json};

use super::{Asked, Say, count, names, stream};

pub fn read(request: &Value) -> Asked {
    let format = request.pointer("/response_format/type").and_then(Value::as_str);
    Asked {
        tools: names(request.get("tools"), "/function/name"),
        results: count(request.get("messages"), "role", "tool"),
        wants_json: format.is_some_and(|format| format.starts_with("json")),
        is_streamed: request.get("stream") == Some(&Value::Bool(true)),
    }
}

pub fn write(say: &Say, is_streamed: bool) -> String {
    let (message, finish) = match say {
        Say::Text(text) => (json!({ "role": "assistant", "content": text }), "stop"),
        Say::Call(number, tool, arguments) => {
            let call = json!({
                "index": 0, "id": format!("call_lab{number}"), "type": "function",
                "function": { "name": tool, "arguments": arguments.to_string() },
            });
            (json!({ "role": "assistant", "content": null, "tool_calls": [call] }), "tool_calls")
        }
    };
    let usage = json!({ "prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20 });
    if !is_streamed {
        let choice = json!({ "index": 0, "message": message, "finish_reason": finish });
        return envelope("chat.completion", &json!([choice]), &usage).to_string();
    }
    let chunk =
        |choices: Value, usage: &Value| stream::data(&envelope("chat.completion.chunk", &choices, usage));
    let choice =
        |delta: Value, finish: Value| json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
    [
        chunk(choice(message, Value::Null), &Value::Null),
        chunk(choice(json!({}), finish.into()), &Value::Null),
        chunk(json!([]), &usage),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat()
}

fn envelope(object: &str, choices: &Value, usage: &Value) -> Value {
    json!({
        "id": "chatcmpl-lab", "object": object, "created": 1_700_000_000, "model": "lab", "choices": choices, "usage": usage,
    })
}
