# The task vocabulary. Every recipe is one plain command, so nothing here needs `just` itself.

# List the recipes
default:
    @just --list

# Format, lints and documentation, without running anything
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# Every test, the live ones included
test:
    cargo test --locked

# Only the tests on the real kernel, in network namespaces of their own
live *names:
    cargo test --locked --test live -- {{names}}

# Every decoder against cut and changed bytes
hostile *names:
    cargo test --locked --test hostile -- {{names}}

# Fuzzes one decoder or all, a minute each (needs cargo-fuzz)
fuzz *arguments:
    fuzz/run {{arguments}}

# The static program and the package, built twice from the last commit and compared
twice directory:
    packaging/twice {{directory}}

# The static program in an empty root, and the Debian package in a new Debian
packages:
    tests/packages/run

# Model and kernel side by side, in every case of the conformance suite
conformance *names:
    TCPCTL_CONFORMANCE=full cargo test --locked --test conformance -- {{names}}

# The short cases on other kernels, under qemu
kernels *series:
    tests/kernels/run {{series}}

# Debian's prometheus below the target folder, for the live tests that ask it
prometheus:
    tests/prometheus/fetch

# Time and memory of `status`, what counting sockets costs, and time of the model
budget:
    cargo bench --locked --bench budget
    cargo bench --locked --bench scale -- --quick
    cargo bench --locked --bench model

# What a million sockets cost, against the least that a dump can cost and against ss (needs root; takes minutes)
bench-scale *arguments:
    cargo bench --locked --bench scale -- {{arguments}}

# The library's documentation
docs:
    cargo doc --locked --no-deps --open

# The manual pages
man:
    cargo run --locked --release -- man man

# Licences, advisories, sources and duplicate packages, by cargo-deny
deny:
    packaging/deny

# The package in a Debian that systemd runs, under qemu
boot:
    tests/boot/run

# A release, as far as a machine can make it; `packaging/release --check target/debug/tcpctl` takes seconds
release *arguments:
    packaging/release {{arguments}}

# The whole gate, as CI runs it
ci:
    .ci/run
