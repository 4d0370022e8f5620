"""The checks of the project, each as one command: `nox -s SESSION` (see CONTRIBUTING.md)."""

import hashlib
import json
import os
import re
import shutil
import tarfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "imports", "tests"]
nox.options.reuse_venv = "yes"

PYTHONS = ["3.11", "3.12", "3.13"]
PACKAGED = {".py", ".typed", ".js", ".ts", ".html", ".css", ".svg"}
"""The suffixes of the files of the package."""
PYPROJECT = nox.project.load_toml("pyproject.toml")
PROJECT = PYPROJECT["project"]
LOCK = Path("packages/requirements.lock")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests; words after `--` go to pytest, such as `-- tests/bulk -n 0`."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def quick(session: nox.Session) -> None:
    """Run the tests without the slow ones: the inner loop."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", "-m", "not slow", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff; `-- --fix` corrects what can be corrected."""
    session.install(_development("ruff"))
    if session.posargs:
        session.run("ruff", "check", *session.posargs, ".")
        session.run("ruff", "format", ".")
        return
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, as strictly as it can."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Check that imports run one way, by the contracts in pyproject.toml."""
    session.install("-e", ".", _development("import-linter"))
    session.run("lint-imports")


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """Run the tests on the wheel as users install it; words after `--` go to pytest.

    They run in the unpacked sdist, whose kvsctl/ is made no package: what is imported is the wheel.
    KVSCTL_DIST names a folder that has both, such as those of a release; else they are built.
    """
    folder = _emptied(session)
    sdist, wheel = _given() or _build(session, Path.cwd(), folder / "dist")
    session.install(f"{wheel}[test]")
    # A wheel of the same version may be there from an earlier run.
    session.install("--force-reinstall", "--no-deps", str(wheel))
    tests = _unpack(sdist, folder / "sdist")
    (tests / "kvsctl/__init__.py").unlink()
    session.chdir(tests)
    session.run("python", "-m", "pytest", *session.posargs, env={"KVSCTL_TEST_INSTALLED": "1"})


@nox.session
def package(session: nox.Session) -> None:
    """Build the sdist and the wheel, twice; install the wheel alone and use it.

    After `--`, a folder that gets both.
    """
    folder, targets = _emptied(session), [Path(one).resolve() for one in session.posargs]
    clean = folder / "clean"
    sdist, wheel = _build(session, Path.cwd(), folder / "dist")
    _require_whole(session, wheel)
    _require_reproducible(session, sdist, wheel, folder / "again")
    session.run("python", "-m", "venv", str(clean))
    programs = clean / ("Scripts" if (clean / "Scripts").is_dir() else "bin")
    python, kvsctl = str(programs / "python"), str(programs / "kvsctl")
    session.chdir(folder)  # outside the checkout, so that nothing is imported from it
    session.run(python, "-m", "pip", "install", "-q", str(wheel), external=True)
    session.run(python, "-m", "pip", "check", external=True)
    home = dict.fromkeys(("HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder))

    def output(*words: str) -> str:
        return str(session.run(kvsctl, *words, env=home, silent=True, external=True)).strip()

    if output("--version") != f"kvsctl {wheel.name.split('-')[1]}":
        session.error("the program's version is not the wheel's")
    output("set", "--target", "local", "--quiet", "greeting=hello")
    if output("get", "--target", "local", "--quiet", "--raw", "greeting") != "hello":
        session.error("the installed program does not read back what it wrote")
    *_, place = output("help").splitlines()
    if not Path(place.split()[1]).is_relative_to(clean):
        session.error("the installed help does not name the installed documentation")
    for target in targets:
        shutil.copy2(sdist, target)
        shutil.copy2(wheel, target)


@nox.session
def sbom(session: nox.Session) -> None:
    """List what an installed kvsctl consists of, in CycloneDX; after `--`, a folder for the list.

    KVSCTL_DIST names the folder of the wheel; else it is built.
    """
    folder = _emptied(session)
    _, wheel = _given() or _build(session, Path.cwd(), folder / "dist")
    clean, target = folder / "clean", Path(*session.posargs or [folder])
    listed = target.resolve() / f"{wheel.name.split('-py3')[0]}.cdx.json"
    session.install("cyclonedx-bom>=7,<8")
    session.run("python", "-m", "venv", "--without-pip", str(clean))
    python = str(clean / ("Scripts" if (clean / "Scripts").is_dir() else "bin") / "python")
    install = ["python", "-m", "pip", "--python", python, "install", "-q", "--no-deps"]
    session.run(*install, "--require-hashes", "-r", str(LOCK))
    session.run(*install, str(wheel))
    session.run(
        *("cyclonedx-py", "environment", "--pyproject", "pyproject.toml", "--output-reproducible"),
        *("--validate", "--output-file", str(listed), python),
    )
    bill = json.loads(listed.read_text("utf-8"))
    found = {_plain(one["name"]) for one in bill["components"]}
    missing = sorted({_plain(one) for one in PROJECT["dependencies"]} - found)
    if missing:
        session.error(f"{listed.name} lacks {missing}")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    bill["metadata"]["component"] |= {
        "version": wheel.name.split("-")[1],
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    listed.write_text(json.dumps(bill, indent=2) + "\n", "utf-8")


@nox.session
def lock(session: nox.Session) -> None:
    """Choose the newest versions of what kvsctl needs, and write them down with their hashes."""
    session.install("uv")
    session.run(
        *(
            "uv",
            "pip",
            "compile",
            "pyproject.toml",
            "--universal",
            "--generate-hashes",
            "--upgrade",
        ),
        *("--python-version", PYTHONS[0], "--custom-compile-command", "nox -s lock"),
        *("--quiet", "--output-file", str(LOCK)),
    )


def _emptied(session: nox.Session) -> Path:
    """Return an empty folder for what this session makes."""
    folder = Path(session.create_tmp()).resolve() / session.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _given() -> tuple[Path, Path] | None:
    """Return the sdist and the wheel in the folder that KVSCTL_DIST names, if it is set."""
    if "KVSCTL_DIST" not in os.environ:
        return None
    return _distributions(Path(os.environ["KVSCTL_DIST"]).resolve())


def _build(session: nox.Session, source: Path, built: Path, **environ: str) -> tuple[Path, Path]:
    """Build the sdist of a folder and, from it, the wheel. Return both."""
    session.install("build", *PYPROJECT["build-system"]["requires"])
    words = ["build", "--no-isolation", "--outdir", str(built), str(source)]
    session.run("python", "-m", *words, env=environ)
    return _distributions(built)


def _distributions(folder: Path) -> tuple[Path, Path]:
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def _unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist into a folder. Return the folder that it holds."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    return unpacked


def _require_reproducible(session: nox.Session, sdist: Path, wheel: Path, folder: Path) -> None:
    """End the session with an error if a build from the sdist, elsewhere, gives other bytes.

    Folder, times, modes, umask, time zone, locale and the order of hashes differ.
    """
    source = _unpack(sdist, folder / "source")
    for path in source.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (1e9, 1e9))
    before = os.umask(0o077)
    try:
        again = _build(
            session, source, folder / "dist", TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7"
        )
    finally:
        os.umask(before)
    for first, second in zip((sdist, wheel), again, strict=True):
        if first.read_bytes() != second.read_bytes():
            session.error(f"{first.name}: a second build gave other bytes")


def _require_whole(session: nox.Session, wheel: Path) -> None:
    """End the session with an error unless the wheel holds all that it should, and no more."""
    expected = {path.as_posix() for path in _sources(Path("kvsctl"))}
    expected |= {f"{wheel.name.split('-py3')[0]}.data/data/{name}" for name in _shared()}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry_points,) = [name for name in names if name.endswith("/entry_points.txt")]
        entries = archive.read(entry_points).decode()
    missing = sorted(expected - names) + [
        name
        for name in [*PROJECT["scripts"].values(), *PROJECT["entry-points"]["pytest11"].values()]
        if name not in entries
    ]
    extra = sorted(name for name in names - expected if ".dist-info/" not in name)
    if missing:
        session.error(f"the wheel lacks {missing}")
    if extra:
        session.error(f"the wheel should not hold {extra}")


def _shared() -> set[str]:
    """Return where the wheel puts files outside the package, below the environment's folder.

    Which pages and what they link to is settled in pyproject.toml (tests/documents/test_links.py);
    here, where shells and `man` look.
    """
    shared = {
        "share/bash-completion/completions/kvsctl",
        "share/zsh/site-functions/_kvsctl",
        "share/fish/vendor_completions.d/kvsctl.fish",
        *(f"share/{path.as_posix()}" for path in _sources(Path("man"))),
    }
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, target in wheel["shared-data"].items():
        if target.startswith("share/doc/"):
            folder = Path(source)
            files = _sources(folder) if folder.is_dir() else [folder]
            shared |= {(Path(target) / path.relative_to(folder)).as_posix() for path in files}
    return {name for name in shared if not any(fnmatch(name, one) for one in wheel["exclude"])}


def _sources(folder: Path) -> list[Path]:
    """Return the files in a folder, without what Python has compiled."""
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]


def _development(name: str) -> str:
    """Return the requirement of the `dev` extra on a tool, so that its version has one home."""
    requirements: list[str] = PROJECT["optional-dependencies"]["dev"]
    (found,) = [one for one in requirements if one.startswith(name)]
    return found


def _plain(requirement: str) -> str:
    """Return the name of a package in a requirement, in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", requirement.split(">")[0].split("=")[0].split("[")[0]).lower()
