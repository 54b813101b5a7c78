# Builds from the lock file and runs without privileges. docker build -t content-portal . && \
#   docker run --stop-timeout 45 -p 5000:5000 -v content-portal:/data -e API_KEYS=… content-portal
# Without keys it does not start, unless -e ALLOW_OPEN=1 says that only those who may call can reach it. Put customers to
# train on into /data/base_data. To try it without any, use the sample in the image:
#   docker run -p 127.0.0.1:5000:5000 -e ALLOW_OPEN=1 -e BASE_DATA_DIR=/usr/share/content-portal/base_data content-portal
FROM rust:1.95-slim-trixie AS build
RUN apt-get update && apt-get install --no-install-recommends -y make && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# The dependencies are a layer of their own, kept until the manifests change. The manifest names the benches.
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY benches benches
RUN mkdir src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
    && cargo build --locked --profile dist --features jemalloc
COPY assets assets
COPY console console
COPY src src
# Cargo compares times, and a copied file may be older than the empty one that it replaces.
RUN touch src/main.rs src/lib.rs && cargo build --locked --profile dist --features jemalloc

FROM debian:trixie-slim
RUN apt-get update && apt-get install --no-install-recommends -y ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin content-portal \
    && install -d -o content-portal -g content-portal -m 0750 /data /data/base_data
COPY base_data /usr/share/content-portal/base_data
COPY --from=build /build/target/dist/content-portal /usr/local/bin/content-portal
USER content-portal
WORKDIR /data
ENV HOST=0.0.0.0 PORT=5000 ALLOW_OPEN=0
# Of an upload only the schema's columns are kept, and what no training has taken is removed in the end. So are pictures
# that were not drawn again.
ENV KEEP_UPLOADS=columns UPLOAD_KEEP_DAYS=120 UPLOAD_MAX_GB=5 IMAGE_KEEP_DAYS=120
EXPOSE 5000
VOLUME /data
HEALTHCHECK --interval=30s --timeout=5s --start-period=2m --start-interval=1s CMD ["content-portal", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/content-portal"]
CMD ["serve"]
