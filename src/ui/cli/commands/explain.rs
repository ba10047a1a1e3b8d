//! `tcpctl explain`.

use crate::explain::{
    Ask, Case, HostPremises, Overrides, Topic, explain, find_topic, topic_scenario_text, topics, variants,
};
use crate::report::{
    DiagramStyle, ExplanationView, PacketView, TopicsView, VariantsView, render_explanation, render_packet,
    render_topics, render_variants,
};
use crate::ui::cli::args::{ExplainArgs, Peer, PremisesArgs};
use crate::ui::cli::context::{Context, ask_of};
use crate::ui::cli::drawing::print_diagram;
use crate::ui::cli::facts::read_facts;
use crate::ui::cli::{CliError, Exit};
use crate::units::{KernelVersion, parse_duration_us};
use crate::wire::{decode_packet, parse_hex};

/// The topic that explains packets.
const PACKET_TOPIC: &str = "segment";

/// Lists the topics, or answers one for this host or for what was asked.
pub(in crate::ui::cli) fn run(args: &ExplainArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let Some(id) = &args.topic else {
        if args.decode.is_some() || args.drawing.diagram.is_some() || args.scenario {
            let message = "--decode, --diagram and --scenario need a topic: tcpctl explain TOPIC …";
            return Err(CliError::Usage(message.to_owned()));
        }
        return list(context);
    };
    let topic = find_topic(id).map_err(|error| CliError::Usage(error.to_string()))?;
    if let Some(hex) = &args.decode {
        return decode(topic, hex, context);
    }
    if args.scenario {
        return scenario(topic, args, context);
    }
    let cases = answer(topic, args, context)?;
    match (cases.as_slice(), args.drawing.diagram) {
        ([Case { explanation, .. }], Some(format)) => {
            print_diagram(explanation, format, topic.id, &args.drawing, context)?
        }
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
    let host = context.premises(args.premises.defaults)?;
    let mut asks: Vec<Ask> = asked.iter().map(|overrides| ask_of(&host, overrides)).collect::<Result<_, _>>()?;
    // With the kernel's defaults, or another kernel, the question is not about this host.
    if !args.premises.defaults && asks.iter().all(|ask| is_own(&host, ask)) {
        let facts = read_facts(topic.wants, context)?;
        asks.iter_mut().for_each(|ask| ask.facts = facts.clone());
    }
    let case = |(variant, ask)| Case { varied: variant, explanation: explain(topic, ask) };
    Ok(variants.into_iter().map(|variant| variant.varied).zip(&asks).map(case).collect())
}

/// Whether the kernel that is asked about is the host's own; `6.18` is any 6.18.
fn is_own(host: &HostPremises, ask: &Ask) -> bool {
    let asked = ask.host.version;
    host.version.is_some_and(|own| asked == own || asked == KernelVersion::new(own.major, own.minor))
}

/// The overrides as typed.
fn overrides(args: &ExplainArgs) -> Result<Overrides, CliError> {
    Ok(Overrides {
        backlog: args.backlog,
        mtu: args.mtu,
        rate_per_s: args.rate,
        count: args.count,
        peer_alive: args.peer == Peer::Alive,
        ..args.premises.overrides(&args.set)?
    })
}

impl PremisesArgs {
    /// The overrides that topics and scenarios share, as typed, with these of `--set`.
    pub(super) fn overrides(&self, set: &[String]) -> Result<Overrides, CliError> {
        Ok(Overrides {
            set: set.to_vec(),
            kernel: self.kernel.clone(),
            hz: self.hz.clone(),
            sockopt: self.sockopt.clone(),
            rtt_us: self.rtt.as_deref().map(parse_duration_us).transpose().map_err(CliError::Usage)?,
            ..Overrides::default()
        })
    }
}

/// Prints the scenario of a topic as a file.
fn scenario(topic: &'static Topic, args: &ExplainArgs, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if context.json {
        let message = "--scenario prints a TOML file and --json JSON: leave out one";
        return Err(CliError::Usage(message.to_owned()));
    }
    let variants = variants(&overrides(args)?).map_err(|error| CliError::Usage(error.to_string()))?;
    let [variant] = variants.as_slice() else {
        let message = "a scenario is played with one value for each key: leave out the others, or --scenario";
        return Err(CliError::Usage(message.to_owned()));
    };
    let ask = context.ask(&variant.overrides, args.premises.defaults)?;
    let text = topic_scenario_text(topic, &ask).ok_or_else(|| {
        CliError::Usage(format!("{} is answered without a scenario: there is nothing to play", topic.id))
    })?;
    write!(context.out, "{text}")?;
    Ok(Exit::Ok)
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
