//! A unit's shares: judged, counted, and sent on if the pool would take them.

use serde_json::{Value, json};

use super::end::End;
use super::state::Unit;
use crate::lock::lock;
use thermine_stratum::refusal;
use thermine_stratum::request::Submit;
use thermine_stratum::server_connection::ServerConnection;
use thermine_units::clock::Nanos;
use thermine_units::pow::Algorithm;
use thermine_units::record::Verdict;

impl Unit {
    /// Takes a share. It is acknowledged at once if it is not for the pool, and otherwise when it is stored.
    pub(super) async fn share(
        &mut self,
        wire: &mut ServerConnection,
        id: Value,
        submit: Submit,
        arrived: Nanos,
    ) -> Result<(), End> {
        let judged = self.ledger.judge(&submit, wire.protocol().version_mask());
        let now = self.clock.now();
        let newest = self.hub.current();
        let algorithm = newest.map_or_else(Algorithm::default, |newest| newest.work.algorithm());
        {
            let mut account = lock(&self.member.account);
            account.judged(judged.verdict, judged.difficulty, algorithm);
            if judged.verdict == Verdict::Accepted {
                match judged.forward {
                    Some(_) => account.forwarded += 1,
                    None => account.filtered += 1,
                }
            }
        }
        if let (Some(feed), Some(piece)) = (&mut self.feed, judged.piece) {
            feed.answered(piece, now);
        }
        if let (Verdict::Accepted, Some(difficulty)) = (judged.verdict, judged.difficulty) {
            self.vardiff.share(difficulty);
        }
        match (refusal::of(judged.verdict), judged.forward) {
            (Some(refusal), _) => wire.reply(id, Err(refusal)),
            (None, None) => wire.reply(id, Ok(json!(true))),
            (None, Some(forward)) => {
                self.unstored += 1;
                let template = forward.template;
                let submit = Submit {
                    user: String::new(),
                    job_id: template.job_id.clone(),
                    extranonce2: forward.extranonce2,
                    version_bits: Some(forward.version),
                    ..submit
                };
                let number = self.membership.number();
                self.hub
                    .forward(number, &self.member, id, &template, submit, arrived)
                    .await?;
            }
        }
        let ban = lock(&self.conduct).judged(judged.verdict, now);
        if let Some(ban) = ban {
            let (worker, reason) = (self.member.worker.to_string(), ban.reason.clone());
            let peer = self.member.peer;
            tracing::warn!(worker, %peer, reason, "banned a unit");
            self.hub.ban(peer, &worker, ban).await?;
            return Err(End::Banned(worker, reason));
        }
        self.retarget(wire);
        Ok(())
    }
}
