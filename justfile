# Frequent commands. `just` lists them.

default:
    @just --list

# Serves http://127.0.0.1:5000.
serve:
    cargo run --release

# Everything that a change must pass, on the committed state.
ci:
    .ci/run

# The checks that build nothing, in seconds.
house:
    .ci/house

# Compares with the peers, such as `just peers --only upload`.
peers *arguments:
    python3 benches/peers/compare.py {{arguments}}

# Runs all tests, or those whose names contain a word.
test *words:
    cargo test {{words}}

# Checks formatting and lints.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Builds what is shipped.
dist:
    cargo build --locked --profile dist --features jemalloc

# Lists what is shipped: a CycloneDX bill of materials and the licences' texts, in target/sbom.
sbom:
    python3 tools/sbom.py target/sbom

# Accepts changed snapshots; look at the diff that it shows.
snapshots:
    INSTA_UPDATE=always cargo test
    git diff -- '*.snap'
