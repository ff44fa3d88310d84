# The image of the gateway. Built in two steps, so that neither sources nor tools reach the last one.
ARG NODE_IMAGE=node:26-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
COPY tools/node/package.json tools/node/package.json
# The image brings its own Node: the one that the repository carries as an optional dependency of its tools is left out.
RUN npm ci --workspaces=false --include-workspace-root --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build \
  && npm prune --omit=dev --workspaces=false --include-workspace-root --ignore-scripts --no-audit --no-fund

# The example services of compose.yaml; not part of the gateway's image.
FROM ${NODE_IMAGE} AS examples
WORKDIR /srv
COPY package.json ./
COPY examples/services examples/services
USER 1000:1000
ENTRYPOINT ["node", "examples/services/main.ts"]

FROM ${NODE_IMAGE} AS gateway
LABEL org.opencontainers.image.title="headgate" \
  org.opencontainers.image.description="Integration gateway: the integration design document, as YAML that runs" \
  org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /opt/headgate
COPY --from=build /src/package.json /src/LICENSE ./
COPY --from=build /src/node_modules node_modules
COPY --from=build /src/cli/headgate.js cli/headgate.js
COPY --from=build /src/dist dist
COPY --from=build /src/schemas/gateway.schema.json schemas/gateway.schema.json
RUN ln -s /opt/headgate/cli/headgate.js /usr/local/bin/headgate \
  && install -d -o 1000 -g 1000 /var/lib/headgate
USER 1000:1000
# The embedded broker and the store of statuses write their files to `.headgate` in the working directory; they outlive the container.
WORKDIR /var/lib/headgate
VOLUME ["/var/lib/headgate"]
EXPOSE 8080
# The admin listener stays on the loopback of the container: the check runs inside, nothing is published.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.HEADGATE_LIVEZ ?? 'http://127.0.0.1:9900/livez').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["headgate"]
CMD ["run", "-c", "/etc/headgate"]
