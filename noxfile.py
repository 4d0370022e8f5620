"""The checks of the project, each as one command: `nox -s SESSION` (see CONTRIBUTING.md)."""

import shutil
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "imports", "tests"]
nox.options.reuse_venv = "yes"

PYTHONS = ["3.11", "3.12", "3.13"]
PROJECT = nox.project.load_toml("pyproject.toml")["project"]


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


@nox.session
def package(session: nox.Session) -> None:
    """Build the sdist and, from it, the wheel; install the wheel alone and use it."""
    session.install("build")
    folder = Path(session.create_tmp()).resolve() / "package"
    shutil.rmtree(folder, ignore_errors=True)
    built, clean = folder / "dist", folder / "clean"
    session.run("python", "-m", "build", "--outdir", str(built))
    (wheel,) = built.glob("*.whl")
    _require_whole(session, wheel)
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


def _require_whole(session: nox.Session, wheel: Path) -> None:
    """End the session with an error if a file of the package, or an entry point, is missing."""
    expected = {
        path.as_posix()
        for path in Path("kvsctl").rglob("*")
        if path.is_file() and path.suffix in {".py", ".typed", ".js", ".ts"}
    }
    shared = [*Path("man").rglob("*.?"), *Path("docs").glob("*.md"), Path("README.md")]
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry_points,) = [name for name in names if name.endswith("/entry_points.txt")]
        entries = archive.read(entry_points).decode()
    missing = sorted(expected - names)
    missing += [
        name
        for name in [*PROJECT["scripts"].values(), *PROJECT["entry-points"]["pytest11"].values()]
        if name not in entries
    ]
    missing += [
        path.as_posix()
        for path in shared
        if path.is_file() and not any(n.endswith(f"/{path.as_posix()}") for n in names)
    ]
    beside = (".dist-info/", ".data/data/share/man/", ".data/data/share/doc/kvsctl/")
    extra = sorted(n for n in names - expected if not any(one in n for one in beside))
    if missing or extra:
        session.error(f"the wheel lacks {missing} and should not hold {extra}")


def _development(name: str) -> str:
    """Return the requirement of the `dev` extra on a tool, so that its version has one home."""
    requirements: list[str] = PROJECT["optional-dependencies"]["dev"]
    (found,) = [one for one in requirements if one.startswith(name)]
    return found
