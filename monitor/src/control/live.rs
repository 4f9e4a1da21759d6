//! Events as they happen. The plain ones have a channel of their own, so that a reader which is too slow for them still
//! gets the others.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};

use interlock_core::event_fields::number;

/// Both channels as one, in the order in which the events were published.
#[derive(Debug)]
pub struct Live([Channel; 2]);

#[derive(Debug)]
struct Channel {
    receiver: Receiver<Arc<Value>>,
    /// Received, and not handed on yet.
    next: Option<Arc<Value>>,
    closed: bool,
}

impl Live {
    #[must_use]
    pub fn new(weighty: Receiver<Arc<Value>>, plain: Receiver<Arc<Value>>) -> Self {
        Self([weighty, plain].map(|receiver| Channel { receiver, next: None, closed: false }))
    }

    /// The next event.
    ///
    /// # Errors
    /// How many were missed because the reader was too slow, or that there will be no further one.
    pub async fn next(&mut self) -> Result<Arc<Value>, RecvError> {
        loop {
            // Twice: what was published before an event that the first look finds, the second does.
            for _ in 0..2 {
                for channel in &mut self.0 {
                    channel.look()?;
                }
            }
            let waiting = self.0.iter_mut().filter(|channel| channel.next.is_some());
            let first = waiting.min_by_key(|channel| channel.next.as_deref().map(number));
            if let Some(event) = first.and_then(|channel| channel.next.take()) {
                return Ok(event);
            }
            let [weighty, plain] = &mut self.0;
            tokio::select! {
                event = weighty.receiver.recv(), if !weighty.closed => weighty.take(event)?,
                event = plain.receiver.recv(), if !plain.closed => plain.take(event)?,
                else => return Err(RecvError::Closed),
            }
        }
    }
}

impl Channel {
    fn look(&mut self) -> Result<(), RecvError> {
        if self.next.is_some() || self.closed {
            return Ok(());
        }
        match self.receiver.try_recv() {
            Ok(event) => self.take(Ok(event)),
            Err(TryRecvError::Empty) => Ok(()),
            Err(TryRecvError::Closed) => self.take(Err(RecvError::Closed)),
            Err(TryRecvError::Lagged(lost)) => Err(RecvError::Lagged(lost)),
        }
    }

    /// The end of one channel is not the end of both.
    fn take(&mut self, event: Result<Arc<Value>, RecvError>) -> Result<(), RecvError> {
        match event {
            Ok(event) => self.next = Some(event),
            Err(RecvError::Closed) => self.closed = true,
            Err(lagged @ RecvError::Lagged(_)) => return Err(lagged),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::broadcast;

    use super::*;

    fn event(number: u64) -> Arc<Value> {
        Arc::new(json!({ "event.id": format!("e{number}") }))
    }

    #[tokio::test]
    async fn both_channels_come_in_the_order_of_their_events() {
        let (weighty, plain) = (broadcast::Sender::new(8), broadcast::Sender::new(8));
        let mut live = Live::new(weighty.subscribe(), plain.subscribe());
        for number in 1..=5 {
            let _ = if number % 2 == 0 { &weighty } else { &plain }.send(event(number));
        }
        drop((weighty, plain));
        for number in 1..=5 {
            assert_eq!(live.next().await, Ok(event(number)));
        }
        assert_eq!(live.next().await, Err(RecvError::Closed));
    }

    #[tokio::test]
    async fn a_slow_reader_misses_plain_events_and_no_other() {
        let (weighty, plain) = (broadcast::Sender::new(8), broadcast::Sender::new(8));
        let mut live = Live::new(weighty.subscribe(), plain.subscribe());
        let _ = weighty.send(event(1));
        (2..102).for_each(|number| drop(plain.send(event(number))));
        assert_eq!(live.next().await, Err(RecvError::Lagged(92)));
        assert_eq!(live.next().await, Ok(event(1)));
        assert_eq!(live.next().await, Ok(event(94)));
    }

    #[tokio::test]
    async fn what_comes_later_is_waited_for() {
        let (weighty, plain) = (broadcast::Sender::new(8), broadcast::Sender::<Arc<Value>>::new(8));
        let mut live = Live::new(weighty.subscribe(), plain.subscribe());
        drop(plain);
        let next = tokio::spawn(async move { live.next().await });
        tokio::task::yield_now().await;
        let _ = weighty.send(event(1));
        assert_eq!(next.await.unwrap(), Ok(event(1)));
    }
}
