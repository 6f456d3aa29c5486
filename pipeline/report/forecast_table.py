"""Forecasts as a table for people, with totals, and as cells of a CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipeline.manifest.expected_counts import readable_size
from pipeline.report.forecast import MB, Forecast, measured_costs

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Total:
    """A sum over datasets: over those whose forecast is known, and how many are not."""

    title: str
    datasets: Sequence[str]
    download_bytes: int  # a file that datasets share is counted once
    download_hours: float


def forecast_cells(forecast: Forecast | None, megabits: float) -> dict[str, object]:
    """Column of the CSV -> value; "" if it is unknown. Without a forecast all are."""
    hours = forecast.download_hours(megabits) if forecast else None
    values: dict[str, object] = {
        "download_bytes": forecast and forecast.download_bytes,
        "files_of_unknown_size": forecast and forecast.unknown_files,
        "download_is_rounded": forecast and forecast.is_rounded,
        "download_hours": None if hours is None else round(hours, 2),
        "build_core_hours": forecast and forecast.build_hours and round(forecast.build_hours, 3),
        "memory_mb_per_job": forecast and forecast.memory_mb and round(forecast.memory_mb),
        "disk_bytes": forecast and forecast.disk_bytes,
        "store_bytes": forecast and forecast.store_bytes,
    }
    return {name: "" if value is None else value for name, value in values.items()}


def forecast_table(forecasts: Mapping[str, Forecast], totals: Sequence[Total], megabits: float) -> Table:
    """The datasets whose forecast is known at least in part, and totals."""
    caption = (
        f"~: a size that the owner rounded; download h: hours at {megabits:g} Mbit/s (--mbit); core h: hours of one"
        " processor core, at most; memory: of a job with a scan of average size; disk: downloads, unpacked files,"
        f" shards and store. Costs measured on {measured_costs()['machine']}"
    )
    table = Table(title="Forecast", caption=caption, box=SIMPLE_HEAD, show_edge=False, padding=0)
    shown = {name: one for name, one in forecasts.items() if one.download_bytes or one.build_hours is not None}
    table.add_column("dataset", no_wrap=True, min_width=max(map(len, [*shown, *(one.title for one in totals)])))
    for title in ("download", "download h", "core h", "memory", "disk", "store"):
        table.add_column(title, justify="right", no_wrap=title != "download")
    for name, one in shown.items():
        table.add_row(name, *_cells(one, megabits))
    table.add_section()
    for total in totals:
        table.add_row(total.title, *_total_cells(total, forecasts), style="bold")
    return table


def _cells(one: Forecast, megabits: float) -> list[str]:
    size = readable_size(one.download_bytes, one.unknown_files) if one.download_bytes or one.unknown_files else "none"
    return [
        f"{'~' * one.is_rounded}{size}",
        _hours(one.download_hours(megabits)),
        _hours(one.build_hours),
        _size(one.memory_mb and one.memory_mb * MB),
        _size(one.disk_bytes),
        _size(one.store_bytes),
    ]


def _total_cells(total: Total, forecasts: Mapping[str, Forecast]) -> list[str]:
    known = [forecasts[name] for name in total.datasets if forecasts[name].build_hours is not None]
    return [
        readable_size(total.download_bytes, 0),
        _hours(total.download_hours),
        _hours(sum(one.build_hours or 0 for one in known)),
        _size(max((one.memory_mb or 0 for one in known), default=0) * MB),
        _size(sum(one.disk_bytes or 0 for one in known)),
        _size(sum(one.store_bytes or 0 for one in known)),
    ]


def _hours(hours: float | None) -> str:
    return UNKNOWN if hours is None else f"{hours:.2f}" if hours < 9.995 else f"{hours:.0f}"


def _size(size: float | None) -> str:
    return UNKNOWN if size is None else readable_size(round(size), 0)
