"""Makes terminal.png: a stack is started on a real terminal (tmux) and photographed while its roles get ready.

    python docs/images/terminal.py stacks/xr_render_demo.yaml -p embedded

Needs tmux, Chromium and what the stack needs. What follows the stack file goes to `xrstack up`.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console

COLUMNS, LINES = 112, 31
SESSION = "xrstack-picture"
PICTURE = Path(__file__).parent / "terminal.png"
# Some roles ready, some on their way: that is what the table is for.
MOMENT = re.compile(r"(\d+) of (\d+) ready")
DEADLINE_S = 120.0
PIXELS_PER_UNIT = 1.5


def main() -> int:
    command = shlex.join([str(Path(sys.executable).parent / "xrstack"), "up", *sys.argv[1:]])
    subprocess.run(
        ["tmux", "new-session", "-d", "-s", SESSION, "-x", str(COLUMNS), "-y", str(LINES), command], check=True
    )
    try:
        screen = photograph()
    finally:
        subprocess.run(["tmux", "send-keys", "-t", SESSION, "C-c"], check=True)
    draw(screen)
    return 0


def photograph() -> str:
    """Return the screen, escape sequences included, of the first moment when two thirds of the roles are ready."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        words = ["tmux", "capture-pane", "-t", SESSION, "-e", "-p"]
        screen = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        found = MOMENT.search(screen)
        # A folder of whoever takes the picture is nobody's business.
        if found and int(found[1]) * 3 >= int(found[2]) * 2 and str(Path.cwd()) not in screen.replace("\n", ""):
            return screen
        time.sleep(0.1)
    raise SystemExit(f"not within {DEADLINE_S} s: a table with two thirds of the roles ready")


def draw(screen: str) -> None:
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        for line in AnsiDecoder().decode(screen.rstrip("\n")):
            console.print(line, no_wrap=True, overflow="crop")
    svg = console.export_svg(title="xrstack up")
    # Fonts from elsewhere are left out: the picture is to be the same without a network.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert size is not None
    width, height = (int(float(number)) for number in size.groups())
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(f"<body style='margin:0;background:transparent'><div style='width:{width}px'>{svg}</div>")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--default-background-color=00000000"]
        window = [f"--window-size={width},{height + 1}", f"--force-device-scale-factor={PIXELS_PER_UNIT}"]
        subprocess.run(
            ["chromium", *options, *window, f"--screenshot={PICTURE}", page.as_uri()], check=True, capture_output=True
        )


if __name__ == "__main__":
    raise SystemExit(main())
