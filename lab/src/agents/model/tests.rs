use serde_json::json;

use super::*;

fn script(commands: &[&str]) -> Script {
    let Value::Object(arguments) = json!({ "command": ["bash", "-lc", "@command@"], "timeout": 5 }) else {
        unreachable!("an object")
    };
    let commands = commands.iter().map(|command| (*command).to_owned()).collect();
    Script { tool: "sh".into(), arguments, commands, ..Script::default() }
}

fn reply(line: &str, request: &Value) -> Reply {
    script(&["first", "second"]).answer(line, request.to_string().as_bytes()).unwrap()
}

/// The events of a stream, each a JSON value.
fn events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn arguments(command: &str) -> Value {
    json!({ "command": ["bash", "-lc", command], "timeout": 5 })
}

#[test]
fn anthropics_call_is_a_block_and_the_next_follows_its_result() {
    let tools = json!([{ "name": "sh" }]);
    let first = reply(
        "POST /v1/messages",
        &json!({ "tools": tools, "messages": [{ "role": "user", "content": "hi" }] }),
    );
    let message: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!(message["content"][0]["input"], arguments("first"));
    assert_eq!(message["stop_reason"], "tool_use");
    let result =
        json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "toolu_lab0" }] });
    let request = json!({ "tools": tools, "stream": true, "messages": [result] });
    let second = reply("POST /v1/messages", &request);
    assert_eq!(second.content_type, "text/event-stream");
    assert!(second.body.starts_with("event: message_start\n"));
    let events = events(&second.body);
    let text = events[2]["delta"]["partial_json"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), arguments("second"));
    assert_eq!(events[1]["content_block"]["input"], json!({}));
    assert_eq!(second.exchange.results, 1);
}

#[test]
fn a_chats_call_is_a_delta_and_after_all_results_it_is_done() {
    let tools = json!([{ "type": "function", "function": { "name": "sh" } }]);
    let request = json!({ "tools": tools, "stream": true, "messages": [] });
    let first = reply("POST /openai/v1/chat/completions", &request);
    let chunks = events(&first.body);
    let call = &chunks[0]["choices"][0]["delta"]["tool_calls"][0]["function"];
    assert_eq!(
        serde_json::from_str::<Value>(call["arguments"].as_str().unwrap()).unwrap(),
        arguments("first")
    );
    assert_eq!(chunks[1]["choices"][0]["finish_reason"], "tool_calls");
    assert!(first.body.ends_with("data: [DONE]\n\n"));
    let results = json!([{ "role": "tool" }, { "role": "assistant" }, { "role": "tool" }]);
    let last = reply("POST /v1/chat/completions", &json!({ "tools": tools, "messages": results }));
    let whole: Value = serde_json::from_str(&last.body).unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], DONE);
    assert_eq!(last.content_type, "application/json");
}

#[test]
fn a_response_is_streamed_item_by_item() {
    let tools = json!([{ "type": "function", "name": "sh" }]);
    let input = json!([{ "type": "message" }, { "type": "function_call_output" }]);
    let reply = reply("POST /v1/responses", &json!({ "tools": tools, "stream": true, "input": input }));
    let events = events(&reply.body);
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "response.created",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds, expected);
    let done = events[4]["item"]["arguments"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(done).unwrap(), arguments("second"));
    assert_eq!(events[5]["sequence_number"], 5);
}

#[test]
fn geminis_call_is_a_part_whether_streamed_or_not() {
    let tools = json!([{ "functionDeclarations": [{ "name": "sh" }] }]);
    let request =
        json!({ "tools": tools, "contents": [{ "role": "user", "parts": [{ "functionResponse": {} }] }] });
    let streamed = reply("POST /v1beta/models/g:streamGenerateContent", &request);
    let whole = reply("POST /v1beta/models/g:generateContent", &request);
    assert_eq!(events(&streamed.body)[0], serde_json::from_str::<Value>(&whole.body).unwrap());
    let part = &events(&streamed.body)[0]["candidates"][0]["content"]["parts"][0]["functionCall"];
    assert_eq!(part["args"], arguments("second"));
}

#[test]
fn what_offers_no_such_tool_gets_words_and_what_wants_json_gets_json() {
    let title = reply("POST /v1/messages", &json!({ "messages": [], "tools": [{ "name": "other" }] }));
    assert!(title.body.contains(DONE), "{title:?}");
    assert_eq!(title.exchange.tools, ["other"]);
    let format = json!({ "generationConfig": { "responseMimeType": "application/json" } });
    let body = reply("POST /v1beta/models/g:generateContent", &format).body;
    let whole: Value = serde_json::from_str(&body).unwrap();
    let text = whole["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap()["next_speaker"], "user");
}

#[test]
fn what_is_no_models_business_is_not_answered() {
    for line in ["GET /v1/messages", "POST /v1/messages/count_tokens", "POST /telemetry"] {
        assert_eq!(script(&[]).answer(line, b"{}"), None, "{line}");
    }
    assert_eq!(script(&[]).answer("POST /v1/messages", b"no json"), None);
}

#[test]
fn a_tool_that_ends_the_work_is_called_at_its_end() {
    let finish =
        Finish { tool: "submit".into(), arguments: Map::from_iter([("result".to_owned(), json!("ok"))]) };
    let script = Script { finish: Some(finish), ..script(&["first"]) };
    let tools = json!([{ "name": "sh" }, { "name": "submit" }]);
    let said = |messages: Value| {
        let request = json!({ "tools": tools, "messages": messages });
        let body = script.answer("POST /v1/messages", request.to_string().as_bytes()).unwrap().body;
        serde_json::from_str::<Value>(&body).unwrap()["content"][0]["name"].clone()
    };
    assert_eq!(said(json!([])), "sh");
    assert_eq!(said(json!([{ "content": [{ "type": "tool_result" }] }])), "submit");
}

#[test]
fn an_agent_without_a_tool_is_told_all_commands_once() {
    let script = Script { tool: String::new(), ..script(&["first", "second"]) };
    let said = |text: &str| {
        let request = json!({ "messages": [{ "role": "user", "content": text }] });
        let reply = script.answer("POST /v1/chat/completions", request.to_string().as_bytes()).unwrap();
        let whole = serde_json::from_str::<Value>(&reply.body).unwrap();
        (whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned(), reply.exchange.results)
    };
    assert_eq!(said("hi"), ("```bash\nfirst\nsecond\n```\n".to_owned(), 0));
    assert_eq!(said("I ran first"), (DONE.to_owned(), 2));
}
