//! Asks the daemon: one thing after the other, so that what it counts as shown is what stands on the screen.

use tokio::{
    sync::mpsc::{Sender, UnboundedReceiver},
    time::{Duration, MissedTickBehavior, interval},
};

use super::{
    dialog::Decision,
    message::{Input, Order, Sighting},
};
use crate::control::{
    api::{Approval, HoldView, SessionView},
    client::{Client, ClientError},
};
use interlock_core::explanation::Explanation;

/// How often everything is asked for, if nothing happens.
const EVERY: Duration = Duration::from_secs(1);

struct Worker {
    client: Client,
    inputs: Sender<Input>,
    /// A question about a hold is on the screen: no hold is asked for, so that none counts as shown that was not.
    asking: bool,
}

/// Until nobody listens any more.
pub async fn run(client: Client, mut orders: UnboundedReceiver<Order>, inputs: Sender<Input>) {
    let mut worker = Worker { client, inputs, asking: false };
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let order = tokio::select! {
            order = orders.recv() => match order {
                Some(order) => order,
                None => return,
            },
            _ = tick.tick() => Order::Refresh,
        };
        let answer = worker.perform(order).await;
        for input in answer {
            if worker.inputs.send(input).await.is_err() {
                return;
            }
        }
    }
}

impl Worker {
    async fn perform(&mut self, order: Order) -> Vec<Input> {
        match order {
            Order::Refresh => vec![self.refresh().await],
            Order::Look(decision) => {
                self.asking = true;
                vec![self.look(decision).await]
            }
            Order::Leave => {
                self.asking = false;
                vec![self.refresh().await]
            }
            // It would count as shown who waits under the hold by now.
            Order::Explain { shown: false, .. } if self.asking => Vec::new(),
            Order::Explain { id, shown } => {
                let story = self.explain(&id).await.map(Box::new).map_err(|error| error.to_string());
                vec![Input::Explained { id, shown, story }]
            }
            Order::Decide(decision) => {
                let answer = Input::Answered(self.decide(&decision).await.map_err(|error| error.to_string()));
                self.asking = false;
                vec![answer, self.refresh().await]
            }
            Order::Quit => Vec::new(),
        }
    }

    async fn refresh(&self) -> Input {
        match self.everything().await {
            Ok(news) => news,
            Err(error) => Input::Lost(error.to_string()),
        }
    }

    async fn everything(&self) -> Result<Input, ClientError> {
        let status = self.client.get("/v1/status").await?;
        let sessions: Vec<SessionView> = self.client.get("/v1/sessions").await?;
        let holds = if self.asking { None } else { Some(self.holds().await?) };
        Ok(Input::News(Box::new(status), sessions, holds))
    }

    async fn holds(&self) -> Result<Vec<HoldView>, ClientError> {
        self.client.get("/v1/holds").await
    }

    async fn explain(&self, id: &str) -> Result<Explanation, ClientError> {
        self.client.get(&format!("/v1/explain/{id}")).await
    }

    /// The holds last: whoever counts as shown by either stands in them.
    async fn look(&self, decision: Decision) -> Input {
        let id = decision.hold().unwrap_or_default().to_owned();
        let story = self.explain(&id).await.ok(); // without it, the hold itself is shown
        let looked = match self.holds().await {
            Ok(holds) => {
                let hold = holds.into_iter().find(|hold| hold.id == id);
                Ok(Box::new(Sighting { hold, story }))
            }
            Err(error) => Err(error.to_string()),
        };
        Input::Looked(decision, looked)
    }

    async fn decide(&self, decision: &Decision) -> Result<String, ClientError> {
        match decision {
            Decision::Approve { hold } => {
                let path = format!("/v1/holds/{hold}/approve");
                let hold: HoldView = self.client.post(&path, &Approval::default()).await?;
                Ok(format!("released {}: {} goes on to {}", hold.id, hold.command, hold.destination))
            }
            Decision::Deny { hold } => {
                let hold: HoldView = self.client.post(&format!("/v1/holds/{hold}/deny"), &()).await?;
                Ok(format!("denied {}: {} does not reach {}", hold.id, hold.command, hold.destination))
            }
            Decision::Freeze { session } => {
                let session: SessionView =
                    self.client.post(&format!("/v1/sessions/{session}/freeze"), &()).await?;
                Ok(format!("frozen: {} ({})", session.id, session.command))
            }
            Decision::Thaw { session } => {
                let session: SessionView =
                    self.client.post(&format!("/v1/sessions/{session}/thaw"), &()).await?;
                let keys = if session.background { "; type `fg` in its terminal" } else { "" };
                Ok(format!("thawed: {} ({}){keys}", session.id, session.command))
            }
        }
    }
}
