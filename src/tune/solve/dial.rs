//! A lever as it stands on a host: the value now, and those that it can be turned to.

use super::lever::{Lever, Steps};
use crate::catalog::{self, Scope, normalize_value};
use crate::snapshot::{Snapshot, SysctlReading};
use crate::units::{KernelVersion, SysctlValues};

/// Ports below this one belong to root's services (`ip_unprivileged_port_start`, its default).
const PRIVILEGED: u16 = 1024;
/// Below this many steps every one is tried, and above it every fifth part of the way.
const FEW: i64 = 40;

/// The longest FIN-WAIT-2 that lasts as long as is written (`TCP_TIMEWAIT_LEN`).
const FIN_WAIT_S: i64 = 60;
/// The longest that is tried: a month.
const LONGEST_FIN_WAIT_S: i64 = 30 * 86_400;

/// A lever on a host.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) lever: &'static Lever,
    /// The step now.
    present: i64,
    least: i64,
    most: i64,
    /// The lowest and the highest port now, where it is about ports.
    ports: (i64, i64),
    /// The lowest port that the range may begin with.
    lowest_port: i64,
}

impl Dial {
    /// The lever where these are the values.
    ///
    /// # Errors
    /// Why it cannot be turned here, as the end of a sentence that begins with the key.
    pub(super) fn new(lever: &'static Lever, snapshot: &Snapshot, start: &SysctlValues) -> Result<Self, String> {
        let version = snapshot.kernel.version.ok_or("cannot be judged on an unknown kernel")?;
        let row = catalog::find(lever.key).ok_or("is not known")?;
        if !row.exists(version) {
            return Err(format!("is not there before Linux {}", first_kernel(row, version)));
        }
        if row.scope(version) == Scope::HostReadOnlyInChild && snapshot.netns.initial == Some(false) {
            return Err("can only be set in the initial network namespace".to_owned());
        }
        let Some(text) = start.get(lever.key) else {
            return Err(match snapshot.sysctls.readings.get(lever.key) {
                Some(SysctlReading::Unreadable(reason)) => format!("cannot be read: {reason}"),
                _ => "is not to be seen here".to_owned(),
            });
        };
        let text = normalize_value(text);
        let no_number = || format!("is {text}, which is no number");
        let dial = |present, least, most| Self { lever, present, least, most, ports: (0, 0), lowest_port: 0 };
        Ok(match &lever.steps {
            Steps::Numbers { least, most, zero } => {
                let number = text.parse::<i64>().map_err(|_| no_number())?;
                let present = zero.filter(|_| number == 0).unwrap_or(number);
                dial(present, *least, *most)
            }
            Steps::Words(words) => {
                let place = words.iter().position(|word| *word == text).ok_or_else(|| format!("is {text}"))?;
                let last = i64::try_from(words.len()).unwrap_or(1) - 1;
                dial(i64::try_from(place).unwrap_or(0), 0, last)
            }
            Steps::Ports => {
                let mut ports = text.split(' ').map(str::parse::<i64>);
                let (Some(Ok(low)), Some(Ok(high))) = (ports.next(), ports.next()) else { return Err(no_number()) };
                let start = start.get("net.ipv4.ip_unprivileged_port_start").and_then(|text| text.trim().parse().ok());
                let lowest_port = start.unwrap_or(0).max(i64::from(PRIVILEGED)).min(low);
                let most = (i64::from(u16::MAX) - high) + (low - lowest_port);
                Self { ports: (low, high), lowest_port, ..dial(0, low - high, most) }
            }
            Steps::FinWait => {
                let written = text.parse::<i64>().map_err(|_| no_number())?;
                dial(fin_wait_s(written), 1, LONGEST_FIN_WAIT_S)
            }
        })
    }

    /// The same as far as nobody warns of its values; where the value now is one of those already, as it is.
    pub(super) fn narrowed(&self, warns: impl Fn(String) -> bool) -> Self {
        let is_warned = |step: i64| warns(self.text(step));
        let bound = |end: i64| {
            let (mut near, mut far) = (self.present, end);
            if !is_warned(far) {
                return far;
            }
            while far.abs_diff(near) > 1 {
                let middle = near + (far - near) / 2;
                if is_warned(middle) { far = middle } else { near = middle }
            }
            near
        };
        if is_warned(self.present) {
            return self.clone();
        }
        Self { least: bound(self.least.min(self.present)), most: bound(self.most.max(self.present)), ..self.clone() }
    }

    /// The value at a step, as it is written.
    pub(super) fn text(&self, step: i64) -> String {
        match &self.lever.steps {
            Steps::Numbers { .. } => step.to_string(),
            // Half of what is above is written, and an odd second rounded up.
            Steps::FinWait if step > FIN_WAIT_S => (FIN_WAIT_S + step.saturating_add(1) / 2).to_string(),
            Steps::FinWait => step.to_string(),
            Steps::Words(words) => {
                let word = usize::try_from(step).ok().and_then(|step| words.get(step));
                word.copied().unwrap_or_default().to_owned()
            }
            Steps::Ports => {
                let (low, high) = self.ports;
                if step < 0 {
                    return format!("{low} {}", high + step);
                }
                let up = step.min(i64::from(u16::MAX) - high);
                let (mut low, high) = (low - (step - up), high + up);
                // The kernel asks for an odd and an even end (`inet_get_local_port_range`), lest half of them go unused.
                if low % 2 == high % 2 && low > self.lowest_port && step > 0 {
                    low -= 1;
                }
                format!("{low} {high}")
            }
        }
    }

    /// What it costs to turn it to a value.
    pub(super) fn risk(&self, value: &str) -> &'static str {
        let [lowered, raised] = self.lever.risks;
        let lower = self.text(self.present);
        let step = |text: &str| match &self.lever.steps {
            Steps::Words(words) => {
                words.iter().position(|word| *word == text).and_then(|place| i64::try_from(place).ok())
            }
            Steps::Ports => {
                text.split_once(' ').and_then(|(low, high)| Some(high.parse::<i64>().ok()? - low.parse::<i64>().ok()?))
            }
            Steps::Numbers { .. } => text.parse().ok(),
            Steps::FinWait => text.parse().ok().map(|written: i64| fin_wait_s(written)),
        };
        if step(value) < step(&lower) { lowered } else { raised }
    }

    /// The values that are tried, as in `tcp_syn_retries from 1 to 127`.
    pub(super) fn searched(&self) -> String {
        let name = self.lever.key.rsplit('.').next().unwrap_or(self.lever.key);
        match &self.lever.steps {
            Steps::Words(words) => {
                let mut words = words.to_vec();
                words.sort_unstable();
                format!("{name} {}", words.join(", "))
            }
            _ => format!("{name} from {} to {}", self.text(self.least), self.text(self.most)),
        }
    }

    /// Whether the kernel takes the value at a step.
    fn is_taken(&self, step: i64, version: KernelVersion) -> bool {
        catalog::check_value(self.lever.key, &self.text(step), version, None).is_ok()
    }

    /// The step now, which may be beyond those that are tried.
    pub(super) const fn present(&self) -> i64 {
        self.present
    }

    /// The last step in a direction.
    pub(super) const fn end(&self, up: bool) -> i64 {
        if up { self.most } else { self.least }
    }

    /// How many steps are tried at the most.
    pub(super) const fn width(&self) -> i64 {
        self.most - self.least
    }

    /// How far a step is from the value now: a thousand for each doubling, or for each word.
    pub(super) fn distance(&self, step: i64) -> u64 {
        let apart = u64::from(step != self.present);
        match &self.lever.steps {
            Steps::Words(_) => step.abs_diff(self.present) * 1000,
            Steps::Ports => {
                let then = self.available().saturating_add_signed(step);
                apart.max(doublings(then).abs_diff(doublings(self.available())))
            }
            Steps::Numbers { .. } | Steps::FinWait => {
                let size = |step: i64| doublings(step.unsigned_abs());
                apart.max(size(step).abs_diff(size(self.present)))
            }
        }
    }

    /// How many ports the range has now.
    fn available(&self) -> u64 {
        (self.ports.1 - self.ports.0).unsigned_abs() + 1
    }

    /// Steps from the value now outwards in a direction, the last one included: each one while there are few, else
    /// a fifth further each time.
    pub(super) fn outwards(&self, up: bool, version: KernelVersion) -> Vec<i64> {
        let end = self.end(up);
        let mut steps = Vec::new();
        let mut at = self.present.clamp(self.least, self.most);
        if at != self.present && self.is_taken(at, version) && (at > self.present) == up {
            steps.push(at);
        }
        while at != end {
            let stride = if self.width() <= FEW { 1 } else { (at.abs() / 5).max(1) };
            at = if up { at.saturating_add(stride).min(end) } else { at.saturating_sub(stride).max(end) };
            if self.is_taken(at, version) {
                steps.push(at);
            }
        }
        steps
    }
}

/// How many seconds FIN-WAIT-2 lasts with a value of `tcp_fin_timeout`.
fn fin_wait_s(written: i64) -> i64 {
    if written > FIN_WAIT_S { written.saturating_sub(FIN_WAIT_S).saturating_mul(2) } else { written }
}

/// The logarithm to base 2 in thousandths, straight between powers of two.
fn doublings(number: u64) -> u64 {
    let number = number.max(1);
    let whole = number.ilog2();
    let power = 1_u64 << whole;
    let rest = u128::from(number - power) * 1000 / u128::from(power);
    u64::from(whole) * 1000 + u64::try_from(rest).unwrap_or(0)
}

/// The kernel that has a key first, after one that has not.
fn first_kernel(row: &catalog::Parameter, version: KernelVersion) -> String {
    if row.since > version { row.since.to_string() } else { "another".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doublings_rise_with_the_number() {
        assert_eq!([1, 2, 3, 4, 1024].map(doublings), [0, 1000, 1500, 2000, 10_000]);
        assert!((1..5000).all(|number| doublings(number) <= doublings(number + 1)));
    }
}
