# The service on a CPU. Written without Docker at hand: not built or run by the tests.
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 tcpformer && install -d -o tcpformer /data
WORKDIR /app
COPY pyproject.toml README.md LICENSE NOTICE constraints.txt ./
COPY src src
RUN pip install --no-cache-dir -c constraints.txt '.[serve]'

USER tcpformer
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# Beyond the container the service needs a token: mount one.
CMD ["tcpformer", "serve", "--host", "0.0.0.0", "--data", "/data", "--token-file", "/run/secrets/token"]
