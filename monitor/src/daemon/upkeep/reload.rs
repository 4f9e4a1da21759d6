//! New rules and catalogues: validated, then swapped as one between two records.

use crate::{
    control::{
        api::{Refusal, RulesView},
        command::RequestError,
    },
    daemon::{
        context::{
            Context, kernel::numbering::Numbering, mailbox::handle::Message, policy_set::Loaded,
            upkeep::reloading::Reason,
        },
        intake::{self, surveying},
        upkeep::{rules, saving, tables},
    },
};
use interlock_core::{
    problem::Problems,
    record::{Kind, Who},
};
use interlock_host::capabilities::{self, Duty};

/// Has rules and catalogues read again. With a mistake in any of them everything stays as it was.
pub fn reload(ctx: &mut Context, reason: Reason) {
    ctx.upkeep.reloading.waiting.push(reason);
    read_again(ctx);
}

fn read_again(ctx: &mut Context) {
    if ctx.upkeep.reloading.is_reading || ctx.upkeep.reloading.waiting.is_empty() {
        return;
    }
    let (config, back) = (ctx.config.clone(), ctx.mailbox.back.clone());
    let reading = capabilities::start("interlock-files", Duty::Look, move || {
        let read = Box::new(Loaded::read(&config));
        drop(back.send(Message::Read(read))); // the event loop has ended
    });
    ctx.upkeep.reloading.served = std::mem::take(&mut ctx.upkeep.reloading.waiting);
    match reading {
        Ok(_) => ctx.upkeep.reloading.is_reading = true,
        Err(error) => {
            tracing::error!(%error, "rules and catalogues cannot be read again");
            let refused = || {
                RequestError::Conflict(Refusal {
                    error: format!("no thread can be had: {error}"),
                    hint: None,
                })
            };
            answer_reloads(ctx, &|_| Err(refused()));
        }
    }
}

/// What was read.
pub fn has_read(ctx: &mut Context, read: Result<Loaded, Problems>) {
    ctx.upkeep.reloading.is_reading = false;
    ctx.policies.refused = read.as_ref().err().cloned().unwrap_or_default();
    ctx.reporter.metrics.rules_rejected(ctx.policies.refused.len()); // the next housekeeping may be far
    match read {
        Err(mistakes) => {
            ctx.reporter.metrics.rules_reload_failures.inc();
            tracing::error!("the new rules are refused, the old ones still apply:\n{mistakes}");
            let refusal = || Refusal {
                error: mistakes.to_string(),
                hint: Some("the rules that worked still apply".into()),
            };
            answer_reloads(ctx, &|_| Err(RequestError::Invalid(refusal())));
        }
        Ok(new) => {
            let only_changed = |reason: &Reason| matches!(reason, Reason::Changed);
            let is_in_force = new.is_like(&ctx.decider.settings.rules, &ctx.policies);
            if !(is_in_force && ctx.upkeep.reloading.served.iter().all(only_changed)) {
                adopt_policies(ctx, new);
            }
            answer_reloads(ctx, &|ctx| {
                Ok(rules::rules_view(&ctx.decider.settings.rules, &ctx.policies, &ctx.kernel.probes))
            });
        }
    }
    read_again(ctx);
}

fn answer_reloads(ctx: &mut Context, answer: &dyn Fn(&Context) -> Result<RulesView, RequestError>) {
    saving::write_down(ctx); // what was answered outlives a daemon that is killed now
    for reason in std::mem::take(&mut ctx.upkeep.reloading.served) {
        if let Reason::Asked(reply) = reason {
            let _ = reply.send(answer(ctx)); // the caller hung up
        }
    }
}

fn adopt_policies(ctx: &mut Context, new: Loaded) {
    intake::catch_up(ctx); // what was tagged by the old catalogue's numbers is judged by them
    ctx.decider.settings.rules = new.rules;
    let mut old = std::mem::replace(&mut ctx.policies, new.policies);
    let before = old.catalog.secrets.ids().map(str::to_owned).collect();
    ctx.kernel.numbering = Numbering::after(ctx.kernel.numbering.generation(), before);
    // What they said before counts until they have been asked again.
    if let Some(answers) = old.answers.take() {
        ctx.policies.learn(answers);
    }
    ctx.mailbox.ask_again.notify_one();
    let changes = old.catalog.changes(&ctx.policies.catalog);
    if let Err(error) = tables::write_tables(ctx) {
        tracing::error!(%error, "the kernel's tables could not be renewed");
    }
    for id in ctx.decider.sessions.ids() {
        surveying::tag_stores(ctx, id);
    }
    ctx.state.save();
    let (rules, catalog) = (ctx.decider.settings.rules.sha256().to_owned(), ctx.policies.catalog.sha256());
    ctx.reporter.record(
        Kind::Rules,
        Who::Daemon,
        None,
        [("sha256", rules.into()), ("catalog_sha256", catalog.into())],
    );
    tracing::info!(rules = ctx.decider.settings.rules.len(), "rules loaded");
    ctx.reporter.metrics.pods.may_be(ctx.policies.catalog.workspaces.runtimes());
    surveying::cluster::read_owners_again(ctx);
    rules::warn(&ctx.decider.settings.rules, &ctx.kernel.probes);
    for change in changes {
        tracing::info!("{change}");
    }
}
