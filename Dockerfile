# Builds from the lock file and runs as nobody. docker build -t content-portal . && \
#   docker run -p 5000:5000 -v content-portal:/data content-portal
FROM rust:1.95-slim-trixie AS build
RUN apt-get update && apt-get install --no-install-recommends -y make && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --release --locked

FROM debian:trixie-slim
RUN apt-get update && apt-get install --no-install-recommends -y ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin content-portal \
    && install -d -o content-portal -g content-portal -m 0750 /data
COPY --from=build /build/target/release/content-portal /usr/local/bin/content-portal
COPY --from=build --chown=content-portal:content-portal /build/base_data /data/base_data
USER content-portal
WORKDIR /data
ENV HOST=0.0.0.0 PORT=5000
EXPOSE 5000
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/content-portal"]
CMD ["serve"]
