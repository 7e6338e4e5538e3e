"""The error for an example that the checks refuse."""

from lockstep.errors import DataError


class ExampleError(DataError):
    """An invalid example: its number in the split, and what is wrong with it.

    Only the data set knows the example's place in the person's file.
    """

    def __init__(self, where: str, number: int, part: str, problem: str) -> None:
        super().__init__(f"{where}: {part} of example {number} {problem}")
        self.number = number
        self.split, _, name = where.partition(" split")
        self.problem = f"{name.removeprefix(', ')} {part} {problem}".strip()
