//! `tcpctl explain`.

use anyhow::Context as _;

use crate::explain::{Case, Explanation, Overrides, Topic, explain, find_topic, topics, variants};
use crate::report::{
    DiagramStyle, ExplanationView, PacketView, TopicsView, VariantsView, render_explanation, render_mermaid,
    render_packet, render_svg, render_topics, render_variants,
};
use crate::ui::cli::args::{DiagramFormat, ExplainArgs, Peer, parse_duration_us};
use crate::ui::cli::context::Context;
use crate::ui::cli::{CliError, Exit};
use crate::wire::{decode_packet, parse_hex};

/// The topic that explains packets.
const PACKET_TOPIC: &str = "segment";

/// Lists the topics, or answers one for this host or for what was asked.
pub(in crate::ui::cli) fn run(args: &ExplainArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let Some(id) = &args.topic else {
        if args.decode.is_some() || args.diagram.is_some() {
            return Err(CliError::Usage("--decode and --diagram need a topic: tcpctl explain TOPIC …".to_owned()));
        }
        return list(context);
    };
    let topic = find_topic(id).map_err(|error| CliError::Usage(error.to_string()))?;
    if let Some(hex) = &args.decode {
        return decode(topic, hex, context);
    }
    let cases = answer(topic, args, context)?;
    match (cases.as_slice(), args.diagram) {
        ([Case { explanation, .. }], Some(format)) => diagram(explanation, format, args, context)?,
        (_, Some(_)) => {
            return Err(CliError::Usage(
                "a diagram shows one course: give each key one value, or leave out --diagram".to_owned(),
            ));
        }
        ([Case { explanation, .. }], None) if context.json => {
            context.print_json(&ExplanationView::from(explanation))?
        }
        ([Case { explanation, .. }], None) => {
            let style = DiagramStyle { width: context.width, ascii: context.ascii };
            write!(context.out, "{}", render_explanation(explanation, style))?;
        }
        (several, None) if context.json => context.print_json(&VariantsView::new(several))?,
        (several, None) => write!(context.out, "{}", render_variants(several, context.width, context.ascii))?,
    }
    Ok(Exit::Ok)
}

fn list(context: &mut Context<'_>) -> Result<Exit, CliError> {
    if context.json {
        context.print_json(&TopicsView::new(topics()))?;
    } else {
        write!(context.out, "{}", render_topics(topics(), context.width))?;
    }
    Ok(Exit::Ok)
}

/// The answers, one for each combination of values.
fn answer(topic: &'static Topic, args: &ExplainArgs, context: &Context<'_>) -> Result<Vec<Case>, CliError> {
    let variants = variants(&overrides(args)?).map_err(|error| CliError::Usage(error.to_string()))?;
    let asked: Vec<Overrides> = variants.iter().map(|variant| variant.overrides.clone()).collect();
    let asks = context.asks(&asked, args.defaults)?;
    let case = |(variant, ask)| Case { varied: variant, explanation: explain(topic, ask) };
    Ok(variants.into_iter().map(|variant| variant.varied).zip(&asks).map(case).collect())
}

/// The overrides as typed.
fn overrides(args: &ExplainArgs) -> Result<Overrides, CliError> {
    Ok(Overrides {
        set: args.set.clone(),
        kernel: args.kernel.clone(),
        hz: args.hz.clone(),
        backlog: args.backlog,
        sockopt: args.sockopt.clone(),
        mtu: args.mtu,
        rate_per_s: args.rate,
        count: args.count,
        peer_alive: args.peer == Peer::Alive,
        rtt_us: args.rtt.as_deref().map(parse_duration_us).transpose().map_err(CliError::Usage)?,
    })
}

/// Explains a packet of the caller's.
fn decode(topic: &Topic, hex: &str, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if topic.id != PACKET_TOPIC {
        return Err(CliError::Usage(format!("--decode is for `tcpctl explain {PACKET_TOPIC}`, not for {}", topic.id)));
    }
    let bytes = parse_hex(hex).map_err(|error| CliError::Usage(format!("--decode: {error}")))?;
    let packet = decode_packet(&bytes).map_err(|error| CliError::Usage(format!("--decode: {error}")))?;
    if context.json {
        context.print_json(&PacketView::from(&packet))?;
    } else {
        write!(context.out, "{}", render_packet(&packet, context.width, context.ascii))?;
    }
    Ok(Exit::Ok)
}

fn diagram(
    explanation: &Explanation,
    format: DiagramFormat,
    args: &ExplainArgs,
    context: &mut Context<'_>,
) -> Result<(), CliError> {
    if context.json {
        return Err(CliError::Usage("--diagram prints a diagram and --json JSON: leave out one".to_owned()));
    }
    let drawn = match format {
        DiagramFormat::Svg => render_svg(explanation),
        DiagramFormat::Mermaid => render_mermaid(explanation),
    };
    let id = explanation.topic.id;
    let drawn =
        drawn.ok_or_else(|| CliError::Usage(format!("there is nothing to draw: {id} has no course of events")))?;
    match &args.output {
        None => write!(context.out, "{drawn}")?,
        Some(path) => std::fs::write(path, drawn)
            .with_context(|| format!("cannot write {}", path.display()))
            .map_err(CliError::Failure)?,
    }
    Ok(())
}
