# docker build -t leader .
# Of the result a user's image takes one file: COPY --from=leader /usr/bin/leader /usr/bin/
ARG BASE=debian:bookworm

FROM ${BASE} AS build
ENV DEBIAN_FRONTEND=noninteractive
WORKDIR /src
# Before the sources, so that changing them does not build Poco again.
COPY scripts/install-tools scripts/source-package scripts/static-poco scripts/
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && scripts/static-poco
COPY . .
RUN scripts/static -DLEADER_WERROR=ON && DESTDIR=/image cmake --install build-static --prefix /usr --component program

# The last stage takes its files from here, so nothing comes out that has not passed.
FROM build AS test
RUN LEADER_BINARY=/image/usr/bin/leader scripts/test

FROM scratch
COPY --from=test /image /
COPY --from=test /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
ENTRYPOINT ["/usr/bin/leader"]
