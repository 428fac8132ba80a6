# The image of the gateway. How it is proven, and the flags to run it with: docs/image.md.

# By digest: a tag can be moved. How to move on to a newer one: docs/image.md.
ARG NODE_IMAGE=docker.io/library/node:24.21.0-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6

FROM ${NODE_IMAGE} AS manifest
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

# A private registry, or one behind a proxy with its own CA: the optional secrets `npmrc` and `ca` reach npm and never a
# layer.
FROM manifest AS build
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca \
    --mount=type=cache,target=/root/.npm \
    npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

# Apart from the build, so that a change of src/ does not install again. The optional packages are Node itself, for
# machines that have none.
FROM manifest AS dependencies
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca \
    --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --omit=optional --ignore-scripts

# Package managers are for the build. Left in, they would bring tools to an intruder and findings to every scan.
FROM ${NODE_IMAGE} AS runtime
RUN rm -rf /usr/local/lib/node_modules /opt/yarn-* /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
    /usr/local/bin/yarn /usr/local/bin/yarnpkg

# No RUN from here on: nothing but copies, so the files belong to root and the process cannot change its own code.
FROM runtime
WORKDIR /app
ENV NODE_ENV=production
COPY --from=dependencies /app/node_modules node_modules
# dist/ reads its version and module type from ../package.json.
COPY --chmod=644 package.json LICENSE ./
COPY --from=build /app/dist dist
# Numeric, because Kubernetes' runAsNonRoot cannot judge a name.
USER 65532:65532
EXPOSE 8080 9090
# No HEALTHCHECK: OCI images cannot carry one, and Kubernetes asks /healthz and /readyz itself.
ENTRYPOINT ["node", "--enable-source-maps", "dist/main.js"]
# Last, because it changes with each release.
ARG VERSION=0.0.0
LABEL org.opencontainers.image.title="Ghostwire Gateway" \
      org.opencontainers.image.description="OpenID Connect gateway in front of a KasmVNC desktop" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
