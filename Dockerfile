# The image: one static program on an empty root. No shell, no package manager, nothing to update
# but the program. Runs with a read-only root, without capabilities, as nobody in particular:
#
#   docker build -t bongsu --build-arg BONGSU_REVISION="$(git rev-parse --short=12 HEAD)" .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 127.0.0.1:10915:10915 \
#       -v "$PWD/config/bongsu.yml:/etc/bongsu/bongsu.yml:ro" bongsu
#
# There are no CA bundle and no time zones in it because the program reads neither: the public roots
# and the zones are compiled in, and a private root is a file that the configuration names.
#
# The tag says compiler and Debian. Whoever mirrors the image appends the digest of their mirror.
# For another architecture, build with --platform: the builder compiles for the machine it runs on.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /build

# Static needs the target to be named: without, compiler plugins would be built static as well.
ENV RUSTFLAGS="-C target-feature=+crt-static"

# The dependencies by themselves, with an empty program around them: as long as they are the same,
# this layer comes from the cache. The manifest names benches and tests, so there must be some.
COPY Cargo.toml Cargo.lock ./
COPY .cargo/config.toml .cargo/
COPY crates/chain/Cargo.toml crates/chain/
COPY crates/lab/Cargo.toml crates/lab/
COPY crates/base/Cargo.toml crates/base/
COPY crates/read/Cargo.toml crates/read/
COPY crates/sign/Cargo.toml crates/sign/
COPY benches benches
RUN mkdir -p src tests/it crates/base/src crates/chain/src crates/lab/src crates/read/src crates/sign/src \
    && touch src/lib.rs tests/it/main.rs crates/base/src/lib.rs crates/chain/src/lib.rs crates/lab/src/lib.rs crates/read/src/lib.rs crates/sign/src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --release --locked --bins --target "$(rustc --print host-tuple)"

# The architecture is the first page of the program's documentation, so it is compiled with it.
COPY build.rs ARCHITECTURE.md ./
COPY crates crates
COPY src src
ARG BONGSU_REVISION=unknown
# Copied files are older than what was made of their empty forerunners.
RUN touch src/lib.rs src/main.rs crates/*/src/lib.rs \
    && cargo build --release --locked --bins --target "$(rustc --print host-tuple)" \
    && mkdir -p /image/root/etc /image/root/var/lib /image/state \
    && cp "target/$(rustc --print host-tuple)/release/bongsu" /image/ \
    && mkdir -p /image/root/usr/share/man/man1 /image/root/usr/share/bash-completion/completions \
    && /image/bongsu man > /image/root/usr/share/man/man1/bongsu.1 \
    && /image/bongsu completions bash > /image/root/usr/share/bash-completion/completions/bongsu \
    && echo 'nonroot:x:65532:65532:nonroot:/var/lib/bongsu:/sbin/nologin' > /image/root/etc/passwd \
    && echo 'nonroot:x:65532:' > /image/root/etc/group

FROM scratch
ARG BONGSU_REVISION=unknown
ARG BONGSU_VERSION=0.1.0
LABEL org.opencontainers.image.title="bongsu" \
      org.opencontainers.image.description="Synthetic availability prober for e-government services" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${BONGSU_VERSION}" \
      org.opencontainers.image.revision="${BONGSU_REVISION}"
COPY --from=build /image/root /
COPY LICENSE /
# For --state.dir: a named volume that is mounted here belongs to the user below.
COPY --from=build --chown=65532:65532 /image/state /var/lib/bongsu
COPY --from=build /image/bongsu /bongsu

# Numbers, so that an orchestrator can see that this is not root.
USER 65532:65532
EXPOSE 10915
# Running probes get 10 seconds, and logins sign out.
STOPSIGNAL SIGTERM
# Flags of the daemon given as variables are read by this too.
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["/bongsu", "healthcheck"]
ENTRYPOINT ["/bongsu"]
