# The commands that are typed often. `just` lists them.

default:
    @just --list

# Serve on http://127.0.0.1:5000.
serve:
    cargo run --release

# Everything that a change must pass.
ci:
    .ci/run

# All tests, or those whose names hold a word.
test *words:
    cargo test {{words}}

# Formatting and lints.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# What is shipped.
dist:
    cargo build --locked --profile dist --features jemalloc

# Accept the snapshots that tests wrote anew, after a look at them.
snapshots:
    INSTA_UPDATE=always cargo test
    git diff -- '*.snap'
