"""Print the Homebrew formula of a release, from its wheel and its lock of dependencies.

    python packages/homebrew/formula.py --repository OWNER/kvsctl WHEEL >kvsctl.rb

The formula installs the wheel and the packages of `packages/requirements.lock`, in exactly the
versions and files that the lock names by their hashes. Both are files of the release.
"""

import argparse
import hashlib
import re
import sys
from pathlib import Path
from string import Template
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
LOCK: Final = _ROOT / "packages/requirements.lock"
PYTHON: Final = "3.13"
DESCRIPTION: Final = "Bulk work on Atlassian Forge key-value stores, with an emulator"
"""Homebrew wants at most 80 characters, no article at the start and no period at the end."""

_FORMULA: Final = Template("""\
# Made by packages/homebrew/formula.py: change that, not this file.
class Kvsctl < Formula
  desc "$description"
  homepage "https://github.com/$repository"
  url "$release/$wheel", using: :nounzip
  version "$version"
  sha256 "$wheel_sha256"
  license "MIT"

  depends_on "python@$python"

  # Wheels of the lock have install names that begin with @rpath, and no room for longer ones.
  preserve_rpath

  resource "lock" do
    url "$release/requirements.lock", using: :nounzip
    sha256 "$lock_sha256"
  end

  def install
    python = Formula["python@$python"].opt_bin/"python$python"
    system python, "-m", "venv", "--without-pip", libexec
    pip = [python, "-m", "pip", "--python", libexec/"bin/python", "install", "--no-deps"]
    resource("lock").stage do
      system(*pip, "--require-hashes", "--only-binary", ":all:", "-r", "requirements.lock")
    end
    system(*pip, buildpath/"$wheel")

    bin.install_symlink libexec/"bin/kvsctl"
    man1.install_symlink libexec.glob("share/man/man1/*.1")
    man7.install_symlink libexec.glob("share/man/man7/*.7")
    bash_completion.install_symlink libexec/"share/bash-completion/completions/kvsctl"
    zsh_completion.install_symlink libexec/"share/zsh/site-functions/_kvsctl"
    fish_completion.install_symlink libexec/"share/fish/vendor_completions.d/kvsctl.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/kvsctl --version")
    ENV["KVSCTL_LOCAL_DB"] = (testpath/"local.db").to_s
    system bin/"kvsctl", "set", "--target", "local", "greeting=hello"
    assert_equal "hello\\n", shell_output("#{bin}/kvsctl get --target local --raw greeting")
  end
end
""")


def formula(wheel: Path, lock: Path, repository: str) -> str:
    """Return the text of the formula for a wheel whose release is on GitHub."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f'not OWNER/NAME: "{repository}"')
    name, version, *_ = wheel.name.split("-")
    if name != "kvsctl" or wheel.suffix != ".whl":
        raise ValueError(f'not a wheel of kvsctl: "{wheel.name}"')
    return _FORMULA.substitute(
        description=DESCRIPTION,
        repository=repository,
        release=f"https://github.com/{repository}/releases/download/v{version}",
        wheel=wheel.name,
        version=version,
        wheel_sha256=_sha256(wheel),
        lock_sha256=_sha256(lock),
        python=PYTHON,
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Read the command line, and print the formula."""
    parser = argparse.ArgumentParser(description="Print the Homebrew formula of a release.")
    parser.add_argument("wheel", type=Path, metavar="WHEEL")
    parser.add_argument("--repository", required=True, metavar="OWNER/NAME")
    given = parser.parse_args()
    try:
        sys.stdout.write(formula(given.wheel, LOCK, given.repository))
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
