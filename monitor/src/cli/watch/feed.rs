//! Follows the events, and begins anew where the stream ends.

use tokio::{
    sync::mpsc::Sender,
    time::{Duration, sleep},
};

use super::message::Input;
use crate::{
    archive::Question,
    cli::past,
    control::client::{Client, ClientError},
};

/// How long after the end of a stream.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Until nobody listens any more.
pub async fn run(client: Client, inputs: Sender<Input>) {
    let path = past::path(&Question { follow: true, ..Question::default() });
    while !inputs.is_closed() {
        let ended = follow(&client, &path, &inputs).await;
        let words = ended.err().map_or_else(|| "the daemon has ended".to_owned(), |error| error.to_string());
        if inputs.send(Input::Lost(words)).await.is_err() {
            return;
        }
        sleep(AGAIN_AFTER).await;
    }
}

async fn follow(client: &Client, path: &str, inputs: &Sender<Input>) -> Result<(), ClientError> {
    let mut lines = client.stream(path).await?;
    while let Some(line) = lines.next().await? {
        let remark = std::cell::RefCell::new(Vec::new());
        let is_event = past::is_event(&line, |text| remark.borrow_mut().push(text.to_owned()));
        let said = remark.into_inner().into_iter().map(Input::Remark);
        let event = is_event.then(|| Input::Happened(Box::new(line)));
        for input in said.chain(event) {
            if inputs.send(input).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
