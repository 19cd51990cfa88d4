# Cairn: `docker build --tag cairn .` The image serves the API on port 8787; docs/self-host.md describes how to run it.

FROM node:24-trixie-slim AS build
WORKDIR /source
COPY . .
RUN npm ci --no-audit --no-fund
RUN npm run pack -- /package && mkdir /cairn && tar -xzf /package/cairndb-*.tgz -C /cairn --strip-components=1
# The versions of package-lock.json. Without the root's development dependencies no optional peer is installed: 300 MB.
RUN rm -r node_modules && npm pkg delete devDependencies && \
    npm install --omit=dev --omit=peer --workspace @cairn/cli --no-audit --no-fund && \
    rm -r node_modules/@cairn && \
    find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \) -delete && \
    mv node_modules /cairn/

FROM node:24-trixie-slim
LABEL org.opencontainers.image.title="Cairn" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /cairn /opt/cairn
# Messages name the command as in the published package: npx cairndb.
RUN ln -s /opt/cairn/packages/cli/bin/cairn.mjs /usr/local/bin/cairn && \
    ln -s cairn /usr/local/bin/cairndb && \
    install --directory --owner=node --group=node /var/lib/cairn
ENV NODE_ENV=production \
    CAIRN_HOST=0.0.0.0 \
    PORT=8787 \
    CAIRN_DIRECTORY=/var/lib/cairn/database
USER node
WORKDIR /var/lib/cairn
VOLUME /var/lib/cairn
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
    CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.PORT}/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["cairn"]
CMD ["serve"]
