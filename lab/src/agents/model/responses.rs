//! OpenAI's responses: <https://platform.openai.com/docs/api-reference/responses>, with its streaming events.

use serde_json::{Value, json};

use super::{Asked, Say, names, stream};

pub fn read(request: &Value) -> Asked {
    let input = request.get("input").and_then(Value::as_array).into_iter().flatten();
    let is_result = |item: &&Value| {
        item.get("type").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("_call_output"))
    };
    let format = request.pointer("/text/format/type").and_then(Value::as_str);
    Asked {
        tools: names(request.get("tools"), "/name"),
        results: input.filter(is_result).count(),
        wants_json: format.is_some_and(|format| format.starts_with("json")),
        is_streamed: request.get("stream") == Some(&Value::Bool(true)),
    }
}

pub fn write(say: &Say, is_streamed: bool) -> String {
    let item = item(say);
    let whole = response("completed", &json!([item]));
    if !is_streamed {
        return whole.to_string();
    }
    let mut events =
        vec![json!({ "type": "response.created", "response": response("in_progress", &json!([])) })];
    events.extend(parts(say, &item));
    events.push(json!({ "type": "response.output_item.done", "output_index": 0, "item": item }));
    events.push(json!({ "type": "response.completed", "response": whole }));
    let numbered = events.into_iter().enumerate().map(|(number, mut event)| {
        if let Some(fields) = event.as_object_mut() {
            fields.insert("sequence_number".to_owned(), number.into());
        }
        stream::named(&event)
    });
    numbered.collect()
}

fn item(say: &Say) -> Value {
    match say {
        Say::Text(text) => json!({
            "type": "message", "id": "msg_lab", "status": "completed", "role": "assistant",
            "content": [{ "type": "output_text", "text": text, "annotations": [] }],
        }),
        Say::Call(number, tool, arguments) => json!({
            "type": "function_call", "id": format!("fc_lab{number}"), "call_id": format!("call_lab{number}"),
            "name": tool, "arguments": arguments.to_string(), "status": "completed",
        }),
    }
}

/// The item as it grows.
fn parts(say: &Say, item: &Value) -> Vec<Value> {
    let mut empty = item.clone();
    if let Some(fields) = empty.as_object_mut() {
        fields.insert("status".to_owned(), "in_progress".into());
        match say {
            Say::Text(_) => fields.insert("content".to_owned(), json!([])),
            Say::Call(..) => fields.insert("arguments".to_owned(), "".into()),
        };
    }
    let id = item.get("id").cloned().unwrap_or_default();
    let added = json!({ "type": "response.output_item.added", "output_index": 0, "item": empty });
    match say {
        Say::Text(text) => {
            let part = |text: &str| json!({ "type": "output_text", "text": text, "annotations": [] });
            let place = |kind: &str, key: &str, value: Value| {
                let mut event = json!({ "type": kind, "item_id": id, "output_index": 0, "content_index": 0, "logprobs": [] });
                if let Some(fields) = event.as_object_mut() {
                    fields.insert(key.to_owned(), value);
                }
                event
            };
            vec![
                added,
                place("response.content_part.added", "part", part("")),
                place("response.output_text.delta", "delta", text.clone().into()),
                place("response.output_text.done", "text", text.clone().into()),
                place("response.content_part.done", "part", part(text)),
            ]
        }
        Say::Call(_, _, arguments) => {
            let text = arguments.to_string();
            let event =
                |kind: &str, key: &str| json!({ "type": kind, "item_id": id, "output_index": 0, key: text });
            vec![
                added,
                event("response.function_call_arguments.delta", "delta"),
                event("response.function_call_arguments.done", "arguments"),
            ]
        }
    }
}

fn response(status: &str, output: &Value) -> Value {
    json!({
        "id": "resp_lab", "object": "response", "created_at": 1_700_000_000, "status": status, "model": "lab",
        "output": output, "parallel_tool_calls": false, "tool_choice": "auto", "tools": [], "error": null,
        "incomplete_details": null, "instructions": null, "metadata": {}, "temperature": 1.0, "top_p": 1.0,
        "usage": { "input_tokens": 10, "input_tokens_details": { "cached_tokens": 0 }, "output_tokens": 10,
            "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 20 },
    })
}
