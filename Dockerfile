# restyle studio in a container: `docker compose up`, or `scripts/container` to build, run and check it.
# What runs is not root, needs no capability, and writes to /tmp only, so the root can be read-only.
FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src ./src
RUN python -m venv /opt/restyle
RUN /opt/restyle/bin/pip install --no-cache-dir --constraint constraints.txt '.[studio]'

FROM python:3.11-slim
COPY --from=build /opt/restyle /opt/restyle
USER 10001:10001
WORKDIR /tmp
ENV PATH=/opt/restyle/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
# A token is needed: set RESTYLE_TOKEN. Limits are flags: see `restyle studio --help`.
ENTRYPOINT ["restyle", "studio", "--host", "0.0.0.0", "--port", "7860"]
CMD ["--worker-memory", "2048", "--disk", "1024"]
