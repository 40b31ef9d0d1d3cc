"""Names of strangers' files as text that a person sees whole and a terminal does not obey."""


def visible(text: str) -> str:
    """`text` with every character that cannot be seen (controls, marks of direction, stray bytes) as an escape."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "backslashreplace").decode("ascii")
        for each in text
    )
