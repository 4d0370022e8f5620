"""A question to the emulator: the source of its answer, and how it is asked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.fidelity.wire import Wire

Ask = Callable[[Wire], None]


@dataclass(frozen=True, slots=True)
class Question:
    """A statement about the service, its source, and a test of whether the emulator agrees.

    `ask` raises AssertionError if the emulator answers otherwise.
    """

    group: str
    sentence: str
    source: str
    ask: Ask

    @property
    def name(self) -> str:
        """The name in the record: unique, and unchanged as long as the sentence is."""
        return f"{self.group}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a question. `why_not` is None if it held."""

    name: str
    source: str
    why_not: str | None


class Page:
    """The questions of one section of a document, collected by decorators."""

    def __init__(self, group: str, source: str) -> None:
        self.group: Final = group
        self.source: Final = source
        self.questions: list[Question] = []

    def asks(self, sentence: str) -> Callable[[Ask], Ask]:
        """Return a decorator that makes a function a question."""

        def decorated(ask: Ask) -> Ask:
            self.add(sentence, ask)
            return ask

        return decorated

    def add(self, sentence: str, ask: Ask) -> None:
        """Add a question."""
        self.questions.append(Question(self.group, sentence, self.source, ask))

    def takes(self, sentence: str, path: str, body: Any, options: str = "plain") -> None:
        """Add a question: this request succeeds, and, if it is a batch, with every item."""

        def ask(wire: Wire) -> None:
            answer = wire.at(options).post(path, body)
            assert answer.status in (200, 204), answer
            assert not (isinstance(answer.json, dict) and answer.json.get("failedKeys")), answer

        self.add(sentence, ask)

    def refuses(
        self,
        sentence: str,
        path: str,
        body: Any,
        code: str | None,
        status: int = 400,
        message: str | None = None,
        options: str = "plain",
    ) -> None:
        """Add a question: this request is refused with a status, a code, and perhaps a message."""

        def ask(wire: Wire) -> None:
            answer = wire.at(options).post(path, body)
            assert answer.status == status, answer
            assert set(answer.json) == {"code", "message"}, answer
            assert code is None or answer.json["code"] == code, answer
            assert message is None or answer.json["message"] == message, answer

        self.add(sentence, ask)

    def fails_alone(self, sentence: str, item: Any, code: str, options: str = "staff") -> None:
        """Add a question: this item of a batch/set fails with a code, and the other does not."""

        def ask(wire: Wire) -> None:
            answer = wire.at(options).post("batch/set", [{"key": "good", "value": 1}, item])
            assert answer.status == 200, answer
            assert answer.json["successfulKeys"] == [{"key": "good"}], answer
            (failed,) = answer.json["failedKeys"]
            assert failed["key"] == item["key"], answer
            assert failed["error"]["code"] == code, answer

        self.add(sentence, ask)


def asked(questions: Iterable[Question], wire: Wire) -> list[Outcome]:
    """Ask all questions, each of an emptied emulator, and return their outcomes."""
    outcomes = []
    for question in questions:
        why_not = None
        try:
            question.ask(wire)
        except Exception as error:
            why_not = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        outcomes.append(Outcome(question.name, question.source, why_not))
    return outcomes
