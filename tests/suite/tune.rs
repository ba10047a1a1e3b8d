//! Apply, undo, crash and rollback against a stand-in for the kernel.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use proptest::prelude::*;
use tcpctl::snapshot::{
    Capabilities, Counters, HzReading, HzSource, Kernel, Netns, SCHEMA_VERSION, Snapshot, SysctlReading, Sysctls,
};
use tcpctl::sys::SysctlError;
use tcpctl::tune::{
    ApplyError, ApplyFrom, JournalError, JournalOutcome, NetworkPath, Operator, Outcome, Place, Plan, PlanKind,
    Profile, Profiles, Receipt, RollbackError, SkipReason, StateDir, SysctlStore, Wishes, apply_plan, choose_entry,
    plan_profile, plan_profiles, plan_rollback, plan_undo,
};
use tcpctl::units::{Hz, KernelVersion, SysctlKey};

const BOOT: &str = "3f1c7c3e-0000-4000-8000-000000000001";
const NETNS: u64 = 4_026_531_840;

/// What goes wrong in the stand-in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    /// The n-th write is refused as invalid.
    RefuseWrite(usize),
    /// The n-th write stores something else.
    StoreOther(usize, &'static str),
    /// The program dies before the n-th read or write.
    CrashBefore(usize),
    /// No key may be written.
    Deny,
}

/// A stand-in for the kernel: values, and one fault.
pub(super) struct FakeKernel {
    values: RefCell<BTreeMap<SysctlKey, String>>,
    calls: Cell<usize>,
    writes: Cell<usize>,
    fault: RefCell<Fault>,
}

impl FakeKernel {
    pub(super) fn new(values: &[(&str, &str)]) -> Self {
        let values = values.iter().map(|(key, value)| (key.parse().unwrap(), (*value).to_owned())).collect();
        Self {
            values: RefCell::new(values),
            calls: Cell::new(0),
            writes: Cell::new(0),
            fault: RefCell::new(Fault::None),
        }
    }

    pub(super) fn with(self, fault: Fault) -> Self {
        *self.fault.borrow_mut() = fault;
        self
    }

    /// From here on nothing goes wrong any more.
    fn heal(&self) {
        *self.fault.borrow_mut() = Fault::None;
    }

    pub(super) fn values(&self) -> BTreeMap<SysctlKey, String> {
        self.values.borrow().clone()
    }

    pub(super) fn poke(&self, key: &str, value: &str) {
        self.values.borrow_mut().insert(key.parse().unwrap(), value.to_owned());
    }

    fn value(&self, key: &str) -> String {
        self.values.borrow()[key].clone()
    }

    fn count_call(&self) {
        self.calls.set(self.calls.get() + 1);
        if *self.fault.borrow() == Fault::CrashBefore(self.calls.get()) {
            // Unwinding without the panic hook: nothing is printed, every value on the stack is dropped.
            resume_unwind(Box::new("crash"));
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let readings = self.values().into_iter().map(|(key, value)| (key, SysctlReading::Value(value))).collect();
        snapshot_with(readings)
    }
}

impl SysctlStore for FakeKernel {
    fn read(&self, key: &SysctlKey) -> Result<String, SysctlError> {
        self.count_call();
        self.values.borrow().get(key).cloned().ok_or(SysctlError::Absent { path: key.to_string() })
    }

    fn write(&self, key: &SysctlKey, value: &str) -> Result<(), SysctlError> {
        self.count_call();
        self.writes.set(self.writes.get() + 1);
        let stored = match &*self.fault.borrow() {
            Fault::RefuseWrite(n) if *n == self.writes.get() => {
                let (path, value) = (key.to_string(), value.to_owned());
                return Err(SysctlError::Refused { path, value, errno: 22, reason: "Invalid argument".into() });
            }
            Fault::StoreOther(n, other) if *n == self.writes.get() => (*other).to_owned(),
            _ => value.replace(' ', "\t"),
        };
        self.values.borrow_mut().insert(key.clone(), stored);
        Ok(())
    }

    fn check_writable(&self, key: &SysctlKey) -> Result<(), SysctlError> {
        match *self.fault.borrow() {
            Fault::Deny => Err(SysctlError::Denied { path: key.to_string(), reason: "Permission denied".into() }),
            _ => Ok(()),
        }
    }
}

/// A known tick rate; with an unknown one the model works its answers out for every common rate.
fn hz_250() -> Option<HzReading> {
    Hz::new(250).map(|hz| HzReading { hz, source: HzSource::Config("config".into()) })
}

pub(super) fn snapshot_with(readings: BTreeMap<SysctlKey, SysctlReading>) -> Snapshot {
    Snapshot {
        schema: SCHEMA_VERSION,
        taken_unix_ms: 1_700_000_000_000,
        monotonic_ms: 1000,
        hostname: Some("db-7".into()),
        boot_id: None,
        redacted: None,
        kernel: Kernel { release: Some("6.18.3".into()), version: Some(KernelVersion::new(6, 18)), hz: hz_250() },
        netns: Netns { inode: Some(NETNS), name: None, initial: Some(true), cookie: None },
        capabilities: Capabilities { euid: 0, effective: Some(u64::MAX) },
        memory_kib: Some(16 << 20),
        sysctls: Sysctls { readings },
        counters: Counters::default(),
        sockets: None,
        gaps: Vec::new(),
    }
}

/// A host at the defaults of 6.18 with cookies switched off.
pub(super) fn host() -> FakeKernel {
    FakeKernel::new(&[
        ("net.core.netdev_max_backlog", "1000"),
        ("net.core.somaxconn", "128"),
        ("net.ipv4.tcp_max_syn_backlog", "1024"),
        ("net.ipv4.tcp_syncookies", "0"),
        ("net.ipv4.tcp_synack_retries", "5"),
        ("net.ipv4.tcp_rto_max_ms", "120000"),
        ("net.ipv4.tcp_abort_on_overflow", "0"),
        ("net.ipv4.tcp_timestamps", "1"),
    ])
}

pub(super) fn profile() -> Profile {
    Profiles::vendor().resolve("anti-syn-flood").unwrap().unwrap()
}

/// Where the stand-in is.
pub(super) fn place() -> Place {
    Place { boot_id: BOOT.into(), netns: NETNS, netns_cookie: Some(7) }
}

pub(super) fn from() -> ApplyFrom {
    ApplyFrom { now_unix_ms: 1_700_000_000_000, uid: 0, login_uid: None, wishes: Wishes::default(), place: place() }
}

pub(super) fn state_dir() -> (tempfile::TempDir, StateDir) {
    let outer = tempfile::tempdir().unwrap();
    let state = StateDir::new(outer.path().join("state"));
    (outer, state)
}

pub(super) fn apply(kernel: &FakeKernel, state: &StateDir) -> Result<Receipt, ApplyError> {
    apply_plan(&plan_profile(&profile(), &kernel.snapshot()), kernel, state, &from())
}

pub(super) fn rollback_plan(kernel: &FakeKernel, state: &StateDir, force: bool) -> Plan {
    let history = state.history().unwrap();
    let entry = choose_entry(&history, None, &place()).unwrap();
    plan_rollback(entry, &history.entries, &kernel.snapshot(), force)
}

pub(super) fn rollback(kernel: &FakeKernel, state: &StateDir) -> Receipt {
    apply_plan(&rollback_plan(kernel, state, false), kernel, state, &from()).unwrap()
}

#[test]
fn an_apply_writes_every_change_and_says_what_was_read_back() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    let receipt = apply(&kernel, &state).unwrap();
    assert_eq!(receipt.outcome, Outcome::Applied);
    assert_eq!(receipt.entry, Some(1));
    assert_eq!(receipt.written.len(), 5);
    assert!(receipt.written.iter().all(|written| written.read_back == written.wrote));
    assert_eq!(kernel.value("net.ipv4.tcp_synack_retries"), "2");
    assert_eq!(kernel.value("net.core.netdev_max_backlog"), "10000");
    let entry = &state.history().unwrap().entries[0];
    assert_eq!(entry.outcome, Some(JournalOutcome::Applied));
    assert_eq!(entry.keys.len(), 5);
}

#[test]
fn a_second_apply_has_nothing_to_do_and_leaves_no_entry() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    assert_eq!(apply(&kernel, &state).unwrap().outcome, Outcome::Nothing);
    assert_eq!(state.history().unwrap().entries.len(), 1);
}

/// Somebody put the values back by hand: the entry must not stand for ever and hide the ones before it.
#[test]
fn a_rollback_that_finds_everything_restored_settles_the_entry() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    let before = kernel.values();
    apply(&kernel, &state).unwrap();
    for (key, value) in &before {
        kernel.write(key, value).unwrap();
    }
    assert_eq!(rollback(&kernel, &state).outcome, Outcome::Nothing);
    let entries = state.history().unwrap().entries;
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| !entry.stands(&entries)));
}

#[test]
fn a_write_that_is_refused_undoes_those_before_it_last_first() {
    for n in 1..=5 {
        let (kernel, (_outer, state)) = (host().with(Fault::RefuseWrite(n)), state_dir());
        let before = kernel.values();
        let receipt = apply(&kernel, &state).unwrap();
        let Outcome::Undone { undone, why, .. } = receipt.outcome else { panic!("write {n} was not noticed") };
        assert!(why.contains("Invalid argument"), "{why}");
        let order: Vec<_> = receipt.written.iter().rev().map(|written| written.key.clone()).collect();
        assert_eq!(undone.iter().map(|undone| undone.key.clone()).collect::<Vec<_>>(), order);
        assert_eq!(kernel.values(), before, "write {n} left something changed");
        let history = state.history().unwrap();
        assert_eq!(history.entries[0].outcome, Some(JournalOutcome::Undone));
        assert_eq!(choose_entry(&history, None, &place()), Err(RollbackError::Nothing));
        assert_eq!(choose_entry(&history, Some(1), &place()), Err(RollbackError::WasUndone { id: 1 }));
    }
}

#[test]
fn a_value_that_the_kernel_changes_on_the_way_is_noticed_and_undone() {
    for n in 1..=5 {
        let (kernel, (_outer, state)) = (host().with(Fault::StoreOther(n, "77")), state_dir());
        let before = kernel.values();
        let receipt = apply(&kernel, &state).unwrap();
        let Outcome::Undone { undone, why, .. } = receipt.outcome else { panic!("write {n} was not noticed") };
        assert!(why.contains("holds `77`"), "{why}");
        assert_eq!(undone.len(), n, "the key itself is put back too");
        assert_eq!(kernel.values(), before);
    }
}

#[test]
fn a_crash_at_any_point_can_be_rolled_back() {
    let calls = {
        let (kernel, (_outer, state)) = (host(), state_dir());
        apply(&kernel, &state).unwrap();
        kernel.calls.get()
    };
    assert_eq!(calls, 17, "five keys: read, write, read back; two that are so already: read");
    for n in 1..=calls {
        let (kernel, (_outer, state)) = (host().with(Fault::CrashBefore(n)), state_dir());
        let before = kernel.values();
        let crashed = catch_unwind(AssertUnwindSafe(|| apply(&kernel, &state)));
        assert!(crashed.is_err(), "call {n} did not crash");
        kernel.heal();
        let history = state.history().unwrap();
        assert!(history.unreadable.is_empty());
        if history.entries.is_empty() {
            assert!(n <= 7, "something was written before the journal");
        } else {
            assert_eq!(history.entries[0].outcome, None);
            rollback(&kernel, &state);
        }
        assert_eq!(kernel.values(), before, "a crash before call {n} cannot be rolled back");
    }
}

#[test]
fn a_crash_while_rolling_back_can_be_rolled_back_as_well() {
    for n in 1..=15 {
        let (kernel, (_outer, state)) = (host(), state_dir());
        let before = kernel.values();
        apply(&kernel, &state).unwrap();
        let plan = rollback_plan(&kernel, &state, false);
        *kernel.fault.borrow_mut() = Fault::CrashBefore(kernel.calls.get() + n);
        assert!(catch_unwind(AssertUnwindSafe(|| apply_plan(&plan, &kernel, &state, &from()))).is_err());
        kernel.heal();
        rollback(&kernel, &state);
        assert_eq!(kernel.values(), before, "call {n}");
    }
}

#[test]
fn rollback_restores_in_reverse_and_is_an_entry_of_its_own() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    let before = kernel.values();
    let applied = apply(&kernel, &state).unwrap();
    let receipt = rollback(&kernel, &state);
    assert_eq!(receipt.kind, PlanKind::Rollback(1));
    let order: Vec<_> = applied.written.iter().rev().map(|written| &written.key).collect();
    assert_eq!(receipt.written.iter().map(|written| &written.key).collect::<Vec<_>>(), order);
    assert_eq!(kernel.values(), before);
    let history = state.history().unwrap();
    assert_eq!(choose_entry(&history, None, &place()), Err(RollbackError::Nothing));
    let again = choose_entry(&history, Some(2), &place());
    assert!(matches!(again, Err(RollbackError::IsRollback { of: 1, .. })));
}

#[test]
fn a_plan_that_the_host_has_outrun_is_refused_and_leaves_no_trace() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    let plan = plan_profile(&profile(), &kernel.snapshot());
    kernel.poke("net.core.somaxconn", "1000");
    let before = kernel.values();
    let error = apply_plan(&plan, &kernel, &state, &from()).unwrap_err();
    assert!(matches!(error, ApplyError::Stale { .. }), "{error}");
    assert_eq!(kernel.values(), before);
    assert!(state.history().unwrap().entries.is_empty());
}

#[test]
fn a_key_that_somebody_else_changed_since_is_left_alone_unless_forced() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    kernel.poke("net.core.somaxconn", "9999");
    let plan = rollback_plan(&kernel, &state, false);
    assert_eq!(plan.changes.len(), 4);
    assert!(matches!(&plan.skipped[..], [skip] if skip.why == SkipReason::ChangedSince("9999".into())));
    let forced = rollback_plan(&kernel, &state, true);
    rollback(&kernel, &state);
    assert_eq!(kernel.value("net.core.somaxconn"), "9999");
    assert_eq!(kernel.value("net.ipv4.tcp_synack_retries"), "5");
    assert_eq!(forced.changes.len(), 5);
}

#[test]
fn an_entry_of_another_boot_or_namespace_is_refused_with_the_reason() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    let history = state.history().unwrap();
    assert_eq!(
        choose_entry(&history, None, &Place { boot_id: "another-boot".into(), ..place() }),
        Err(RollbackError::OtherBoot { id: 1 })
    );
    let elsewhere = choose_entry(&history, Some(1), &Place { netns: 4_026_532_999, ..place() });
    assert!(matches!(elsewhere, Err(RollbackError::OtherNamespace { entry: NETNS, here: 4_026_532_999, .. })));
    assert_eq!(choose_entry(&history, Some(9), &place()), Err(RollbackError::NoSuchEntry { id: 9 }));
    let plan = plan_profile(&profile(), &host().snapshot());
    let other = ApplyFrom { place: Place { netns: 1, ..place() }, ..from() };
    assert!(matches!(apply_plan(&plan, &host(), &state, &other), Err(ApplyError::OtherNamespace { .. })));
}

#[test]
fn a_namespace_that_got_the_inode_of_one_that_is_gone_is_not_taken_for_it() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    let history = state.history().unwrap();
    assert_eq!(history.entries[0].netns_cookie, Some(7));
    let newer = Place { netns_cookie: Some(8), ..place() };
    let gone = Err(RollbackError::NamespaceGone { id: 1, netns: NETNS });
    assert_eq!(choose_entry(&history, None, &newer), gone);
    assert_eq!(choose_entry(&history, Some(1), &newer), gone);
    let plan = rollback_plan(&kernel, &state, false);
    let error = apply_plan(&plan, &kernel, &state, &ApplyFrom { place: newer, ..from() }).unwrap_err();
    assert!(error.to_string().contains("a newer one with the same inode"), "{error}");
    // A kernel without cookies leaves the inode.
    let unknown = Place { netns_cookie: None, ..place() };
    assert_eq!(choose_entry(&history, None, &unknown).map(|entry| entry.id), Ok(1));
}

#[test]
fn an_entry_from_before_there_were_cookies_is_still_read() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    let path = state.path().join("000001.json");
    let mut old: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let fields = old.as_object_mut().unwrap();
    fields.insert("schema".into(), 1.into());
    fields.remove("netns_cookie").unwrap();
    std::fs::write(&path, old.to_string()).unwrap();
    let history = state.history().unwrap();
    assert_eq!(history.unreadable, []);
    assert_eq!(choose_entry(&history, None, &place()).map(|entry| entry.id), Ok(1));
}

#[test]
fn without_the_right_to_write_not_even_a_directory_is_made() {
    let (kernel, (_outer, state)) = (host().with(Fault::Deny), state_dir());
    let error = apply(&kernel, &state).unwrap_err();
    assert!(error.is_denied(), "{error}");
    assert_eq!(kernel.writes.get(), 0);
    assert!(!state.path().exists());
}

#[test]
fn two_applies_cannot_run_at_once() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    std::fs::create_dir(state.path()).unwrap();
    let lock = std::fs::File::create(state.path().join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let error = apply(&kernel, &state).unwrap_err();
    assert!(matches!(error, ApplyError::Journal(JournalError::Busy { .. })), "{error}");
    assert_eq!(kernel.writes.get(), 0);
    drop(lock);
    assert_eq!(apply(&kernel, &state).unwrap().outcome, Outcome::Applied);
}

#[test]
fn a_state_directory_that_others_could_change_is_refused() {
    let outer = tempfile::tempdir().unwrap();
    let open = outer.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let link = outer.path().join("link");
    std::os::unix::fs::symlink(outer.path(), &link).unwrap();
    let file = outer.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [open, link, file] {
        let (kernel, state) = (host(), StateDir::new(&path));
        let error = apply(&kernel, &state).unwrap_err();
        assert!(matches!(error, ApplyError::Journal(JournalError::Unsafe { .. })), "{}: {error}", path.display());
        assert_eq!(kernel.writes.get(), 0);
        assert!(matches!(state.history(), Err(JournalError::Unsafe { .. })));
    }
}

#[test]
fn a_state_directory_without_a_parent_names_the_parent() {
    let outer = tempfile::tempdir().unwrap();
    let parent = outer.path().join("none");
    let (kernel, state) = (host(), StateDir::new(parent.join("state")));
    let error = apply(&kernel, &state).unwrap_err().to_string();
    let missing = format!("the directory {} does not exist; make it first", parent.display());
    assert!(error.contains(&missing), "{error}");
    assert_eq!(kernel.writes.get(), 0);
}

#[test]
fn the_journal_is_for_its_owner_only() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(state.path()), 0o700);
    assert_eq!(mode(&state.path().join("000001.json")), 0o600);
    assert_eq!(mode(&state.path().join("lock")), 0o600);
}

#[test]
fn a_damaged_entry_is_named_and_does_not_hide_the_others() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    std::fs::write(state.path().join("000002.json"), "{\"schema\":1").unwrap();
    std::fs::write(state.path().join("000003.json.new"), "half").unwrap();
    let history = state.history().unwrap();
    assert_eq!(history.entries.len(), 1);
    assert_eq!(history.unreadable.len(), 1);
    assert_eq!(history.unreadable[0].file, "000002.json");
    // The damaged one may have changed anything, so nothing is chosen, but what is asked for is done.
    let error = choose_entry(&history, None, &place()).unwrap_err().to_string();
    assert!(error.contains("000002.json") && error.contains("tcpctl rollback 1"), "{error}");
    let entry = choose_entry(&history, Some(1), &place()).unwrap();
    let plan = plan_rollback(entry, &history.entries, &kernel.snapshot(), false);
    let receipt = apply_plan(&plan, &kernel, &state, &from()).unwrap();
    assert_eq!(receipt.entry, Some(3), "a new entry never takes the number of a damaged one");
    let error = choose_entry(&state.history().unwrap(), None, &place()).unwrap_err().to_string();
    assert!(error.contains("no other entry stands"), "{error}");
}

#[test]
fn a_damaged_entry_that_is_older_is_no_obstacle() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    std::fs::create_dir(state.path()).unwrap();
    std::fs::write(state.path().join("000001.json"), "{").unwrap();
    apply(&kernel, &state).unwrap();
    assert_eq!(choose_entry(&state.history().unwrap(), None, &place()).map(|entry| entry.id), Ok(2));
}

#[test]
fn an_entry_goes_on_standing_for_the_keys_that_a_rollback_left() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    let before = kernel.values();
    apply(&kernel, &state).unwrap();
    kernel.poke("net.ipv4.tcp_synack_retries", "4");
    let receipt = rollback(&kernel, &state);
    assert_eq!(receipt.left.iter().map(SysctlKey::as_str).collect::<Vec<_>>(), ["net.ipv4.tcp_synack_retries"]);
    let history = state.history().unwrap().entries;
    assert!(history[0].stands(&history));
    assert_eq!(history[1].left, receipt.left);
    // What was restored is no business of a later rollback any more.
    kernel.poke("net.core.somaxconn", "777");
    assert_eq!(rollback_plan(&kernel, &state, false).changes, []);
    let forced = rollback_plan(&kernel, &state, true);
    assert_eq!(forced.changes.len(), 1);
    apply_plan(&forced, &kernel, &state, &from()).unwrap();
    kernel.poke("net.core.somaxconn", "128");
    assert_eq!(kernel.values(), before);
    assert_eq!(choose_entry(&state.history().unwrap(), None, &place()), Err(RollbackError::Nothing));
}

/// A profile with one rule on one key of the stand-in.
fn one_rule(name: &str, operator: Operator, value: &str) -> Profile {
    let mut one = profile();
    one.name = name.into();
    one.rules.retain(|key, _| key.as_str() == STACKED);
    for rule in one.rules.values_mut() {
        (rule.operator, rule.value, rule.profile) = (operator, value.into(), name.into());
    }
    one
}

const STACKED: &str = "net.core.somaxconn";

fn apply_profile(profile: &Profile, kernel: &FakeKernel, state: &StateDir) -> Receipt {
    apply_plan(&plan_profile(profile, &kernel.snapshot()), kernel, state, &from()).unwrap()
}

fn undo_entry(id: u64, kernel: &FakeKernel, state: &StateDir) -> Plan {
    let history = state.history().unwrap();
    let entry = choose_entry(&history, Some(id), &place()).unwrap();
    let plan = plan_rollback(entry, &history.entries, &kernel.snapshot(), false);
    apply_plan(&plan, kernel, state, &from()).unwrap();
    plan
}

/// The value is what it would be had the profiles that are undone never been applied, in whatever order that happens.
#[test]
fn profiles_that_stand_over_one_another_are_undone_in_any_order() {
    let rules = [
        one_rule("a", Operator::AtLeast, "512"),
        one_rule("b", Operator::AtMost, "300"),
        one_rule("c", Operator::Set, "1024"),
        one_rule("d", Operator::AtLeast, "1000"),
    ];
    let orders = [[1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 1, 3], [3, 1, 4, 2], [1, 3, 2, 4], [4, 1, 3, 2], [2, 1, 4, 3]];
    for order in orders {
        let (kernel, (_outer, state)) = (host(), state_dir());
        let before = kernel.values();
        let entries: Vec<u64> =
            rules.iter().map(|rule| apply_profile(rule, &kernel, &state).entry.expect("an entry")).collect();
        assert_eq!(entries, [1, 2, 3, 4], "the last one leans on the one before it");
        assert_eq!(kernel.value(STACKED), "1024");
        let mut standing = vec![1, 2, 3, 4];
        for undone in order {
            undo_entry(undone, &kernel, &state);
            standing.retain(|id| *id != undone);
            let follow = |value: String, id: &u64| {
                let rule = rules[usize::try_from(*id).unwrap() - 1].rules.values().next().unwrap();
                rule.operator.wanted_from(rule.value.as_str(), &value)
            };
            let expected = standing.iter().fold("128".to_owned(), follow);
            assert_eq!(kernel.value(STACKED), expected, "{order:?}, after {undone} was undone");
        }
        assert_eq!(kernel.values(), before, "{order:?}");
        let entries = state.history().unwrap().entries;
        assert!(entries.iter().all(|entry| !entry.stands(&entries)), "{order:?}");
    }
}

/// Two rollbacks that were planned at once, as when both wait for the lock: the second would leave what the first gave back.
#[test]
fn a_rollback_that_the_journal_has_outrun_writes_nothing_and_is_right_when_planned_anew() {
    for (first, second) in [(1, 2), (2, 1)] {
        let (kernel, (_outer, state)) = (host(), state_dir());
        let before = kernel.values();
        for rule in [one_rule("a", Operator::Set, "512"), one_rule("b", Operator::Set, "1024")] {
            apply_profile(&rule, &kernel, &state);
        }
        let planned = |id: u64| {
            let history = state.history().unwrap();
            let entry = choose_entry(&history, Some(id), &place()).unwrap();
            plan_undo(entry, &history, &kernel.snapshot(), &place(), false).unwrap()
        };
        let (plan, other) = (planned(first), planned(second));
        apply_plan(&plan, &kernel, &state, &from()).unwrap();
        let held = kernel.values();
        let refused = apply_plan(&other, &kernel, &state, &from());
        assert!(matches!(refused, Err(ApplyError::JournalMoved)), "{first}, {second}: {refused:?}");
        assert_eq!(kernel.values(), held);
        apply_plan(&planned(second), &kernel, &state, &from()).unwrap();
        assert_eq!(kernel.values(), before, "{first}, {second}");
    }
}

/// The entry that is to be undone is still being written: what it has not written yet is no value of somebody else's.
#[test]
fn a_rollback_that_was_planned_during_the_apply_is_refused() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    *kernel.fault.borrow_mut() = Fault::CrashBefore(11);
    assert!(catch_unwind(AssertUnwindSafe(|| apply(&kernel, &state))).is_err(), "it is cut off half-way");
    kernel.heal();
    let half = state.history().unwrap();
    let entry = choose_entry(&half, None, &place()).unwrap();
    let mut earlier = half.clone();
    earlier.entries[0].steps.truncate(1);
    let stale = plan_undo(entry, &earlier, &kernel.snapshot(), &place(), false).unwrap();
    let held = kernel.values();
    let refused = apply_plan(&stale, &kernel, &state, &from());
    assert!(matches!(refused, Err(ApplyError::JournalMoved)), "{refused:?}");
    assert_eq!((kernel.values(), state.history().unwrap()), (held, half));
}

/// What needs no write is looked at under the lock as well.
#[test]
fn a_value_that_was_already_so_and_is_not_any_more_makes_the_plan_stale() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    kernel.poke("net.ipv4.tcp_synack_retries", "2");
    let plan = plan_profile(&profile(), &kernel.snapshot());
    assert!(plan.already.iter().any(|already| already.key.as_str() == "net.ipv4.tcp_synack_retries"));
    kernel.poke("net.ipv4.tcp_synack_retries", "5");
    assert!(matches!(apply_plan(&plan, &kernel, &state, &from()), Err(ApplyError::Stale { .. })));
    assert!(state.history().unwrap().entries.is_empty());
}

#[test]
fn an_older_entry_is_undone_beneath_a_newer_one_that_says_so() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply_profile(&one_rule("a", Operator::Set, "512"), &kernel, &state);
    apply_profile(&one_rule("b", Operator::Set, "1024"), &kernel, &state);
    let plan = undo_entry(1, &kernel, &state);
    assert_eq!((plan.changes.len(), plan.skipped.len()), (0, 0));
    assert_eq!(plan.already.iter().map(|already| already.held_by).collect::<Vec<_>>(), [Some(2)]);
    assert_eq!(kernel.value(STACKED), "1024");
    undo_entry(2, &kernel, &state);
    assert_eq!(kernel.value(STACKED), "128", "and not 512, which nobody asks for any more");
}

#[test]
fn what_somebody_else_wrote_between_two_profiles_is_what_the_second_gives_back() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply_profile(&one_rule("a", Operator::Set, "512"), &kernel, &state);
    kernel.poke(STACKED, "700");
    apply_profile(&one_rule("b", Operator::AtLeast, "1024"), &kernel, &state);
    let history = state.history().unwrap().entries;
    let plan = plan_rollback(&history[0], &history, &kernel.snapshot(), false);
    let why: Vec<_> = plan.skipped.iter().map(|skip| skip.why.clone()).collect();
    assert_eq!(why, [SkipReason::ChangedByEntry { value: "1024".into(), entry: 2 }]);
    undo_entry(2, &kernel, &state);
    assert_eq!(kernel.value(STACKED), "700");
    let history = state.history().unwrap().entries;
    let plan = plan_rollback(&history[0], &history, &kernel.snapshot(), false);
    assert_eq!(plan.skipped[0].why, SkipReason::ChangedSince("700".into()));
}

#[test]
fn a_crash_in_the_second_of_two_profiles_leaves_the_first_as_it_was() {
    let calls = {
        let (kernel, (_outer, state)) = (host(), state_dir());
        apply(&kernel, &state).unwrap();
        let before = kernel.calls.get();
        apply_profile(&one_rule("b", Operator::Set, "9999"), &kernel, &state);
        kernel.calls.get() - before
    };
    for n in 1..=calls {
        let (kernel, (_outer, state)) = (host(), state_dir());
        let original = kernel.values();
        apply(&kernel, &state).unwrap();
        let first = kernel.values();
        *kernel.fault.borrow_mut() = Fault::CrashBefore(kernel.calls.get() + n);
        let second = one_rule("b", Operator::Set, "9999");
        assert!(catch_unwind(AssertUnwindSafe(|| apply_profile(&second, &kernel, &state))).is_err());
        kernel.heal();
        if state.history().unwrap().entries.len() == 2 {
            undo_entry(2, &kernel, &state);
        }
        assert_eq!(kernel.values(), first, "call {n}");
        undo_entry(1, &kernel, &state);
        assert_eq!(kernel.values(), original, "call {n}");
    }
}

#[test]
fn profiles_that_contradict_each_other_are_shown_and_not_applied() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    let pair = [one_rule("a", Operator::AtLeast, "512"), one_rule("b", Operator::AtMost, "300")];
    let plan = plan_profiles(&pair, &kernel.snapshot(), NetworkPath::default());
    let told: Vec<_> = plan.contradictions().map(|skip| skip.why.clone()).collect();
    assert_eq!(told, [SkipReason::Contradiction("a: at-least 512; b: at-most 300".into())]);
    assert!(matches!(apply_plan(&plan, &kernel, &state, &from()), Err(ApplyError::Contradiction { .. })));
    assert!(!state.path().exists() && kernel.writes.get() == 0);
    let agreeing = [one_rule("a", Operator::AtLeast, "512"), one_rule("b", Operator::AtLeast, "300")];
    let plan = plan_profiles(&agreeing, &kernel.snapshot(), NetworkPath::default());
    assert_eq!((plan.changes[0].after.as_str(), plan.changes[0].profile.as_str()), ("512", "a"));
    assert_eq!(plan.profile, "a + b");
}

/// A journal of the version before: its entries demand exactly what they wrote.
#[test]
fn an_older_journal_is_read_and_rolled_back() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    let before = kernel.values();
    apply(&kernel, &state).unwrap();
    let file = state.path().join("000001.json");
    let mut entry: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let fields = entry.as_object_mut().unwrap();
    fields["schema"] = 2.into();
    for newer in ["login_uid", "why", "held", "persist", "confirm"] {
        fields.remove(newer).unwrap();
    }
    for key in fields["keys"].as_array_mut().unwrap() {
        key.as_object_mut().unwrap().remove("demands").unwrap();
    }
    std::fs::write(&file, entry.to_string()).unwrap();
    assert_eq!(rollback(&kernel, &state).outcome, Outcome::Applied);
    assert_eq!(kernel.values(), before);
}

#[test]
fn only_digits_are_the_number_of_an_entry_and_odd_numbers_are_named() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    apply(&kernel, &state).unwrap();
    let text = std::fs::read_to_string(state.path().join("000001.json")).unwrap();
    for name in ["+5.json", "-5.json", " 5.json", ".json", "5x.json"] {
        std::fs::write(state.path().join(name), &text).unwrap();
    }
    assert_eq!(state.history().unwrap().unreadable, []);
    for name in ["1.json", "99999999999999999999.json"] {
        std::fs::write(state.path().join(name), &text).unwrap();
    }
    let history = state.history().unwrap();
    assert_eq!(history.entries.len(), 1);
    let unreadable: Vec<_> = history.unreadable.iter().map(|bad| (bad.file.as_str(), bad.id)).collect();
    assert_eq!(unreadable, [("1.json", Some(1)), ("99999999999999999999.json", None)]);
}

#[test]
fn a_journal_that_has_run_out_of_numbers_loses_no_entry_and_writes_nothing() {
    let (kernel, (_outer, state)) = (host(), state_dir());
    std::fs::create_dir(state.path()).unwrap();
    let last = state.path().join(format!("{}.json", u64::MAX));
    std::fs::write(&last, "precious").unwrap();
    let error = apply(&kernel, &state).unwrap_err().to_string();
    assert!(error.contains("18446744073709551615.json") && error.contains("move that file away"), "{error}");
    assert_eq!(std::fs::read_to_string(&last).unwrap(), "precious");
    assert_eq!(kernel.writes.get(), 0);
}

#[test]
fn a_required_key_that_is_missing_stops_the_apply() {
    let mut profile = profile();
    profile.rules.get_mut("net.core.netdev_max_backlog").unwrap().required = true;
    let kernel = host();
    let mut snapshot = kernel.snapshot();
    snapshot.sysctls.readings.insert("net.core.netdev_max_backlog".parse().unwrap(), SysctlReading::Absent);
    snapshot.netns.initial = Some(false);
    let plan = plan_profile(&profile, &snapshot);
    assert_eq!(plan.unmet().count(), 1);
    assert_eq!(plan.skipped[0].why, SkipReason::OnlyInInitialNamespace);
    let (_outer, state) = state_dir();
    assert!(matches!(apply_plan(&plan, &kernel, &state, &from()), Err(ApplyError::RequiredKey { .. })));
    assert_eq!(kernel.writes.get(), 0);
}

#[test]
fn what_is_missing_or_unreadable_is_left_out_with_its_reason() {
    let mut snapshot = host().snapshot();
    let mut reading = |key: &str, reading| snapshot.sysctls.readings.insert(key.parse().unwrap(), reading);
    reading("net.core.somaxconn", SysctlReading::Unreadable("Permission denied".into()));
    reading("net.ipv4.tcp_syncookies", SysctlReading::Absent);
    let plan = plan_profile(&profile(), &snapshot);
    let why = |key: &str| plan.skipped.iter().find(|skip| skip.key.as_str() == key).map(|skip| skip.why.clone());
    assert_eq!(why("net.core.somaxconn"), Some(SkipReason::Unreadable("Permission denied".into())));
    assert_eq!(why("net.ipv4.tcp_syncookies"), Some(SkipReason::Hidden(Some(KernelVersion::new(6, 18)))));
    assert_eq!(plan.changes.len(), 3);
    assert!(!plan.is_blind());
}

#[test]
fn a_key_that_is_not_there_is_left_out_for_the_true_reason() {
    let why = |key: &str, version: Option<KernelVersion>, initial| {
        let mut profile = profile();
        let rule = profile.rules.values().next().unwrap().clone();
        profile.rules = BTreeMap::from([(key.parse().unwrap(), rule)]);
        let mut snapshot = snapshot_with(BTreeMap::from([(key.parse().unwrap(), SysctlReading::Absent)]));
        (snapshot.kernel.version, snapshot.netns.initial) = (version, initial);
        plan_profile(&profile, &snapshot).skipped.remove(0).why
    };
    let (new, old) = (KernelVersion::new(6, 18), KernelVersion::new(6, 1));
    let host_wide = "net.core.netdev_max_backlog";
    assert_eq!(why(host_wide, Some(new), Some(false)), SkipReason::OnlyInInitialNamespace);
    assert_eq!(why(host_wide, Some(new), None), SkipReason::Hidden(Some(new)));
    assert_eq!(why(host_wide, Some(new), Some(true)), SkipReason::Hidden(Some(new)));
    assert_eq!(why("net.core.somaxconn", Some(new), Some(false)), SkipReason::Hidden(Some(new)));
    assert_eq!(why("net.core.somaxconn", None, None), SkipReason::Hidden(None));
    assert_eq!(why("net.ipv4.tcp_syn_linear_timeouts", Some(old), Some(true)), SkipReason::Absent);
    let conntrack = "net.netfilter.nf_conntrack_max";
    assert_eq!(why(conntrack, Some(new), Some(true)), SkipReason::NotLoaded("nf_conntrack"));
    assert_eq!(why(conntrack, Some(new), None), SkipReason::Hidden(Some(new)));
}

/// Should a kernel let a namespace write what belongs to the host, the plan does not.
#[test]
fn what_belongs_to_the_host_is_never_written_from_another_namespace() {
    let host_wide = "net.core.netdev_max_backlog";
    let planned = |initial| {
        let mut snapshot = host().snapshot();
        snapshot.netns.initial = initial;
        let plan = plan_profile(&profile(), &snapshot);
        plan.changes.iter().any(|change| change.key.as_str() == host_wide)
    };
    assert!(planned(Some(true)) && planned(None));
    assert!(!planned(Some(false)));
}

#[test]
fn a_change_that_cookies_make_idle_says_so() {
    let idle = |present: &str, profile: &Profile| {
        let kernel = host();
        kernel.poke("net.ipv4.tcp_syncookies", present);
        let plan = plan_profile(profile, &kernel.snapshot());
        let change = plan.changes.into_iter().find(|change| change.key.as_str() == "net.ipv4.tcp_max_syn_backlog");
        change.unwrap().idle
    };
    let then = idle("0", &profile());
    assert_eq!(then.as_deref(), Some("while net.ipv4.tcp_syncookies is not 0: it is 1 then"));
    let mut alone = profile();
    alone.rules.retain(|key, _| key.as_str() == "net.ipv4.tcp_max_syn_backlog");
    let now = idle("2", &alone);
    assert_eq!(now.as_deref(), Some("while net.ipv4.tcp_syncookies is not 0: it is 2 now"));
    assert_eq!(idle("0", &alone), None);
}

#[test]
fn a_plan_that_can_see_nothing_is_drift_and_no_success() {
    let kernel = host();
    let mut snapshot = kernel.snapshot();
    snapshot.netns.initial = None;
    snapshot.sysctls.readings.values_mut().for_each(|reading| *reading = SysctlReading::Absent);
    let plan = plan_profile(&profile(), &snapshot);
    assert!(plan.is_blind() && plan.has_drift());
    let (_outer, state) = state_dir();
    assert!(matches!(apply_plan(&plan, &kernel, &state, &from()), Err(ApplyError::Blind { count: 7 })));
    assert!(!state.path().exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn apply_and_rollback_give_back_whatever_was_there(
        backlog in any::<i32>(), somaxconn in 0..=i32::MAX, syn_backlog in any::<i32>(),
        cookies in 0..=255_u8, retries in 0..=20_u8,
    ) {
        let kernel = FakeKernel::new(&[
            ("net.core.netdev_max_backlog", &backlog.to_string()),
            ("net.core.somaxconn", &somaxconn.to_string()),
            ("net.ipv4.tcp_max_syn_backlog", &syn_backlog.to_string()),
            ("net.ipv4.tcp_syncookies", &cookies.to_string()),
            ("net.ipv4.tcp_synack_retries", &retries.to_string()),
        ]);
        let (_outer, state) = state_dir();
        let before = kernel.values();
        let receipt = apply(&kernel, &state).unwrap();
        prop_assert!(kernel.value("net.core.netdev_max_backlog").parse::<i64>().unwrap() >= 10_000);
        prop_assert!(kernel.value("net.ipv4.tcp_synack_retries").parse::<i64>().unwrap() <= 2);
        prop_assert!(plan_profile(&profile(), &kernel.snapshot()).is_empty());
        if receipt.outcome == Outcome::Applied {
            rollback(&kernel, &state);
        }
        prop_assert_eq!(kernel.values(), before);
    }
}
