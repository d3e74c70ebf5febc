# The steps are those of tests/test_container.py: a wheel, a clean virtual environment, the entry point, the health check.
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY emulator emulator
COPY proxy proxy
COPY scenarios scenarios
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
RUN python -m venv /opt/azdicom && /opt/azdicom/bin/python -m pip install --no-cache-dir /wheels/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home azdicom && install --directory --owner azdicom /data
COPY --from=build /opt/azdicom /opt/azdicom
ENV PATH=/opt/azdicom/bin:$PATH PYTHONUNBUFFERED=1
USER azdicom
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('AZDICOM_PORT', 8080)}/health\", timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["azdicom", "serve", "--host", "0.0.0.0", "--data-dir", "/data"]
