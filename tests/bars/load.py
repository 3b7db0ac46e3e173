"""A register of any size, and downloads that move without a worker, as a worker would show them."""

import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from redis import Redis
from sqlalchemy import delete, insert

from shared import progress
from shared.database import Database
from shared.progress import Progress
from shared.tables import (
    Category,
    DownloadStatus,
    Model,
    ModelSource,
    ModelType,
    Operation,
    OperationKind,
    OperationStatus,
)
from tests.stack import Stack

# A worker shows progress four times a second.
TICK = 0.25
TOTAL = 10_000_000_000
# What one tick adds: as much as the page's three digits show.
STEP = 10_000_000

_FAMILIES = ("Qwen3", "Llama-3.3", "gemma-3", "Mistral-Small", "Phi-4", "DeepSeek-R1", "bge-m3", "Granite-4")
_SIZES = ("0.6B", "1.7B", "4B", "8B", "12B", "14B", "32B", "70B")
_QUANTIZATIONS = ("Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")


class Load:
    """Rows in the stack's database, and a thread that plays the worker."""

    def __init__(self, stack: Stack) -> None:
        self._database = Database(stack.env["DATABASE_URL"])
        self._redis: Any = Redis.from_url(stack.env["REDIS_URL"], decode_responses=True)
        self._file = str(stack.logs / "api.log")
        self._running: list[uuid.UUID] = []
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        # When (seconds since 1970) each number of bytes was written.
        self.written: dict[int, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()
        with self._database.session() as session:
            for table in (Operation, Model):
                session.execute(delete(table))
        self._database.dispose()
        self._redis.close()

    def add_models(self, count: int, *, running: int = 0) -> None:
        """Register so many local models, the first of them downloading, the others downloaded."""
        rows = [self._model(number, is_running=number < running) for number in range(count)]
        with self._database.session() as session:
            ids = session.scalars(insert(Model).returning(Model.id, sort_by_parameter_order=True), rows).all()
            operations = [_operation(model_id) for model_id in ids[:running]]
            if operations:
                session.execute(insert(Operation), operations)
        self._running = [operation["id"] for operation in operations]

    def start(self) -> None:
        """Begin to move."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        tick = 100
        while not self._ended.wait(TICK):
            tick = tick + 1 if tick < 999 else 100
            now = datetime.now(UTC).isoformat()
            for operation_id in self._running:
                news = Progress(
                    attempt=1,
                    phase="transferring",
                    bytes_done=tick * STEP,
                    bytes_total=TOTAL,
                    speed=4 * STEP,
                    eta=(TOTAL - tick * STEP) // (4 * STEP),
                    files_total=1,
                    current_file="model.gguf",
                    updated_at=now,
                )
                progress.write(self._redis, operation_id, news)
            self.written[tick] = time.time()

    def _model(self, number: int, *, is_running: bool) -> dict[str, Any]:
        family = _FAMILIES[number % len(_FAMILIES)]
        size = _SIZES[number // len(_FAMILIES) % len(_SIZES)]
        quantization = _QUANTIZATIONS[number % len(_QUANTIZATIONS)]
        return {
            "name": f"{family} {size} {number:04}",
            "type": ModelType.LOCAL,
            "category": list(Category)[number % len(Category)],
            "source": ModelSource.HUGGINGFACE,
            "hf_repo": f"org/{family}-{size}-{number:04}-GGUF",
            "revision": "main",
            "model_file": f"{family}-{size}-{quantization}.gguf",
            "download_status": DownloadStatus.DOWNLOADING if is_running else DownloadStatus.DOWNLOADED,
            "downloaded": not is_running,
            # A file that is there: the sweep looks for downloaded models whose files are gone.
            "local_path": None if is_running else self._file,
            "file_size_bytes": None if is_running else (number % 90 + 1) * 1_000_000,
        }


def _operation(model_id: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": uuid.uuid4(),
        "model_id": model_id,
        "kind": OperationKind.DOWNLOAD,
        "status": OperationStatus.RUNNING,
        "attempt": 1,
        "worker": "bars",
        "lease_until": now + timedelta(hours=1),
        "started_at": now,
        "phase": "transferring",
        "bytes_done": 0,
        "bytes_total": TOTAL,
        "files_total": 1,
    }
