"""Checks that enough of the public names of the installed kerasgan are typed: `python .ci/check_types.py [PERCENT]`.

Runs npm's pyright. Prints the names that are not fully typed.
"""

import json
import os
import subprocess
import sys

PYRIGHT = "pyright@1.1.414"


def main(lowest: float = 90.0) -> int:
    command = ["npx", "--yes", PYRIGHT, "--verifytypes", "kerasgan", "--ignoreexternal", "--outputjson"]
    # It looks for packages where the first `python` of the path does; its option for that is for other commands.
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
    found = json.loads(printed)["typeCompleteness"]
    for symbol in found["symbols"]:
        if symbol["isExported"] and not symbol["isTypeKnown"]:
            print(symbol["name"])
    score = 100 * found["completenessScore"]
    print(f"{score:.1f} % of the public names are typed; at least {lowest:g} % must be")
    return 0 if score >= lowest else 1


if __name__ == "__main__":
    raise SystemExit(main(*map(float, sys.argv[1:])))
