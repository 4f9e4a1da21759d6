//! Asks the daemon, one thing after the other. Nothing of it counts as shown to anybody: an approval says itself what was.

use tokio::{
    sync::mpsc::{Sender, UnboundedReceiver},
    time::{Duration, MissedTickBehavior, interval},
};

use super::{
    agenda::Agenda,
    answer::Given,
    dialog::{Decision, Looking},
    message::{Input, Order, Sighting},
};
use crate::{
    control::{
        api::{Approval, Denial, HoldView, SessionView, Thaw},
        client::{Client, ClientError},
    },
    factor::check::Proof,
};
use interlock_core::explanation::Explanation;

/// How often everything is asked for, if nothing happens.
const EVERY: Duration = Duration::from_secs(1);

struct Worker {
    client: Client,
    inputs: Sender<Input>,
}

/// Until nobody listens any more.
pub async fn run(client: Client, mut orders: UnboundedReceiver<Order>, inputs: Sender<Input>) {
    let worker = Worker { client, inputs };
    let mut agenda = Agenda::default();
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        while let Ok(order) = orders.try_recv() {
            agenda.put(order);
        }
        let Some(order) = agenda.next() else {
            let order = tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => order,
                    None => return,
                },
                _ = tick.tick() => Order::Refresh,
            };
            agenda.put(order);
            continue;
        };
        if matches!(order, Order::Decide { .. }) {
            agenda.put(Order::Refresh);
        }
        let answer = worker.perform(order).await;
        if let Some(input) = answer
            && worker.inputs.send(input).await.is_err()
        {
            return;
        }
    }
}

impl Worker {
    async fn perform(&self, order: Order) -> Option<Input> {
        Some(match order {
            Order::Refresh => self.refresh().await,
            Order::Look(looking) => self.look(looking).await,
            Order::Explain { id, shown } => {
                let story = self.explain(&id).await.map(Box::new).map_err(|error| error.to_string());
                Input::Explained { id, shown, story }
            }
            Order::Decide { decision, given } => {
                let answer = self.decide(&decision, given).await;
                Input::Answered(answer.map_err(|error| error.to_string()))
            }
            Order::Quit => return None,
        })
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
        Ok(Input::News(Box::new(status), sessions, self.holds().await?))
    }

    async fn holds(&self) -> Result<Vec<HoldView>, ClientError> {
        self.client.get("/v1/holds?peek=true").await
    }

    async fn explain(&self, id: &str) -> Result<Explanation, ClientError> {
        self.client.get(&format!("/v1/explain/{id}?peek=true")).await
    }

    async fn look(&self, looking: Looking) -> Input {
        let id = looking.decision.hold().unwrap_or_default().to_owned();
        let story = self.explain(&id).await.ok(); // without it, the hold itself is shown
        let looked = match self.holds().await {
            Ok(holds) => {
                let hold = holds.into_iter().find(|hold| hold.id == id);
                Ok(Box::new(Sighting { hold, story }))
            }
            Err(error) => Err(error.to_string()),
        };
        Input::Looked(looking, looked)
    }

    async fn decide(&self, decision: &Decision, given: Given) -> Result<String, ClientError> {
        let Given { seen, evidence, reason, code } = given;
        let proof = code.map(|code| Proof { code: Some(code), ..Proof::default() });
        match decision {
            Decision::Approve { hold } => {
                let path = format!("/v1/holds/{hold}/approve");
                let approval = Approval { seen, evidence, reason, proof, ..Approval::default() };
                let hold: HoldView = self.client.post(&path, &approval).await?;
                Ok(format!("released {}: {} goes on to {}", hold.id, hold.command, hold.destination))
            }
            Decision::Deny { hold } => {
                let denial = Denial { reason, evidence };
                let hold: HoldView = self.client.post(&format!("/v1/holds/{hold}/deny"), &denial).await?;
                Ok(format!("denied {}: {} does not reach {}", hold.id, hold.command, hold.destination))
            }
            Decision::Freeze { session } => {
                let session: SessionView =
                    self.client.post(&format!("/v1/sessions/{session}/freeze"), &()).await?;
                Ok(format!("frozen: {} ({})", session.id, session.command))
            }
            Decision::Thaw { session } => {
                let session: SessionView =
                    self.client.post(&format!("/v1/sessions/{session}/thaw"), &Thaw { proof }).await?;
                let keys = if session.background { "; type `fg` in its terminal" } else { "" };
                Ok(format!("thawed: {} ({}){keys}", session.id, session.command))
            }
        }
    }
}
