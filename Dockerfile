# docker build -t paceline .      the command `paceline`: no shell, not root, nothing it writes to

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /paceline
COPY . .
# What was fetched and built stays between builds; the binary is copied out, since the cache is no part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/paceline/target \
    CARGO_PROFILE_RELEASE_STRIP=symbols cargo build --locked --release --features cli --bin paceline && \
    cp target/release/paceline /usr/local/bin/paceline

# The same Debian as above, of which it has what the binary needs: glibc, libgcc and the certificates of public authorities,
# without which no HTTP client starts.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/local/bin/paceline /usr/local/bin/paceline
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/paceline"]
