"""Text from files, made safe to print: a terminal obeys control characters, wherever they come from."""

import os
import shlex


def printable(text: object) -> str:
    """Returns text with everything that is not printable as an escape sequence, on one line.

    Control characters, line breaks, characters that change the direction of writing, and bytes of file names that are
    no UTF-8 are among these.

    Args:
        text: the text; of anything else, what `str` makes of it.

    Example:
        >>> print(printable("photo\\x1b[2J.png"))
        photo\\x1b[2J.png
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def quoted(word: str | os.PathLike[str]) -> str:
    """Returns one word of a command that a user is advised to run, quoted for a shell, and printable.

    Args:
        word: a path or another argument.

    Example:
        >>> print(quoted("my run; touch x"))
        'my run; touch x'
    """
    word = os.fspath(word)
    if word.isprintable():
        return shlex.quote(word)
    # $'...' of bash and zsh, byte by byte, since a name need not be text
    safe = bytes(byte for byte in range(32, 127) if chr(byte) not in "'\\")
    return "$'" + "".join(chr(byte) if byte in safe else f"\\x{byte:02x}" for byte in os.fsencode(word)) + "'"
