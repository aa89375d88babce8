"""What the documentation shows runs."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    if "```python" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("page", PAGES)
def test_python_on_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Fewer rows than a reader would take, for the sake of time.
    text = (ROOT / page).read_text(encoding="utf-8").replace("max_rows=4000", "max_rows=600")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, page, "exec"), names)  # noqa: S102 - our own pages


def test_commands_in_the_documentation_have_options_that_exist() -> None:
    from workbench.cli import cli

    context = click.Context(cli)
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8"))
        for command, rest in re.findall(r"^workbench ([a-z]+)(.*)$", text, flags=re.MULTILINE):
            known = {
                flag
                for parameter in cli.get_command(context, command).params
                for flag in getattr(parameter, "opts", [])
            }
            unknown = set(re.findall(r"(?<=\s)--[a-z][a-z-]*", rest)) - known
            if command != "analyze":
                assert not unknown, f"{path.name}: workbench {command} has no {unknown}"


def test_the_table_of_sizes_is_what_the_code_plans() -> None:
    from workbench.capturing.source import equal_shards, rows_per_shard
    from workbench.cli.capture import readable_size
    from workbench.recording.manifest import SiteSpec

    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| (\S+ [kM]) \| (.*) \|$", text, flags=re.MULTILINE)
    assert len(lines) > 4
    for rows, rest in lines:
        units, sites, dtype, size, shards = (each.strip() for each in rest.split("|"))
        count = int(rows[:-2]) * {"k": 10**3, "M": 10**6}[rows[-1]]
        width = int(units.replace(",", ""))
        specs = tuple(SiteSpec(str(n), (width,), dtype) for n in range(int(sites)))
        assert readable_size(count * sum(spec.row_bytes for spec in specs)) == size
        planned = equal_shards(count, rows_per_shard(specs))
        assert len(planned) == int(shards.replace(",", ""))
