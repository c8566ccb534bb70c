# keyseatd in an image with nothing else: no shell, no package manager, no root.
#
#	docker build -t keyseatd .
#	docker run -p 127.0.0.1:8080:8080 -v keyseat:/data --memory 512m --memory-swap 512m --ulimit core=0 \
#		keyseatd serve --connector sim --plaintext
#
# podman and buildah build it too. Give them --format docker, because the OCI format has no HEALTHCHECK.
#
# A container's loopback cannot be published, so the API listens on all addresses. There serve demands TLS:
# --tls-cert, or --trusted-proxies with the address of a proxy that does TLS. --plaintext does without, and is
# right only where the published port is on loopback, as above.
# The database is SQLite on the volume unless KEYSEAT_DATABASE names a PostgreSQL. There is no connector
# unless --connector or KEYSEAT_CONNECTOR names one. The admin listener is on the container's own loopback:
# where Prometheus is to scrape it, set KEYSEAT_ADMIN_LISTEN=0.0.0.0:8081 and do not publish the port.
#
# A tag may name another image tomorrow. To build from the same images always, name them by digest. This prints the digest:
#
#	docker buildx imagetools inspect golang:1.26-bookworm --format '{{.Manifest.Digest}}'
#
# Then write FROM golang:1.26-bookworm@sha256:… here, and likewise below and in compose.yaml.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=true -ldflags='-s -w -buildid=' -o /out/keyseatd ./daemon/keyseatd \
	&& mkdir /out/data && daemon/ops/notices >/out/THIRD-PARTY-NOTICES \
	&& daemon/ops/sbom /out/keyseatd >/out/keyseatd.cdx.json

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/keyseatd /usr/local/bin/keyseatd
COPY --from=build --chown=nonroot:nonroot /out/data /data
COPY LICENSE /licenses/keyseat
COPY --from=build /out/THIRD-PARTY-NOTICES /out/keyseatd.cdx.json /licenses/
WORKDIR /data
VOLUME /data
ENV KEYSEAT_LISTEN=0.0.0.0:8080 KEYSEAT_ADMIN_LISTEN=127.0.0.1:8081
EXPOSE 8080
STOPSIGNAL SIGTERM
# It obeys KEYSEAT_ADMIN_LISTEN as serve does, and knows no flag that serve was given.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/local/bin/keyseatd", "check"]
ENTRYPOINT ["/usr/local/bin/keyseatd"]
CMD ["serve"]
