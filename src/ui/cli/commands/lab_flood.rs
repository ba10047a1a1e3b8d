//! `tcpctl lab syn-flood`.

use std::path::Path;

use super::lab_capture::CaptureFile;
use super::lab_flood_live::play_floods_live;
use super::lab_interrupt::Interrupt;
use super::lab_subject::ending;
use crate::explain::{Ask, Origin, Overrides, find_topic};
use crate::lab::{FloodConditions, FloodPlan, FloodProof, obtain_rights, prove_floods};
use crate::model::{IpVersion, Settings};
use crate::report::{
    FloodEffect, FloodEffectView, FloodProofView, render_flood_effect, render_flood_heading, render_flood_proof,
};
use crate::tune::{Plan, plan_rehearsal};
use crate::ui::cli::args_lab::LabArgs;
use crate::ui::cli::commands::lab::error_of;
use crate::ui::cli::context::Context;
use crate::ui::cli::reading::{Depth, read_snapshot};
use crate::ui::cli::{CliError, Exit, change, choose};
use crate::units::{SysctlValues, parse_duration_us};

/// The topic that is played here.
pub(super) const TOPIC: &str = "syn-flood";
/// Where further profiles are read from.
const PROFILE_DIR: &str = "/etc/tcpctl/profiles.d";

/// Plays a flood on the kernel and prints it beside the prediction; with a profile, without and with its values.
pub(super) fn run(args: &LabArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let topic = find_topic(TOPIC).map_err(|error| CliError::Usage(error.to_string()))?;
    if !args.sockopt.is_empty() {
        return Err(CliError::Usage(format!("--sockopt has no part in {TOPIC}: forged SYNs have no socket")));
    }
    if args.limit.is_some() {
        let message = format!("--limit has no part in {TOPIC}: its length comes from --rate and --count");
        return Err(CliError::Usage(message));
    }
    if args.pcap.is_some() && args.profile.is_some() {
        return Err(CliError::Usage("--pcap keeps one flood and --profile plays two: leave out one".to_owned()));
    }
    let overrides = Overrides {
        set: args.set.clone(),
        rtt_us: args.rtt.as_deref().map(parse_duration_us).transpose().map_err(CliError::Usage)?,
        ..Overrides::default()
    };
    let ask = context.ask(&overrides, args.defaults)?;
    let settings = ask.settings();
    let plan = FloodPlan::new(ask.host, &settings, args.backlog, args.rate, args.count, ask.rtt_us)
        .map_err(|error| CliError::Usage(error.to_string()))?;
    let plan = FloodPlan { family: if args.ipv6 { IpVersion::V6 } else { IpVersion::V4 }, ..plan };
    let profile = args.profile.as_ref().map(|name| rehearse(name, &ask, context)).transpose()?;
    let plans = match &profile {
        None => vec![plan],
        Some(profile) => without_and_with(&plan, &ask, profile),
    };
    let capture = CaptureFile::asked_for(args)?;
    let interrupt = Interrupt::heed()?;
    if !context.json {
        let name = profile.as_ref().map(|profile| profile.profile.as_str());
        write!(context.out, "{}\n{}\n", topic.question, render_flood_heading(&plans, name, context.width))?;
        context.out.flush()?;
    }
    obtain_rights().map_err(error_of)?;
    let conditions = FloodConditions { capture: capture.is_some(), follow: None, stop: interrupt.stop() };
    let proofs =
        if args.live { play_floods_live(&plans, conditions, context)? } else { prove_floods(&plans, &conditions) };
    let proofs = proofs.map_err(error_of)?;
    print(&proofs, profile.as_ref(), context)?;
    if let Some((capture, proof)) = capture.zip(proofs.first()) {
        let written = capture.write(topic.question, proof.played.plan.host.version, &proof.played.frames)?;
        if !context.json {
            write!(context.out, "{written}")?;
        }
    }
    ending(interrupt.signal(), verdict(&proofs))
}

fn verdict(proofs: &[FloodProof]) -> Result<Exit, CliError> {
    if !proofs.iter().all(|proof| proof.conclusive) {
        return Err(CliError::failure(anyhow::anyhow!(
            "inconclusive: this process could not keep the flood's pace, however often; play it again on a less busy \
             host, or with a lower --rate"
        )));
    }
    Ok(if proofs.iter().all(FloodProof::agrees) { Exit::Ok } else { Exit::Findings })
}

fn print(proofs: &[FloodProof], profile: Option<&Plan>, context: &mut Context<'_>) -> Result<(), CliError> {
    match (proofs, profile) {
        ([without, with], Some(plan)) => {
            let effect = FloodEffect { plan, without, with };
            if context.json {
                context.print_json(&FloodEffectView::new(&effect))?;
            } else {
                write!(context.out, "{}", render_flood_effect(&effect, context.width, context.ascii))?;
            }
        }
        _ => {
            for proof in proofs {
                if context.json {
                    context.print_json(&FloodProofView::new(proof))?;
                } else {
                    write!(context.out, "{}", render_flood_proof(proof, context.width, context.ascii))?;
                }
            }
        }
    }
    Ok(())
}

/// What the profile would change in the lab's namespaces, where the values are this host's and those of `--set`.
fn rehearse(name: &str, ask: &Ask, context: &Context<'_>) -> Result<Plan, CliError> {
    let (profile, _) = choose::profile(name, Path::new(PROFILE_DIR))?;
    let host = read_snapshot(context, Depth::Settings, profile.rules.keys().cloned())?;
    let what_ifs = ask.values.iter().filter(|(_, sourced)| sourced.origin == Origin::WhatIf);
    let over: SysctlValues = what_ifs.map(|(key, sourced)| (key.clone(), sourced.value.clone())).collect();
    let plan = plan_rehearsal(&profile, &host, &over);
    change::refuse_blind(&plan)?;
    Ok(plan)
}

/// The flood with the values before the profile's changes and after them.
fn without_and_with(plan: &FloodPlan, ask: &Ask, profile: &Plan) -> Vec<FloodPlan> {
    let mut values: SysctlValues =
        ask.values.iter().map(|(key, sourced)| (key.clone(), sourced.value.clone())).collect();
    values.extend(profile.changes.iter().map(|change| (change.key.clone(), change.after.clone())));
    // What the model does not look at is set all the same.
    let besides = |value: fn(&crate::tune::Change) -> &String| {
        let others = profile.changes.iter().filter(|change| !Settings::keys().any(|key| key == change.key.as_str()));
        others.map(|change| (change.key.to_string(), value(change).clone())).collect()
    };
    vec![
        FloodPlan { besides: besides(|change| &change.before), ..plan.clone() },
        FloodPlan {
            besides: besides(|change| &change.after),
            settings: Settings::from_values(&values),
            ..plan.clone()
        },
    ]
}

/// Options that only floods have are refused elsewhere.
pub(super) fn refuse_options(args: &LabArgs) -> Result<(), CliError> {
    if args.profile.is_some() || args.backlog.is_some() || args.rate.is_some() || args.count.is_some() {
        let message = format!("--profile, --backlog, --rate and --count are for `tcpctl lab {TOPIC}`");
        return Err(CliError::Usage(message));
    }
    Ok(())
}
