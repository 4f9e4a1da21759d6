//! Anthropic's Messages API: <https://docs.anthropic.com/en/api/messages>, with its streaming events.

use serde_json::{Value, json};

use super::{Asked, Say, count, names, stream};

pub fn read(request: &Value) -> Asked {
    let messages = request.get("messages").and_then(Value::as_array).into_iter().flatten();
    Asked {
        tools: names(request.get("tools"), "/name"),
        results: messages.map(|message| count(message.get("content"), "type", "tool_result")).sum(),
        wants_json: request.pointer("/output_config/format").is_some()
            || request.get("output_format").is_some(),
        is_streamed: request.get("stream") == Some(&Value::Bool(true)),
    }
}

pub fn write(say: &Say, is_streamed: bool) -> String {
    let (block, stop) = match say {
        Say::Text(text) => (json!({ "type": "text", "text": text }), "end_turn"),
        Say::Call(number, tool, arguments) => {
            let id = format!("toolu_lab{number}");
            (json!({ "type": "tool_use", "id": id, "name": tool, "input": arguments }), "tool_use")
        }
    };
    if is_streamed { streamed(say, &block, stop) } else { message(&json!([block]), &stop.into()).to_string() }
}

fn message(content: &Value, stop: &Value) -> Value {
    json!({
        "id": "msg_lab", "type": "message", "role": "assistant", "model": "claude-lab", "content": content,
        "stop_reason": stop, "stop_sequence": null, "usage": { "input_tokens": 10, "output_tokens": 10 },
    })
}

fn streamed(say: &Say, block: &Value, stop: &str) -> String {
    let (empty, delta) = match say {
        Say::Text(text) => {
            (json!({ "type": "text", "text": "" }), json!({ "type": "text_delta", "text": text }))
        }
        Say::Call(_, _, arguments) => {
            let mut empty = block.clone();
            if let Some(input) = empty.get_mut("input") {
                *input = json!({});
            }
            (empty, json!({ "type": "input_json_delta", "partial_json": arguments.to_string() }))
        }
    };
    let events = [
        json!({ "type": "message_start", "message": message(&json!([]), &Value::Null) }),
        json!({ "type": "content_block_start", "index": 0, "content_block": empty }),
        json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": stop, "stop_sequence": null },
            "usage": { "output_tokens": 10 } }),
        json!({ "type": "message_stop" }),
    ];
    events.iter().map(stream::named).collect()
}
