# Targets: cpu, the default, and gpu. Use: docs/servers.md. The image holds the last commit.

FROM debian:12.15-slim AS base
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git make python3 \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/*

FROM base AS environment
RUN apt-get update \
 && apt-get install --yes --no-install-recommends binutils python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements.lock requirements-gpu.lock pyproject.toml ./
RUN python3 -m venv /opt/uv \
 && awk '/^[^ #]/ {uv = /^uv==/} uv' requirements.lock > uv.lock \
 && /opt/uv/bin/pip install --no-cache-dir --require-hashes --no-deps --requirement uv.lock
ENV PATH=/opt/uv/bin:$PATH VIRTUAL_ENV=/opt/lockstep UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
# Without pip and the tools for developers. The versions and hashes are the lock file's.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --python /usr/bin/python3 /opt/lockstep \
 && uv pip install --require-hashes --constraints requirements.lock \
      --requirements pyproject.toml --extra servers --extra test \
 && echo /opt/project/lib > /opt/lockstep/lib/python3.11/site-packages/project.pth \
 && cp requirements.lock /opt/lockstep/
# What nothing reads at run time: TensorFlow's C++ headers (430 MB) and symbol tables (280 MB), the
# libraries' own tests (125 MB), and libclang (60 MB), which TensorFlow requires but never imports.
WORKDIR /opt/lockstep/lib/python3.11/site-packages
RUN rm -r tensorflow/include clang/native \
 && find tensorflow -name '*.so*' -exec strip {} + \
 && find matplotlib networkx numpy pandas pyarrow scipy sklearn \
      -type d -name tests -prune -exec rm -r {} +
WORKDIR /build
COPY pipelines/servers/prefect_template.py ./
RUN PREFECT_HOME=/build /opt/lockstep/bin/python prefect_template.py

FROM environment AS environment-gpu
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --require-hashes --constraints requirements.lock \
      --constraints requirements-gpu.lock --requirements pyproject.toml --extra gpu

# By itself, so that a commit adds a few megabytes to an image, and not the environment again.
FROM environment AS project
COPY . /source
RUN git clone --quiet --bare /source /opt/project/project.git \
 && git clone --quiet /opt/project/project.git /build/project \
 && uv pip install --no-cache --no-deps --no-build-isolation --target /opt/project/lib project/

FROM base AS runtime
# Every user may use a checkout that is mounted, whoever owns it. Temporary files are in /tmp alone.
RUN useradd --no-log-init --uid 1000 --home-dir /workspace --no-create-home lockstep \
 && install --directory --owner lockstep --group lockstep /workspace \
 && git config --system --add safe.directory '*' \
 && rm -r /var/tmp && ln -s /tmp /var/tmp
COPY --chmod=755 pipelines/servers/in_workspace.sh /usr/local/bin/in-workspace
# Names, because --user may give an id that has none.
ENV PATH=/opt/lockstep/bin:/opt/project/lib/bin:$PATH \
    LOCKSTEP_ENVIRONMENT=/opt/lockstep \
    HOME=/tmp USER=lockstep \
    GIT_AUTHOR_NAME=lockstep GIT_AUTHOR_EMAIL=lockstep@localhost \
    GIT_COMMITTER_NAME=lockstep GIT_COMMITTER_EMAIL=lockstep@localhost
WORKDIR /workspace
USER 1000:1000
# The environment answers, and results can be written.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD ["sh", "-c", "test -w /workspace && lockstep --version"]
ENTRYPOINT ["in-workspace"]
CMD ["make", "repro"]

FROM runtime AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=environment-gpu /opt/lockstep /opt/lockstep
COPY --from=project /opt/project /opt/project

FROM runtime AS cpu
COPY --from=environment /opt/lockstep /opt/lockstep
COPY --from=project /opt/project /opt/project
